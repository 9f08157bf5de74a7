"""RFC 3339 texts as timestamps with microseconds."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from kinfold.bronze.events.instants import (
    END_OF_INSTANTS,
    FIRST_INSTANT,
    INSTANT_TYPE,
    instants,
    microseconds,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

READ_AS = {
    "2026-01-05T12:00:00Z": NOON,
    "2026-01-05T13:30:00+01:30": NOON,
    "2026-01-05T12:00:00-00:00": NOON,
    "2026-01-05t12:00:00z": NOON,
    "2026-01-05T12:00:00.5Z": NOON.replace(microsecond=500_000),
    "2026-01-05T12:00:00.123456789Z": NOON.replace(microsecond=123_456),
    "0002-01-01T00:00:00Z": FIRST_INSTANT,
    "9998-12-31T23:59:59.999999Z": datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "0001-12-31T23:59:59Z": None,
    "0002-01-01T00:00:00+00:01": None,
    "9999-01-01T00:00:00Z": None,
    "9998-12-31T23:59:59-00:01": None,
    "0000-01-01T00:00:00Z": None,
    "2016-12-31T23:59:60Z": None,
    "2026-01-05T12:00:00": None,
    "2026-02-30T12:00:00Z": None,
    "noon": None,
    "2026": None,
    "10:15Z": None,
    "2026-01": None,
    "2026-W02T12:00:00Z": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize("text", READ_AS)
def test_a_text_is_an_instant_or_null(text):
    assert instants([text]).to_pylist() == [READ_AS[text]]


def test_each_text_of_a_column_is_read_alone():
    """A text that Arrow refuses does not decide about the others."""
    parsed = instants(list(READ_AS))
    assert parsed.type == INSTANT_TYPE
    assert parsed.to_pylist() == list(READ_AS.values())


def test_no_texts_are_no_instants():
    assert instants([]).equals(pa.array([], INSTANT_TYPE))


def test_microseconds_count_from_1970():
    assert microseconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert microseconds(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1_000_000
    assert microseconds(NOON.replace(microsecond=1)) == 1_767_614_400_000_001
    assert microseconds(FIRST_INSTANT) == -62_104_060_800_000_000
    assert microseconds(END_OF_INSTANTS) == 253_370_764_800_000_000
