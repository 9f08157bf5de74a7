"""The command line of jobs: wrong arguments, source files, and the options of a run."""

import shutil
from datetime import UTC, datetime

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.command_line import parse_moment, parse_options, plain_parser
from project import HOME


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--set", "lake.root"], "expected KEY=VALUE"),
        (["--set", "lake.rot=x"], "unknown key 'lake.rot'"),
        (["--as-of", "yesterday"], "is not an ISO 8601 time"),
        (["--master", "local[1]"], "Options of spark-submit"),
        (["--input", "x.csv"], "each --input needs the --source that maps it"),
    ],
)
def test_the_message_about_a_wrong_command_line_says_what_to_do(argv, message):
    with pytest.raises(ConfError, match=message):
        parse_options("silver/clean_events", argv)


def test_own_data_gets_a_lake_of_its_own():
    options = parse_options("pipeline", ["--source", "conf/sources/online_retail.yaml"])
    assert options.settings.lake.root.endswith("/var/online_retail")


def test_a_named_lake_wins_over_the_sources_own(tmp_path):
    argv = ["--source", "conf/sources/online_retail.yaml", "--set", f"lake.root={tmp_path}"]
    assert parse_options("pipeline", argv).settings.lake.root == str(tmp_path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project folder with the real defaults and an environment that names a lake."""
    (tmp_path / "conf").mkdir()
    shutil.copy(HOME / "conf" / "base.yaml", tmp_path / "conf")
    (tmp_path / "conf" / "cloud.yaml").write_text("lake: {root: 's3a://bucket/lake'}\n")
    (tmp_path / "conf" / "same.yaml").write_text("lake: {root: var/lake}\n")
    monkeypatch.setenv("KINFOLD_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("env", "root"), [("cloud", "s3a://bucket/lake"), ("same", "var/lake")])
def test_the_lake_of_an_environment_wins_over_the_sources_own(home, env, root):
    argv = ["--env", env, "--source", "conf/sources/online_retail.yaml"]
    expected = root if "://" in root else str(home / root)
    assert parse_options("pipeline", argv).settings.lake.root == expected


def test_a_lake_in_changed_defaults_wins_over_the_sources_own(home):
    defaults = home / "conf" / "base.yaml"
    defaults.write_text(defaults.read_text().replace("root: var/lake", "root: data/lake"))
    argv = ["--env", "cloud", "--source", "a.yaml"]
    (home / "conf" / "cloud.yaml").write_text("")
    assert parse_options("pipeline", argv).settings.lake.root == str(home / "data" / "lake")


@pytest.mark.parametrize("value", ["", "null"])
def test_a_path_without_a_value_is_null_and_not_a_folder(value):
    assert parse_options("x", ["--set", f"report.folder={value}"]).settings.report.folder is None
    with pytest.raises(ConfError, match=r"--set: lake\.root is None"):
        parse_options("x", ["--set", f"lake.root={value}"])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("a/shop.yaml", "b/shop.yaml"), "a/shop.yaml and .*b/shop.yaml: both sources are named"),
        (("shop.yaml", "shop.yml"), "both sources are named 'shop'"),
        (("sources/shop.yaml", "records/shop.yaml"), "both sources are named 'shop'"),
        (("shop.yaml", "shop.yaml"), "shop.yaml: is named as a source twice"),
    ],
)
def test_two_sources_of_one_name_are_refused(files, message):
    argv = [text for file in files for text in ("--source", file)]
    with pytest.raises(ConfError, match=message):
        parse_options("pipeline", argv)


def test_two_listed_sources_of_one_name_are_refused(home):
    (home / "conf" / "cloud.yaml").write_text("sources: [a/shop.yaml, b/shop.yaml]\n")
    with pytest.raises(ConfError, match="both sources are named 'shop'"):
        parse_options("pipeline", ["--env", "cloud"])


def test_a_moment_without_a_zone_is_utc():
    options = parse_options("pipeline", ["--as-of", "2026-05-01"])
    assert options.settings.as_of == datetime(2026, 5, 1, tzinfo=UTC)


def test_another_job_of_the_same_run_gets_the_same_options():
    first = parse_options("pipeline", ["--set", "propensity.trees=4", "--source", "a.yaml", "-v"])
    again = parse_options("silver/clean_events", first.as_argv())
    assert again.settings == first.settings
    assert again.sources == first.sources
    assert (again.run_id, again.is_verbose) == (first.run_id, True)


def test_equal_settings_have_equal_hashes_and_others_have_not():
    one = parse_options("pipeline", [])
    other = parse_options("pipeline", ["--set", "propensity.trees=4"])
    assert one.hash_of(one.settings.propensity) != one.hash_of(other.settings.propensity)
    assert one.hash_of(one.settings.identity) == one.hash_of(other.settings.identity)


def test_a_batch_source_is_recognised_by_its_keys_or_its_folder(tmp_path):
    records = tmp_path / "partner.yaml"
    records.write_text("delivery: snapshot\nrecord_id: id\n")
    events = tmp_path / "shop.yaml"
    events.write_text("event_id: id\n")
    options = parse_options("pipeline", ["--source", str(records), "--source", str(events)])
    assert options.record_sources == ((records, None),)
    assert options.sources == ((events, None),)
    listed = parse_options("pipeline", ["--source", "conf/records/missing.yaml"])
    assert [path.name for path, _ in listed.record_sources] == ["missing.yaml"]


def test_each_input_belongs_to_the_source_at_its_position():
    argv = ["--source", "a.yaml", "--source", "b.yaml", "--input", "a.csv"]
    options = parse_options("pipeline", argv)
    assert [(path.name, text) for path, text in options.sources] == [
        ("a.yaml", "a.csv"),
        ("b.yaml", None),
    ]


def test_a_moment_with_a_zone_becomes_utc():
    moment = parse_moment("2026-05-01T02:00:00+02:00")
    assert moment.isoformat() == "2026-05-01T00:00:00+00:00"


def test_the_moment_of_a_run_replaces_that_of_its_command_line():
    options = parse_options("pipeline", ["--as-of", "2026-05-01"])
    later = datetime(2026, 6, 1, tzinfo=UTC)
    assert "2026-05-01" in options.as_argv()
    assert options.as_argv(as_of=later)[-1] == "2026-06-01T00:00:00+00:00"


def test_a_job_without_a_lake_has_only_its_own_arguments():
    with pytest.raises(ConfError, match=r"jobs/x\.py: unrecognized arguments: --env local"):
        plain_parser("x", "").parse_args(["--env", "local"])
