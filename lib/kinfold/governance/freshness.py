"""Freshness: the lag between an event and its record in bronze, and the error budget of a source.

A record has three moments: `occurred_at` (the event), `received_at` (the collector), and queryable,
when its batch was first readable in bronze (`ops.batches.landed_at`). A source declares a maximum
lag and the share of records that must keep it (`freshness:` in its source file). The remaining
share is its error budget, and the burn rate is the speed at which the budget is spent. See
"Alerting on SLOs" in The Site Reliability Workbook (Beyer et al., O'Reilly 2018), part 6,
multiwindow, multi-burn-rate alerts: https://sre.google/workbook/alerting-on-slos/.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat
from pyspark.sql import Column, DataFrame, Row, functions as F

from kinfold.core.errors import ConfError, FreshnessError
from kinfold.core.settings.models import Conf
from kinfold.core.wording import duration_text
from kinfold.runtime.lake.change_feed import CHANGE_TYPE
from kinfold.runtime.lake.commits import commits_between
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.declarations import (
    FRESHNESS_BURN,
    FRESHNESS_LATE,
    FRESHNESS_SECONDS,
    FRESHNESS_TARGET,
    SOURCE_NEWEST,
    SOURCE_STALE,
)
from kinfold.runtime.metrics.values import MetricValues
from kinfold.tables import bronze, ops
from kinfold.tables.collected import collected

LEGS = ("occurred_to_received", "received_to_queryable", "occurred_to_queryable")
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
WINDOWS = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
}
LONGEST_WINDOW = max(WINDOWS.values())
_BACK_FILL_SECONDS = 86_400
"""If half of the new records are older than this, they are a back-fill."""
RANK_ACCURACY = 10_000
"""Accuracy of percentiles: the error of the rank is at most 1 in this many. It bounds the
memory."""


class FreshnessTarget(Conf):
    """Freshness target of a source."""

    target_seconds: PositiveFloat
    """Maximum lag of a record until it can be read."""
    objective: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Share of records that must keep the target."""
    stale_after_seconds: PositiveFloat = 3600
    """The source is stale if no record has arrived for this long."""
    since: Literal["received", "occurred"] = "received"
    """Start of the lag: the collector, because a pipeline cannot do anything about a device that
    was offline; or the event, for a source without a collector (files of a partner)."""


@dataclass(frozen=True)
class SourceFreshness:
    """The freshness of one source at one moment.

    Attributes:
        lags: seconds by leg and percentile, as `<leg>_<percentile>_seconds`; null if no record has
            both times.
        judged: number of records with a known lag and a target; `late` of them exceed it.
        ahead: number of records with times in the wrong order, which means that a clock is wrong.
        minutes: judged and late records by the minute in which they landed, for the longest window.
        burn_rates: by window; null without a target or without a judged record in the window.
        is_stale: null without a target.
    """

    source: str
    measured_at: datetime
    target: FreshnessTarget | None
    records: int
    lags: Mapping[str, float | None]
    judged: int
    late: int
    ahead: int
    newest_received_at: datetime | None
    newest_landed_at: datetime | None
    minutes: tuple["LandedMinute", ...]
    burn_rates: Mapping[str, float | None]
    is_stale: bool | None

    @property
    def late_ratio(self) -> float | None:
        """Share of judged records that are late; null if none was judged."""
        return self.late / self.judged if self.judged else None

    @property
    def is_burning(self) -> bool:
        """Whether the target is missed over the last 6 hours and also over the last hour.

        The long window shows that the problem matters, the short one that it still exists.
        """
        return all((self.burn_rates[window] or 0) > 1 for window in ("1h", "6h"))

    @property
    def verdict(self) -> str:
        """The state in words."""
        if self.target is None:
            return "no target"
        if self.is_stale:
            return "stale"
        if self.is_burning:
            return "burns its budget"
        has_rate = any(rate is not None for rate in self.burn_rates.values())
        return "fresh" if has_rate else "fresh, no lag known"

    @property
    def summary_line(self) -> str:
        """The measurement in one line."""
        start = self.target.since if self.target else "received"
        leg = f"{start}_to_queryable"
        lags = ", ".join(f"{p} {_seconds(self.lags[f'{leg}_{p}_seconds'])}" for p in PERCENTILES)
        parts = [f"{self.source}: {self.verdict}", f"{self.records:,} new"]
        parts.append(f"from {start} to queryable {lags}")
        if (self.lags[f"{leg}_p50_seconds"] or 0) > _BACK_FILL_SECONDS:
            parts.append("a back-fill: most records are older than a day")
        if self.target is not None:
            rates = ", ".join(f"{w} {_number(self.burn_rates[w])}" for w in ("1h", "6h"))
            parts += [f"target {duration_text(self.target.target_seconds)}", f"burn {rates}"]
        newest = self.newest_received_at or self.newest_landed_at
        return "; ".join([*parts, f"newest {_moment(newest)}" if newest else "none yet"])


