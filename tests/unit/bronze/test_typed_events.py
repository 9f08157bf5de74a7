"""What typed objects take, the schemas take, with the same members; and they take what is usual."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from conformance_corpus import KEYWORDS
from hypothesis import given, settings, strategies as st

from kinfold.bronze.envelope import landed_batch
from kinfold.bronze.json_schema import SchemaRegistry, compiled_schemas, validator_of
from kinfold.bronze.schema_documents import SchemaDocuments
from kinfold.bronze.typed_events import TypedReader
from poison import HOSTILE, ODD_BUT_GOOD

REGISTRY = SchemaRegistry.load(Path(__file__).parents[3] / "conf" / "schemas")
SCHEMAS = compiled_schemas(REGISTRY)
UNTYPED = replace(SCHEMAS, typed=TypedReader.of(SchemaDocuments({}), {}))
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

GOOD: dict[str, dict[str, Any]] = {
    "add_to_cart": {"product_id": "p1", "category": "rugs", "price_cents": 100, "quantity": 1},
    "alias": {"previous_id": "anon-1"},
    "consent": {"purpose": "email", "decision": "granted"},
    "email_open": {"campaign_id": "c1"},
    "group": {"group_id": "g1"},
    "identify": {"first_name": "Ada", "city": None},
    "login": {"method": "password"},
    "page_view": {"url": "/a", "referrer": None},
    "product_view": {"product_id": "p1", "category": None, "price_cents": 1},
    "purchase": {"order_id": "o1", "amount_cents": 5, "currency": "EUR", "quantity": 2},
    "return": {"order_id": "o1", "amount_cents": 5, "currency": "EUR", "product_id": "p1"},
    "screen_view": {"screen_name": "Home"},
    "track": {"event_name": "Wishlist Shared"},
}


def event(event_type: str, **members: Any) -> dict[str, Any]:
    return {
        "event_id": "e1",
        "event_type": event_type,
        "occurred_at": "2026-01-05T11:00:00.25Z",
        "identifiers": {"user_id": "u1", "email": None, "loyalty_card": "7"},
        "properties": GOOD[event_type],
        **members,
    }


def column(texts: list[bytes | None]) -> pa.Array:
    return pa.array(texts, pa.binary())


def read(*texts: bytes | None) -> list[Any]:
    return SCHEMAS.typed.read(list(texts), column(list(texts)))


def landed(texts: list[bytes | None], schemas: Any) -> list[dict[str, Any]]:
    return landed_batch(
        pa.record_batch(
            {
                "source": pa.array(["web"] * len(texts)),
                "source_partition": pa.array(["f"] * len(texts)),
                "source_offset": pa.array(range(len(texts)), pa.int64()),
                "value": column(texts),
            }
        ),
        schemas=schemas,
        ingested_before=NOON,
    ).to_pylist()


def test_the_samples_hold_every_event_type():
    assert set(GOOD) == set(SCHEMAS.schema_ids)


@pytest.mark.parametrize("event_type", GOOD)
def test_a_usual_event_is_read_without_its_schema(event_type):
    sent = event(event_type, received_at="2026-01-05T12:00:00+01:00", schema_version=None)
    [found] = read(orjson.dumps(sent))
    assert found is not None
    assert (found.event_type, found.schema_id) == (event_type, SCHEMAS.schema_ids[event_type])
    assert (found.event_id, found.occurred_at) == ("e1", sent["occurred_at"])
    assert (found.received_at, found.identifiers) == (sent["received_at"], sent["identifiers"])


def test_every_hostile_and_every_odd_record_lands_as_if_its_schema_had_judged_it():
    texts = [text for text, _ in HOSTILE.values()] + list(ODD_BUT_GOOD.values())
    assert landed(texts, SCHEMAS) == landed(texts, UNTYPED)


OVERLOOKED = {
    "a number no float holds": b'"x":1e400',
    "one of many digits": b'"x":' + b"9" * 310,
    "one of digits and an exponent": b'"x":' + b"9" * 299 + b"e99",
    "bytes that are no text": b'"x":"\xc3\x28"',
    "an overlong form": b'"x":"\xc0\x80"',
    "a lone surrogate": b'"x":"\\ud800"',
    "too deep": b'"x":' + b"[" * 600 + b"]" * 600,
    "too many members": b",".join(b'"k%d":0' % number for number in range(501)),
    "a name said twice": b'"x":1,"x":1e400',
}
"""What may stand in a member that no schema describes, and still is not good."""


@pytest.mark.parametrize("name", OVERLOOKED)
def test_what_stands_in_no_described_member_is_judged_too(name):
    made = orjson.dumps(event("login"))
    sent = made.replace(b'"properties":{', b'"properties":{' + OVERLOOKED[name] + b",")
    [row] = landed([sent], SCHEMAS)
    assert row["verdict"] == "rejected"
    assert [row] == landed([sent], UNTYPED)


@pytest.mark.parametrize(
    ("event_type", "name", "value"),
    [
        ("purchase", "currency", "EUR\n"),
        ("purchase", "amount_cents", 2**53),
        ("purchase", "amount_cents", True),
        ("login", "method", "a" * 257),
        ("consent", "decision", "granted "),
        ("group", "group_id", ""),
    ],
)
def test_a_type_takes_no_more_than_its_schema(event_type, name, value):
    sent = event(event_type, properties={**GOOD[event_type], name: value})
    assert read(orjson.dumps(sent)) == [None]


@pytest.mark.parametrize("name", KEYWORDS)
def test_no_keyword_is_taken_for_less_than_it_asks(name):
    """Each schema of the corpus as that of one property, wanted and not."""
    schema, values = KEYWORDS[name]
    if isinstance(schema, dict):
        schema = {"$id": "kinfold:alone", **schema}  # so that # is the keyword's own schema
    for required in ([], ["x"]):
        described = {"type": "object", "required": required, "properties": {"x": schema}}
        document = json.loads(dict(REGISTRY.texts)["alias/1-0-0"])
        document["properties"]["properties"] = described
        documents = {**REGISTRY.documents, "alias/1-0-0": document}
        reader = TypedReader.of(SchemaDocuments(documents), {"alias": "alias/1-0-0"})
        judge = validator_of(described)
        odd = [None, True, 0, 1.5, "a", "", [], {}, [None], {"a": 1}, 2**53 - 1, 2**53, "EUR\n"]
        for value in [*values, *odd]:
            text = json.dumps(event("alias", properties={"x": value})).encode()
            [found] = reader.read([text], column([text]))
            assert found is None or judge.is_valid({"x": value}), value
        text = orjson.dumps(event("alias", properties={}))
        [found] = reader.read([text], column([text]))
        assert found is None or judge.is_valid({})


def test_a_schema_that_no_type_can_be_made_of_leaves_the_others_their_types():
    document = json.loads(dict(REGISTRY.texts)["alias/1-0-0"])
    document["properties"]["event_type"] = {"const": "alias", "pattern": r"^\\p{L}+$"}
    schemas = SchemaDocuments({**REGISTRY.documents, "alias/1-0-0": document})
    reader = TypedReader.of(schemas, SCHEMAS.schema_ids)
    texts = [orjson.dumps(event(event_type)) for event_type in ("alias", "login")]
    assert [one is None for one in reader.read(texts, column(texts))] == [True, False]


class Raw:
    """A piece of JSON as it stands."""

    def __init__(self, text: str) -> None:
        self.text = text


_odd = st.sampled_from(
    [
        *(None, True, 0, -1, 1.0, 1.5, 2**53 - 1, 2**53, 10**30, "", "a", "\x00", "\ud800", "é"),
        *("a" * 256, "a" * 257, "😀" * 256, "EUR", "EUR\n", "granted", [], {}, ["a"], {"a": "b"}),
        *("2026-01-05T11:00:00Z", "2026-01-05 11:00:00Z", "2026-01-05t11:00:00z", "2026-02-30"),
        *("2026-02-30T11:00:00Z", "2026-01-05T11:00:60Z", "2026-01-05T24:00:00Z", "1-0-0"),
        *("2026-01-05T11:00:00.123456789Z", "0000-01-01T00:00:00Z", "2026-01-05T11:00:00+99:00"),
        *("9999-12-31T23:59:59Z", "2026-01-05T11:00:00+0100", "2026-01-05T11:00Z", "1-0-1"),
        *("\uff12026-01-05T11:00:00Z", "2026-01-05T11:00:00-00:00", "0001-01-01T00:00:00Z"),
        *map(Raw, ("1e400", "-1e400", "1E0400", "9" * 310, "0." + "0" * 300 + "1", "1e308")),
        *map(Raw, ("NaN", "01", "1.", '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"', "[1,]")),
        *map(
            Raw, ("[" * 400 + "]" * 400, "[" * 600 + "]" * 600, '{"a":1,"a":2}', "9" * 200 + "e99")
        ),
        {f"k{n}": n for n in range(51)},
        {f"k{n}": None for n in range(501)},
    ]
)
_names = st.sampled_from(
    [
        *("event_id", "event_type", "occurred_at", "received_at", "schema_version", "identifiers"),
        *("properties", "extra", "user_id", "Bad Name", "email", "product_id", "category", "a\n"),
        *("amount_cents", "currency", "quantity", "order_id", "decision", "price_cents", "a" * 64),
    ]
)
_places = st.sampled_from(["", "identifiers", "properties"])
_changes = st.lists(st.tuples(_places, _names, _odd, st.sampled_from("sdf")), max_size=3)


def written(value: Any, twice: dict[int, list[tuple[str, Any]]]) -> str:
    """JSON text; members of `twice` come first in their object, to be said again by others."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        members = [*twice.get(id(value), []), *value.items()]
        return "{" + ",".join(f"{json.dumps(k)}:{written(v, twice)}" for k, v in members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(one, twice) for one in value) + "]"
    return json.dumps(value)


@st.composite
def texts(draw: Any) -> bytes:
    """An event, good or nearly so."""
    event_type = draw(st.sampled_from(sorted(GOOD)))
    made = event(event_type)
    made["identifiers"] = dict(made["identifiers"])
    made["properties"] = dict(made["properties"])
    twice: dict[int, list[tuple[str, Any]]] = {}
    for place, name, value, how in draw(_changes):
        inside = made[place] if place else made
        if not isinstance(inside, dict):
            continue
        if how == "s":
            inside[name] = value
        elif how == "d":
            inside.pop(name, None)
            made.setdefault("identifiers", {})
            made.setdefault("properties", {})
        else:
            twice.setdefault(id(inside), []).append((name, value))
    text = written(made, twice).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + bytes([draw(st.integers(0, 255))]) + text[at + 1 :]
    return text


@settings(max_examples=400)
@given(st.lists(texts(), min_size=1, max_size=8))
def test_events_land_as_if_their_schemas_had_judged_them(sent):
    assert landed(sent, SCHEMAS) == landed(sent, UNTYPED)
