"""How rows get into a table: appended, replaced, or changed by key."""

from dataclasses import replace
from itertools import pairwise

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.errors import LakeError
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.tables import gold, silver
from lakes import MEMBERS, members as people

P, Q, R, S = ("0" * 31 + digit for digit in "1234")


def test_a_table_stays_clustered_when_it_is_replaced(lake, spark):
    from delta.tables import DeltaTable

    lake = replace(lake, root=f"{lake.root}/it's odd")
    for value in ("a", "b"):
        lake.replace(MEMBERS, people(spark, **{value: P}))
        detail = DeltaTable.forPath(spark, lake.path(MEMBERS)).detail().collect()[0]
        assert detail["clusteringColumns"] == ["profile_id"]
        assert_rows(lake.read(MEMBERS), ["value"], [(value,)])
    plain = replace(MEMBERS, name="silver.plain", cluster_by=())
    for table in (plain, replace(plain, cluster_by=("profile_id",))):  # declared so only later
        lake.replace(table, people(spark, a=P))
        assert_rows(lake.read(table), ["value"], [("a",)])


def test_upsert_adds_replaces_and_deletes_by_key(lake, spark):
    lake.upsert(MEMBERS, people(spark, a=P, b=P, c=P))
    gone = people(spark, c=P).select("namespace", "value")
    lake.upsert(MEMBERS, people(spark, b=Q, d=R), deleted=gone)
    assert_rows(lake.read(MEMBERS), ["value", "profile_id"], [("a", P), ("b", Q), ("d", R)])


def operations(lake, spark, table):
    """What was done to a table, the newest first, with what a MERGE matched by."""
    from delta.tables import DeltaTable

    done = DeltaTable.forPath(spark, lake.path(table)).history().collect()
    return [(row["operation"], row["operationParameters"].get("predicate", "")) for row in done]


def test_rows_that_are_new_are_appended(lake, spark):
    lake.upsert(MEMBERS, people(spark, a=P))
    lake.upsert(MEMBERS, people(spark, b=Q))
    lake.upsert(MEMBERS, people(spark, c=R), are_new=True)
    assert [name for name, _ in operations(lake, spark, MEMBERS)[:3]] == ["WRITE"] * 3
    assert_rows(lake.read(MEMBERS), ["value", "profile_id"], [("a", P), ("b", Q), ("c", R)])


def test_the_delta_log_does_not_contain_the_people_that_a_merge_matched(lake, spark):
    by_value = replace(MEMBERS, name="silver.by_value", key=("value", "namespace"))
    for table in (MEMBERS, by_value):
        lake.upsert(table, people(spark, anna=P))
        lake.upsert(table, people(spark, anna=Q))
    (merge, by_kind), (again, by_person) = (
        operations(lake, spark, table)[0] for table in (MEMBERS, by_value)
    )
    assert (merge, again) == ("MERGE", "MERGE")
    assert "user_id" in by_kind  # says nothing about one person, and lets files be passed over
    assert "anna" not in by_kind + by_person


def test_a_table_with_deletion_vectors_keeps_the_file_of_a_changed_row(lake, spark):
    marking = replace(MEMBERS, name="silver.marking", uses_deletion_vectors=True)
    files = {}
    for table in (MEMBERS, marking):
        lake.replace(table, people(spark, a=P, b=P, c=P).coalesce(1))
        before = set(lake.read(table).inputFiles())
        lake.upsert(table, people(spark, b=Q))
        files[table.name] = before <= set(lake.read(table).inputFiles())
        assert_rows(lake.read(table), ["value", "profile_id"], [("a", P), ("b", Q), ("c", P)])
    assert files == {"silver.members": False, "silver.marking": True}


def test_a_replaced_table_is_sorted_by_its_clustering_columns(lake, spark, monkeypatch):
    monkeypatch.setattr("kinfold.runtime.lake.write_strategies._ROWS_PER_FILE", 100)
    ids = spark.range(1_000).select(
        F.lit("user_id").alias("namespace"),
        F.col("id").cast("string").alias("value"),
        F.md5(F.col("id").cast("string")).alias("profile_id"),
        F.lit(at("08:00")).alias("profile_since"),
    )
    lake.replace(MEMBERS, ids)
    where = lake.read(MEMBERS).withColumn("file", F.col("_metadata.file_path"))
    spans = where.groupBy("file").agg(
        F.min("profile_id").alias("first"), F.max("profile_id").alias("last"), F.count("*")
    )
    rows = sorted((row["first"], row["last"], row[3]) for row in spans.collect())
    assert sum(count for *_, count in rows) == 1_000
    assert all(count <= 100 for *_, count in rows)
    assert all(one[1] < other[0] for one, other in pairwise(rows))


def test_equal_rows_are_not_written_again(lake, spark):
    lake.upsert(MEMBERS, people(spark, a=P, b=P))
    before = lake.version(MEMBERS)
    lake.upsert(MEMBERS, people(spark, a=P, b=Q))
    feed = lake.changes(MEMBERS, after=before, until=lake.version(MEMBERS))
    assert_rows(
        feed,
        ["value", "profile_id", "_change_type"],
        [("b", P, "update_preimage"), ("b", Q, "update_postimage")],
    )