@dataclass(frozen=True)
class LandedMinute:
    """Judged and late records that landed in the minute that begins at `minute_at`."""

    minute_at: datetime
    judged: int
    late: int


def record_lags(
    records: DataFrame,
    batches: DataFrame,
    *,
    targets: Mapping[str, FreshnessTarget],
    read_at: datetime,
) -> DataFrame:
    """The lags of each record.

    Args:
        records: rows of bronze.events.
        batches: ops.batches. A batch that is not in it yet counts as readable at `read_at`.
        targets: by source; a source may have none.

    Returns:
        One row per record: source, landed_at, newest_at (when it was received, at most landed_at;
        null if unknown), the three legs in seconds (null if a time is null), is_ahead, is_late
        (null without a target or a lag).
    """
    landed = batches.where(F.col("stage") == "bronze").select(
        "source", "batch_id", F.coalesce("landed_at", "recorded_at").alias("landed_at")
    )
    # A replayed dead letter arrived long ago: its lag says nothing about the stream.
    streamed = records.where(F.col("batch_id") >= 0)
    timed = streamed.join(landed, ["source", "batch_id"], how="left").withColumn(
        "landed_at", F.coalesce("landed_at", F.lit(read_at))
    )
    occurred, received, readable = (F.col(c) for c in ("occurred_at", "received_at", "landed_at"))
    legs = {
        "occurred_to_received": _seconds_between(occurred, received),
        "received_to_queryable": _seconds_between(received, readable),
        "occurred_to_queryable": _seconds_between(occurred, readable),
    }
    judged = _by_source({s: F.col(f"{t.since}_to_queryable") for s, t in targets.items()})
    limit = _by_source({s: F.lit(t.target_seconds) for s, t in targets.items()})
    return timed.withColumns(legs).select(
        "source",
        "landed_at",
        F.when(received.isNotNull(), F.least(received, readable)).alias("newest_at"),
        *LEGS,
        (F.coalesce(F.least(*LEGS), F.lit(0.0)) < 0).alias("is_ahead"),
        (judged > limit).alias("is_late"),
    )


def lags_by_source(lags: DataFrame) -> DataFrame:
    """Percentiles of lags and counts of records by source.

    Returns:
        One row per source: records, judged, late, ahead, newest_received_at, newest_landed_at and
        `<leg>_<percentile>_seconds`, null if no record has the leg.
    """
    wanted = F.array(*(F.lit(share) for share in PERCENTILES.values()))
    percentiles = lags.groupBy("source").agg(
        F.count(F.lit(1)).alias("records"),
        F.count("is_late").alias("judged"),
        F.count_if("is_late").alias("late"),
        F.count_if("is_ahead").alias("ahead"),
        F.max("newest_at").alias("newest_received_at"),
        F.max("landed_at").alias("newest_landed_at"),
        *(F.percentile_approx(leg, wanted, RANK_ACCURACY).alias(leg) for leg in LEGS),
    )
    return percentiles.select(
        "source",
        "records",
        "judged",
        "late",
        "ahead",
        "newest_received_at",
        "newest_landed_at",
        *(
            F.col(leg)[position].alias(f"{leg}_{name}_seconds")
            for leg in LEGS
            for position, name in enumerate(PERCENTILES)
        ),
    )


def landed_minutes(lags: DataFrame, *, after: datetime) -> DataFrame:
    """Judged and late records by the minute in which they landed.

    Returns:
        One row per (source, minute_at): judged, late. Minutes without a judged record are absent.
    """
    is_judged = F.col("is_late").isNotNull() & (F.col("landed_at") > F.lit(after))
    minute = F.date_trunc("minute", "landed_at")
    return (
        lags.where(is_judged)
        .groupBy("source", minute.alias("minute_at"))
        .agg(F.count(F.lit(1)).alias("judged"), F.count_if("is_late").alias("late"))
        .select("source", "minute_at", "judged", "late")
    )


def burn_rate(
    minutes: Iterable[LandedMinute], *, at: datetime, window: timedelta, objective: float
) -> float | None:
    """The burn rate of the error budget in the window that ends `at`.

    It is the share of late records over the share that may be late: 1 spends exactly the budget.
    Null if no judged record landed. A minute is in the window if it begins in it.
    """
    inside = [m for m in minutes if at - window <= m.minute_at <= at]
    judged = sum(m.judged for m in inside)
    return sum(m.late for m in inside) / judged / (1 - objective) if judged else None


