"""Who writes a table: one process at a time, in a folder by the operating system, in S3 by leases.

Delta has no exclusion between processes in either: two can both believe that they have committed.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pyspark.sql import SparkSession

from kinfold.runtime.locks.protocol import Locks, NoLocks
from kinfold.runtime.locks.s3_leases import BucketLocks
from kinfold.runtime.s3_access import BucketAccess


def locks_of(spark: SparkSession, root: str, *, holder: str) -> Locks:
    """The locks of the lake at a URI; none where Python does not reach the storage."""
    gateway: Any = spark.sparkContext._gateway
    path = gateway.jvm.org.apache.hadoop.fs.Path(root)
    storage = path.getFileSystem(spark._jsc.hadoopConfiguration())
    known: BucketAccess | None = None
    made: Any = None

    def client() -> Any:
        nonlocal known, made
        now = BucketAccess.of(storage)
        # Null where Hadoop gets no credentials just now: those of before may do, and a lease that
        # is not renewed for that would be another's.
        if now is not None and now != known:
            known, made = now, now.for_python()
        return made

    if client() is None:
        return NoLocks()
    where = path.toUri()
    bucket, folder = str(where.getAuthority()), f"{where.getPath()}/_locks".strip("/")
    try:
        client().head_bucket(Bucket=bucket)
    except ClientError:
        pass  # it answers
    except BotoCoreError:  # a network that asks for more
        return NoLocks()
    return BucketLocks(client, bucket, folder, holder)
