"""command_line: the options of `match_people`."""

from pathlib import Path

import pytest

from kinfold.core.errors import ConfError
from kinfold.silver.matching.files.command_line import parse_match_options
from kinfold.silver.matching.files.run import MatchRequest
from project import HOME

REQUIRED = ["--input", "a.csv", "--map", "m.yaml", "--output", "out"]


def parsed(*argv):
    return parse_match_options("silver/match_people", argv)


def test_three_options_are_enough(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    options = parsed(*REQUIRED)
    assert options.request == MatchRequest(
        records=Path("a.csv"),
        map_file=Path("m.yaml"),
        settings_file=HOME / "conf" / "matching" / "settings.yaml",
        output=Path("out"),
    )
    assert (options.tracking_uri, options.env, options.is_verbose) == (None, "local", False)


def test_every_option_reaches_the_request():
    files = ["--model", "m.json", "--import-splink", "i.json", "--export-splink", "e.json"]
    truth = ["--truth", "who", "--truth-pattern", "(x)", "--settings", "s.yaml", "-v"]
    options = parsed(*REQUIRED, *files, *truth)
    assert options.request == MatchRequest(
        records=Path("a.csv"),
        map_file=Path("m.yaml"),
        settings_file=Path("s.yaml"),
        output=Path("out"),
        model_file=Path("m.json"),
        splink_input=Path("i.json"),
        splink_output=Path("e.json"),
        truth="who",
        truth_pattern="(x)",
    )
    assert options.is_verbose


def test_mlflows_variable_is_the_default_of_tracking(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///a.db")
    assert parsed(*REQUIRED).tracking_uri == "sqlite:///a.db"
    assert parsed(*REQUIRED, "--tracking", "http://b:1").tracking_uri == "http://b:1"


def test_a_missing_option_is_named():
    with pytest.raises(ConfError, match=r"match_people\.py: the following arguments are required"):
        parsed("--input", "a.csv")
