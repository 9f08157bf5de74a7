"""Which storage has locks."""

from kinfold.runtime.locks.opening import locks_of
from kinfold.runtime.locks.protocol import NoLocks
from kinfold.runtime.s3_access import BucketAccess


def test_other_storage_has_no_locks(spark):
    spark._jsc.hadoopConfiguration().set("fs.other.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
    assert isinstance(locks_of(spark, "other:///lake", holder="run-1"), NoLocks)


def test_a_bucket_that_only_spark_can_write_has_no_locks(bucket, spark):
    bucket.set("encryption.algorithm", "SSE-KMS")
    assert isinstance(locks_of(spark, f"{bucket.uri}/lake", holder="run-1"), NoLocks)


def test_while_hadoop_gets_no_credentials_the_previous_ones_are_used(in_bucket, monkeypatch):
    before = in_bucket.client()
    monkeypatch.setattr(BucketAccess, "of", lambda _: None)
    assert in_bucket.client() is before
