"""Instants of events: RFC 3339 texts as timestamps that Spark can hold in every time zone."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

INSTANT_TYPE = pa.timestamp("us", tz="UTC")
NOT_AN_INSTANT = "expected an instant in the years 0002 to 9998 (UTC), without a leap second"

# One year less than Spark's range at both ends: in the first and last days of the range an instant
# has no local time in some zones, and collecting it fails. 0001-01-01 is a common "no date".
FIRST_INSTANT = datetime(2, 1, 1, tzinfo=UTC)
END_OF_INSTANTS = datetime(9999, 1, 1, tzinfo=UTC)
# fromisoformat reads a week (2026-W10) as its Monday.
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def instants(texts: Sequence[str | None]) -> pa.Array:
    """RFC 3339 texts as timestamps with microseconds; null for other texts and other years."""
    try:
        # All texts at once. Arrow knows most of RFC 3339; if it refuses one, each is parsed alone.
        parsed = pa.array(texts, pa.string()).cast(INSTANT_TYPE)
    except pa.ArrowInvalid:
        return pa.array([_instant(text) for text in texts], INSTANT_TYPE)
    in_range = pc.and_(
        pc.greater_equal(parsed, pa.scalar(FIRST_INSTANT, INSTANT_TYPE)),
        pc.less(parsed, pa.scalar(END_OF_INSTANTS, INSTANT_TYPE)),
    )
    return pc.if_else(in_range, parsed, pa.scalar(None, INSTANT_TYPE))


def _instant(text: str | None) -> datetime | None:
    if text is None or not _FULL_DATE.match(text):
        return None
    try:
        # Upper case: RFC 3339 allows "t" and "z", fromisoformat does not.
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if instant.tzinfo is None or not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        return None
    return instant
