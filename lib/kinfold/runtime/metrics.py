"""What kinfold tells Prometheus: an endpoint for streams, a file or a push for jobs that end.

Every metric is declared here, with labels whose values are declared or configured somewhere; no
label holds an id of a run or of a person, so the number of series stays bounded. Publishing never
fails or delays the work that it tells of.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from kinfold.core.conf import MetricsConf
from kinfold.core.errors import ConfError, KinfoldError
from kinfold.core.log import say

PUSH_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Metric:
    """One metric. A name that ends in `_total` counts up and never down.

    Prometheus keeps the label `job` for the scraped target, so a kinfold job is `job_name`.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()


JOB_SECONDS = Metric("kinfold_job_seconds", "How long the job's last run took.")
JOB_RUN_AT = Metric("kinfold_job_last_run_timestamp_seconds", "When the last run ended.")
JOB_SUCCESS_AT = Metric(
    "kinfold_job_last_success_timestamp_seconds", "When the last run that succeeded ended."
)
JOB_STATUS = Metric("kinfold_job_last_status", "1 when the last run succeeded, else 0.")
JOB_EXIT_CODE = Metric(
    "kinfold_job_last_exit_code", "Who must act: the exit codes of lib/kinfold/core/errors.py."
)
JOB_COUNT = Metric("kinfold_job_last_counts", "What the last run did, by name.", ("name",))
QUALITY_FAILED = Metric(
    "kinfold_quality_rules_failed", "Expectations that the last judged frame broke.", ("table",)
)
QUALITY_FAILING_ROWS = Metric(
    "kinfold_quality_rule_failing_rows", "Rows that broke an expectation.", ("table", "rule")
)
QUALITY_QUARANTINED = Metric(
    "kinfold_quality_quarantined_rows", "Rows of the last publish that were set aside.", ("table",)
)
LEDGER_RECORDS = Metric(
    "kinfold_ledger_records_total",
    "Records in the ledger since the lake began.",
    ("stage", "source", "outcome"),
)
LEDGER_VIOLATED = Metric(
    "kinfold_ledger_laws_violated", "Conservation laws that do not hold: records lost or doubled."
)
GAPS_OPEN = Metric(
    "kinfold_gaps_open",
    "Ranges of records that were gone before they were read and nobody has accepted as lost.",
    ("source",),
)
FRESHNESS_SECONDS = Metric(
    "kinfold_freshness_seconds",
    "Lag of the records that landed since the measurement before.",
    ("source", "leg", "percentile"),
)
FRESHNESS_TARGET = Metric(
    "kinfold_freshness_target_seconds", "The lag a record may have.", ("source",)
)
FRESHNESS_LATE = Metric(
    "kinfold_freshness_late_ratio", "Share of records over the target.", ("source",)
)
FRESHNESS_BURN = Metric(
    "kinfold_freshness_burn_rate",
    "How many times faster than allowed the error budget is spent.",
    ("source", "window"),
)
SOURCE_STALE = Metric("kinfold_source_is_stale", "1 when nothing came for too long.", ("source",))
SOURCE_NEWEST = Metric(
    "kinfold_source_newest_received_timestamp_seconds",
    "When the newest record was received, or became readable where nothing tells.",
    ("source",),
)
STREAM_RUNNING = Metric("kinfold_stream_running", "1 while the query runs.", ("source",))
STREAM_FAILURES = Metric(
    "kinfold_stream_failures_total", "Times the query ended with an error.", ("source",)
)
STREAM_SEEN_AT = Metric(
    "kinfold_stream_last_progress_timestamp_seconds",
    "When the query last finished a batch or said that nothing is new.",
    ("source",),
)
STREAM_BATCH = Metric("kinfold_stream_batch_id", "The newest batch.", ("source",))
STREAM_ROWS = Metric("kinfold_stream_rows_total", "Rows read since the start.", ("source",))
STREAM_INPUT_RATE = Metric("kinfold_stream_input_rows_per_second", "Rows that arrive.", ("source",))
STREAM_PROCESSED_RATE = Metric(
    "kinfold_stream_processed_rows_per_second", "Rows the query gets through.", ("source",)
)
STREAM_BATCH_SECONDS = Metric(
    "kinfold_stream_batch_seconds", "How long the newest batch took.", ("source", "phase")
)
STREAM_LAG = Metric(
    "kinfold_stream_lag_records",
    "Records in the topic that the query has not read.",
    ("source", "topic", "partition"),
)
STREAM_STATE_ROWS = Metric(
    "kinfold_stream_state_rows", "Rows the query remembers.", ("source", "operator")
)
STREAM_STATE_BYTES = Metric(
    "kinfold_stream_state_bytes", "Memory they take.", ("source", "operator")
)
LISTENER_ERRORS = Metric(
    "kinfold_listener_errors_total", "Events of a query that could not be turned into metrics."
)

