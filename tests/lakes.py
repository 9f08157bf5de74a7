"""Opens the lake that a job under test has written; a small table for tests."""

from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession, types as T

from frames import at
from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.runtime.lake.lake import Lake
from kinfold.tables.spec import Field, Privacy, Table, matches

ID_KEY = "0123456789abcdef" * 4
"""The key of the ids in the lakes of tests, so that each run of a test gives the same ids."""

MEMBERS = Table(
    name="silver.members",
    comment="One row per identifier: a small table that uses every part of a declaration.",
    fields=(
        Field("namespace", T.StringType(), "Kind of identifier.", nullable=False),
        Field("value", T.StringType(), "Normalised value.", False, Privacy.IDENTIFIER),
        Field("profile_id", T.StringType(), "The person.", False, Privacy.PSEUDONYM),
        Field("profile_since", T.TimestampType(), "Since when (UTC).", nullable=False),
    ),
    key=("namespace", "value"),
    written_by="silver/resolve_identities.py",
    cluster_by=("profile_id",),
    subject=("profile_id",),
    expectations=(matches("profile_id", "^[0-9a-f]{32}$", "32 hex digits"),),
)


def lake_of(spark: SparkSession, root: str) -> Lake:
    """The lake at `root`, outside any run."""
    return Lake(spark, root, "test", datetime(2026, 11, 1, tzinfo=UTC), id_key=ID_KEY)


def keyed_hash(spark: SparkSession) -> KeyedHash:
    """The keyed hash of the lakes of tests."""
    return KeyedHash.of(spark, ID_KEY)


def members(spark: SparkSession, **profiles: str) -> DataFrame:
    """Rows of `MEMBERS`: `members(spark, user_id="profile_id")`, all since 08:00."""
    return MEMBERS.frame(
        spark,
        *(
            dict(namespace="user_id", value=value, profile_id=profile, profile_since=at("08:00"))
            for value, profile in profiles.items()
        ),
    )
