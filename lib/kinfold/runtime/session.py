"""The Spark session: made here and nowhere else."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from kinfold.core.errors import ConfError
from kinfold.core.settings.loading import is_submitted

# They print stack traces of errors that reach the user as one line.
_REPEATED_BY_US = ("SQLQueryContextLogger", "py4j.clientserver")


def open_session(*, name: str, env: str, home: Path, is_verbose: bool = False) -> SparkSession:
    """The active session, or a new one.

    Started by plain Python (a notebook, a test) it gets the settings of `conf/spark/ENV.conf`;
    under spark-submit they came with the command, which `spark-submit.sh` has seen to.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    # Without this the workers start a bare `python3`, which may lack the libraries.
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
    for name in _REPEATED_BY_US:
        logging.getLogger(name).disabled = not is_verbose
    return session


def java_options(home: Path, *, is_verbose: bool = False) -> str:
    """Options of the driver's Java, as `spark-submit.sh` gives them.

    The class archive is made by `bin/setup`; Java ignores one that is missing or does not fit.
    """
    return (
        f"-Dlog4j2.configurationFile=file:{home}/conf/spark/log4j2.properties "
        f"-Dkinfold.log.level={'info' if is_verbose else 'fatal'} -XX:+UseParallelGC "
        f"-XX:SharedArchiveFile={home}/.venv/spark-classes.jsa "
        "-Xlog:cds=off -Xlog:cds+dynamic=off"
    )


def spark_settings(env: str, home: Path) -> dict[str, str]:
    """What `conf/spark/ENV.conf` sets; empty where there is no such file.

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
    """The session of a job that opens no lake; closed on any exit if it was opened here."""
    is_owned = SparkSession.getActiveSession() is None
    spark = open_session(name=name, env=env, home=home, is_verbose=is_verbose)
    try:
        yield spark
    finally:
        if is_owned:
            spark.stop()
