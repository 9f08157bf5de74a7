"""Settings: layered, typed, and wrong ones told in a line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.command_line import parse_options
from kinfold.core.settings.loading import environments, load_settings
from project import HOME


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project folder with the real defaults and an environment that changes one of them."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "base.yaml").write_text((HOME / "conf" / "base.yaml").read_text())
    (conf / "test.yaml").write_text("propensity:\n  trees: 3\n")
    return tmp_path


def test_an_environment_changes_only_what_it_names(home):
    settings = load_settings(home, "test", {})
    assert settings.propensity.trees == 3
    assert settings.propensity.horizon_days == 30


def test_an_override_wins_over_the_environment(home):
    assert load_settings(home, "test", {"propensity.trees": 5}).propensity.trees == 5


def test_a_path_in_a_file_is_relative_to_the_project(home):
    assert load_settings(home, "test", {}).lake.root == str(home / "var" / "lake")


def test_a_path_on_the_command_line_is_relative_to_the_current_folder(home, monkeypatch):
    monkeypatch.chdir(home / "conf")
    settings = load_settings(home, "test", {"lake.root": "mine"})
    assert settings.lake.root == str(home / "conf" / "mine")


def test_a_uri_stays_as_it_is(home):
    assert load_settings(home, "test", {"lake.root": "s3a://b/l"}).lake.root == "s3a://b/l"


def test_settings_cannot_be_changed_after_loading(home):
    with pytest.raises(ValueError, match="frozen"):
        load_settings(home, "test", {}).lake.root = "x"  # type: ignore[misc]


@pytest.mark.parametrize("env", environments(HOME))
def test_every_committed_environment_is_valid(env):
    assert load_settings(HOME, env, {}).lake.root


@pytest.mark.parametrize(
    ("env_file", "told"),
    [
        ("lake:\n  rot: x\n", r"conf/test.yaml: unknown key 'lake.rot'. Did you mean 'lake.root'?"),
        ("propensity:\n  min_auc: 95\n", "conf/test.yaml: propensity.min_auc is 95, expected"),
        ("segmentation:\n  k_min: 9\n", "k_min (9) must not be above k_max (7)"),
        (
            "profiles: {survivorship: {traits: {city: {rule: newest}}}}\n",
            "conf/test.yaml: profiles.survivorship.traits.city.rule.0 is newest, expected: should "
            "be 'party', 'source', 'most_recent' or 'most_frequent'.",
        ),
        (
            "profiles: {survivorship: {rule: [party, party]}}\n",
            "conf/test.yaml: profiles.survivorship.rule is ['party', 'party'], expected: each name "
            "once; party is there twice.",
        ),
        (
            "profiles: {survivorship: {rule: []}}\n",
            "conf/test.yaml: profiles.survivorship.rule is [], expected: at least one criterion.",
        ),
        (
            "profiles: {survivorship: {traits: {city: {rule: source}}}}\n",
            "expected: `sources`, the names of sources with the most trusted first: the rule of "
            "city asks for `source`.",
        ),
        (
            "profiles: {survivorship: {sources: [crm]}}\n",
            "expected: `source` in the rule of every trait, as `sources` is given; else remove it.",
        ),
        ("- a\n", "conf/test.yaml: holds a list, expected keys with values."),
        ("lake: [\n", "conf/test.yaml, line 2: is not valid YAML."),
    ],
)
def test_a_wrong_file_is_named_with_the_key_and_the_mend(home, env_file, told):
    (home / "conf" / "test.yaml").write_text(env_file)
    with pytest.raises(ConfError) as caught:
        load_settings(home, "test", {})
    assert told in str(caught.value)


def test_every_problem_is_told_at_once(home):
    with pytest.raises(ConfError) as caught:
        load_settings(home, "test", {"lake.rot": 1, "propensity.min_auc": 7})
    assert "lake.rot" in str(caught.value)
    assert "min_auc" in str(caught.value)


def test_an_unknown_environment_is_told_with_those_that_exist(home):
    with pytest.raises(ConfError, match=r"conf/tset.yaml does not exist. Did you mean 'test'"):
        load_settings(home, "tset", {})


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--set", "lake.root"], "expected KEY=VALUE"),
        (["--set", "lake.rot=x"], "unknown key 'lake.rot'"),
        (["--as-of", "yesterday"], "is no ISO 8601 time"),
        (["--master", "local[1]"], "Options of spark-submit"),
        (["--input", "x.csv"], "each --input needs the --source that maps it"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_mend(argv, told):
    with pytest.raises(ConfError, match=told):
        parse_options("silver/clean_events", argv)


def test_own_data_gets_a_lake_of_its_own():
    options = parse_options("pipeline", ["--source", "conf/sources/online_retail.yaml"])
    assert options.settings.lake.root.endswith("/var/online_retail")


def test_a_named_lake_wins_over_the_sources_own(tmp_path):
    argv = ["--source", "conf/sources/online_retail.yaml", "--set", f"lake.root={tmp_path}"]
    assert parse_options("pipeline", argv).settings.lake.root == str(tmp_path)


def test_a_moment_without_a_zone_is_utc():
    options = parse_options("pipeline", ["--as-of", "2026-05-01"])
    assert options.settings.as_of == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_job_of_the_same_run_gets_the_same_options():
    given = parse_options("pipeline", ["--set", "propensity.trees=4", "--source", "a.yaml", "-v"])
    again = parse_options("silver/clean_events", given.as_argv())
    assert again.settings == given.settings
    assert again.sources == given.sources
    assert (again.run_id, again.is_verbose) == (given.run_id, True)


def test_equal_settings_have_equal_hashes_and_others_have_not():
    one = parse_options("pipeline", [])
    other = parse_options("pipeline", ["--set", "propensity.trees=4"])
    assert one.hash_of(one.settings.propensity) != one.hash_of(other.settings.propensity)
    assert one.hash_of(one.settings.identity) == one.hash_of(other.settings.identity)


def test_a_trait_has_the_usual_rule_unless_it_has_its_own_and_one_criterion_needs_no_list(home):
    given = "{sources: [crm], traits: {city: {rule: most_frequent}, tier: {rule: [source]}}}"
    (home / "conf" / "test.yaml").write_text(f"profiles: {{survivorship: {given}}}\n")
    rules = load_settings(home, "test", {}).profiles.survivorship
    assert rules.rule_of("street").rule == ("party", "most_recent")
    assert rules.rule_of("city").rule == ("most_frequent",)
    assert rules.rule_of("tier").sources == ("crm",)
