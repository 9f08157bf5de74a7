"""Settings: the order of precedence, relative paths, and messages about wrong files."""

from pathlib import Path

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.loading import (
    environments,
    is_submitted,
    load_settings,
    project_home,
)
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


def test_a_setting_of_an_earlier_version_says_what_to_do(home):
    (home / "conf" / "test.yaml").write_text("events:\n  duplicates_within_days: 30\n")
    with pytest.raises(ConfError) as error:
        load_settings(home, "test", {})
    assert str(error.value) == (
        "conf/test.yaml: events.duplicates_within_days is no longer a setting: events with the "
        "same id are duplicates at any distance. Remove it."
    )


def test_a_moment_is_in_utc_whatever_zone_it_is_written_in(home):
    (home / "conf" / "test.yaml").write_text("as_of: '2026-05-01T00:00:00+09:00'\n")
    as_of = load_settings(home, "test", {}).as_of
    assert as_of is not None
    assert as_of.isoformat() == "2026-04-30T15:00:00+00:00"


def test_settings_cannot_be_changed_after_loading(home):
    with pytest.raises(ValueError, match="frozen"):
        load_settings(home, "test", {}).lake.root = "x"


@pytest.mark.parametrize("env", environments(HOME))
def test_every_committed_environment_is_valid(env):
    assert load_settings(HOME, env, {}).lake.root


@pytest.mark.parametrize(
    ("env_file", "message"),
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
            "once; party is listed twice.",
        ),
        (
            "profiles: {survivorship: {rule: []}}\n",
            "conf/test.yaml: profiles.survivorship.rule is [], expected: at least one criterion.",
        ),
        (
            "profiles: {survivorship: {traits: {city: {rule: source}}}}\n",
            "expected: `sources`, the names of sources with the most trusted first: the rule of "
            "city has the criterion `source`.",
        ),
        (
            "profiles: {survivorship: {sources: [crm]}}\n",
            "expected: `source` in the rule of every trait, because `sources` is set; or remove "
            "`sources`.",
        ),
        ("- a\n", "conf/test.yaml: contains a list, expected keys with values."),
        ("lake: [\n", "conf/test.yaml, line 2: is not valid YAML."),
        (
            "lake: {root: a}\nidentity: {}\nlake: {root: b}\n",
            "conf/test.yaml, line 3: key 'lake' is there twice.",
        ),
    ],
)
def test_the_message_about_a_wrong_file_names_file_and_key_and_says_what_to_do(
    home, env_file, message
):
    (home / "conf" / "test.yaml").write_text(env_file)
    with pytest.raises(ConfError) as caught:
        load_settings(home, "test", {})
    assert message in str(caught.value)


def test_an_empty_mapping_of_an_environment_removes_the_entries_of_the_defaults(home):
    defaults = home / "conf" / "base.yaml"
    text = defaults.read_text()
    assert "  match: {} " in text
    defaults.write_text(text.replace("  match: {} ", "  match: {email: email} "))
    assert load_settings(home, "test", {}).identity.match == {"email": "email"}
    (home / "conf" / "test.yaml").write_text("identity: {match: {}, namespaces: {}}\nmetrics:\n")
    settings = load_settings(home, "test", {})
    assert settings.identity.match == settings.identity.namespaces == {}
    assert settings.metrics.host == "127.0.0.1"


def test_one_message_lists_every_problem(home):
    with pytest.raises(ConfError) as caught:
        load_settings(home, "test", {"lake.rot": 1, "propensity.min_auc": 7})
    assert "lake.rot" in str(caught.value)
    assert "min_auc" in str(caught.value)


def test_the_message_about_an_unknown_environment_lists_the_existing_ones(home):
    with pytest.raises(ConfError, match=r"conf/tset.yaml does not exist. Did you mean 'test'"):
        load_settings(home, "tset", {})


def test_a_dotted_override_below_a_single_value_is_refused(home):
    with pytest.raises(
        ConfError, match=r"--set as_of\.day: 'as_of' is a single value, not a section"
    ):
        load_settings(home, "test", {"as_of.day": 1})


def test_the_project_is_the_folder_above_that_has_the_defaults(home, monkeypatch):
    monkeypatch.delenv("KINFOLD_HOME")
    below = home / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project_home() == home


def test_a_named_project_without_defaults_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KINFOLD_HOME", str(tmp_path))
    with pytest.raises(ConfError, match=r"conf/base\.yaml was not found in .* set KINFOLD_HOME"):
        project_home()


def test_a_process_of_spark_submit_is_recognised(monkeypatch):
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    assert not is_submitted()
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert is_submitted()
