"""Publishes the metrics of streaming queries at a scrape endpoint."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import prometheus_client as prometheus
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from kinfold.core.errors import ConfError
from kinfold.core.log import say
from kinfold.core.settings.models import MetricsConf
from kinfold.runtime.metrics.declarations import (
    LISTENER_ERRORS,
    STREAM_BATCH,
    STREAM_BATCH_SECONDS,
    STREAM_FAILURES,
    STREAM_INPUT_RATE,
    STREAM_LAG,
    STREAM_PROCESSED_RATE,
    STREAM_ROWS,
    STREAM_RUNNING,
    STREAM_SEEN_AT,
    STREAM_STATE_BYTES,
    STREAM_STATE_ROWS,
)
from kinfold.runtime.metrics.values import MetricValues, collector_registry


@dataclass
class StreamMetrics:
    """The metrics of all streaming queries of a process, with their scrape endpoint.

    Attributes:
        port: of the endpoint; null if `metrics.port` is null, and then nothing is measured.
    """

    metrics: MetricValues
    port: int | None
    _watched: list[tuple[SparkSession, "QueryListener"]] = field(default_factory=list)

    def watch(self, session: SparkSession) -> None:
        """Measure the queries that `session` starts from now on, not those of other sessions."""
        if self.port is None or any(session is watched for watched, _ in self._watched):
            return
        listener = QueryListener(self.metrics)
        session.streams.addListener(listener)
        self._watched.append((session, listener))

    def unwatch(self) -> None:
        """Stop measuring."""
        for session, listener in self._watched:
            session.streams.removeListener(listener)
        self._watched.clear()


@contextmanager
def stream_metrics(conf: MetricsConf) -> Iterator[StreamMetrics]:
    """The metrics of streaming queries, served at `http://<metrics.host>:<metrics.port>/metrics`.

    Raises:
        ConfError: the port cannot be opened.
    """
    metrics = MetricValues()
    if conf.port is None:
        yield StreamMetrics(metrics, port=None)
        return
    try:
        server, thread = prometheus.start_http_server(
            conf.port, addr=conf.host, registry=collector_registry(metrics.families)
        )
    except OSError as error:
        raise ConfError(
            f"metrics.port {conf.port}: cannot be opened on {conf.host} ({error.strerror}). Choose "
            "a free port with --set metrics.port=PORT, or null for no endpoint."
        ) from error
    streams = StreamMetrics(metrics, port=server.server_port)
    say(f"kinfold: metrics at http://{conf.host}:{streams.port}/metrics")
    try:
        yield streams
    finally:
        streams.unwatch()
        server.shutdown()
        server.server_close()
        thread.join()


class QueryListener(StreamingQueryListener):
    """Sets metrics from the events of streaming queries. The label `source` is the query's name.

    Spark calls the listener after each batch, on a separate thread. The first event that cannot be
    read is reported in the log, each one is counted, and none affects the query.
    """

    def __init__(self, metrics: MetricValues) -> None:
        self._figures = metrics
        self._sources: dict[
            str, str
        ] = {}  # by run id, because the last event of a query has no name

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
        except Exception as error:  # no error may reach Spark's listener bus
            if not self._figures.get(LISTENER_ERRORS):
                say(f"kinfold: metrics of a stream are incomplete ({type(error).__name__}).")
            self._figures.add(LISTENER_ERRORS, 1)

    def _started(self, run_id: str, name: str | None) -> None:
        source = self._sources[run_id] = name or "unnamed"
        self._figures.set(STREAM_RUNNING, 1, source=source)
        self._figures.add(STREAM_FAILURES, 0, source=source)
        self._figures.set(STREAM_SEEN_AT, time.time(), source=source)

    def _progressed(self, progress: Mapping[str, Any]) -> None:
        metrics, source = self._figures, progress.get("name") or "unnamed"
        metrics.set(STREAM_SEEN_AT, time.time(), source=source)
        metrics.set(STREAM_BATCH, progress["batchId"], source=source)
        metrics.add(STREAM_ROWS, progress["numInputRows"], source=source)
        # Spark omits a rate if it would divide by a duration of 0.
        metrics.set(STREAM_INPUT_RATE, progress.get("inputRowsPerSecond"), source=source)
        metrics.set(STREAM_PROCESSED_RATE, progress.get("processedRowsPerSecond"), source=source)
        for phase, milliseconds in progress["durationMs"].items():
            metrics.set(STREAM_BATCH_SECONDS, milliseconds / 1000, source=source, phase=phase)
        for state in progress.get("stateOperators", ()):
            operator = state["operatorName"]
            metrics.set(STREAM_STATE_ROWS, state["numRowsTotal"], source=source, operator=operator)
            metrics.set(
                STREAM_STATE_BYTES, state["memoryUsedBytes"], source=source, operator=operator
            )
        for topic, partition, lag in _kafka_lags(progress.get("sources", ())):
            metrics.set(STREAM_LAG, lag, source=source, topic=topic, partition=partition)

    def _idled(self, run_id: str) -> None:
        source = self._sources[run_id]
        self._figures.set(STREAM_SEEN_AT, time.time(), source=source)
        self._figures.set(STREAM_INPUT_RATE, 0, source=source)

    def _ended(self, run_id: str, exception: str | None) -> None:
        source = self._sources.pop(run_id)
        self._figures.set(STREAM_RUNNING, 0, source=source)
        self._figures.add(STREAM_FAILURES, int(exception is not None), source=source)


def _kafka_lags(sources: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """Topic, partition and number of unread records; nothing for a source that is not Kafka."""
    for source in sources:
        read, newest = _offsets(source.get("endOffset")), _offsets(source.get("latestOffset"))
        for topic, partitions in newest.items():
            for partition, offset in partitions.items():
                position = read.get(topic, {}).get(partition)
                if position is not None:
                    yield topic, partition, max(0, int(offset) - int(position))


def _offsets(value: Any) -> dict[str, dict[str, int]]:
    """Offsets by topic and partition in Spark's format for Kafka; empty for other sources."""
    offsets = json.loads(value) if isinstance(value, str) and value.startswith("{") else value
    if not isinstance(offsets, dict) or not all(isinstance(v, dict) for v in offsets.values()):
        return {}
    return offsets
