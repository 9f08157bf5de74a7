"""What the scanner takes, the schemas take, with the same members; and it takes what is usual."""

import json
import re
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from conformance_corpus import KEYWORDS
from kinfold.bronze.events.landed_rows import landed_batch
from kinfold.bronze.fast_path.scanner import Scanned, are_utf8, scan
from kinfold.bronze.fast_path.schema_tables import SchemaTables
from kinfold.bronze.schemas.references import SchemaDocuments
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import compiled_schemas
from kinfold.bronze.schemas.validators import validator_of
from poison import HOSTILE, ODD_BUT_GOOD
from project import SCHEMAS

REGISTRY = SchemaRegistry.load(SCHEMAS)
SCHEMAS = compiled_schemas(REGISTRY)
WITHOUT_FORMS = replace(SCHEMAS, forms=SchemaTables.of(SchemaDocuments({}), {}))
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


def scanned(values: pa.Array, forms: SchemaTables) -> Scanned:
    return scan(values, are_utf8(values), forms)


def taken(*texts: bytes | None, forms: SchemaTables = SCHEMAS.forms) -> list[bool]:
    """Of each text, whether the scanner is sure of it."""
    rows = set(scanned(column(list(texts)), forms).rows.tolist())
    return [row in rows for row in range(len(texts))]


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
def test_a_usual_event_is_told_without_its_schema(event_type):
    sent = event(event_type, received_at="2026-01-05T12:00:00+01:00", schema_version=None)
    found = scanned(column([b"{}", orjson.dumps(sent), None]), SCHEMAS.forms)
    assert found.rows.tolist() == [1]
    [form] = found.form.tolist()
    assert SCHEMAS.forms.event_types[form] == event_type
    assert SCHEMAS.forms.schema_ids[form] == SCHEMAS.schema_ids[event_type]
    assert found.event_id.to_pylist() == ["e1"]
    assert found.occurred_at.tolist() == [1_767_610_800_250_000]
    assert found.received_at.tolist() == [1_767_610_800_000_000]
    assert found.identifiers.to_pylist() == [[("user_id", "u1"), ("loyalty_card", "7")]]


USUAL = {
    "members in another order": lambda sent: dict(reversed(sent.items())),
    "no identifier": lambda sent: sent | {"identifiers": {}},
    "no collector": lambda sent: sent | {"received_at": None},
    "a version that is the newest": lambda sent: sent | {"schema_version": "1-0-0"},
    "more than is described": lambda sent: (
        sent | {"context": {"a": [1, -2.5e3, True, None, "\u00e9\n\U0001f600", {}, []]}}
    ),
    "a text of the longest": lambda sent: sent | {"properties": {"method": "\U0001f600" * 256}},
}


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_usual_is_told_in_any_spelling(name, ascii_only, indent):
    sent = USUAL[name](event("login"))
    if name == "a text of the longest" and ascii_only:
        pytest.skip("an escape in a text that may be too long is left to the schema")
    text = json.dumps(sent, ensure_ascii=ascii_only, indent=indent).encode()
    assert taken(b" " + text + b"\r\n\t") == [True]


