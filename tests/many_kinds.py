"""A table with a column of every kind, for tests of native writes."""

from pathlib import Path

import pyarrow as pa
from pyarrow.fs import LocalFileSystem
from pyspark.sql import types as T

from kinfold.runtime.native_writes.locations import Location
from kinfold.tables.spec import Field, Privacy, Table

MANY_KINDS = Table(
    name="bronze.many_kinds",
    comment="One row per number.",
    fields=(
        Field("number", T.LongType(), "Key.", nullable=False),
        Field("text", T.StringType(), "Text."),
        Field("moment", T.TimestampType(), "Moment."),
        Field("share", T.DoubleType(), "Share."),
        Field("name", T.StringType(), "Who it is.", privacy=Privacy.IDENTIFIER),
        Field("counts", T.MapType(T.StringType(), T.LongType()), "By name."),
    ),
    key=("number",),
    written_by="tests.py",
    cluster_by=("number",),
)


def rows_of(*rows: dict) -> pa.Table:
    return MANY_KINDS.arrow_rows(rows)


def here(folder: Path) -> Location:
    return Location(LocalFileSystem(), str(folder))
