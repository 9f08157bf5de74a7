"""The fast path returns the columns of the events that it takes."""

import numpy as np
import orjson
import pyarrow as pa

from arrow_landing import REGISTRY, binary
from kinfold.bronze.fast_path.fast_path import FastPath, WellFormedEvents
from kinfold.bronze.schemas.registry import SchemaRegistry
from poison import event

MINUTE = 60_000_000
NOON = 1_767_614_400_000_000
"""2026-01-05T12:00:00Z in microseconds."""


def well_formed(*texts: bytes | None) -> WellFormedEvents:
    is_text = pa.array([True] * len(texts), pa.bool_())
    return FastPath.of(REGISTRY).well_formed_events(binary(list(texts)), is_text)


def sent(**members: object) -> bytes:
    return orjson.dumps(event(**members))


def test_columns_of_the_events_that_are_taken():
    events = well_formed(
        b"{}",
        sent(event_id="e1", identifiers={"user_id": "u1", "email": None, "phone": ""}),
        None,
        sent(
            event_id="e2",
            event_type="login",
            properties={"method": "password"},
            identifiers={},
            received_at="2026-01-05T12:01:00Z",
        ),
    )
    assert events.rows.tolist() == [1, 3]
    assert events.schema_id.to_pylist() == ["purchase/1-0-1", "login/1-0-0"]
    assert events.event_type.to_pylist() == ["purchase", "login"]
    assert events.event_id.to_pylist() == ["e1", "e2"]
    assert events.occurred_at.tolist() == [NOON, NOON]
    assert events.has_received_at.tolist() == [False, True]
    assert events.received_at.tolist()[1] == NOON + MINUTE
    assert events.identifiers.to_pylist() == [[("user_id", "u1")], []]


def test_some_of_the_events_have_all_of_their_columns():
    events = well_formed(*(sent(event_id=f"e{n}", identifiers={"user_id": str(n)}) for n in "123"))
    some = events.only(np.array([True, False, True]))
    assert some.rows.tolist() == [0, 2]
    assert some.event_id.to_pylist() == ["e1", "e3"]
    assert some.identifiers.to_pylist() == [[("user_id", "1")], [("user_id", "3")]]
    columns = (some.schema_id, some.event_type, some.occurred_at, some.received_at)
    assert [len(column) for column in columns] == [2, 2, 2, 2]


def test_a_text_that_is_not_utf8_is_not_taken():
    is_text = pa.array([False], pa.bool_())
    assert len(FastPath.of(REGISTRY).well_formed_events(binary([sent()]), is_text).rows) == 0


def test_a_registry_is_compiled_once_per_process():
    assert FastPath.of(REGISTRY) is FastPath.of(SchemaRegistry(REGISTRY.texts))
