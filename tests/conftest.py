"""One Spark session per test worker, and fixtures that tests share."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import SparkSession

from lakes import ID_KEY
from project import HOME, shared_data
from spark_settings import SMALL_DATA

if TYPE_CHECKING:
    from object_stores import Bucket, ObjectStore


# Before any test imports a module that may read the clock or start a worker.
os.environ["TZ"] = os.environ.get("TEST_TZ", "UTC")
time.tzset()
os.environ["KINFOLD_HOME"] = str(HOME)
os.environ["PYSPARK_PYTHON"] = sys.executable


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The worker's session: local settings, one shuffle partition and its own warehouse."""
    from kinfold.runtime.session import java_options, spark_settings

    folder = tempfile.mkdtemp(prefix="kinfold-tests-")
    settings = {
        **spark_settings("local", HOME),
        "spark.master": "local[1]",
        # With 2g the garbage collector takes a third of the time of the later tests.
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.sql.warehouse.dir": folder,
        "spark.local.dir": folder,
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"{java_options(HOME)} -Dderby.system.home={folder}",
        **SMALL_DATA,
    }
    builder = SparkSession.builder.appName("kinfold tests")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kinfold.runtime.lake.id_key.random_key", lambda: ID_KEY)
        yield session
    session.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def tokyo() -> Iterator[None]:
    """The process runs in a time zone east of UTC, as it would on most machines of Asia."""
    zone = os.environ["TZ"]
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ["TZ"] = zone
    time.tzset()


@pytest.fixture
def lake_root(tmp_path: Path) -> str:
    """The root of an empty lake."""
    return str(tmp_path / "lake")


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ObjectStore]":
    """The worker's server with the S3 protocol."""
    from object_stores import running_object_store

    with running_object_store(tmp_path_factory.mktemp("object-store")) as store:
        yield store


@pytest.fixture
def bucket(object_store: "ObjectStore", spark: SparkSession) -> "Bucket":
    """An empty bucket."""
    return object_store.bucket(spark)


@pytest.fixture
def online_retail() -> Path:
    """Invoice lines of a real shop."""
    return shared_data("online_retail.csv.gz")