JOB_METRICS = (
    JOB_SECONDS,
    JOB_RUN_AT,
    JOB_SUCCESS_AT,
    JOB_STATUS,
    JOB_EXIT_CODE,
    JOB_COUNT,
    QUALITY_FAILED,
    QUALITY_FAILING_ROWS,
    QUALITY_QUARANTINED,
    LEDGER_RECORDS,
    LEDGER_VIOLATED,
    GAPS_OPEN,
    FRESHNESS_SECONDS,
    FRESHNESS_TARGET,
    FRESHNESS_LATE,
    FRESHNESS_BURN,
    SOURCE_STALE,
    SOURCE_NEWEST,
)
STREAM_METRICS = (
    STREAM_RUNNING,
    STREAM_FAILURES,
    STREAM_SEEN_AT,
    STREAM_BATCH,
    STREAM_ROWS,
    STREAM_INPUT_RATE,
    STREAM_PROCESSED_RATE,
    STREAM_BATCH_SECONDS,
    STREAM_LAG,
    STREAM_STATE_ROWS,
    STREAM_STATE_BYTES,
    LISTENER_ERRORS,
)


class Figures:
    """Values of metrics, set by what knows them and read by what publishes; safe between threads.

    A null value is kept as NaN: measured, and there is no such number.
    """

    def __init__(self) -> None:
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {}
        self._lock = threading.Lock()

    def set(self, metric: Metric, value: float | None, **labels: str) -> None:
        """Give one series its value.

        Raises:
            ValueError: the labels are not the metric's.
        """
        key = _label_values(metric, labels)
        with self._lock:
            self._values.setdefault(metric, {})[key] = math.nan if value is None else float(value)

    def add(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to one series, which begins at 0."""
        key = _label_values(metric, labels)
        with self._lock:
            series = self._values.setdefault(metric, {})
            series[key] = series.get(key, 0.0) + value

    def get(self, metric: Metric, **labels: str) -> float | None:
        """The value of one series; null when it has none."""
        with self._lock:
            return self._values.get(metric, {}).get(_label_values(metric, labels))

    def families(self, **constant: str) -> list[prometheus.Metric]:
        """Everything set, as the Prometheus client takes it, each series with `constant` labels."""
        with self._lock:
            values = {metric: dict(series) for metric, series in self._values.items()}
        families: list[prometheus.Metric] = []
        for metric, series in values.items():
            kind = CounterMetricFamily if metric.name.endswith("_total") else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=[*constant, *metric.labels])
            for label_values, value in series.items():
                family.add_metric([*constant.values(), *label_values], value)
            families.append(family)
        return families


@contextmanager
def job_figures(job: str, conf: MetricsConf) -> Iterator[Figures]:
    """The figures of one run of a job; published when it ends, well or with an error.

    Figures that this run did not measure keep the value of the run before.
    """
    figures, begun, exit_code = Figures(), time.monotonic(), 130
    try:
        yield figures
        exit_code = 0
    except KinfoldError as error:
        exit_code = error.exit_code
        raise
    except Exception:
        exit_code = 1
        raise
    finally:
        figures.set(JOB_SECONDS, time.monotonic() - begun)
        figures.set(JOB_RUN_AT, time.time())
        figures.set(JOB_EXIT_CODE, exit_code)
        figures.set(JOB_STATUS, int(exit_code == 0))
        if exit_code == 0:
            figures.set(JOB_SUCCESS_AT, time.time())
        _publish(job, figures.families(job_name=job), conf)


@dataclass
class StreamFigures:
    """The figures of the streaming queries of a process, behind a scrape endpoint.

    Attributes:
        port: of the endpoint; null when `metrics.port` is null, and then nothing is measured.
    """

    figures: Figures
    port: int | None
    _watched: list[tuple[SparkSession, "QueryListener"]] = field(default_factory=list)

    def watch(self, session: SparkSession) -> None:
        """Follow the queries that `session` starts from now on; other sessions have their own."""
        if self.port is None or any(session is known for known, _ in self._watched):
            return
        listener = QueryListener(self.figures)
        session.streams.addListener(listener)
        self._watched.append((session, listener))

    def unwatch(self) -> None:
        """Follow no query any more."""
        for session, listener in self._watched:
            session.streams.removeListener(listener)
        self._watched.clear()


@contextmanager
def stream_figures(conf: MetricsConf) -> Iterator[StreamFigures]:
    """The figures of streaming queries, scraped at `http://<metrics.host>:<metrics.port>/metrics`.

    Raises:
        ConfError: the port cannot be opened.
    """
    figures = Figures()
    if conf.port is None:
        yield StreamFigures(figures, port=None)
        return
    try:
        server, thread = prometheus.start_http_server(
            conf.port, addr=conf.host, registry=_registry(figures.families)
        )
    except OSError as error:
        raise ConfError(
            f"metrics.port {conf.port}: cannot be opened on {conf.host} ({error.strerror}). Name "
            "a free one with --set metrics.port=PORT, or null for no endpoint."
        ) from error
    streams = StreamFigures(figures, port=server.server_port)
    say(f"kinfold: metrics at http://{conf.host}:{streams.port}/metrics")
    try:
        yield streams
    finally:
        streams.unwatch()
        server.shutdown()
        server.server_close()
        thread.join()


class QueryListener(StreamingQueryListener):
    """Turns the events of streaming queries into figures; a query is called by its name.

    Spark calls it on a thread of its own, after the batch. An event it cannot read is counted and
    told once, and the query never notices.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._sources: dict[str, str] = {}  # by run id: the last event of a query has no name

    def onQueryStarted(self, event: QueryStartedEvent) -> None:
        self._guarded(lambda: self._started(str(event.runId), event.name))

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        self._guarded(lambda: self._progressed(json.loads(event.progress.json)))

    def onQueryIdle(self, event: QueryIdleEvent) -> None:
        self._guarded(lambda: self._idled(str(event.runId)))

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        self._guarded(lambda: self._ended(str(event.runId), event.exception))

    def _guarded(self, update: Callable[[], None]) -> None:
        try:
            update()
        except Exception as error:  # whatever it is, it must not reach Spark's listener bus
            if not self._figures.get(LISTENER_ERRORS):
                say(f"kinfold: metrics of a stream are incomplete ({type(error).__name__}).")
            self._figures.add(LISTENER_ERRORS, 1)

    def _started(self, run_id: str, name: str | None) -> None:
        source = self._sources[run_id] = name or "unnamed"
        self._figures.set(STREAM_RUNNING, 1, source=source)
        self._figures.add(STREAM_FAILURES, 0, source=source)
        self._figures.set(STREAM_SEEN_AT, time.time(), source=source)

    def _progressed(self, progress: Mapping[str, Any]) -> None:
        figures, source = self._figures, progress.get("name") or "unnamed"
        figures.set(STREAM_SEEN_AT, time.time(), source=source)
        figures.set(STREAM_BATCH, progress["batchId"], source=source)
        figures.add(STREAM_ROWS, progress["numInputRows"], source=source)
        # Spark leaves a rate out where it would divide by a time of 0.
        figures.set(STREAM_INPUT_RATE, progress.get("inputRowsPerSecond"), source=source)
        figures.set(STREAM_PROCESSED_RATE, progress.get("processedRowsPerSecond"), source=source)
        for phase, milliseconds in progress["durationMs"].items():
            figures.set(STREAM_BATCH_SECONDS, milliseconds / 1000, source=source, phase=phase)
        for state in progress.get("stateOperators", ()):
            operator = state["operatorName"]
            figures.set(STREAM_STATE_ROWS, state["numRowsTotal"], source=source, operator=operator)
            figures.set(
                STREAM_STATE_BYTES, state["memoryUsedBytes"], source=source, operator=operator
            )
        for topic, partition, lag in _kafka_lags(progress.get("sources", ())):
            figures.set(STREAM_LAG, lag, source=source, topic=topic, partition=partition)

    def _idled(self, run_id: str) -> None:
        source = self._sources[run_id]
        self._figures.set(STREAM_SEEN_AT, time.time(), source=source)
        self._figures.set(STREAM_INPUT_RATE, 0, source=source)

    def _ended(self, run_id: str, exception: str | None) -> None:
        source = self._sources.pop(run_id)
        self._figures.set(STREAM_RUNNING, 0, source=source)
        self._figures.add(STREAM_FAILURES, int(exception is not None), source=source)


def _kafka_lags(sources: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """Topic, partition and records not read; nothing for a source that is not Kafka."""
    for source in sources:
        read, newest = _offsets(source.get("endOffset")), _offsets(source.get("latestOffset"))
        for topic, partitions in newest.items():
            for partition, offset in partitions.items():
                known = read.get(topic, {}).get(partition)
                if known is not None:
                    yield topic, partition, max(0, int(offset) - int(known))


def _offsets(value: Any) -> dict[str, dict[str, int]]:
    """Offsets by topic and partition, as Spark writes Kafka's; empty for any other kind."""
    offsets = json.loads(value) if isinstance(value, str) and value.startswith("{") else value
    if not isinstance(offsets, dict) or not all(isinstance(v, dict) for v in offsets.values()):
        return {}
    return offsets


def _label_values(metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
    if set(labels) != set(metric.labels):
        raise ValueError(f"{metric.name}: has labels {metric.labels}, given {tuple(labels)}.")
    return tuple(labels[name] for name in metric.labels)


def _registry(families: Callable[[], Iterable[prometheus.Metric]]) -> CollectorRegistry:
    class Families(Collector):
        def collect(self) -> Iterable[prometheus.Metric]:
            return families()

    registry = CollectorRegistry()
    registry.register(Families())
    return registry


def _publish(job: str, families: list[prometheus.Metric], conf: MetricsConf) -> None:
    if conf.textfile_folder is not None:
        file = Path(conf.textfile_folder) / f"kinfold_{job.replace('/', '_')}.prom"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            kept = _families_of(file, replaced={family.name for family in families})
            # Written beside it and renamed: the node exporter never reads half a file.
            prometheus.write_to_textfile(str(file), _registry(lambda: [*families, *kept]))
        except OSError as error:
            say(f"kinfold: metrics were not written to {file} ({error.strerror}).")
    if conf.push_gateway is not None:
        try:
            prometheus.pushadd_to_gateway(
                conf.push_gateway,
                job="kinfold",
                registry=_registry(lambda: families),
                grouping_key={"job_name": job},
                timeout=PUSH_TIMEOUT_SECONDS,
            )
        except (OSError, HTTPException) as error:
            say(f"kinfold: metrics were not pushed to {conf.push_gateway} ({error}).")


def _families_of(file: Path, *, replaced: set[str]) -> list[prometheus.Metric]:
    """What the file of the run before tells beyond `replaced`, as a push gateway would keep it."""
    if not file.is_file():
        return []
    try:
        families = list(text_string_to_metric_families(file.read_text(encoding="utf-8")))
    except ValueError:  # somebody else's hand; ours alone write it
        return []
    return [family for family in families if family.name not in replaced]
