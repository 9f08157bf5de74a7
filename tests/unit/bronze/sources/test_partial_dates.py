"""Times of expressions without the dates that Spark makes up."""

import pytest
from pyspark.sql import functions as F

from frames import at
from kinfold.bronze.sources.expressions import checked_column
from kinfold.bronze.sources.partial_dates import dated, dated_text
from kinfold.core.errors import ConfError

DAY = at("2026-03-01T00:00")
MORNING = at("2026-03-01T10:15")


@pytest.fixture
def times(spark):
    """Evaluates expressions as a mapping does; the row has texts of every kind."""
    session = spark.newSession()
    session.conf.set("spark.sql.ansi.enabled", "false")
    session.conf.set("spark.sql.session.timeZone", "UTC")
    texts = dict(full="2026-03-01 10:15:00", day=" 2026-3-1", british="01/03/2026", time="10:15")
    texts |= dict(year="2026", month="2026-03", empty="", word="yesterday", none=None)
    schema = ", ".join(f"{name} string" for name in texts)
    rows = session.createDataFrame([(*texts.values(), 7)], f"{schema}, n int")

    def values(expressions):
        columns = []
        for text in expressions:
            column = checked_column(rows, text, columns=rows.columns, where="x.yaml: at")
            columns.append(F.unix_micros(dated(rows, column, where="x.yaml: at")))
            columns.append(dated_text(rows, column, where="x.yaml: at"))
        found = rows.select(*(c.alias(f"c{i}") for i, c in enumerate(columns))).collect()[0]
        return dict(zip(expressions, zip(found[::2], found[1::2], strict=True), strict=True))

    return values


def test_a_time_with_a_full_date_is_kept(times):
    expected = {
        "full": MORNING,
        "day": DAY,
        "cast(day as date)": DAY,
        "concat(trim(day), ' ', time)": MORNING,
        "to_timestamp(concat(british, time), 'dd/MM/yyyyHH:mm')": MORNING,
        "coalesce(cast(day as timestamp), cast(time as timestamp))": DAY,
        # The time of day of a text without a date is no guess.
        "make_timestamp(2026, 3, 1, hour(cast(time as timestamp)), "
        "minute(to_timestamp(time, 'HH:mm')), 0)": MORNING,
        "timestamp_seconds(n)": at("1970-01-01T00:00:07"),
    }
    found = {text: micros for text, (micros, _) in times(list(expected)).items()}
    assert found == {text: round(at.timestamp() * 1_000_000) for text, at in expected.items()}


def test_a_time_without_a_full_date_is_none_and_its_text_stays(times):
    expected = {
        "time": "10:15",
        "concat('T', time)": "T10:15",
        "year": "2026",
        "month": "2026-03",
        "cast(year as date)": "2026",
        "time::timestamp": "10:15",
        "to_timestamp(time)": "10:15",
        "timestamp(time)": "10:15",
        "try_to_timestamp(time)": "10:15",
        "to_date(month)": "2026-03",
        "cast(year as timestamp_ntz)": "2026",
        "if(n > 0, cast(time as timestamp), null)": "10:15",
        "case when n > 0 then to_timestamp(time) end + interval 1 hour": "10:15",
        "to_utc_timestamp(to_timestamp(time), 'Asia/Tokyo')": "10:15",
        "coalesce(cast(none as timestamp), cast(time as timestamp))": "10:15",
        "nvl(to_timestamp(none), to_timestamp(time))": "10:15",
        "date_trunc('hour', time)": "10:15",
    }
    assert times(list(expected)) == {text: (None, seen) for text, seen in expected.items()}


def test_a_text_that_is_no_time_has_no_text(times):
    assert set(times(["empty", "word", "none"]).values()) == {(None, None)}


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("to_timestamp(time, 'HH:mm')", "'HH:mm' has no year, no month, no day"),
        ("to_date(time, 'yyyy')", "'yyyy' has no month, no day"),
        ("to_timestamp(time, 'dd/MM/YYYY')", "Write y for the year"),
        ("to_timestamp(time, \"dd/MM 'day' HH:mm\")", "has no year"),
        ("timestamp_seconds(unix_timestamp(time, 'HH:mm'))", "'HH:mm' has no year"),
        ("cast(unix_timestamp(time, 'MM/yyyy') as timestamp)", "'MM/yyyy' has no day"),
    ],
)
def test_a_pattern_without_a_full_date_is_an_error(times, expression, missing):
    with pytest.raises(ConfError, match=f"x.yaml: at: the pattern .*{missing}"):
        times([expression])
