"""What Prometheus is told: by a file, by a push, and by an endpoint while a stream runs."""

import base64
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from urllib.error import URLError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from frames import at
from kinfold.core.errors import ConfError, QualityGateError
from kinfold.core.settings.models import MetricsConf
from kinfold.runtime.lake.tables import Lake
from kinfold.runtime.metrics import declarations as metrics
from kinfold.runtime.metrics.job_metrics import job_metrics
from kinfold.runtime.metrics.stream_metrics import QueryListener, stream_metrics
from kinfold.runtime.metrics.values import MetricValues
from lakes import MEMBERS

JOB = "governance/check_ledger"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def conf(**changes: object) -> MetricsConf:
    none = dict(host="127.0.0.1", port=None, textfile_folder=None, push_gateway=None)
    return MetricsConf(**{**none, **changes})


def samples(text: str) -> Samples:
    """Every sample of an exposition by name and labels, as a strict reader sees it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "node" / "textfiles"


def left(folder) -> Samples:
    return samples((folder / "kinfold_governance_check_ledger.prom").read_text())


def test_a_job_that_succeeds_leaves_its_figures_in_one_file(folder):
    with job_metrics(JOB, conf(textfile_folder=str(folder))) as values:
        values.set(metrics.LEDGER_VIOLATED, 0)
        values.set(metrics.LEDGER_RECORDS, 7, stage="bronze", source="web", outcome="in")
    found = left(folder)
    assert sample(found, "kinfold_job_last_status", job_name=JOB) == 1
    assert sample(found, "kinfold_job_last_exit_code", job_name=JOB) == 0
    assert 0 <= sample(found, "kinfold_job_seconds", job_name=JOB) < 60
    succeeded = sample(found, "kinfold_job_last_success_timestamp_seconds", job_name=JOB)
    assert abs(succeeded - time.time()) < 60
    labels = dict(job_name=JOB, stage="bronze", source="web", outcome="in")
    assert sample(found, "kinfold_ledger_records_total", **labels) == 7
    assert [file.name for file in folder.iterdir()] == ["kinfold_governance_check_ledger.prom"]


def gate_that_fails(values: MetricValues) -> None:
    values.set(metrics.LEDGER_VIOLATED, 2)
    raise QualityGateError("broken")


def test_a_job_that_fails_says_so_and_keeps_when_it_last_succeeded(folder):
    to_file = conf(textfile_folder=str(folder))
    with job_metrics(JOB, to_file) as values:
        values.set(metrics.LEDGER_RECORDS, 7, stage="bronze", source="web", outcome="in")
    before = left(folder)
    with (
        pytest.raises(QualityGateError),
        job_metrics(JOB, to_file) as values,
    ):
        gate_that_fails(values)
    after = left(folder)
    assert sample(after, "kinfold_job_last_status", job_name=JOB) == 0
    assert sample(after, "kinfold_job_last_exit_code", job_name=JOB) == 4
    assert sample(after, "kinfold_ledger_laws_violated", job_name=JOB) == 2
    succeeded = "kinfold_job_last_success_timestamp_seconds"
    assert sample(after, succeeded, job_name=JOB) == sample(before, succeeded, job_name=JOB)
    labels = dict(job_name=JOB, stage="bronze", source="web", outcome="in")
    assert sample(after, "kinfold_ledger_records_total", **labels) == 7


def test_an_unforeseen_error_and_an_interruption_are_no_success(folder):
    for error, code in ((RuntimeError("x"), 1), (KeyboardInterrupt(), 130)):
        with (
            pytest.raises(type(error)),
            job_metrics(JOB, conf(textfile_folder=str(folder))),
        ):
            raise error
        assert sample(left(folder), "kinfold_job_last_exit_code", job_name=JOB) == code


def test_a_figure_measured_again_replaces_all_its_series(folder):
    """A source that is gone does not stay in the file for ever."""
    for source in ("old", "new"):
        with job_metrics(JOB, conf(textfile_folder=str(folder))) as values:
            values.set(metrics.SOURCE_STALE, 1, source=source)
    stale = [dict(labels)["source"] for name, labels in left(folder) if "is_stale" in name]
    assert stale == ["new"]


def test_a_file_that_cannot_be_written_fails_no_job(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    with job_metrics(JOB, conf(textfile_folder=str(tmp_path / "file"))):
        pass
    assert "metrics were not written to" in capsys.readouterr().err


def test_a_file_that_somebody_broke_is_replaced(folder):
    folder.mkdir(parents=True)
    (folder / "kinfold_governance_check_ledger.prom").write_text("not { metrics\n")
    with job_metrics(JOB, conf(textfile_folder=str(folder))):
        pass
    assert sample(left(folder), "kinfold_job_last_status", job_name=JOB) == 1


def test_nothing_configured_publishes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with job_metrics(JOB, conf()) as values:
        values.set(metrics.LEDGER_VIOLATED, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_a_metric_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"kinfold_source_is_stale: has labels \('source',\)"):
        MetricValues().set(metrics.SOURCE_STALE, 1, person="p")


@pytest.fixture
def gateway() -> Iterator[SimpleNamespace]:
    """A tiny push gateway that keeps what it is sent."""
    pushes: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pushes.append((self.command, self.path, body.decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", pushes=pushes)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_job_pushes_its_figures_to_a_group_of_its_own(gateway):
    with pytest.raises(QualityGateError), job_metrics(JOB, conf(push_gateway=gateway.url)):
        raise QualityGateError("broken")
    [(method, path, body)] = gateway.pushes
    assert method == "POST", "which replaces the metrics it names and keeps the others"
    *_, group, name = path.split("/")
    assert (group, base64.urlsafe_b64decode(name).decode()) == ("job_name@base64", JOB)
    assert sample(samples(body), "kinfold_job_last_status", job_name=JOB) == 0


def test_a_gateway_that_is_away_fails_no_job(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with job_metrics(JOB, conf(push_gateway=f"http://127.0.0.1:{taken.getsockname()[1]}")):
            pass
    assert "metrics were not pushed" in capsys.readouterr().err


def test_a_gate_tells_every_rule_and_a_failed_one_with_its_rows(spark, lake_root):
    lake = Lake(spark, lake_root, "run-1", at("09:00"))
    row = dict(namespace="email", value="a", profile_id="0" * 32, profile_since=at("09:00"))
    twice = MEMBERS.frame(spark, row, row)
    with pytest.raises(QualityGateError):
        lake.replace(MEMBERS, twice)
    table = MEMBERS.name
    assert lake.metrics.get(metrics.QUALITY_FAILED, table=table) == 1
    unique, *others = (rule.sentence for rule in MEMBERS.suite)
    assert lake.metrics.get(metrics.QUALITY_FAILING_ROWS, table=table, rule=unique) == 2
    assert {
        lake.metrics.get(metrics.QUALITY_FAILING_ROWS, table=table, rule=rule) for rule in others
    } == {0}


# As Spark 4.1.1 told it of a real topic, with a file source and a state operator beside it.
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


def test_a_lag_is_what_the_topic_has_and_the_query_has_not_read_by_partition():
    """130 - 100 and 50 - 50; partition 2 is new and the query has not seen it."""
    values = progressed(PROGRESS)
    labels = dict(source="web", topic="clicks")
    assert values.get(metrics.STREAM_LAG, partition="0", **labels) == 30
    assert values.get(metrics.STREAM_LAG, partition="1", **labels) == 0
    assert values.get(metrics.STREAM_LAG, partition="2", **labels) is None


def test_offsets_written_as_text_are_read_too():
    source = dict(
        endOffset='{"clicks":{"0":1}}', latestOffset='{"clicks":{"0":4}}', description="x"
    )
    values = progressed({**PROGRESS, "sources": [source]})
    labels = dict(source="web", topic="clicks", partition="0")
    assert values.get(metrics.STREAM_LAG, **labels) == 3


def test_progress_tells_rates_phases_and_state_and_adds_up_rows():
    values = progressed(PROGRESS, PROGRESS)
    assert values.get(metrics.STREAM_ROWS, source="web") == 600
    assert values.get(metrics.STREAM_BATCH, source="web") == 7
    assert values.get(metrics.STREAM_INPUT_RATE, source="web") == 60
    assert values.get(metrics.STREAM_PROCESSED_RATE, source="web") != 0, "left out by Spark"
    assert values.get(metrics.STREAM_BATCH_SECONDS, source="web", phase="addBatch") == 1.5
    assert values.get(metrics.STREAM_STATE_ROWS, source="web", operator="dedupe") == 9
    assert values.get(metrics.STREAM_STATE_BYTES, source="web", operator="dedupe") == 4096


def test_an_event_that_cannot_be_read_is_counted_and_told_once(capsys):
    values = progressed("not json", {"name": "web"}, PROGRESS)
    assert values.get(metrics.LISTENER_ERRORS) == 2
    assert capsys.readouterr().err.count("metrics of a stream are incomplete") == 1
    assert values.get(metrics.STREAM_BATCH, source="web") == 7


def test_a_query_that_idles_is_alive_and_one_that_ends_is_not():
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


def test_a_port_that_is_taken_is_an_error_for_people():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfError, match=f"metrics.port {port}: cannot be opened on 127.0.0.1"),
            stream_metrics(conf(port=port)),
        ):
            pass


def test_without_a_port_no_session_is_watched(spark):
    with stream_metrics(conf()) as streams:
        streams.watch(spark)
        assert streams._watched == []


def test_a_running_stream_can_be_scraped(spark, tmp_path):
    """A real query in a session of its own, a real listener, a real endpoint."""

    def scraped() -> Samples:
        url = f"http://127.0.0.1:{streams.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:
            return samples(response.read().decode())

    def until(is_there) -> Samples:
        deadline = time.monotonic() + 60
        while not is_there(found := scraped()):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    session = spark.newSession()
    key = (("source", "made"),)
    with stream_metrics(conf(port=0)) as streams:
        streams.watch(session)
        streams.watch(session)
        query = (
            session.readStream.format("rate")
            .option("rowsPerSecond", 20)
            .load()
            .writeStream.format("noop")
            .queryName("made")
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(processingTime="500 milliseconds")
            .start()
        )
        try:
            found = until(lambda found: found.get(("kinfold_stream_rows_total", key), 0) > 0)
        finally:
            query.stop()
        assert found["kinfold_stream_running", key] == 1
        assert found["kinfold_stream_batch_id", key] >= 0
        assert sample(found, "kinfold_stream_batch_seconds", source="made", phase="addBatch") > 0
        assert abs(found["kinfold_stream_last_progress_timestamp_seconds", key] - time.time()) < 60
        rows = sum(progress["numInputRows"] for progress in query.recentProgress)
        ended = until(lambda found: found["kinfold_stream_running", key] == 0)
        assert ended["kinfold_stream_rows_total", key] == rows, "watched once"
        assert ended["kinfold_stream_failures_total", key] == 0
        assert ("kinfold_listener_errors_total", ()) not in ended
    with pytest.raises(URLError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{streams.port}/metrics", timeout=10)
