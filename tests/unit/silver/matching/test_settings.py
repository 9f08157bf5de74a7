"""settings: configuration files of matching, and the map of columns."""

import pytest

from kinfold.core.errors import ConfError
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.settings import (
    Attribute,
    MatchingSettings,
    load_matching_settings,
    load_person_map,
)
from project import HOME


def yaml_file(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_attribute_is_a_kind_or_a_kind_and_a_column(tmp_path):
    text = "record_id: id\nattributes:\n  last: surname\n  born: {column: a.b, kind: birth_date}\n"
    mapping = load_person_map(yaml_file(tmp_path, text))
    assert mapping.attributes == {
        "last": Attribute(kind=Kind.SURNAME, column="last"),
        "born": Attribute(kind=Kind.BIRTH_DATE, column="a.b"),
    }
    assert (mapping.kinds, mapping.columns) == ((Kind.SURNAME, Kind.BIRTH_DATE), ("last", "a.b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("record_id: a", "key .attributes. is missing"),
        ("attributes: {}", "attributes is"),
        ("attributes: {a: family}", "attributes.a.kind is family, expected"),
        ("attributes: {a: {kind: text, columm: b}}", "columm"),
        ("record_id: a\nattributes: {a: code}", "'a' is the record_id"),
    ],
)
def test_a_wrong_map_is_refused_with_the_key(tmp_path, text, message):
    with pytest.raises(ConfError, match=rf"file\.yaml.*{message}"):
        load_person_map(yaml_file(tmp_path, text))


def test_review_must_start_below_link(tmp_path):
    path = yaml_file(tmp_path, "clustering: {link_at: 0.5, review_at: 0.5}")
    with pytest.raises(ConfError, match=r"review_at \(0.5\) must be below link_at \(0.5\)"):
        load_matching_settings(path)


def test_the_projects_settings_are_the_defaults():
    path = HOME / "conf" / "matching" / "settings.yaml"
    assert load_matching_settings(path) == MatchingSettings()
