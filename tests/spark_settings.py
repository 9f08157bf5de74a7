"""Spark's settings for tests: no generated code over few rows, users' settings elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

SMALL_DATA = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Over a few rows, to compile generated code takes longer than the query: without it the tests need
a quarter less CPU time. Adaptive execution stays on: a plan of the identity job fails without it.
"""
USERS = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}


@contextmanager
def users_settings(spark: SparkSession) -> Iterator[None]:
    """Run queries with generated code, as users do."""
    for name, value in USERS.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in SMALL_DATA.items():
            spark.conf.set(name, value)
