"""Whether the version of a schema is high enough for its changes."""

import json

import pytest

from kinfold.bronze.schemas.compatibility.changes import Effect, SchemaChange
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.review import (
    Review,
    candidate_review,
    registry_reviews,
    require_enough,
    review_lines,
)
from kinfold.bronze.schemas.versions import Version
from kinfold.core.errors import ConfError, SchemaVersionError
from schema_folders import write_schema

OLD = Version(1, 0, 0)
CHANGE = SchemaChange(Effect.REVISION, "/maximum", "is new")


def review(declared: Version | None, needed: Version, *changes: SchemaChange) -> Review:
    return Review("login", OLD, declared, needed, changes)


@pytest.mark.parametrize(
    ("declared", "needed", "is_enough"),
    [
        (Version(1, 1, 0), Version(1, 1, 0), True),
        (Version(2, 0, 0), Version(1, 1, 0), True),
        (Version(1, 0, 1), Version(1, 1, 0), False),
        (None, Version(1, 1, 0), True),
        (None, Version(2, 0, 0), False),
    ],
)
def test_a_version_is_enough_from_the_needed_one_on(declared, needed, is_enough):
    assert review(declared, needed, CHANGE).is_enough is is_enough


def test_the_old_version_itself_is_enough_only_without_changes():
    assert review(OLD, Version(1, 0, 1)).is_enough
    assert not review(OLD, Version(1, 0, 1), CHANGE).is_enough


def test_a_review_reads_as_its_verdict_and_its_changes():
    low, unchanged = review(OLD, Version(1, 1, 0), CHANGE), review(None, Version(1, 0, 1))
    assert list(review_lines([low, unchanged])) == [
        "login 1-0-0 -> 1-0-0: needs 1-1-0 or higher, but 1-0-0 is too low",
        "  revision  /maximum: is new",
        "login 1-0-0 -> a schema without a version: needs 1-0-1 or higher",
        "  no change that affects validation",
    ]


def test_versions_that_are_too_low_are_an_error_with_their_worst_change():
    low = review(Version(1, 0, 1), Version(1, 1, 0), CHANGE)
    with pytest.raises(SchemaVersionError) as caught:
        require_enough([low, review(None, Version(2, 0, 0))])
    assert str(caught.value).splitlines() == [
        "login: the schema after 1-0-0 is 1-0-1, expected 1-1-0 or higher. Worst change: "
        "/maximum: is new. Name it 1-1-0, or undo the change.",
        "login: the schema after 1-0-0 has no version, expected 2-0-0 or higher. Name it 2-0-0, "
        "or undo the change.",
    ]
    require_enough([])


def test_each_version_is_reviewed_against_the_one_before(folder):
    write_schema(folder, "login/1-0-1", maxProperties=9)
    write_schema(folder, "login/1-1-0", maxProperties=8)
    reviews = registry_reviews(SchemaRegistry.load(folder))
    pairs = [(str(r.old), str(r.declared)) for r in reviews if r.event_type == "login"]
    assert pairs == [("1-0-0", "1-0-1"), ("1-0-1", "1-1-0")]


def test_a_candidate_is_reviewed_against_the_newest_version(folder, tmp_path):
    registry, file = SchemaRegistry.load(folder), tmp_path / "new.json"
    document = registry.documents["login/1-0-0"]
    file.write_text(json.dumps(document | {"maxProperties": 9, "$id": "kinfold:login/1-1-0"}))
    found = candidate_review(registry, file, event_type="login")
    assert (str(found.old), str(found.declared), str(found.needed)) == ("1-0-0", "1-1-0", "1-1-0")
    assert [change.location for change in found.changes] == ["/maxProperties"]


def test_a_candidate_of_an_unknown_type_is_a_configuration_error(folder, tmp_path):
    with pytest.raises(ConfError, match=r"--type logon: has no schema\. Did you mean 'login'"):
        candidate_review(SchemaRegistry.load(folder), tmp_path / "x.json", event_type="logon")
