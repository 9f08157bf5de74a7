"""Lakes of other versions of kinfold."""

from dataclasses import replace

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F, types as T

from frames import assert_rows
from kinfold.core.errors import LakeError
from kinfold.runtime.lake import marker, upgrade as module
from kinfold.runtime.lake.marker import MARKER, read_marker
from kinfold.runtime.lake.upgrade import differences, require_fitting, upgrade
from kinfold.tables import bronze
from kinfold.tables.spec import Field, Privacy, Table
from lakes import MEMBERS, lake_of, members

P = "0" * 31 + "1"
DERIVED = replace(MEMBERS, is_derived=True)
NUMBERED = Field("number", T.LongType(), "A number.", nullable=False)


@pytest.fixture
def declare(monkeypatch):
    """Makes a table, beside bronze.events, the only declared one."""

    def only(table: Table) -> Table:
        for part in (marker, module):
            monkeypatch.setattr(part, "ALL", (bronze.EVENTS, table))
        return table

    return only


@pytest.fixture
def old_lake(lake, declare):
    """A lake without a marker, with an empty bronze.events and one row of `MEMBERS`."""
    declare(DERIVED)
    lake.ensure(bronze.EVENTS)
    lake.append(MEMBERS, members(lake.spark, a=P))
    lake.storage.delete(MARKER)
    return lake_of(lake.spark, lake.root)


def with_field(table: Table, changed: Field) -> Table:
    """The table with another field of the same name, or with one field more."""
    kept = tuple(field for field in table.fields if field.name != changed.name)
    return replace(table, fields=(*kept, changed))


@pytest.mark.parametrize(
    ("declared", "key", "found"),
    [
        (MEMBERS, ("namespace", "value"), []),
        (DERIVED, ("namespace", "value"), []),
        (with_field(DERIVED, Field("n", T.LongType(), "Optional.")), ("namespace", "value"), []),
        (with_field(DERIVED, NUMBERED), ("namespace", "value"), ["column number is missing"]),
        (with_field(MEMBERS, NUMBERED), ("namespace", "value"), []),  # gets it, with null
        (
            with_field(MEMBERS, Field("profile_since", T.DateType(), "A day.")),
            ("namespace", "value"),
            ["column profile_since is timestamp, expected date"],
        ),
        (DERIVED, ("value",), ["its key is value, expected namespace, value"]),
        (MEMBERS, ("value",), []),  # rows with a unique value are unique by both
        (MEMBERS, ("profile_id",), ["its key is profile_id, expected namespace, value"]),
    ],
)
def test_what_keeps_stored_rows_from_being_rows_of_the_declared_table(declared, key, found):
    assert differences(declared, MEMBERS.schema, key=key) == found


def test_a_derived_table_that_does_not_fit_is_deleted_once_and_reported(
    old_lake, declare, spark, capsys
):
    table = declare(with_field(DERIVED, NUMBERED))
    upgrade(old_lake)
    assert capsys.readouterr().err == (
        "  silver.members: another version of kinfold wrote it (column number is missing). It is "
        "deleted; jobs/silver/resolve_identities.py builds it again.\n"
    )
    assert not old_lake.exists(table)
    assert old_lake.exists(bronze.EVENTS)
    old_lake.append(table, members(spark, a=P).withColumn("number", F.lit(1)))
    upgrade(old_lake)
    assert old_lake.read(table).count() == 1
    assert capsys.readouterr().err == ""


def test_a_changed_key_is_known_from_the_marker(old_lake, declare, capsys):
    upgrade(old_lake)
    assert read_marker(old_lake.storage).keys["silver.members"] == ("namespace", "value")
    table = declare(replace(DERIVED, key=("value",)))
    upgrade(old_lake)
    assert "its key is namespace, value, expected value" in capsys.readouterr().err
    assert not old_lake.exists(table)


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        (MEMBERS, "Use the version that wrote the lake, or build a new lake from the same input"),
        (replace(MEMBERS, name="gold.members"), "Move the folder .*/gold/members out of the lake;"),
    ],
)
def test_a_table_that_cannot_be_computed_again_is_refused_in_one_line(
    old_lake, declare, spark, table, advice
):
    if table != MEMBERS:
        old_lake.append(table, members(spark, a=P))
        old_lake.storage.delete(MARKER)
    declare(with_field(table, Field("profile_since", T.DateType(), "A day.")))
    with pytest.raises(LakeError, match=advice) as caught:
        upgrade(old_lake)
    assert "column profile_since is timestamp, expected date" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert old_lake.read(table).count() == 1
    assert read_marker(old_lake.storage) is None


def test_nothing_is_deleted_if_bronze_is_not_there(old_lake, declare):
    table = declare(with_field(DERIVED, NUMBERED))
    old_lake.storage.delete("bronze")
    with pytest.raises(LakeError, match="Use the version that wrote the lake"):
        upgrade(old_lake)
    assert old_lake.exists(table)


def test_columns_that_were_required_may_be_null_once_they_are_optional_or_gone(
    old_lake, declare, spark
):
    kept = tuple(field for field in MEMBERS.fields if field.name != "profile_since")
    table = declare(with_field(replace(MEMBERS, fields=kept), replace(kept[2], nullable=True)))
    upgrade(old_lake)
    rows = members(spark, b=P).withColumn("profile_id", F.lit(None).cast("string"))
    lake_of(spark, old_lake.root).append(table, rows)
    assert_rows(old_lake.read(table), ["value", "profile_id"], [("a", P), ("b", None)])


def test_a_column_that_identifies_a_person_by_now_gets_no_more_statistics(old_lake, declare):
    pseudonym = next(field for field in MEMBERS.fields if field.name == "profile_id")
    hidden = replace(pseudonym, privacy=Privacy.IDENTIFIER)
    fields = tuple(hidden if field is pseudonym else field for field in MEMBERS.fields)
    table = declare(replace(MEMBERS, fields=fields))
    upgrade(old_lake)
    details = DeltaTable.forPath(old_lake.spark, old_lake.path(table)).detail()
    properties = details.select("properties").collect()[0][0]
    assert properties["delta.dataSkippingStatsColumns"] == "namespace,profile_since"


def test_who_only_reads_is_sent_to_the_pipeline_and_changes_nothing(old_lake, declare):
    require_fitting(old_lake)
    table = declare(with_field(DERIVED, NUMBERED))
    with pytest.raises(LakeError, match=r"wrote silver\.members\. Run jobs/pipeline\.py"):
        require_fitting(old_lake)
    assert old_lake.exists(table)
    assert read_marker(old_lake.storage) is None


def test_storage_that_cannot_be_read_is_one_line(spark):
    with pytest.raises(
        LakeError, match=r"lake\.root nofs://x/lake: cannot be read \(.*nofs"
    ) as caught:
        upgrade(lake_of(spark, "nofs://x/lake"))
    assert "\n" not in str(caught.value)


def test_a_lake_without_tables_needs_nothing(lake):
    upgrade(lake)
    require_fitting(lake)
    assert read_marker(lake.storage) is None


def test_columns_declared_since_are_null_in_the_rows_and_the_changes_of_an_older_table(old_lake):
    table = with_field(MEMBERS, Field("n", T.LongType(), "Optional."))
    assert_rows(old_lake.read(table), ["value", "n"], [("a", None)])
    changes = old_lake.changes(table, after=0, until=1)
    assert_rows(changes, ["value", "n"], [("a", None)])
