"""Chooses the locks of a lake by its storage."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pyspark.sql import SparkSession

from kinfold.runtime.locks.protocol import Locks, NoLocks
from kinfold.runtime.locks.s3_leases import BucketLocks
from kinfold.runtime.s3_access import BucketAccess


def locks_of(spark: SparkSession, root: str, *, holder: str) -> Locks:
    """The locks of the lake at a URI; `NoLocks` if Python has no access to its storage."""
    gateway: Any = spark.sparkContext._gateway
    path = gateway.jvm.org.apache.hadoop.fs.Path(root)
    storage = path.getFileSystem(spark._jsc.hadoopConfiguration())
    current: BucketAccess | None = None
    s3: Any = None

    def client() -> Any:
        nonlocal current, s3
        access = BucketAccess.of(storage)
        # Null while Hadoop gets no credentials. The previous ones may still be valid, and without
        # a renewal another process would take over the lease.
        if access is not None and access != current:
            current, s3 = access, access.for_python()
        return s3

    if client() is None:
        return NoLocks()
    uri = path.toUri()
    bucket, folder = str(uri.getAuthority()), f"{uri.getPath()}/_locks".strip("/")
    try:
        client().head_bucket(Bucket=bucket)
    except ClientError:
        pass  # the store answers, so it is reachable
    except BotoCoreError:  # not reachable from Python, for example because of a proxy
        return NoLocks()
    # A write of Spark that is under way must not reach its commit.
    stop_writing = spark.sparkContext.cancelAllJobs
    return BucketLocks(client, bucket, folder, holder, on_lost=stop_writing)
