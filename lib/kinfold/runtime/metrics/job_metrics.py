"""What kinfold tells Prometheus: an endpoint for streams, a file or a push for jobs that end.

Every metric is declared here, with labels whose values are declared or configured somewhere; no
label holds an id of a run or of a person, so the number of series stays bounded. Publishing never
fails or delays the work that it tells of.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import prometheus_client as prometheus
from prometheus_client.parser import text_string_to_metric_families

from kinfold.core.errors import KinfoldError
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
    """The metrics of one run of a job; published when it ends, well or with an error.

    Figures that this run did not measure keep the value of the run before.
    """
    metrics, begun, exit_code = MetricValues(), time.monotonic(), 130
    try:
        yield metrics
        exit_code = 0
    except KinfoldError as error:
        exit_code = error.exit_code
        raise
    except Exception:
        exit_code = 1
        raise
    finally:
        metrics.set(JOB_SECONDS, time.monotonic() - begun)
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
            kept = _families_of(file, replaced={family.name for family in families})
            # Written beside it and renamed: the node exporter never reads half a file.
            prometheus.write_to_textfile(str(file), collector_registry(lambda: [*families, *kept]))
        except OSError as error:
            say(f"kinfold: metrics were not written to {file} ({error.strerror}).")
    if conf.push_gateway is not None:
        try:
            prometheus.pushadd_to_gateway(
                conf.push_gateway,
                job="kinfold",
                registry=collector_registry(lambda: families),
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
