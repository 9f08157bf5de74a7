"""A server with the S3 protocol, started and stopped by tests."""

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from pyspark.sql import SparkSession

KEY, SECRET = "kinfold", "kinfold-secret"


@dataclass(frozen=True)
class Bucket:
    """A bucket with its own settings in Spark's Hadoop configuration."""

    spark: SparkSession
    client: Any
    name: str

    @property
    def uri(self) -> str:
        return f"s3a://{self.name}"

    def set(self, name: str, value: str) -> None:
        """Change an S3A setting for this bucket only. Hadoop opens the bucket again to read it."""
        conf = self.spark._jsc.hadoopConfiguration()
        conf.set(f"fs.s3a.bucket.{self.name}.{name}", value)
        jvm: Any = self.spark._jvm
        jvm.org.apache.hadoop.fs.Path(f"{self.uri}/").getFileSystem(conf).close()

    def names(self, prefix: str = "") -> list[str]:
        """The names of the objects with a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@dataclass(frozen=True)
class ObjectStore:
    """A running server."""

    endpoint: str

    def bucket(self, spark: SparkSession) -> Bucket:
        """A new bucket."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="eu-west-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )
        name = f"lake-{uuid.uuid4().hex[:12]}"
        client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        conf = spark._jsc.hadoopConfiguration()
        for setting, value in {
            "endpoint": self.endpoint,
            "access.key": KEY,
            "secret.key": SECRET,
            "path.style.access": "true",
        }.items():
            conf.set(f"fs.s3a.bucket.{name}.{setting}", value)
        return Bucket(spark, client, name)


@contextmanager
def running_object_store(folder: Path) -> Iterator[ObjectStore]:
    """A running server on a free port of the loopback interface."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "object-store.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    log_text = (folder / "object-store.log").read_text()[-2000:]
                    raise RuntimeError(log_text) from error
                time.sleep(0.1)
        yield ObjectStore(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)
