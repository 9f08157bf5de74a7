"""run: a wrong request stops before Spark is used. tests/jobs/test_match_people.py has the rest."""

import dataclasses

import pytest

from kinfold.core.errors import ConfError
from kinfold.silver.matching.files.run import MatchRequest, match_file
from project import HOME


@pytest.fixture
def request_(tmp_path):
    (tmp_path / "map.yaml").write_text("attributes: {last: surname}")
    return MatchRequest(
        records=tmp_path / "people.csv",
        map_file=tmp_path / "map.yaml",
        settings_file=HOME / "conf" / "matching" / "settings.yaml",
        output=tmp_path / "out",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(truth_pattern="(x)"), "needs --truth COLUMN"),
        (dict(truth="who", truth_pattern="x"), "has no group"),
        (dict(truth="who", truth_pattern="("), r"is not a regular expression \(missing \)"),
        (dict(model_file="m", splink_input="s"), "--model and --import-splink both name a model"),
        (dict(map_file="no.yaml"), "no.yaml"),
    ],
)
def test_a_wrong_request_is_refused_before_spark_is_used(request_, tmp_path, change, message):
    files = {name: tmp_path / v for name, v in change.items() if not name.startswith("truth")}
    with pytest.raises(ConfError, match=message):
        match_file(None, dataclasses.replace(request_, **(change | files)))
    assert not request_.output.exists()
