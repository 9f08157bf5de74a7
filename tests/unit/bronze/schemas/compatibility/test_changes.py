"""The version number that changes of a schema need."""

import pytest

from kinfold.bronze.schemas.compatibility.changes import Effect, SchemaChange, needed_version
from kinfold.bronze.schemas.versions import Version


@pytest.mark.parametrize(
    ("effects", "needed"),
    [
        ([], "1-2-4"),
        ([Effect.ADDITION], "1-2-4"),
        ([Effect.REVISION, Effect.ADDITION], "1-3-0"),
        ([Effect.ADDITION, Effect.BREAKING, Effect.REVISION], "2-0-0"),
    ],
)
def test_the_worst_change_decides_which_number_of_the_version_grows(effects, needed):
    changes = [SchemaChange(effect, "/", "changed") for effect in effects]
    assert str(needed_version(Version(1, 2, 3), changes)) == needed


def test_a_change_reads_as_its_location_and_what_changed():
    assert str(SchemaChange(Effect.REVISION, "/a/maximum", "is new")) == "/a/maximum: is new"
