"""The marker of a lake."""

import json

import pytest

from kinfold.core.errors import LakeError
from kinfold.runtime.lake.marker import LAKE_FORMAT, MARKER, current_marker, read_marker
from lakes import MEMBERS, lake_of


def test_the_first_table_of_a_lake_writes_its_marker(lake):
    lake.storage.write("_report.json", "")  # files of kinfold itself are not tables
    lake.ensure(MEMBERS)
    assert read_marker(lake.storage) == current_marker()


def test_a_lake_with_tables_and_no_marker_is_of_an_older_version(lake):
    lake.ensure(MEMBERS)
    lake.storage.delete(MARKER)
    assert read_marker(lake.storage) is None
    lake_of(lake.spark, lake.root).ensure(MEMBERS)
    assert read_marker(lake.storage) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            json.dumps({"format": LAKE_FORMAT + 1}),
            r"was written by a newer version of kinfold \(format",
        ),
        ('{"format": ', "is damaged, expected JSON"),
        ("[1]", "is damaged, expected JSON"),
        ("{}", "is damaged, expected JSON"),
    ],
)
def test_a_marker_that_cannot_be_used_is_one_line(lake, text, message):
    lake.storage.write(MARKER, text)
    with pytest.raises(LakeError, match=message) as caught:
        read_marker(lake.storage)
    assert "\n" not in str(caught.value)
