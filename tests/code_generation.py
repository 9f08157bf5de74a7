"""Spark's code generation in tests: off over a few rows, on where a test runs what users run."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Over a few rows, generated code takes longer to compile than its query takes to run: without it
the tests need a quarter less CPU time."""


@contextmanager
def generated_code(spark: SparkSession) -> Iterator[None]:
    """Run queries with generated code, as users do."""
    spark.conf.set("spark.sql.codegen.wholeStage", "true")
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    try:
        yield
    finally:
        for name, value in INTERPRETED.items():
            spark.conf.set(name, value)