def measured_freshness(
    lake: Lake,
    targets: Mapping[str, FreshnessTarget],
    *,
    at: datetime,
    bronze_version: int,
    batches: DataFrame | None = None,
    read_at: datetime | None = None,
    is_same_table: bool = True,
) -> list[SourceFreshness]:
    """The freshness of every source with records or with a target, sorted by name.

    Reads only the rows added to bronze since the newest row of ops.freshness. That table is its own
    checkpoint: a measurement that was not stored is made again.

    Args:
        bronze_version: last version of bronze.events to read; pinned before the ledger.
        batches: ops.batches at its pinned version; None = as it is now.
        read_at: when the versions were pinned. A batch that its stream has committed but not yet
            recorded was readable then. None = `at`.
        is_same_table: whether bronze.events is the table that the last measurement has read.

    Raises:
        ConfError: a later moment has been measured already, and includes the records until then.
    """
    history = lake.read_or_empty(ops.FRESHNESS)
    stored = {row["source"]: row for row in collected(_newest_by_source(history))}
    newest = max(stored.values(), key=lambda row: row["measured_at"], default=None)
    if newest and at < newest["measured_at"]:
        raise ConfError(
            f"--at {at:%Y-%m-%dT%H:%M:%SZ}: freshness has already been measured at "
            f"{newest['measured_at']:%Y-%m-%dT%H:%M:%SZ}, expected a later moment."
        )
    records = _new_records(lake, newest, until=bronze_version, is_same_table=is_same_table)
    batches = lake.read(ops.BATCHES) if batches is None else batches
    lags = record_lags(records, batches, targets=targets, read_at=read_at or at)
    gained = {row["source"]: row for row in collected(lags_by_source(lags))}
    new_minutes = _grouped(collected(landed_minutes(lags, after=at - LONGEST_WINDOW)))
    old_minutes = _grouped(collected(_stored_minutes(history, after=at - LONGEST_WINDOW)))
    return [
        _source_freshness(
            source,
            at=at,
            target=targets.get(source),
            gained=gained.get(source),
            stored=stored.get(source),
            new_minutes=new_minutes.get(source, ()),
            old_minutes=old_minutes.get(source, ()),
        )
        for source in sorted({*gained, *stored, *targets})
    ]


def append_freshness(lake: Lake, states: Sequence[SourceFreshness], *, bronze_version: int) -> None:
    """Append the states to ops.freshness; existing rows of the same moment stay unchanged."""
    moments = {state.measured_at for state in states}
    same = lake.read_or_empty(ops.FRESHNESS).where(F.col("measured_at").isin(*moments))
    existing = {row["source"] for row in collected(same.select("source"))}
    rows: list[dict[str, object]] = [
        dict(
            source=state.source,
            measured_at=state.measured_at,
            bronze_version=bronze_version,
            records=state.records,
            judged=state.judged,
            late=state.late,
            late_ratio=state.late_ratio,
            ahead=state.ahead,
            **state.lags,
            target_seconds=state.target.target_seconds if state.target else None,
            objective_ratio=state.target.objective if state.target else None,
            **{f"burn_rate_{window}": rate for window, rate in state.burn_rates.items()},
            newest_received_at=state.newest_received_at,
            newest_landed_at=state.newest_landed_at,
            is_stale=state.is_stale,
            landed_minutes=[asdict(minute) for minute in state.minutes],
            run_id=lake.run_id,
        )
        for state in states
        if state.source not in existing
    ]
    lake.append_record(ops.FRESHNESS, rows)


def set_freshness_metrics(metrics: MetricValues, states: Sequence[SourceFreshness]) -> None:
    """Set the metrics of the sources."""
    for state in states:
        source = state.source
        for leg in LEGS:
            for name in PERCENTILES:
                seconds = state.lags[f"{leg}_{name}_seconds"]
                metrics.set(FRESHNESS_SECONDS, seconds, source=source, leg=leg, percentile=name)
        newest = state.newest_received_at or state.newest_landed_at
        newest_seconds = newest.timestamp() if newest else None
        metrics.set(SOURCE_NEWEST, newest_seconds, source=source)
        # Also without a target: a metric that is not set keeps its last value.
        target_seconds = state.target.target_seconds if state.target else None
        metrics.set(FRESHNESS_TARGET, target_seconds, source=source)
        metrics.set(FRESHNESS_LATE, state.late_ratio, source=source)
        metrics.set(SOURCE_STALE, state.is_stale, source=source)
        for window, rate in state.burn_rates.items():
            metrics.set(FRESHNESS_BURN, rate, source=source, window=window)


