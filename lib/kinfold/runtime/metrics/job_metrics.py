"""Publishes the metrics of a job when it ends: in a file, to a push gateway, or both."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import prometheus_client as prometheus
from prometheus_client.exposition import basic_auth_handler, default_handler
from prometheus_client.parser import text_string_to_metric_families

from kinfold.core.errors import STOPPED, UNEXPECTED, KinfoldError
from kinfold.core.log import say
from kinfold.core.settings.models import MetricsConf
from kinfold.runtime.metrics.declarations import (
    JOB_EXIT_CODE,
    JOB_RUN_AT,
    JOB_SECONDS,
    JOB_STATUS,
    JOB_SUCCESS_AT,
)
from kinfold.runtime.metrics.values import MetricValues, collector_registry

PUSH_TIMEOUT_SECONDS = 5.0


@contextmanager
def job_metrics(job: str, conf: MetricsConf) -> Iterator[MetricValues]:
    """The metrics of one job run; published when it ends, with or without an error.

    Metrics that this run does not set keep their value of the previous run.
    """
    metrics, started, exit_code = MetricValues(), time.monotonic(), STOPPED
    try:
        yield metrics
        exit_code = 0
    except KinfoldError as error:
        exit_code = error.exit_code
        raise
    except Exception:
        exit_code = UNEXPECTED
        raise
    finally:
        metrics.set(JOB_SECONDS, time.monotonic() - started)
        metrics.set(JOB_RUN_AT, time.time())
        metrics.set(JOB_EXIT_CODE, exit_code)
        metrics.set(JOB_STATUS, int(exit_code == 0))
        if exit_code == 0:
            metrics.set(JOB_SUCCESS_AT, time.time())
        _publish(job, metrics.families(job_name=job), conf)


def _publish(job: str, families: list[prometheus.Metric], conf: MetricsConf) -> None:
    if conf.textfile_folder is not None:
        file = Path(conf.textfile_folder) / f"kinfold_{job.replace('/', '_')}.prom"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            previous = _families_of(file, replaced={family.name for family in families})
            # This function renames a complete file, so the node exporter never reads half of one.
            prometheus.write_to_textfile(
                str(file), collector_registry(lambda: [*families, *previous])
            )
        except OSError as error:
            say(f"kinfold: metrics were not written to {file} ({error.strerror}).")
    if conf.push_gateway is not None:
        try:
            gateway, handler = _gateway(conf.push_gateway)
            prometheus.pushadd_to_gateway(
                gateway,
                job="kinfold",
                registry=collector_registry(lambda: families),
                grouping_key={"job_name": job},
                timeout=PUSH_TIMEOUT_SECONDS,
                handler=handler,
            )
        except (OSError, HTTPException) as error:
            say(f"kinfold: metrics were not pushed to {conf.push_gateway} ({error}).")


def _gateway(url: str) -> tuple[str, Callable[..., Callable[[], None]]]:
    """The address of a push gateway, and how to send to it: with the URL's user and password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, default_handler
    host = parts.netloc.rpartition("@")[2]
    user, password = (unquote(text or "") for text in (parts.username, parts.password))
    handler = partial(basic_auth_handler, username=user, password=password)
    return urlunsplit(parts._replace(netloc=host)), handler


def _families_of(file: Path, *, replaced: set[str]) -> list[prometheus.Metric]:
    """The metrics in the previous run's file except `replaced`, as a push gateway keeps them."""
    if not file.is_file():
        return []
    try:
        families = list(text_string_to_metric_families(file.read_text(encoding="utf-8")))
    except ValueError:  # edited by hand; kinfold writes only valid files
        return []
    return [family for family in families if family.name not in replaced]
