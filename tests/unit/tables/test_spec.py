"""What derives from a table declaration."""

import dataclasses
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyspark.sql import types as T

from frames import assert_rows
from kinfold.core.errors import ContractError
from kinfold.tables.registry import ALL
from kinfold.tables.spec import Field, Privacy, Table, at_least, sent_with

PETS = Table(
    name="silver.pets",
    comment="One row per pet.",
    fields=(
        Field("pet_id", T.StringType(), "Id.", nullable=False),
        Field("owner_email", T.StringType(), "Owner.", privacy=Privacy.IDENTIFIER),
        Field("legs", T.LongType(), "Legs."),
    ),
    key=("pet_id",),
    written_by="silver/build_pets.py",
    subject=("owner_email",),
    expectations=(at_least("legs", 0),),
)


def test_conform_orders_and_casts_columns_and_drops_undeclared_ones(spark):
    rows = spark.createDataFrame([(4, "x", "a")], "legs int, colour string, pet_id string")
    conformed = PETS.conform(rows.selectExpr("*", "cast(null as string) as owner_email"))
    assert conformed.columns == ["pet_id", "owner_email", "legs"]
    assert_rows(conformed, ["pet_id", "owner_email", "legs"], [("a", None, 4)])
    assert conformed.schema["legs"].dataType == T.LongType()


def test_the_message_about_a_missing_column_suggests_the_closest_name(spark):
    rows = spark.createDataFrame([("a", 4, "x")], "pet_id string, leg int, owner_email string")
    with pytest.raises(ContractError, match=r"silver.pets: 'legs' is missing. Did you mean 'leg'"):
        PETS.conform(rows)


def test_a_test_frame_fills_missing_columns_with_null_and_refuses_unknown_ones(spark):
    assert_rows(PETS.frame(spark, dict(pet_id="a")), ["pet_id", "legs"], [("a", None)])
    with pytest.raises(ContractError, match=r"'legz' is not declared. Did you mean 'legs'"):
        PETS.frame(spark, dict(legz=4))


def test_a_few_rows_keep_their_values(spark):
    part = T.StructType([T.StructField("a", T.LongType()), T.StructField("b", T.TimestampType())])
    moment = datetime(2026, 3, 29, 1, 59, 59, 123456, UTC)
    values = {
        "text": 'quoted " and \\ and \n and é and 😀 and </script>',
        "whole": 2**63 - 1,
        "small": -7,
        "share": 0.1 + 0.2,
        "is_so": False,
        "at": moment,
        "raw": b"\x00\xff",
        "texts": ["", None, "x"],
        "counts": {"a b": 1.5, "": -0.0},
        "part": {"a": 1, "b": moment},
    }
    types = [T.StringType(), T.LongType(), T.IntegerType(), T.DoubleType(), T.BooleanType()]
    types += [T.TimestampType(), T.BinaryType(), T.ArrayType(T.StringType())]
    types += [T.MapType(T.StringType(), T.DoubleType()), part]
    table = Table(
        name="ops.x",
        comment="One row per x.",
        fields=tuple(Field(name, kind, "It.") for name, kind in zip(values, types, strict=True)),
        key=("text",),
        written_by="x.py",
    )
    full, empty = table.rows(spark, [values, {"text": "t"}]).collect()
    assert full.asDict(recursive=True) == {**values, "at": moment.replace(tzinfo=None)} | {
        "part": {"a": 1, "b": moment.replace(tzinfo=None)}
    }
    assert empty.asDict() == dict.fromkeys(values) | {"text": "t"}
    assert table.rows(spark, [values]).schema == table.frame(spark).schema


def test_a_value_of_another_type_is_refused_and_not_made_null(spark):
    with pytest.raises(pa.ArrowInvalid, match=r"tried to convert to int"):
        PETS.rows(spark, [dict(pet_id="a", legs="four")])


def test_the_suite_has_key_and_required_columns_before_the_declared_rules():
    sentences = [rule.sentence for rule in PETS.suite]
    assert sentences == ["pet_id is unique", "pet_id is never null", "legs lies in [0, inf]"]


def test_columns_that_identify_a_person_get_no_statistics():
    assert PETS.statistics_columns == ("pet_id", "legs")


@pytest.mark.parametrize("role", ["key", "cluster_by", "subject"])
def test_a_role_that_names_an_unknown_column_is_refused(role):
    with pytest.raises(ValueError, match=f"{role} names unknown columns"):
        Table(
            **{
                "name": "silver.x",
                "comment": "One row per x.",
                "fields": PETS.fields,
                "key": ("pet_id",),
                "written_by": "x.py",
                role: ("unknown",),
            }
        )


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_no_identifying_column_of_any_table_has_statistics(table):
    hidden = {f.name for f in table.fields if f.privacy in (Privacy.IDENTIFIER, Privacy.SENSITIVE)}
    assert not hidden & set(table.statistics_columns)


def test_ids_that_senders_may_build_from_an_identifier_have_no_statistics():
    ids = {"event_id", "order_id", "record_id", "order_key", "content_hash", "source_event_id"}
    assert not [table.name for table in ALL if ids & set(table.statistics_columns)]


def test_the_schema_version_changes_with_fields_key_and_rules_and_not_with_the_wording():
    def versions(**changes):
        return dataclasses.replace(PETS, **changes).schema_version

    wording = (*PETS.fields[:2], Field("legs", T.LongType(), "How many legs."))
    narrower = (*PETS.fields[:2], Field("legs", T.IntegerType(), "Legs."))
    assert versions(fields=wording, comment="Pets.") == PETS.schema_version
    others = {
        versions(fields=narrower),
        versions(expectations=(at_least("legs", 1),)),
        versions(expectations=()),
        versions(expectations=(sent_with("legs", where="kind", equals="cat"),)),
        versions(expectations=(sent_with("legs", where="kind", equals="dog"),)),
        versions(key=("pet_id", "legs")),
    }
    assert len({PETS.schema_version, *others}) == 7
    assert len(PETS.schema_version) == 12


@pytest.mark.parametrize("zone", [None, UTC])
def test_an_instant_of_a_row_needs_its_time_zone(zone):
    table = dataclasses.replace(
        PETS, fields=(*PETS.fields, Field("born_at", T.TimestampType(), "Born (UTC)."))
    )
    row = dict(pet_id="1", born_at=datetime(2026, 3, 1, tzinfo=zone))
    if zone:
        assert table.arrow_rows([row]).to_pylist()[0]["born_at"] == row["born_at"]
        return
    with pytest.raises(ValueError, match="born_at 2026-03-01T00:00:00 has no time zone, expected"):
        table.arrow_rows([row])
