"""The Spark session. Only this module creates one."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from kinfold.core.errors import ConfError
from kinfold.core.settings.loading import is_submitted

# These loggers print stack traces of errors that kinfold reports in one line.
_STACK_TRACE_LOGGERS = ("SQLQueryContextLogger", "py4j.clientserver")


def open_session(*, name: str, env: str, home: Path, is_verbose: bool = False) -> SparkSession:
    """The active session, or a new one.

    In plain Python (a notebook, a test) the session gets the settings of `conf/spark/ENV.conf`.
    Under spark-submit they are already set: `spark-submit.sh` passes them.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    # By default the workers start `python3`, which may lack the libraries.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(f"kinfold {name}")
    if not is_submitted():
        builder = builder.config(
            "spark.driver.extraJavaOptions", java_options(home, is_verbose=is_verbose)
        )
        for key, value in spark_settings(env, home).items():
            builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("INFO" if is_verbose else "FATAL")
    for name in _STACK_TRACE_LOGGERS:
        logging.getLogger(name).disabled = not is_verbose
    return session


def java_options(home: Path, *, is_verbose: bool = False) -> str:
    """Java options of the driver, the same as `spark-submit.sh` passes.

    `bin/setup` creates the class archive. Java ignores a missing or outdated one.
    """
    return (
        f"-Dlog4j2.configurationFile=file:{home}/conf/spark/log4j2.properties "
        f"-Dkinfold.log.level={'info' if is_verbose else 'fatal'} -XX:+UseParallelGC "
        f"-XX:SharedArchiveFile={home}/.venv/spark-classes.jsa "
        "-Xlog:cds=off -Xlog:cds+dynamic=off"
    )


def spark_settings(env: str, home: Path) -> dict[str, str]:
    """The settings in `conf/spark/ENV.conf`; empty if there is no such file.

    Raises:
        ConfError: a line is not `key value`.
    """
    path = home / "conf" / "spark" / f"{env}.conf"
    if not path.is_file():
        return {}
    settings = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, _, value = text.partition(" ")
        if not value.strip():
            raise ConfError(
                f"conf/spark/{env}.conf, line {number}: '{key}' has no value. Write `key value`."
            )
        settings[key] = value.strip()
    return settings


@contextmanager
def job_session(
    name: str, env: str, *, home: Path, is_verbose: bool = False
) -> Iterator[SparkSession]:
    """The session of a job that opens no lake. A session opened here is closed on every exit."""
    is_owned = SparkSession.getActiveSession() is None
    spark = open_session(name=name, env=env, home=home, is_verbose=is_verbose)
    try:
        yield spark
    finally:
        if is_owned:
            spark.stop()
