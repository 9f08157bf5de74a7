"""The lake: tables by declaration, written through the gate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pyspark.sql import functions as F, types as T

from frames import assert_rows, at
from kinfold.core.errors import LakeError, QualityGateError
from kinfold.runtime.lake.roots import local_path
from kinfold.runtime.lake.tables import Commit, Lake, Near
from kinfold.tables import gold, ops, silver
from kinfold.tables.spec import Field
from lakes import MEMBERS, lake_of

P, Q, R, S = ("0" * 31 + digit for digit in "1234")
SHA256_OF_A = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


@pytest.fixture
def lake(spark, lake_root):
    return Lake(spark, lake_root, "run-1", at("09:00"))


def people(spark, **by_value):
    return MEMBERS.frame(
        spark,
        *(
            dict(namespace="user_id", value=v, profile_id=p, profile_since=at("08:00"))
            for v, p in by_value.items()
        ),
    )


def test_a_table_is_made_as_declared(lake, spark):
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


def test_a_table_stays_clustered_when_it_is_made_anew(lake, spark):
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
    lake.upsert(MEMBERS, people(spark, b=Q, d=R), gone=gone)
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


def test_the_log_does_not_keep_which_people_a_merge_matched_by(lake, spark):
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


def test_a_table_that_marks_old_rows_keeps_the_file_of_a_changed_one(lake, spark):
    marking = replace(MEMBERS, name="silver.marking", uses_deletion_vectors=True)
    files = {}
    for table in (MEMBERS, marking):
        lake.replace(table, people(spark, a=P, b=P, c=P).coalesce(1))
        before = set(lake.read(table).inputFiles())
        lake.upsert(table, people(spark, b=Q))
        files[table.name] = before <= set(lake.read(table).inputFiles())
        assert_rows(lake.read(table), ["value", "profile_id"], [("a", P), ("b", Q), ("c", P)])
    assert files == {"silver.members": False, "silver.marking": True}


def test_a_table_that_is_replaced_lies_in_the_order_of_its_clustering_columns(
    lake, spark, monkeypatch
):
    monkeypatch.setattr("kinfold.runtime.lake._PER_FILE", 100)
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
def test_few_rows_of_a_table_that_marks_old_ones_are_replaced_by_name(lake, spark, key):
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
    told = [("a", P), ("z", Q), ("y", R), ("d", S)]
    assert_rows(lake.read(table), ["value", "profile_id"], told)
    lake.upsert(table, people(spark, x=R), are_changed=True)
    told = [("a", P), ("z", Q), ("x", R), ("d", S)]
    assert_rows(lake.read(table), ["value", "profile_id"], told)


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


def test_new_rows_never_touch_known_keys(lake, spark):
    lake.insert_new(MEMBERS, people(spark, a=P))
    lake.insert_new(MEMBERS, people(spark, a=Q, b=Q))
    assert_rows(lake.read(MEMBERS), ["value", "profile_id"], [("a", P), ("b", Q)])


def sent_event(spark, event_id, occurred_at, **values):
    known = dict(event_type="login", source="s", received_at=occurred_at, identifiers=[])
    lineage = dict(source_partition="p", source_offset=0, record_index=0, bronze_version=1)
    row = dict(event_id=event_id, occurred_at=occurred_at) | known | lineage | values
    return silver.EVENTS.frame(spark, row)


def test_a_known_key_is_found_among_rows_of_about_the_same_time(lake, spark):
    near = Near("occurred_at", timedelta(days=2))
    lake.insert_new(silver.EVENTS, sent_event(spark, "e", at("2026-03-10")), near=near)
    lake.insert_new(silver.EVENTS, sent_event(spark, "e", at("2026-03-12")), near=near)
    lake.insert_new(silver.EVENTS, sent_event(spark, "e", at("2026-03-08")), near=near)
    assert_rows(lake.read(silver.EVENTS), ["event_id", "occurred_at"], [("e", at("2026-03-10"))])
    lake.insert_new(silver.EVENTS, sent_event(spark, "e", at("2026-03-13")), near=near)
    assert lake.read(silver.EVENTS).count() == 2


def test_times_at_the_ends_of_the_calendar_find_their_keys_too(lake, spark):
    near = Near("occurred_at", timedelta(days=90))
    far = datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)
    for _ in range(2):
        for number, moment in enumerate(far):
            lake.insert_new(silver.EVENTS, sent_event(spark, f"e{number}", moment), near=near)
    assert lake.read(silver.EVENTS).count() == 2


def test_no_new_rows_change_nothing(lake, spark):
    near = Near("occurred_at", timedelta(days=90))
    lake.insert_new(silver.EVENTS, lake.empty(silver.EVENTS), near=near)
    assert lake.read(silver.EVENTS).count() == 0


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


def test_a_repeated_batch_of_one_writer_lands_once(lake, spark):
    rows = people(spark, a=P)
    assert lake.append_once(MEMBERS, rows, writer="w", batch_id=0)
    assert not lake.append_once(MEMBERS, rows, writer="w", batch_id=0)
    assert lake.append_once(MEMBERS, rows, writer="other", batch_id=0)
    assert lake.read(MEMBERS).count() == 2


def test_a_commit_tells_its_version_and_the_rows_of_its_files(lake, spark):
    lake.append_once(MEMBERS, people(spark, a=P), writer="w", batch_id=0)
    rows = people(spark, b=P, c=Q)
    commit = lake.append_once(MEMBERS, rows, writer="w", batch_id=1)
    assert commit == Commit(version=2, rows=2)


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


def test_columns_that_are_no_longer_declared_stay_and_get_nothing(lake, spark, lake_root):
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


def test_rows_that_break_a_rule_are_not_published_and_the_verdicts_are_kept(lake, spark):
    lake.upsert(MEMBERS, people(spark, a=P))
    with pytest.raises(QualityGateError) as caught:
        lake.upsert(MEMBERS, people(spark, b="short", c="shorter", d=Q))
    assert str(caught.value).startswith(
        "silver.members: profile_id is 32 hex digits: broken by 2 rows. Nothing was written."
    )
    assert_rows(lake.read(MEMBERS), ["value"], [("a",)])
    broken = lake.read(ops.QUALITY_RESULTS).where("not is_met")
    assert_rows(
        broken,
        ["run_id", "table_name", "rule", "rows_checked", "rows_failing"],
        [("run-1", "silver.members", "profile_id is 32 hex digits", 3, 2)],
    )


def test_a_key_that_occurs_twice_is_not_published(lake, spark):
    twice = people(spark, a=P).unionAll(people(spark, a=Q))
    with pytest.raises(QualityGateError, match=r"\(namespace, value\) is unique: broken by 2 rows"):
        lake.upsert(MEMBERS, twice)


def test_a_null_where_none_may_be_is_not_published(lake, spark):
    rows = MEMBERS.frame(spark, dict(namespace="user_id", value="a", profile_id=P))
    with pytest.raises(QualityGateError, match="profile_since is never null: broken by 1 rows"):
        lake.replace(MEMBERS, rows)


@pytest.fixture
def lenient(lake):
    return replace(lake, max_quarantined_ratio=0.5)


def test_wrong_rows_within_the_budget_are_set_aside_and_the_others_published(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a="short", b=Q, c=R))
    assert_rows(lenient.read(MEMBERS), ["value", "profile_id"], [("b", Q), ("c", R)])
    assert_rows(
        lenient.read(ops.QUARANTINE),
        ["table_name", "run_id", "key", "reasons"],
        [
            (
                "silver.members",
                "run-1",
                '{"namespace":"user_id","value":"' + SHA256_OF_A + '"}',
                ["profile_id is 32 hex digits"],
            )
        ],
    )


def test_the_verdicts_tell_what_was_set_aside_and_the_version_they_let_pass(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a="short", b=Q, c=R))
    results = lenient.read(ops.QUALITY_RESULTS).where("rule = 'profile_id is 32 hex digits'")
    assert_rows(
        results,
        [
            *("is_met", "rows_checked", "rows_failing", "rows_quarantined"),
            *("table_version", "schema_version"),
        ],
        [(True, 3, None, 1, 1, MEMBERS.schema_version)],
    )
    others = lenient.read(ops.QUALITY_RESULTS).where("rows_quarantined = 0 and table_version = 1")
    assert others.count() == len(MEMBERS.suite) - 1


def test_a_row_over_the_budget_stops_the_publish_and_nothing_is_set_aside(lenient, spark):
    with pytest.raises(
        QualityGateError,
        match=r"32 hex digits: broken by 2 rows\. Nothing was written\. 66\.67% of the rows break "
        r"a rule, and quality\.max_quarantined_ratio lets 50\.00% be set aside\.",
    ):
        lenient.upsert(MEMBERS, people(spark, a="short", b="shorter", c=R))
    assert lenient.read(MEMBERS).count() == 0
    assert not lenient.exists(ops.QUARANTINE)
    versions = lenient.read(ops.QUALITY_RESULTS).select("table_version").distinct()
    assert_rows(versions, ["table_version"], [(None,)])


def test_a_share_of_exactly_the_budget_is_within_it(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a="short", c=R))
    assert_rows(lenient.read(MEMBERS), ["value"], [("c",)])


def test_a_null_key_stops_the_publish_within_any_budget(lenient, spark):
    rows = people(spark, a=P, b=Q, c=R).unionAll(
        MEMBERS.frame(spark, dict(namespace="user_id", profile_id=P, profile_since=at("08:00")))
    )
    with pytest.raises(QualityGateError, match="value is never null: broken by 1 rows"):
        lenient.upsert(MEMBERS, rows)


def test_a_doubled_key_stops_the_publish_even_when_one_of_the_two_is_wrong(lenient, spark):
    rows = people(spark, a=P, b=Q, c=R).unionAll(people(spark, a="short"))
    with pytest.raises(QualityGateError, match=r"\(namespace, value\) is unique: broken by 2 rows"):
        lenient.upsert(MEMBERS, rows)


def test_a_run_started_again_by_its_id_sets_a_row_aside_once(lenient, spark):
    for _ in range(2):
        lenient.upsert(MEMBERS, people(spark, a="short", b=Q))
    assert lenient.read(ops.QUARANTINE).count() == 1
    again = replace(lenient, run_id="run-2")
    again.upsert(MEMBERS, people(spark, a="short", b=Q))
    assert again.read(ops.QUARANTINE).count() == 2
    assert again.quarantined(MEMBERS).count() == 1
    assert again.quarantined(silver.IDENTIFIERS).count() == 0


def test_a_wrong_update_leaves_the_row_that_is_there(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a=P, b=P))
    lenient.upsert(MEMBERS, people(spark, a="short", b=Q))
    assert_rows(lenient.read(MEMBERS), ["value", "profile_id"], [("a", P), ("b", Q)])


def test_a_publish_that_fails_after_the_gate_leaves_its_verdicts_without_a_version(lake, spark):
    with (
        pytest.raises(RuntimeError, match="disk"),
        lake._passed(MEMBERS, people(spark, a=P)),
    ):
        raise RuntimeError("disk")
    versions = lake.read(ops.QUALITY_RESULTS).select("is_met", "table_version").distinct()
    assert_rows(versions, ["is_met", "table_version"], [(True, None)])


def test_an_empty_table_is_known_to_be_empty_without_a_task(lake, spark):
    group = "empty tables"
    spark.sparkContext.setJobGroup(group, group)
    nothing = lake.empty(silver.EVENTS)
    assert nothing.schema == silver.EVENTS.schema
    assert nothing.where("amount_cents > 1").select("event_id").collect() == []
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup(group)
    spark.sparkContext.setJobGroup("", "")
    assert not jobs


def test_no_rows_break_no_rule(lake, spark):
    lake.upsert(MEMBERS, people(spark))
    assert lake.read(MEMBERS).count() == 0


def test_a_missing_table_is_told_with_the_job_that_writes_it(lake):
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


@pytest.mark.parametrize(
    ("root", "local"),
    [("/a/b", "/a/b"), ("file:///a/b%20c", "/a/b c"), ("s3a://bucket/lake", None)],
)
def test_a_root_is_local_or_not(root, local):
    found = local_path(root)
    assert (None if found is None else str(found)) == local