def require_fresh(states: Sequence[SourceFreshness]) -> None:
    """Return if no source is stale and none burns its budget.

    Raises:
        FreshnessError: names every such source with its numbers.
    """
    stale = [
        f"{s.source} is stale: no record for more than "
        f"{duration_text(s.target.stale_after_seconds)}, newest "
        f"{_moment(s.newest_received_at or s.newest_landed_at)}"
        for s in states
        if s.is_stale and s.target
    ]
    burning = [
        f"{s.source} burns its error budget: rate {_number(s.burn_rates['1h'])} over 1 h and "
        f"{_number(s.burn_rates['6h'])} over 6 h, allowed 1 (target "
        f"{duration_text(s.target.target_seconds)} for {s.target.objective * 100:g} % of records)"
        for s in states
        if s.is_burning and s.target
    ]
    if stale or burning:
        raise FreshnessError(
            f"ops.freshness: {'; '.join([*stale, *burning])}. See docs/operations.md, 'A source is "
            "stale' and 'The error budget burns'."
        )


def _source_freshness(
    source: str,
    *,
    at: datetime,
    target: FreshnessTarget | None,
    gained: Row | None,
    stored: Row | None,
    new_minutes: tuple[LandedMinute, ...],
    old_minutes: tuple[LandedMinute, ...],
) -> SourceFreshness:
    def newest(column: str) -> datetime | None:
        times = [row[column] for row in (gained, stored) if row and row[column]]
        return max(times, default=None)

    received, landed = newest("newest_received_at"), newest("newest_landed_at")
    minutes = [*old_minutes, *new_minutes]
    names = [f"{leg}_{name}_seconds" for leg in LEGS for name in PERCENTILES]
    return SourceFreshness(
        source=source,
        measured_at=at,
        target=target,
        records=gained["records"] if gained else 0,
        lags={name: gained[name] if gained else None for name in names},
        judged=gained["judged"] if gained else 0,
        late=gained["late"] if gained else 0,
        ahead=gained["ahead"] if gained else 0,
        newest_received_at=received,
        newest_landed_at=landed,
        minutes=new_minutes,
        burn_rates={
            name: burn_rate(minutes, at=at, window=window, objective=target.objective)
            if target
            else None
            for name, window in WINDOWS.items()
        },
        is_stale=_is_stale(received or landed, at, target) if target else None,
    )


def _is_stale(newest: datetime | None, at: datetime, target: FreshnessTarget) -> bool:
    return newest is None or at - newest > timedelta(seconds=target.stale_after_seconds)


def _new_records(lake: Lake, measured: Row | None, *, until: int, is_same_table: bool) -> DataFrame:
    """The rows added to bronze.events since a measurement, up to a version.

    If the table was created again, or if its changes since are not stored any more, they are the
    rows with a later time of ingestion.

    Args:
        measured: row of ops.freshness of the last measurement; null if there is none.
    """
    rows = lake.read(bronze.EVENTS, version=until)
    if measured is None:
        return rows
    after = int(measured["bronze_version"])
    if is_same_table and after <= until:
        since = commits_between(lake, bronze.EVENTS, after=after, until=until)
        if since.has_feed:
            changes = lake.changes(bronze.EVENTS, after=after, until=until)
            return changes.where(F.col(CHANGE_TYPE) == "insert")
    return rows.where(F.col("ingested_at") > F.lit(measured["measured_at"]))


def _newest_by_source(history: DataFrame) -> DataFrame:
    return history.groupBy("source").agg(
        F.max("measured_at").alias("measured_at"),
        F.max_by("bronze_version", "measured_at").alias("bronze_version"),
        F.max("newest_received_at").alias("newest_received_at"),
        F.max("newest_landed_at").alias("newest_landed_at"),
    )


def _stored_minutes(history: DataFrame, *, after: datetime) -> DataFrame:
    recent = history.where(F.col("measured_at") > F.lit(after))
    return recent.select("source", F.inline("landed_minutes"))


def _grouped(rows: Iterable[Row]) -> dict[str, tuple[LandedMinute, ...]]:
    grouped: dict[str, list[LandedMinute]] = {}
    for row in rows:
        minute = LandedMinute(row["minute_at"], row["judged"], row["late"])
        grouped.setdefault(row["source"], []).append(minute)
    return {
        source: tuple(sorted(minutes, key=lambda minute: minute.minute_at))
        for source, minutes in grouped.items()
    }


def _seconds_between(earlier: Column, later: Column) -> Column:
    return (F.unix_micros(later) - F.unix_micros(earlier)) / F.lit(1e6)


def _by_source(values: Mapping[str, Column]) -> Column:
    """The value of the row's source; null if it has none."""
    cases = [F.when(F.col("source") == source, value) for source, value in values.items()]
    return F.coalesce(*cases) if cases else F.lit(None).cast("double")


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else duration_text(value)


def _moment(value: datetime | None) -> str:
    return "never" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"