@pytest.mark.parametrize(
    ("sent", "micros"),
    [
        ("0002-01-01T00:00:00Z", datetime(2, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59.999999Z", datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2024-02-29T23:30:00.5-01:30", datetime(2024, 3, 1, 1, 0, 0, 500_000, tzinfo=UTC)),
        ("1970-01-01T00:00:00+00:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1900-03-01T00:00:00.000001Z", datetime(1900, 3, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ("2023-02-29T00:00:00Z", None),
        ("1900-02-29T00:00:00Z", None),
        ("0002-01-01T00:00:00+00:01", None),
        ("9998-12-31T23:59:00-00:01", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-00-10T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-01-01T00:00:00.Z", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01T00:00:00+24:00", None),
    ],
)
def test_an_instant_is_read_to_the_microsecond(sent, micros):
    found = scanned(column([orjson.dumps(event("login", occurred_at=sent))]), SCHEMAS.forms)
    since = datetime(1970, 1, 1, tzinfo=UTC)
    told = [] if micros is None else [(micros - since) // timedelta(microseconds=1)]
    assert found.occurred_at.tolist() == told


@given(st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30)), st.integers(-1439, 1439))
def test_instants_are_those_of_python(when, minutes):
    at = when.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = scanned(
        column([orjson.dumps(event("login", occurred_at=at.isoformat()))]), SCHEMAS.forms
    )
    since = datetime(1970, 1, 1, tzinfo=UTC)
    assert found.occurred_at.tolist() == [(at - since) // timedelta(microseconds=1)]


def test_a_part_of_a_column_is_scanned_as_if_it_were_alone():
    texts = [orjson.dumps(event("login", event_id=f"e{n}")) for n in range(6)]
    texts[3] = b"{"
    found = scanned(column(texts)[2:5], SCHEMAS.forms)
    assert (found.rows.tolist(), found.event_id.to_pylist()) == ([0, 2], ["e2", "e4"])


@given(st.lists(st.sampled_from(["", "a", "b", "a0", "_", "é", "A", "aa" * 40]), max_size=3))
def test_a_pattern_is_followed_as_python_follows_it(parts):
    name = "".join(parts)
    [is_taken] = taken(orjson.dumps(event("login", identifiers={name: "x"})))
    assert is_taken == bool(re.fullmatch("[a-z][a-z0-9_]{0,62}", name))


def test_every_hostile_and_every_odd_record_lands_as_if_its_schema_had_judged_it():
    texts = [text for text, _ in HOSTILE.values()] + list(ODD_BUT_GOOD.values())
    assert landed(texts, SCHEMAS) == landed(texts, WITHOUT_FORMS)


@pytest.mark.parametrize(
    "inside", [b"", b"\\n", b'\\"', b"\xc3\xa9", b"\x1f", b"\x00", b'"', b"\\"]
)
def test_where_in_a_text_a_byte_stands_and_how_long_it_is_makes_no_difference(inside):
    """Texts are read and copied in blocks of bytes; what is odd may stand anywhere in one."""
    form = (
        b'{"event_type":"login","occurred_at":"2026-01-05T11:00:00Z","identifiers":{"user_id":"%s"},'
        b'"event_id":"%s","properties":{"method":"password","a":"%s"}}'
    )
    texts = []
    for size in range(70):
        odd = b"x" * (size // 2) + inside + b"y" * (size - size // 2)
        plain = b"z" * size
        texts += [form % parts for parts in ((odd, odd, plain), (plain, b"e", odd))]
    assert landed(texts, SCHEMAS) == landed(texts, WITHOUT_FORMS)
    if not inside:
        assert taken(*texts[2:]) == [True] * (len(texts) - 2)


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
    assert [row] == landed([sent], WITHOUT_FORMS)


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
def test_a_form_takes_no_more_than_its_schema(event_type, name, value):
    sent = event(event_type, properties={**GOOD[event_type], name: value})
    assert taken(orjson.dumps(sent)) == [False]


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
        forms = SchemaTables.of(SchemaDocuments(documents), {"alias": "alias/1-0-0"})
        judge = validator_of(described)
        odd = [None, True, 0, 1.5, "a", "", [], {}, [None], {"a": 1}, 2**53 - 1, 2**53, "EUR\n"]
        for value in [*values, *odd]:
            text = json.dumps(event("alias", properties={"x": value})).encode()
            [is_taken] = taken(text, forms=forms)
            assert not is_taken or judge.is_valid({"x": value}), value
        [is_taken] = taken(orjson.dumps(event("alias", properties={})), forms=forms)
        assert not is_taken or judge.is_valid({})


def test_a_schema_that_has_no_form_leaves_the_others_theirs():
    document = json.loads(dict(REGISTRY.texts)["alias/1-0-0"])
    document["properties"]["event_type"] = {"const": "alias", "pattern": r"^\\p{L}+$"}
    schemas = SchemaDocuments({**REGISTRY.documents, "alias/1-0-0": document})
    forms = SchemaTables.of(schemas, SCHEMAS.schema_ids)
    texts = [orjson.dumps(event(event_type)) for event_type in ("alias", "login")]
    assert taken(*texts, forms=forms) == [False, True]


def test_long_patterns_of_many_types_are_each_followed():
    """Together they have more states than 16 bits can number."""
    documents = dict(REGISTRY.documents)
    names = [f"type_{number}" for number in range(40)]
    for number, name in enumerate(names):
        document = json.loads(dict(REGISTRY.texts)["alias/1-0-0"])
        wanted = {"type": "string", "pattern": f"^[a-z]{{{900 + number}}}$"}
        document["properties"]["event_type"] = {"const": name}
        document["properties"]["properties"] = {"type": "object", "properties": {"x": wanted}}
        documents[f"{name}/1-0-0"] = {**document, "$id": f"kinfold:{name}/1-0-0"}
    forms = SchemaTables.of(SchemaDocuments(documents), {name: f"{name}/1-0-0" for name in names})
    assert forms.event_types == tuple(names)
    texts = [
        orjson.dumps({**event("alias", properties={"x": "a" * size}), "event_type": name})
        for number, name in enumerate(names)
        for size in (900 + number, 899 + number)
    ]
    assert taken(*texts, forms=forms) == [True, False] * 40


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
            inside[name] = deepcopy(value)  # a later change may be made inside it
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
    assert landed(sent, SCHEMAS) == landed(sent, WITHOUT_FORMS)
