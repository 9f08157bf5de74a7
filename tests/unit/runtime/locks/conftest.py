"""Locks in an empty bucket, with a short lease."""

from dataclasses import replace

import pytest

from kinfold.runtime.locks.opening import locks_of
from kinfold.runtime.locks.s3_leases import BucketLocks


@pytest.fixture
def in_bucket(bucket, spark):
    locks = locks_of(spark, f"{bucket.uri}/lake", holder="run-1")
    assert isinstance(locks, BucketLocks)
    return replace(locks, lease_seconds=1.5)
