"""Declarations of batch sources."""

import pytest

from kinfold.bronze.records.declaration import load_record_source
from kinfold.core.errors import ConfError
from kinfold.core.settings.command_line import parse_options
from project import HOME

FIRST = """
format: csv
delivery: snapshot
party: first
record_id: id
identifiers: {crm_id: id}
"""


@pytest.fixture
def declared(tmp_path):
    def loaded(text: str):
        path = tmp_path / "crm.yaml"
        path.write_text(text)
        return load_record_source(path, home=HOME, given_input="x")

    return loaded


def test_first_party_data_needs_no_terms(declared):
    source = declared(FIRST)
    assert (source.agreement, source.purposes, source.ttl_days) == (None, (), None)


@pytest.mark.parametrize("party", ["second", "third"])
def test_data_of_other_parties_needs_agreement_purposes_and_time_to_live(declared, party):
    with pytest.raises(ConfError) as caught:
        declared(FIRST.replace("first", party))
    for key in ("agreement", "purposes", "ttl_days"):
        assert f"key '{key}' is missing: data of a {party} party needs it" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deleted: closed", "key 'deleted' is for deltas"),
        ("ttl_days: 0", "ttl_days is 0, expected"),
        ("timezone: Mars/Base", "timezone is Mars/Base, expected"),
        ("trait: {a: b}", "unknown key 'trait'. Did you mean 'traits'"),
    ],
)
def test_a_declaration_that_is_not_allowed_is_reported_with_file_and_key(declared, line, message):
    with pytest.raises(ConfError, match=r"crm\.yaml: ") as caught:
        declared(FIRST + line)
    assert message in str(caught.value)


def test_a_missing_file_is_reported():
    with pytest.raises(ConfError, match=r"conf/records/none\.yaml: there is no such source file"):
        load_record_source(HOME / "conf/records/none.yaml", home=HOME)


def test_each_kind_of_source_file_is_read_by_its_own_job(tmp_path):
    """Both are passed as `--source`, also together, and each input belongs to its own file."""
    (tmp_path / "crm.yaml").write_text(FIRST)
    (tmp_path / "web.yaml").write_text("format: json\n")
    argv = ["--source", str(tmp_path / "crm.yaml"), "--source", str(tmp_path / "web.yaml")]
    options = parse_options("pipeline", [*argv, "--input", "a", "--input", "b"])
    assert options.record_sources == ((tmp_path / "crm.yaml", "a"),)
    assert options.sources == ((tmp_path / "web.yaml", "b"),)
