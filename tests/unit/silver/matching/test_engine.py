"""engine: the edges of the input."""

import pytest

from kinfold.core.errors import ContractError
from kinfold.silver.matching.engine import match, scored_links
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.settings import Attribute, BlockingConf, MatchingSettings, PersonMap

MAPPING = PersonMap(
    record_id="no",
    attributes={
        "last": Attribute(kind=Kind.SURNAME, column="a.b"),
        "mail": Attribute(kind=Kind.EMAIL, column="by"),
    },
)
SCHEMA = "no string, `a.b` string, by string"


def test_one_record_is_one_person(spark):
    frame = spark.createDataFrame([("1", "lee", "l@x.org")], schema=SCHEMA)
    found = scored_links(frame, mapping=MAPPING, settings=MatchingSettings())
    assert list(found.labels) == [0]
    assert found.links().count() == 0


def test_links_name_the_records_and_a_known_model_is_used(spark):
    people = [(f"{n}", f"name{n // 2:03}", f"p{n // 2}@mail.org") for n in range(60)]
    frame = spark.createDataFrame(people, schema=SCHEMA)
    settings = MatchingSettings(blocking=BlockingConf(compare_all_up_to=0))
    found = scored_links(frame, mapping=MAPPING, settings=settings)
    linked = found.links().where("status = 'linked'").collect()
    pairs = {
        frozenset((int(row["left_record_key"]), int(row["right_record_key"]))) for row in linked
    }
    assert pairs == {frozenset((n, n + 1)) for n in range(0, 60, 2)}
    again = scored_links(frame, mapping=MAPPING, settings=settings, model=found.model)
    assert again.model is found.model
    assert again.metrics() == found.metrics()


def test_too_many_pairs_stop_the_run_before_they_are_scored(spark):
    people = [(f"{n}", "lee", None) for n in range(40)]
    settings = MatchingSettings(blocking=BlockingConf(max_pairs_per_record=1))
    with pytest.raises(ContractError, match="780 candidate pairs for 40 records, allowed are 40"):
        scored_links(
            spark.createDataFrame(people, schema=SCHEMA), mapping=MAPPING, settings=settings
        )


def test_a_mapping_without_an_id_is_a_mistake(spark):
    mapping = PersonMap(attributes={"last": Attribute(kind=Kind.SURNAME, column="no")})
    with pytest.raises(ValueError, match="has no record_id"):
        scored_links(
            spark.createDataFrame([], schema=SCHEMA), mapping=mapping, settings=MatchingSettings()
        )


def test_no_records_are_an_error(spark):
    empty = spark.createDataFrame([], schema="record_key string, v0 string")
    with pytest.raises(ContractError, match="has no records"):
        match(empty, names=["last"], kinds=[Kind.SURNAME], settings=MatchingSettings())
