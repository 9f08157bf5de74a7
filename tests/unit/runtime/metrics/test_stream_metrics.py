"""Metrics of streaming queries: read from Spark's events, and served while a stream runs."""

import json
import socket
import time
import urllib.request
from types import SimpleNamespace
from urllib.error import URLError

import pytest

from kinfold.core.errors import ConfError
from kinfold.runtime.metrics import declarations as metrics
from kinfold.runtime.metrics.stream_metrics import QueryListener, stream_metrics
from kinfold.runtime.metrics.values import MetricValues
from prometheus_samples import Samples, metrics_conf, sample, samples

# As Spark 4.1.1 reports it for a real topic, with a file source and a state operator beside it.
PROGRESS = {
    "name": "web",
    "batchId": 7,
    "numInputRows": 300,
    "inputRowsPerSecond": 60.0,
    "durationMs": {"addBatch": 1500, "triggerExecution": 2000},
    "stateOperators": [{"operatorName": "dedupe", "numRowsTotal": 9, "memoryUsedBytes": 4096}],
    "sources": [
        {
            "description": "KafkaV2[Subscribe[clicks]]",
            "endOffset": {"clicks": {"0": 100, "1": 50}},
            "latestOffset": {"clicks": {"0": 130, "1": 50, "2": 5}},
        },
        {
            "description": "FileStreamSource",
            "endOffset": {"logOffset": 3},
            "latestOffset": None,
        },
    ],
}


def progressed(*events: object) -> MetricValues:
    values = MetricValues()
    listener = QueryListener(values)
    listener.onQueryStarted(SimpleNamespace(runId="r", name="web"))
    for event in events:
        text = event if isinstance(event, str) else json.dumps(event)
        listener.onQueryProgress(SimpleNamespace(progress=SimpleNamespace(json=text)))
    return values


def test_the_lag_of_a_partition_is_the_number_of_its_unread_records():
    """130 - 100 and 50 - 50; partition 2 is new, so the query has no offset for it."""
    values = progressed(PROGRESS)
    labels = dict(source="web", topic="clicks")
    assert values.get(metrics.STREAM_LAG, partition="0", **labels) == 30
    assert values.get(metrics.STREAM_LAG, partition="1", **labels) == 0
    assert values.get(metrics.STREAM_LAG, partition="2", **labels) is None


def test_offsets_as_json_text_are_read_too():
    source = dict(
        endOffset='{"clicks":{"0":1}}', latestOffset='{"clicks":{"0":4}}', description="x"
    )
    values = progressed({**PROGRESS, "sources": [source]})
    labels = dict(source="web", topic="clicks", partition="0")
    assert values.get(metrics.STREAM_LAG, **labels) == 3


def test_progress_sets_rates_phases_and_state_and_adds_up_rows():
    values = progressed(PROGRESS, PROGRESS)
    assert values.get(metrics.STREAM_ROWS, source="web") == 600
    assert values.get(metrics.STREAM_BATCH, source="web") == 7
    assert values.get(metrics.STREAM_INPUT_RATE, source="web") == 60
    assert values.get(metrics.STREAM_PROCESSED_RATE, source="web") != 0, "omitted by Spark"
    assert values.get(metrics.STREAM_BATCH_SECONDS, source="web", phase="addBatch") == 1.5
    assert values.get(metrics.STREAM_STATE_ROWS, source="web", operator="dedupe") == 9
    assert values.get(metrics.STREAM_STATE_BYTES, source="web", operator="dedupe") == 4096


def test_unreadable_events_are_counted_and_reported_once(capsys):
    values = progressed("not json", {"name": "web"}, PROGRESS)
    assert values.get(metrics.LISTENER_ERRORS) == 2
    assert capsys.readouterr().err.count("metrics of a stream are incomplete") == 1
    assert values.get(metrics.STREAM_BATCH, source="web") == 7


def test_an_idle_query_is_running_and_an_ended_one_is_not():
    values = MetricValues()
    listener = QueryListener(values)
    listener.onQueryStarted(SimpleNamespace(runId="r", name="web"))
    values.set(metrics.STREAM_SEEN_AT, 0, source="web")
    listener.onQueryIdle(SimpleNamespace(runId="r"))
    assert values.get(metrics.STREAM_SEEN_AT, source="web") > 0
    assert values.get(metrics.STREAM_RUNNING, source="web") == 1
    listener.onQueryTerminated(SimpleNamespace(runId="r", exception="it broke"))
    assert values.get(metrics.STREAM_RUNNING, source="web") == 0
    assert values.get(metrics.STREAM_FAILURES, source="web") == 1


def test_the_message_about_a_port_in_use_names_the_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfError, match=f"metrics.port {port}: cannot be opened on 127.0.0.1"),
            stream_metrics(metrics_conf(port=port)),
        ):
            pass


def test_without_a_port_no_session_is_watched(spark):
    with stream_metrics(metrics_conf()) as streams:
        streams.watch(spark)
        assert streams._watched == []


def test_a_running_stream_can_be_scraped(spark, tmp_path):
    """A real query in a session of its own, with a real listener and endpoint."""

    def scraped() -> Samples:
        url = f"http://127.0.0.1:{streams.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:
            return samples(response.read().decode())

    def scraped_when(condition) -> Samples:
        deadline = time.monotonic() + 60
        while not condition(last := scraped()):
            assert time.monotonic() < deadline, last
            time.sleep(0.2)
        return last

    session = spark.newSession()
    key = (("source", "generated"),)
    with stream_metrics(metrics_conf(port=0)) as streams:
        streams.watch(session)
        streams.watch(session)
        query = (
            session.readStream.format("rate")
            .option("rowsPerSecond", 20)
            .load()
            .writeStream.format("noop")
            .queryName("generated")
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(processingTime="500 milliseconds")
            .start()
        )
        try:
            running = scraped_when(lambda last: last.get(("kinfold_stream_rows_total", key), 0) > 0)
        finally:
            query.stop()
        assert running["kinfold_stream_running", key] == 1
        assert running["kinfold_stream_batch_id", key] >= 0
        assert (
            sample(running, "kinfold_stream_batch_seconds", source="generated", phase="addBatch")
            > 0
        )
        assert (
            abs(running["kinfold_stream_last_progress_timestamp_seconds", key] - time.time()) < 60
        )
        rows = sum(progress["numInputRows"] for progress in query.recentProgress)
        ended = scraped_when(lambda last: last["kinfold_stream_running", key] == 0)
        assert ended["kinfold_stream_rows_total", key] == rows, "watched once"
        assert ended["kinfold_stream_failures_total", key] == 0
        assert ("kinfold_listener_errors_total", ()) not in ended
    with pytest.raises(URLError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{streams.port}/metrics", timeout=10)
