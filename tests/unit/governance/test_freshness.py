"""Freshness: lags, percentiles, and the burn rate of an error budget."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.errors import ConfError, FreshnessError
from kinfold.governance.freshness import (
    FreshnessTarget,
    LandedMinute,
    SourceFreshness,
    append_freshness,
    burn_rate,
    lags_by_source,
    landed_minutes,
    measured_freshness,
    record_lags,
    require_fresh,
    set_freshness_metrics,
)
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics import declarations as metrics
from kinfold.runtime.metrics.values import MetricValues
from kinfold.tables import bronze, ops

pytestmark = pytest.mark.usefixtures("tokyo")

MINUTE = FreshnessTarget(target_seconds=60)
FROM_THE_EVENT = FreshnessTarget(target_seconds=60, since="occurred")


def record(seconds: float | None = 0, source: str = "web", **changes: object) -> dict[str, object]:
    """A record received `seconds` before its batch landed at 10:00, and sent a second earlier."""
    received = None if seconds is None else at("10:00") - timedelta(seconds=seconds)
    occurred = at("09:00") if received is None else received - timedelta(seconds=1)
    row = dict(source=source, batch_id=0, received_at=received, occurred_at=occurred)
    return {**row, **changes}


def batch(
    source: str = "web", batch_id: int = 0, landed: datetime | None = None, **changes: object
) -> dict[str, object]:
    row = dict(
        stage="bronze",
        source=source,
        batch_id=batch_id,
        recorded_at=at("09:30"),
        landed_at=landed or at("10:00"),
    )
    return {**row, **changes}


@pytest.fixture
def lags(spark):
    """`lags(records, batches)`: the lags of a few records, read at noon."""

    def measured(records, batches=None, targets=None):
        return record_lags(
            bronze.EVENTS.frame(spark, *records),
            ops.BATCHES.frame(spark, *(batches or [batch()])),
            targets={"web": MINUTE} if targets is None else targets,
            read_at=at("12:00"),
        )

    return measured


def test_a_lag_has_three_legs_and_ends_when_the_batch_is_readable(lags):
    actual = lags([record(30), record(90)])
    assert_rows(
        actual,
        ["occurred_to_received", "received_to_queryable", "occurred_to_queryable", "is_late"],
        [(1.0, 30.0, 31.0, False), (1.0, 90.0, 91.0, True)],
    )


def test_a_lag_equal_to_the_target_is_not_late(lags):
    assert_rows(lags([record(60)]), ["received_to_queryable", "is_late"], [(60.0, False)])


def test_the_lag_of_a_record_without_a_time_is_null_and_not_0(lags):
    actual = lags([record(None), record(None, occurred_at=None)])
    assert_rows(
        actual,
        [
            "occurred_to_received",
            "received_to_queryable",
            "occurred_to_queryable",
            "newest_at",
            "is_late",
        ],
        [(None, None, 3600.0, None, None), (None, None, None, None, None)],
    )


def test_the_target_of_a_source_without_a_collector_can_start_at_the_event(lags):
    actual = lags([record(None)], targets={"web": FROM_THE_EVENT})
    assert_rows(actual, ["occurred_to_queryable", "is_late"], [(3600.0, True)])


def test_a_source_without_a_target_is_measured_but_not_judged(lags):
    actual = lags([record(30)], targets={"other": MINUTE})
    assert_rows(actual, ["received_to_queryable", "is_late"], [(30.0, None)])
    assert_rows(lags([record(30)], targets={}), ["is_late"], [(None,)])


def test_a_batch_that_is_not_yet_in_the_ledger_counts_as_readable_at_the_read(lags):
    actual = lags([record(0, batch_id=7)], [batch(batch_id=0)])
    assert_rows(actual, ["landed_at", "received_to_queryable"], [(at("12:00"), 7200.0)])


def test_without_landed_at_the_entry_in_the_ledger_is_the_time_of_landing(lags):
    actual = lags([record(0, received_at=at("09:29"))], [batch(landed_at=None)])
    assert_rows(actual, ["landed_at", "received_to_queryable"], [(at("09:30"), 60.0)])


def test_silver_batches_do_not_change_the_time_of_landing(lags):
    actual = lags([record(30)], [batch(), batch(stage="silver", landed=at("11:00"))])
    assert_rows(actual, ["landed_at"], [(at("10:00"),)])


def test_a_record_from_the_future_is_counted_as_ahead_and_does_not_make_its_source_fresh(lags):
    actual = lags([record(0, received_at=at("2099-01-01"))])
    assert_rows(actual, ["newest_at", "is_ahead", "is_late"], [(at("10:00"), True, False)])


def test_a_percentile_is_the_smallest_lag_that_enough_records_keep(lags):
    """Of 1 to 100 seconds half are at most 50, 95 of 100 at most 95, 99 of 100 at most 99."""
    actual = lags_by_source(lags([record(seconds) for seconds in range(1, 101)]))
    assert_rows(
        actual,
        [
            "source",
            "records",
            "judged",
            "late",
            "ahead",
            "received_to_queryable_p50_seconds",
            "received_to_queryable_p95_seconds",
            "received_to_queryable_p99_seconds",
            "occurred_to_received_p99_seconds",
            "occurred_to_queryable_p50_seconds",
            "newest_received_at",
            "newest_landed_at",
        ],
        [
            (
                *("web", 100, 100, 40, 0, 50.0, 95.0, 99.0, 1.0, 51.0),
                at("10:00") - timedelta(seconds=1),
                at("10:00"),
            )
        ],
    )


def test_percentiles_are_by_source_and_ignore_nulls(lags):
    actual = lags_by_source(
        lags(
            [record(10), record(None), record(300, source="crm"), record(None, source="files")],
            [batch(), batch("crm"), batch("files")],
        )
    )
    assert_rows(
        actual,
        ["source", "records", "judged", "late", "received_to_queryable_p99_seconds"],
        [("web", 2, 1, 0, 10.0), ("crm", 1, 0, 0, 300.0), ("files", 1, 0, 0, None)],
    )


def test_without_records_there_are_no_rows(lags):
    assert lags_by_source(lags([])).collect() == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_percentiles_equal_those_of_numpy(lags, seed):
    draw = np.random.default_rng(seed)
    seconds = np.round(draw.lognormal(3, 2, size=int(draw.integers(1, 400))), 3)
    row = lags_by_source(lags([record(float(value)) for value in seconds])).collect()[0]
    for name, share in (("p50", 50), ("p95", 95), ("p99", 99)):
        expected = np.percentile(seconds, share, method="inverted_cdf")
        assert row[f"received_to_queryable_{name}_seconds"] == pytest.approx(expected), seed
    assert row["late"] == int((seconds > 60).sum()), seed


def test_minutes_count_the_judged_records_that_landed_in_them(lags):
    actual = landed_minutes(
        lags(
            [record(30), record(90), record(None), record(30, batch_id=1), record(30, batch_id=2)],
            [batch(), batch(batch_id=1, landed=at("10:01")), batch(batch_id=2, landed=at("03:00"))],
        ),
        after=at("06:00"),
    )
    assert_rows(
        actual,
        ["source", "minute_at", "judged", "late"],
        [("web", at("10:00"), 2, 1), ("web", at("10:01"), 1, 1)],
    )


def minutes(*rows: tuple[str, int, int]) -> list[LandedMinute]:
    return [LandedMinute(at(minute), judged, late) for minute, judged, late in rows]


def test_a_burn_rate_of_1_spends_exactly_the_budget():
    """1 of 100 late, 1 of 100 may be."""
    landed = minutes(("09:30", 100, 1))
    rate = burn_rate(landed, at=at("10:00"), window=timedelta(hours=1), objective=0.99)
    assert rate == pytest.approx(1.0)


def test_a_burn_rate_weighs_records_not_minutes():
    """(10 + 0) of (10 + 990) late is 1 %, over an allowed 0.1 %."""
    landed = minutes(("09:30", 10, 10), ("09:31", 990, 0))
    rate = burn_rate(landed, at=at("10:00"), window=timedelta(hours=1), objective=0.999)
    assert rate == pytest.approx(10.0)


def test_a_burn_rate_counts_only_its_window():
    landed = minutes(("08:59", 100, 100), ("09:00", 100, 0), ("10:00", 100, 2), ("10:01", 100, 100))
    rate = burn_rate(landed, at=at("10:00"), window=timedelta(hours=1), objective=0.99)
    assert rate == pytest.approx(1.0)


def test_a_burn_rate_without_records_is_null_and_not_0():
    assert burn_rate([], at=at("10:00"), window=timedelta(hours=1), objective=0.99) is None


def state(**changes: object) -> SourceFreshness:
    legs = ("occurred_to_received", "received_to_queryable", "occurred_to_queryable")
    values = dict(
        source="web",
        measured_at=at("10:00"),
        target=MINUTE,
        records=3,
        lags={f"{leg}_{p}_seconds": 12.5 for leg in legs for p in ("p50", "p95", "p99")},
        judged=3,
        late=1,
        ahead=0,
        newest_received_at=at("09:59"),
        newest_landed_at=at("10:00"),
        minutes=(),
        burn_rates={"5m": 0.0, "30m": 0.5, "1h": 0.5, "6h": 0.5},
        is_stale=False,
    )
    return SourceFreshness(**{**values, **changes})


def test_a_source_that_burns_in_only_one_window_passes():
    """A burst that is over, or that has just started, raises no error."""
    over = state(burn_rates={"5m": 9.0, "30m": 9.0, "1h": 9.0, "6h": 1.0})
    started = state(burn_rates={"5m": None, "30m": None, "1h": None, "6h": 9.0})
    assert not over.is_burning
    assert not started.is_burning
    require_fresh([over, started])


def test_the_message_names_every_source_that_is_not_fresh_with_its_numbers():
    burning = dict(burn_rates={"5m": 0.0, "30m": 3.0, "1h": 3.0, "6h": 1.5})
    with pytest.raises(FreshnessError) as caught:
        require_fresh(
            [
                state(source="crm", is_stale=True, newest_received_at=at("08:00")),
                state(source="fine"),
                state(source="app", **burning),
            ]
        )
    message = str(caught.value)
    stale = "crm is stale: no record for more than 60 minutes, newest 2026-03-01 08:00:00 UTC"
    assert stale in message
    assert "app burns its error budget: rate 3.0 over 1 h and 1.5 over 6 h, allowed 1 " in message
    assert "(target 60 s for 99 % of records)" in message
    assert "fine" not in message
    assert caught.value.exit_code == 11


def test_the_summary_of_a_source_is_one_line():
    assert state().summary_line == (
        "web: fresh; 3 new; from received to queryable p50 12.5 s, p95 12.5 s, p99 12.5 s; "
        "target 60 s; burn 1h 0.5, 6h 0.5; newest 2026-03-01 09:59:00 UTC"
    )
    old = {f"received_to_queryable_{p}_seconds": 23_405_686.2 for p in ("p50", "p95", "p99")}
    assert (
        "from received to queryable p50 271 days, p95 271 days, p99 271 days; "
        "a back-fill: most records are older than a day; "
    ) in state(lags=state().lags | old).summary_line
    unknown = state(target=None, newest_received_at=None, newest_landed_at=None)
    assert unknown.summary_line.startswith("web: no target; 3 new; ")
    assert unknown.summary_line.endswith("none yet")


def test_metrics_of_a_source_without_a_target_are_reset():
    values = MetricValues()
    set_freshness_metrics(
        values,
        [
            state(),
            state(source="crm", target=None, is_stale=None, burn_rates=dict.fromkeys(["1h"])),
        ],
    )
    assert values.get(metrics.SOURCE_STALE, source="web") == 0
    assert np.isnan(values.get(metrics.SOURCE_STALE, source="crm"))
    assert np.isnan(values.get(metrics.FRESHNESS_BURN, source="crm", window="1h"))
    newest = values.get(metrics.SOURCE_NEWEST, source="web")
    assert newest == datetime(2026, 3, 1, 9, 59, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("wrong", [{"target_seconds": 0}, {"objective": 1}, {"since": "landed"}])
def test_an_impossible_target_is_refused(wrong):
    with pytest.raises(ValidationError):
        FreshnessTarget(**{"target_seconds": 60, **wrong})


@pytest.fixture
def lake(spark, lake_root):
    """A lake into which `land(batch_id, landed, *records)` puts a batch with its ledger row."""
    lake = Lake(spark, lake_root, "run-1", at("09:00"))

    def land(batch_id: int, landed: datetime, *records: dict[str, object]) -> None:
        full = dict(
            source_partition=f"f{batch_id}", ingested_at=at("09:00"), verdict="accepted", errors=[]
        )
        rows = [
            {**full, **row, "batch_id": batch_id, "source_offset": i, "record_index": 0}
            for i, row in enumerate(records)
        ]
        lake.append_record(bronze.EVENTS, rows)
        counts = dict(
            records_in=len(rows), unpacked=0, accepted=len(rows), rejected=0, added=len(rows)
        )
        entry = dict(duplicates=0, table_version=batch_id + 1, run_id="run-1", **counts)
        lake.append_record(ops.BATCHES, [batch(batch_id=batch_id, landed=landed, **entry)])

    return lake, land


@pytest.fixture
def in_tokyo(monkeypatch):
    """Spark returns times in the machine's time zone, which may not be UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_a_measurement_counts_each_record_once_and_continues_after_the_last_one(lake):
    """Batches at 09:55 and 10:05, 1 of 2 and 0 of 2 late: 50 % and then 25 %, over 1 %."""
    lake, land = lake
    targets = {"web": MINUTE, "app": MINUTE}

    def measure(moment: str) -> dict[str, SourceFreshness]:
        version = lake.version(bronze.EVENTS)
        states = measured_freshness(lake, targets, at=at(moment), bronze_version=version)
        append_freshness(lake, states, bronze_version=version)
        return {state.source: state for state in states}

    early = dict(received_at=at("2026-03-01T09:54:30"), occurred_at=at("09:54"))
    land(0, at("09:55"), record(**early), record(**{**early, "received_at": at("09:50")}))
    first = measure("10:00")
    assert first["web"].records == 2
    assert first["web"].late_ratio == 0.5
    assert first["web"].burn_rates["5m"] == pytest.approx(50)
    assert first["web"].is_stale is False
    assert first["app"].is_stale is True, "a source with a target that has never landed"
    assert first["app"].burn_rates["1h"] is None

    late = dict(received_at=at("2026-03-01T10:04:30"), occurred_at=at("10:04"))
    land(1, at("10:05"), record(**late), record(**late))
    second = measure("10:06")["web"]
    assert second.records == 2, "only what has landed since"
    assert second.burn_rates["5m"] == pytest.approx(0)
    assert second.burn_rates["1h"] == pytest.approx(25)

    third = measure("12:00")["web"]
    assert (third.records, third.late_ratio) == (0, None)
    assert third.lags["received_to_queryable_p99_seconds"] is None
    assert third.newest_received_at == at("2026-03-01T10:04:30")
    assert third.is_stale is True
    assert third.burn_rates["1h"] is None
    assert third.burn_rates["6h"] == pytest.approx(25)
    assert measure("12:00")["web"].burn_rates["6h"] == pytest.approx(25), "the same again"
    with pytest.raises(
        ConfError, match="already been measured at 2026-03-01T12:00:00Z, expected a later"
    ):
        measure("11:59")
    history = lake.read(ops.FRESHNESS).where("source = 'web'")
    assert_rows(
        history.withColumn("burn_rate_6h", F.round("burn_rate_6h", 6)),
        ["measured_at", "records", "late", "burn_rate_6h", "is_stale"],
        [
            (at("10:00"), 2, 1, 50.0, False),
            (at("10:06"), 2, 0, 25.0, False),
            (at("12:00"), 0, 0, 25.0, True),
        ],
    )


def test_of_a_table_that_was_created_again_later_records_are_measured(lake):
    lake, land = lake
    land(0, at("09:01"), record(received_at=at("09:00"), ingested_at=at("09:01")))
    land(1, at("10:01"), record(received_at=at("10:00"), ingested_at=at("10:01")))

    def measured(moment, version, **options):
        states = measured_freshness(lake, {}, at=at(moment), bronze_version=version, **options)
        append_freshness(lake, states, bronze_version=version)
        return [(state.source, state.records) for state in states]

    assert measured("09:30", 2) == [("web", 2)]
    assert measured("09:40", 2) == [("web", 0)]
    assert measured("09:50", 2, is_same_table=False) == [("web", 1)]
