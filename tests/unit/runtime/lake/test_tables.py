"""The tables of a lake: created as declared, evolved, read and locked."""

from dataclasses import replace

import pytest
from pyspark.sql import functions as F, types as T

from frames import assert_rows
from kinfold.core.errors import LakeError
from kinfold.tables import silver
from kinfold.tables.spec import Field
from lakes import MEMBERS, lake_of, members as people

P, Q, R, S = ("0" * 31 + digit for digit in "1234")


def test_a_table_is_created_as_declared(lake, spark):
    lake.ensure(MEMBERS)
    table = lake.read(MEMBERS)
    assert table.schema.names == list(MEMBERS.columns)
    assert [f.nullable for f in table.schema] == [False] * 4
    from delta.tables import DeltaTable

    detail = DeltaTable.forPath(spark, lake.path(MEMBERS)).detail().collect()[0]
    assert detail["clusteringColumns"] == ["profile_id"]
    assert detail["properties"]["delta.dataSkippingStatsColumns"] == (
        "namespace,profile_id,profile_since"
    )


def test_a_table_gains_the_columns_that_were_declared_since(lake, spark, lake_root):
    table = MEMBERS
    added = Field("why", T.StringType(), "Why it's theirs, or not.", nullable=False)
    lake.append(table, people(spark, a=P))
    later = lake_of(spark, lake_root)
    wider = replace(table, fields=(*table.fields, added))
    later.append(wider, people(spark, b=Q).withColumn("why", F.lit("seen")))
    there = later.read(wider)
    assert there.schema["why"].metadata["comment"] == added.comment
    assert_rows(there, ["value", "why"], [("a", None), ("b", "seen")])


def test_columns_that_are_no_longer_declared_stay_and_are_null_in_new_rows(lake, spark, lake_root):
    gone = Field("gone", T.StringType(), "It was declared once.")
    wider = replace(MEMBERS, fields=(*MEMBERS.fields, gone))
    lake.append(wider, people(spark, a=P).withColumn("gone", F.lit("x")))
    later = lake_of(spark, lake_root)
    later.upsert(MEMBERS, people(spark, a=Q, b=P))
    later.insert_new(MEMBERS, people(spark, c=P))
    assert_rows(
        later.read(MEMBERS),
        ["value", "profile_id", "gone"],
        [("a", Q, "x"), ("b", P, None), ("c", P, None)],
    )


def test_a_column_of_another_type_is_named_and_nothing_is_written(lake, spark, lake_root):
    first = MEMBERS.fields[0]
    other = Field(first.name, T.LongType(), first.comment)
    changed = replace(MEMBERS, fields=(other, *MEMBERS.fields[1:]))
    lake.append(MEMBERS, people(spark, a=P))
    later = lake_of(spark, lake_root)
    with pytest.raises(LakeError) as caught:
        later.ensure(changed)
    assert str(caught.value).startswith(
        f"silver.members: column {first.name} is string in the lake at {lake_root}, and is "
        "declared bigint in lib/kinfold/tables/silver.py. Columns can be added"
    )


def test_an_empty_frame_needs_no_spark_task(lake, spark):
    group = "empty tables"
    spark.sparkContext.setJobGroup(group, group)
    nothing = lake.empty(silver.EVENTS)
    assert nothing.schema == silver.EVENTS.schema
    assert nothing.where("amount_cents > 1").select("event_id").collect() == []
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup(group)
    spark.sparkContext.setJobGroup("", "")
    assert not jobs


def test_a_missing_table_is_reported_with_the_job_that_writes_it(lake):
    with pytest.raises(LakeError, match=r"Run jobs/silver/build_profiles.py first"):
        lake.read(silver.PROFILES)


def test_one_process_at_a_time_writes_a_table(lake):
    with lake.writing(silver.PROFILES):
        with (
            pytest.raises(LakeError, match="another process is writing it"),
            lake.writing(silver.PROFILES),
        ):
            pass
        with lake.writing(silver.EVENTS):
            pass
    with lake.writing(silver.PROFILES):
        pass
