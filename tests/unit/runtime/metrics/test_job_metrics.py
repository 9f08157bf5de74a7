"""Metrics of jobs: in a file, and pushed to a gateway."""

import base64
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from frames import at
from kinfold.core.errors import QualityGateError
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics import declarations as metrics
from kinfold.runtime.metrics.job_metrics import job_metrics
from kinfold.runtime.metrics.values import MetricValues
from lakes import MEMBERS
from prometheus_samples import Samples, metrics_conf, sample, samples

JOB = "governance/check_ledger"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "node" / "textfiles"


def published_in(folder) -> Samples:
    return samples((folder / "kinfold_governance_check_ledger.prom").read_text())


def test_a_successful_job_publishes_its_metrics_in_one_file(folder):
    with job_metrics(JOB, metrics_conf(textfile_folder=str(folder))) as values:
        values.set(metrics.LEDGER_VIOLATED, 0)
        values.set(metrics.LEDGER_RECORDS, 7, stage="bronze", source="web", outcome="in")
    published = published_in(folder)
    assert sample(published, "kinfold_job_last_status", job_name=JOB) == 1
    assert sample(published, "kinfold_job_last_exit_code", job_name=JOB) == 0
    assert 0 <= sample(published, "kinfold_job_seconds", job_name=JOB) < 60
    succeeded = sample(published, "kinfold_job_last_success_timestamp_seconds", job_name=JOB)
    assert abs(succeeded - time.time()) < 60
    labels = dict(job_name=JOB, stage="bronze", source="web", outcome="in")
    assert sample(published, "kinfold_ledger_records_total", **labels) == 7
    assert [file.name for file in folder.iterdir()] == ["kinfold_governance_check_ledger.prom"]


def failing_gate(values: MetricValues) -> None:
    values.set(metrics.LEDGER_VIOLATED, 2)
    raise QualityGateError("broken")


def test_a_failed_job_publishes_its_failure_and_keeps_the_time_of_the_last_success(folder):
    to_file = metrics_conf(textfile_folder=str(folder))
    with job_metrics(JOB, to_file) as values:
        values.set(metrics.LEDGER_RECORDS, 7, stage="bronze", source="web", outcome="in")
    before = published_in(folder)
    with (
        pytest.raises(QualityGateError),
        job_metrics(JOB, to_file) as values,
    ):
        failing_gate(values)
    after = published_in(folder)
    assert sample(after, "kinfold_job_last_status", job_name=JOB) == 0
    assert sample(after, "kinfold_job_last_exit_code", job_name=JOB) == 4
    assert sample(after, "kinfold_ledger_laws_violated", job_name=JOB) == 2
    succeeded = "kinfold_job_last_success_timestamp_seconds"
    assert sample(after, succeeded, job_name=JOB) == sample(before, succeeded, job_name=JOB)
    labels = dict(job_name=JOB, stage="bronze", source="web", outcome="in")
    assert sample(after, "kinfold_ledger_records_total", **labels) == 7


def test_an_unexpected_error_and_an_interruption_are_failures(folder):
    for error, code in ((RuntimeError("x"), 1), (KeyboardInterrupt(), 130)):
        with (
            pytest.raises(type(error)),
            job_metrics(JOB, metrics_conf(textfile_folder=str(folder))),
        ):
            raise error
        assert sample(published_in(folder), "kinfold_job_last_exit_code", job_name=JOB) == code


def test_a_metric_that_is_set_again_replaces_all_its_series(folder):
    """A removed source does not stay in the file for ever."""
    for source in ("old", "new"):
        with job_metrics(JOB, metrics_conf(textfile_folder=str(folder))) as values:
            values.set(metrics.SOURCE_STALE, 1, source=source)
    stale = [dict(labels)["source"] for name, labels in published_in(folder) if "is_stale" in name]
    assert stale == ["new"]


def test_a_file_that_cannot_be_written_does_not_fail_the_job(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    with job_metrics(JOB, metrics_conf(textfile_folder=str(tmp_path / "file"))):
        pass
    assert "metrics were not written to" in capsys.readouterr().err


def test_an_invalid_file_is_replaced(folder):
    folder.mkdir(parents=True)
    (folder / "kinfold_governance_check_ledger.prom").write_text("not { metrics\n")
    with job_metrics(JOB, metrics_conf(textfile_folder=str(folder))):
        pass
    assert sample(published_in(folder), "kinfold_job_last_status", job_name=JOB) == 1


def test_without_configuration_nothing_is_published(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with job_metrics(JOB, metrics_conf()) as values:
        values.set(metrics.LEDGER_VIOLATED, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def gateway() -> Iterator[SimpleNamespace]:
    """A minimal push gateway that stores what it receives."""
    pushes: list[tuple[str, str, str]] = []
    logins: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            logins.append(self.headers["Authorization"])
            pushes.append((self.command, self.path, body.decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield SimpleNamespace(
        url=f"http://127.0.0.1:{server.server_port}", pushes=pushes, logins=logins
    )
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_job_pushes_its_metrics_to_a_group_of_its_own(gateway):
    with pytest.raises(QualityGateError), job_metrics(JOB, metrics_conf(push_gateway=gateway.url)):
        raise QualityGateError("broken")
    [(method, path, body)] = gateway.pushes
    assert method == "POST", "POST replaces the metrics in the body and keeps the others"
    *_, group, name = path.split("/")
    assert (group, base64.urlsafe_b64decode(name).decode()) == ("job_name@base64", JOB)
    assert sample(samples(body), "kinfold_job_last_status", job_name=JOB) == 0


def test_the_user_and_password_of_the_gateways_url_are_sent_and_never_shown(gateway, capsys):
    url = gateway.url.replace("http://", "http://ann:p%40ss@")
    with job_metrics(JOB, metrics_conf(push_gateway=url)):
        pass
    assert gateway.logins == ["Basic " + base64.b64encode(b"ann:p@ss").decode()]
    gateway.url = "http://ann:p%40ss@127.0.0.1:1"
    with job_metrics(JOB, metrics_conf(push_gateway=gateway.url)):
        pass
    message = capsys.readouterr().err
    assert "metrics were not pushed to http://***@127.0.0.1:1 (" in message
    assert "p@ss" not in message


def test_an_unreachable_gateway_does_not_fail_the_job(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with job_metrics(
            JOB, metrics_conf(push_gateway=f"http://127.0.0.1:{taken.getsockname()[1]}")
        ):
            pass
    assert "metrics were not pushed" in capsys.readouterr().err


def test_the_gate_publishes_each_rule_with_its_number_of_failing_rows(spark, lake_root):
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
