"""Who is who after new events: components become people, and people keep their ids."""

import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.silver.identity.components import component_labels
from kinfold.tables import silver

_IDENTIFIER = ["namespace", "value"]
_ASSIGNMENT = "namespace string, value string, profile_id string, profile_since bigint"
_MERGE = "profile_id string, survivor_id string, survivor_since bigint"


def changed_assignments(
    spark: SparkSession, identifiers: DataFrame, links: DataFrame, current: DataFrame
) -> DataFrame:
    """The rows of silver.identity_map that new events add or change.

    Any two linked identifiers are one person, and so is everybody they already belonged to: on a
    merge the id with the earlier `profile_since` survives and every identifier of the other moves.
    A new person's id derives from their earliest identifier, so a rebuild gives it again. Only the
    identifiers of the new events travel to the driver.

    Args:
        identifiers: those of the new events: namespace, value, first_seen_at.
        links: those of the new events (silver.identity_links columns).
        current: silver.identity_map so far.

    Returns:
        silver.identity_map columns, one row per identifier that is new or has moved.
    """
    # Instants travel as microseconds: whole numbers have no zone to lose on the way.
    since = current.withColumn("profile_since", F.unix_micros("profile_since"))
    nodes = (
        identifiers.select(*_IDENTIFIER, F.unix_micros("first_seen_at").alias("first_seen_at"))
        .join(since, _IDENTIFIER, how="left")
        .toArrow()
        .to_pandas()
    )
    ends = ("left_namespace", "left_value", "right_namespace", "right_value")
    edges = links.select(*ends).toArrow().to_pandas()
    people = assigned_people(nodes, edges)
    is_news = people["profile_id"] != people["known_id"]
    news = _frame(spark, people[is_news], _ASSIGNMENT)
    merges = people[people["known_id"].notna() & is_news].drop_duplicates("known_id")
    merges = merges[["known_id", "profile_id", "profile_since"]]
    merges.columns = ["profile_id", "survivor_id", "survivor_since"]
    moved = (
        since.join(F.broadcast(_frame(spark, merges, _MERGE)), "profile_id", how="inner")
        .join(news, _IDENTIFIER, how="left_anti")
        .select(
            *_IDENTIFIER,
            F.col("survivor_id").alias("profile_id"),
            F.col("survivor_since").alias("profile_since"),
        )
    )
    changed = news.unionByName(moved)
    return silver.IDENTITY_MAP.conform(
        changed.withColumn("profile_since", F.timestamp_micros("profile_since"))
    )


def assigned_people(nodes: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """The person of each identifier, on the driver.

    Args:
        nodes: namespace, value, first_seen_at, and profile_id, profile_since where already known;
            instants in microseconds since 1970.
        edges: left_namespace, left_value, right_namespace, right_value; ends are in `nodes`.

    Returns:
        namespace, value, known_id (null if new), profile_id, profile_since; in total order.
    """
    nodes = nodes.sort_values(_IDENTIFIER, ignore_index=True)
    nodes = nodes.rename(columns={"profile_id": "known_id", "profile_since": "known_since"})
    index = pd.MultiIndex.from_frame(nodes[_IDENTIFIER])
    left = index.get_indexer(pd.MultiIndex.from_frame(edges[["left_namespace", "left_value"]]))
    right = index.get_indexer(pd.MultiIndex.from_frame(edges[["right_namespace", "right_value"]]))
    # Identifiers that already share a person hang together through that person's first one.
    is_known = nodes["known_id"].notna().to_numpy()
    known = np.flatnonzero(is_known)
    first_of_person = pd.Series(known).groupby(nodes["known_id"].to_numpy()[known]).transform("min")
    nodes["component"] = component_labels(
        len(nodes),
        np.concatenate([left, known]).astype(np.int64),
        np.concatenate([right, first_of_person.to_numpy()]).astype(np.int64),
    )
    survivors = (
        nodes[is_known]
        .sort_values(["known_since", "known_id"])
        .drop_duplicates("component")
        .set_index("component")[["known_id", "known_since"]]
    )
    founders = (
        nodes.sort_values(["first_seen_at", *_IDENTIFIER])
        .drop_duplicates("component")
        .set_index("component")
    )
    founders = founders.loc[~founders.index.isin(survivors.index)]
    founded = pd.DataFrame(
        {
            "known_id": [
                founding_id(namespace, value)
                for namespace, value in zip(founders["namespace"], founders["value"], strict=True)
            ],
            "known_since": founders["first_seen_at"],
        },
        index=founders.index,
    )
    people = pd.concat([survivors, founded]) if len(founded) else survivors
    people = people.set_axis(["profile_id", "profile_since"], axis=1)
    return nodes.join(people, on="component")[
        [*_IDENTIFIER, "known_id", "profile_id", "profile_since"]
    ]


def _frame(spark: SparkSession, rows: pd.DataFrame, schema: str) -> DataFrame:
    columns = [column.split()[0] for column in schema.split(", ")]
    table = pa.Table.from_pandas(rows[columns], preserve_index=False)
    return spark.createDataFrame(table).select(
        *(F.col(c).cast(t) for c, t in (pair.split() for pair in schema.split(", ")))
    )


def founding_id(namespace: str, value: str) -> str:
    """The id of a person whose earliest identifier this is: 32 hex digits.

    Unkeyed, so whoever knows the identifier can compute it: a stable name, not a pseudonym.
    """
    return hashlib.sha256(json.dumps([namespace, value]).encode()).hexdigest()[:32]