@pytest.mark.parametrize("key", [("profile_id",), ("profile_id", "profile_since")])
def test_few_rows_of_a_table_with_deletion_vectors_are_replaced_by_literal_key(lake, spark, key):
    table = replace(MEMBERS, name="silver.few", key=key, uses_deletion_vectors=True)
    lake.upsert(table, people(spark, a=P, b=Q, c=R))
    before = lake.version(table)
    lake.upsert(table, people(spark, a=P, z=Q, c=R))  # two of three say nothing new
    assert_rows(
        lake.changes(table, after=before, until=lake.version(table)),
        ["value", "profile_id", "_change_type"],
        [("b", Q, "delete"), ("z", Q, "insert")],
    )
    lake.upsert(table, people(spark, y=R, d=S))  # one is there, one is not
    lake.upsert(table, people(spark, y=R, d=S))
    assert lake.version(table) == before + 2
    expected = [("a", P), ("z", Q), ("y", R), ("d", S)]
    assert_rows(lake.read(table), ["value", "profile_id"], expected)
    lake.upsert(table, people(spark, x=R), are_changed=True)
    expected = [("a", P), ("z", Q), ("x", R), ("d", S)]
    assert_rows(lake.read(table), ["value", "profile_id"], expected)


def test_an_update_sees_a_changed_map(lake, spark):
    def profile(**traits):
        return silver.PROFILES.frame(
            spark,
            dict(
                profile_id=P,
                first_seen_at=at("08:00"),
                last_seen_at=at("08:00"),
                event_count=1,
                order_count=0,
                return_count=0,
                revenue={},
                revenue_cents=0,
                top_categories=[],
                emails=[],
                phones=[],
                identifier_counts={"user_id": 1},
                traits=traits,
                trait_sources={},
                consent={},
            ),
        )

    lake.upsert(silver.PROFILES, profile(city="Leeds"))
    lake.upsert(silver.PROFILES, profile(city="York"))
    assert_rows(lake.read(silver.PROFILES), ["traits"], [({"city": "York"},)])


def test_new_rows_never_change_existing_keys(lake, spark):
    lake.insert_new(MEMBERS, people(spark, a=P))
    lake.insert_new(MEMBERS, people(spark, a=Q, b=Q))
    assert_rows(lake.read(MEMBERS), ["value", "profile_id"], [("a", P), ("b", Q)])


def test_replacing_a_slice_leaves_the_other_rows(lake, spark):
    def scores(model, probability, moment="09:00"):
        return gold.PROPENSITY_SCORES.frame(
            spark,
            dict(
                profile_id=P,
                model=model,
                as_of=at(moment),
                model_version=1,
                probability=probability,
                decile=1,
            ),
        )

    table, odd = gold.PROPENSITY_SCORES, "o'model\\"
    lake.replace(table, scores(odd, 0.1), as_of=at("09:00"), model=odd)
    lake.replace(table, scores(odd, 0.2, "10:00"), as_of=at("10:00"), model=odd)
    lake.replace(table, scores(odd, 0.3), as_of=at("09:00"), model=odd)
    assert_rows(
        lake.read(table), ["as_of", "probability"], [(at("09:00"), 0.3), (at("10:00"), 0.2)]
    )


def test_a_repeated_batch_of_one_writer_is_appended_once(lake, spark):
    rows = people(spark, a=P)
    assert lake.append_once(MEMBERS, rows, writer="w", batch_id=0)
    assert not lake.append_once(MEMBERS, rows, writer="w", batch_id=0)
    assert lake.append_once(MEMBERS, rows, writer="other", batch_id=0)
    assert lake.read(MEMBERS).count() == 2


def test_a_commit_has_its_version_and_the_rows_of_its_files(lake, spark):
    lake.append_once(MEMBERS, people(spark, a=P), writer="w", batch_id=0)
    rows = people(spark, b=P, c=Q)
    commit = lake.append_once(MEMBERS, rows, writer="w", batch_id=1)
    assert commit == Commit(version=2, rows=2, counts={})


def test_no_rows_break_no_rule(lake, spark):
    lake.upsert(MEMBERS, people(spark))
    assert lake.read(MEMBERS).count() == 0


class LostLease:
    """A lock that another process has taken over."""

    def require_owned(self):
        raise LakeError("lost")


def test_no_write_commits_after_the_lock_of_its_table_is_lost(lake, spark):
    old, new = people(spark, a=P), people(spark, a=Q, b=Q)
    lake.append(MEMBERS, old)
    deletes = people(spark, c=P).select("namespace", "value")
    batch = dict(writer="w", batch_id=1)
    writes = (
        lambda: lake.append(MEMBERS, new),
        lambda: lake.insert_new(MEMBERS, new),
        lambda: lake.upsert(MEMBERS, new),
        lambda: lake.upsert(MEMBERS, new, are_new=True),
        lambda: lake.upsert(MEMBERS, new, deleted=deletes),
        lambda: lake.replace(MEMBERS, new),
        lambda: lake.append_once(MEMBERS, new, **batch),
        lambda: lake.append_made_once(MEMBERS, new, lambda rows: rows, count=lambda _: {}, **batch),
        lambda: lake.delete(MEMBERS, F.lit(True)),
    )
    lake._leases[MEMBERS.name] = LostLease()
    for write in writes:
        with pytest.raises(LakeError, match="lost"):
            write()
    assert lake.version(MEMBERS) == 1
