"""The scanner takes usual events; what it takes, parser and schema accept with the same members."""

import json
import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from arrow_landing import REGISTRY, binary, landed_both_ways, taken
from conformance_corpus import FORMATS, KEYWORDS, ODD_VALUES, PROPERTIES
from kinfold.bronze.events.raw_values import are_utf8
from kinfold.bronze.fast_path.fast_path import FastPath
from kinfold.bronze.fast_path.scanner import Scanned, scan
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validators import validator_of

FAST_PATH = FastPath.of(REGISTRY)
TABLES = FAST_PATH.tables
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

GOOD: dict[str, dict[str, Any]] = {
    "add_to_cart": {"product_id": "p1", "category": "rugs", "price_cents": 100, "quantity": 1},
    "alias": {"previous_id": "anon-1"},
    "consent": {"purpose": "email", "decision": "granted"},
    "email_open": {"campaign_id": "c1"},
    "group": {"group_id": "g1"},
    "identify": {"first_name": "Ada", "city": None},
    "login": {"method": "password"},
    "order_cancel": {"order_id": "o1"},
    "order_update": {"order_id": "o1", "amount_cents": 5, "products": [{"sku": 7}, None]},
    "page_view": {"url": "/a", "referrer": None},
    "product_view": {"product_id": "p1", "category": None, "price_cents": 1},
    "purchase": {
        **{"order_id": "o1", "amount_cents": 5, "currency": "EUR", "quantity": 2},
        "products": [{"product_id": "p1", "price_cents": 2.5, "quantity": "two"}],
    },
    "return": {"order_id": "o1"},
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


def scanned(texts: list[bytes | None]) -> Scanned:
    values = binary(texts)
    return scan(values, are_utf8(values), TABLES)


def registry_with(schema_id: str, document: dict[str, Any]) -> SchemaRegistry:
    texts = {**dict(REGISTRY.texts), schema_id: json.dumps(document)}
    return SchemaRegistry(tuple(sorted(texts.items())))


def alias_schema(properties: Any) -> dict[str, Any]:
    """The schema of `alias`, with another schema of its properties."""
    document = REGISTRY.documents["alias/1-0-0"]
    document["properties"]["properties"] = properties
    return document


def test_the_samples_cover_every_event_type():
    assert set(GOOD) == set(REGISTRY.event_types)


@pytest.mark.parametrize("event_type", GOOD)
def test_a_usual_event_of_every_type_is_taken(event_type):
    sent = event(event_type, received_at="2026-01-05T12:00:00+01:00", schema_version=None)
    result = scanned([b"{}", orjson.dumps(sent), None])
    assert result.rows.tolist() == [1]
    [index] = result.schema_index.tolist()
    assert TABLES.event_types[index] == event_type
    assert TABLES.schema_ids[index] == REGISTRY.newest[event_type]
    assert result.event_id.to_pylist() == ["e1"]
    assert result.occurred_at.tolist() == [1_767_610_800_250_000]
    assert result.received_at.tolist() == [1_767_610_800_000_000]
    assert result.identifiers.to_pylist() == [[("user_id", "u1"), ("loyalty_card", "7")]]


LONGEST_TEXT = "a text of maximum length"
USUAL = {
    "members in another order": lambda sent: dict(reversed(sent.items())),
    "no identifier": lambda sent: sent | {"identifiers": {}},
    "no instant of the collector": lambda sent: sent | {"received_at": None},
    "the newest version": lambda sent: sent | {"schema_version": "1-0-0"},
    "members that no schema describes": lambda sent: (
        sent | {"context": {"a": [1, -2.5e3, True, None, "\u00e9\n\U0001f600", {}, []]}}
    ),
    LONGEST_TEXT: lambda sent: sent | {"properties": {"method": "\U0001f600" * 256}},
}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", USUAL)
def test_a_usual_event_is_taken_in_any_notation(name, ascii_only, indent):
    sent = USUAL[name](event("login"))
    text = json.dumps(sent, ensure_ascii=ascii_only, indent=indent).encode()
    # A text that has escapes and may be too long is left to the schema.
    is_taken = not (name == LONGEST_TEXT and ascii_only)
    assert taken([b" " + text + b"\r\n\t"], FAST_PATH) == [is_taken]
    assert [row["verdict"] for row in landed_both_ways([text])] == ["accepted"]


@pytest.mark.parametrize(
    ("sent", "instant"),
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
def test_an_instant_is_read_to_the_microsecond(sent, instant):
    result = scanned([orjson.dumps(event("login", occurred_at=sent))])
    expected = [] if instant is None else [(instant - EPOCH) // timedelta(microseconds=1)]
    assert result.occurred_at.tolist() == expected


@settings(deadline=None)
@given(st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30)), st.integers(-1439, 1439))
def test_instants_are_those_of_python(local, minutes):
    instant = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    result = scanned([orjson.dumps(event("login", occurred_at=instant.isoformat()))])
    assert result.occurred_at.tolist() == [(instant - EPOCH) // timedelta(microseconds=1)]


def test_a_slice_of_a_column_is_scanned_like_a_column_of_its_own():
    texts = [orjson.dumps(event("login", event_id=f"e{n}")) for n in range(6)]
    texts[3] = b"{"
    values = binary(texts)[2:5]
    result = scan(values, are_utf8(values), TABLES)
    assert (result.rows.tolist(), result.event_id.to_pylist()) == ([0, 2], ["e2", "e4"])


def test_a_column_with_64_bit_offsets_is_scanned_like_one_with_32():
    values = binary([b"{", orjson.dumps(event("login"))]).cast("large_binary")
    assert scan(values, are_utf8(values), TABLES).rows.tolist() == [1]


def test_an_empty_column_has_no_events():
    assert len(scanned([]).rows) == 0
    assert len(scanned([None, b""]).rows) == 0


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", "a", "b", "a0", "_", "é", "A", "aa" * 40]), max_size=3))
def test_a_pattern_matches_what_it_matches_in_python(parts):
    name = "".join(parts)
    [is_taken] = taken([orjson.dumps(event("login", identifiers={name: "x"}))], FAST_PATH)
    assert is_taken == bool(re.fullmatch("[a-z][a-z0-9_]{0,62}", name))


@pytest.mark.parametrize(
    ("identifiers", "is_taken"),
    [
        ({f"n{number}": "x" for number in range(16)}, True),
        ({f"n{number}": "x" for number in range(17)}, False),
        ({"user_id": ""}, True),
        ({"user_id": "\n"}, False),
    ],
)
def test_events_with_many_or_escaped_identifiers_are_left_to_the_parser(identifiers, is_taken):
    text = orjson.dumps(event("login", identifiers=identifiers))
    assert taken([text], FAST_PATH) == [is_taken]
    assert [row["verdict"] for row in landed_both_ways([text])] == ["accepted"]


@pytest.mark.parametrize(("count", "is_taken"), [(12, True), (13, False)])
def test_many_members_before_the_type_are_left_to_the_parser(count, is_taken):
    """The four members that `event` has besides the type are before the type too."""
    sent = {f"m{number}": number for number in range(count)} | event("login")
    text = orjson.dumps(
        {**{n: v for n, v in sent.items() if n != "event_type"}, "event_type": "login"}
    )
    assert taken([text], FAST_PATH) == [is_taken]
    assert [row["verdict"] for row in landed_both_ways([text])] == ["accepted"]


@pytest.mark.parametrize(
    "inside", [b"", b"\\n", b'\\"', b"\xc3\xa9", b"\x1f", b"\x00", b'"', b"\\"]
)
def test_special_bytes_are_found_at_every_offset_in_texts_of_every_length(inside):
    """Texts are read and copied in blocks of bytes. A special byte may be anywhere in a block."""
    template = (
        b'{"event_type":"login","occurred_at":"2026-01-05T11:00:00Z","identifiers":{"user_id":"%s"},'
        b'"event_id":"%s","properties":{"method":"password","a":"%s"}}'
    )
    texts = []
    for size in range(70):
        special = b"x" * (size // 2) + inside + b"y" * (size - size // 2)
        plain = b"z" * size
        texts += [template % parts for parts in ((special, special, plain), (plain, b"e", special))]
    landed_both_ways(texts)
    if not inside:
        assert taken(texts[2:], FAST_PATH) == [True] * (len(texts) - 2)


IN_ANY_MEMBER = {
    "a number that is no float": b'"x":1e400',
    "a number of 310 digits": b'"x":' + b"9" * 310,
    "a number of 299 digits with an exponent": b'"x":' + b"9" * 299 + b"e99",
    "bytes that are not UTF-8": b'"x":"\xc3\x28"',
    "overlong UTF-8": b'"x":"\xc0\x80"',
    "a lone surrogate": b'"x":"\\ud800"',
    "600 nested arrays": b'"x":' + b"[" * 600 + b"]" * 600,
    "501 members": b",".join(b'"k%d":0' % number for number in range(501)),
    "a name that appears twice": b'"x":1,"x":1e400',
}
"""Invalid also in a member that no schema describes."""


@pytest.mark.parametrize("name", IN_ANY_MEMBER)
def test_members_that_no_schema_describes_are_checked_too(name):
    valid = orjson.dumps(event("login"))
    sent = valid.replace(b'"properties":{', b'"properties":{' + IN_ANY_MEMBER[name] + b",")
    [row] = landed_both_ways([sent])
    assert row["verdict"] == "rejected"


REPEATED = {
    "event_id": b'"event_id":"e0"',
    "event_type": b'"event_type":"login"',
    "occurred_at": b'"occurred_at":"2026-01-05T10:00:00Z"',
    "received_at": b'"received_at":"2026-01-05T11:00:00Z"',
    "schema_version": b'"schema_version":"1-0-0"',
    "identifiers": b'"identifiers":{"user_id":"u0"}',
    "properties": b'"properties":{"method":"sso"}',
}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("name", REPEATED)
def test_an_event_with_a_repeated_member_is_left_to_the_parser(name, is_first):
    valid = orjson.dumps(event("login", received_at=None, schema_version=None))
    repeated = REPEATED[name]
    text = b"{" + repeated + b"," + valid[1:] if is_first else valid[:-1] + b"," + repeated + b"}"
    assert taken([valid, text], FAST_PATH) == [True, False]
    assert [row["verdict"] for row in landed_both_ways([text])] == ["accepted"]


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
def test_an_event_that_its_schema_rejects_is_not_taken(event_type, name, value):
    sent = event(event_type, properties={**GOOD[event_type], name: value})
    assert taken([orjson.dumps(sent)], FAST_PATH) == [False]


def nested(containers: int, *, kinds: str, inside: bytes) -> bytes:
    """So many objects and arrays in each other, with something in the innermost.

    Args:
        kinds: `{` or `[` of each container, repeated.
    """
    opened = [kinds[level % len(kinds)] for level in range(containers)]
    text = inside
    for level in range(containers - 1, -1, -1):
        if opened[level] == "[":
            text = b"[" + text + b"]"
        else:
            text = b'{"a":' + text + b"}" if text else b"{}"
    return text


@pytest.mark.parametrize("before_type", [True, False])
@pytest.mark.parametrize("inside", [b"", b"1", b'"a"', b"null"])
@pytest.mark.parametrize("kinds", ["[", "{", "[{", "{{[["])
@pytest.mark.parametrize(
    ("containers", "errors"), [(499, []), (500, []), (501, ["/: nested too deeply"])]
)
@pytest.mark.parametrize("member", ["properties", "extra"])
def test_500_nested_containers_are_accepted_and_501_are_not(
    member, containers, errors, kinds, inside, before_type
):
    """The event and, in `properties`, the properties are containers too."""
    own = 2 if member == "properties" else 1
    deep = nested(containers - own, kinds=kinds, inside=inside)
    sent = event("login")
    if member == "properties":
        sent["properties"] = {**sent["properties"], "x": "@"}
    else:
        sent["extra"] = "@"
    if before_type:
        sent["event_type"] = sent.pop("event_type")
    text = orjson.dumps(sent).replace(b'"@"', deep)
    [row] = landed_both_ways([text])
    assert row["errors"] == errors
    assert taken([text], FAST_PATH) == [not errors]


@pytest.mark.parametrize("name", KEYWORDS)
def test_each_keyword_gives_the_same_rows_both_ways(name):
    """Each schema of the corpus as the schema of one property, required and not."""
    schema, values = KEYWORDS[name]
    if isinstance(schema, dict):
        schema = {"$id": "kinfold:alone", **schema}  # so that # is the keyword's own schema
    odd = [None, True, 0, 1.5, "a", "", [], {}, [None], {"a": 1}, 2**53 - 1, 2**53, "EUR\n"]
    events = [event("alias", properties={"x": value}) for value in [*values, *odd]]
    events.append(event("alias", properties={}))
    texts = [json.dumps(one).encode() for one in events]
    for required in ([], ["x"]):
        described = {"type": "object", "required": required, "properties": {"x": schema}}
        registry = registry_with("alias/1-0-0", alias_schema(described))
        rows = landed_both_ways(texts, registry=registry)
        validator = validator_of(described)
        parsed = [orjson.loads(text)["properties"] for text in texts]  # huge integers as floats
        expected = [validator.is_valid(properties) for properties in parsed]
        assert [row["verdict"] == "accepted" for row in rows] == expected
        for one, is_taken in zip(events, taken(texts, FastPath.of(registry)), strict=True):
            assert not is_taken or validator.is_valid(one["properties"]), one


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_same_rows_both_ways(name):
    described = {"type": "object", "properties": {"x": {"format": name}}}
    registry = registry_with("alias/1-0-0", alias_schema(described))
    sent = [orjson.dumps(event("alias", properties={"x": text})) for text in FORMATS[name]]
    assert {row["verdict"] for row in landed_both_ways(sent, registry=registry)} == {
        "accepted",
        "rejected",
    }


@pytest.mark.parametrize("member", ["occurred_at", "received_at"])
def test_each_notation_of_an_instant_gives_the_same_rows_both_ways(member):
    sent = [orjson.dumps(event("login", **{member: text})) for text in FORMATS["date-time"]]
    assert {row["verdict"] for row in landed_both_ways(sent)} == {"accepted", "rejected"}


@pytest.mark.parametrize("event_type", PROPERTIES)
def test_odd_values_in_every_member_give_the_same_rows_both_ways(event_type):
    valid = event(event_type, properties=PROPERTIES[event_type], received_at=None)
    events = [{**valid, name: value} for name in [*valid, "extra"] for value in ODD_VALUES]
    events += [
        {**valid, part: {**valid[part], name: value}}
        for part in ("properties", "identifiers")
        for name in [*valid[part], "extra"]
        for value in ODD_VALUES
    ]
    rows = landed_both_ways([json.dumps(one).encode() for one in [valid, *events]])
    assert {row["verdict"] for row in rows} == {"accepted", "rejected"}
    assert rows[0]["verdict"] == "accepted"


def test_an_unsupported_schema_disables_the_fast_path_for_its_type_only():
    document = REGISTRY.documents["alias/1-0-0"]
    document["properties"]["event_type"] = {"const": "alias", "pattern": r"^\\p{L}+$"}
    texts = [orjson.dumps(event(event_type)) for event_type in ("alias", "login")]
    assert taken(texts, FastPath.of(registry_with("alias/1-0-0", document))) == [False, True]


def test_long_patterns_of_many_types_are_all_followed():
    """Together they have more states than 16 bits can number."""
    names = [f"type_{number}" for number in range(40)]
    texts = dict(REGISTRY.texts)
    for number, name in enumerate(names):
        pattern = {"type": "string", "pattern": f"^[a-z]{{{900 + number}}}$"}
        document = alias_schema({"type": "object", "properties": {"x": pattern}})
        document["properties"]["event_type"] = {"const": name}
        texts[f"{name}/1-0-0"] = json.dumps({**document, "$id": f"kinfold:{name}/1-0-0"})
    fast_path = FastPath.of(SchemaRegistry(tuple(sorted(texts.items()))))
    assert set(names) <= set(fast_path.tables.event_types)
    sent = [
        orjson.dumps({**event("alias", properties={"x": "a" * size}), "event_type": name})
        for number, name in enumerate(names)
        for size in (900 + number, 899 + number)
    ]
    assert taken(sent, fast_path) == [True, False] * 40


class Raw:
    """JSON text that is written as it is."""

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
_parents = st.sampled_from(["", "identifiers", "properties"])
_actions = st.sampled_from(["set", "delete", "repeat"])
_changes = st.lists(st.tuples(_parents, _names, _odd, _actions), max_size=3)


def written(value: Any, twice: dict[int, list[tuple[str, Any]]]) -> str:
    """JSON text of a value.

    Args:
        twice: members that are written first in an object, by its id, and may be repeated in it.
    """
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
    """The text of an event that is valid, or nearly."""
    event_type = draw(st.sampled_from(sorted(GOOD)))
    made = event(event_type)
    made["identifiers"] = dict(made["identifiers"])
    made["properties"] = dict(made["properties"])
    twice: dict[int, list[tuple[str, Any]]] = {}
    for parent, name, value, action in draw(_changes):
        inside = made[parent] if parent else made
        if not isinstance(inside, dict):
            continue
        if action == "set":
            inside[name] = deepcopy(value)  # a later change may be made inside it
        elif action == "delete":
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


@settings(max_examples=400, deadline=None)
@given(st.lists(texts(), min_size=1, max_size=8))
def test_any_events_land_alike_both_ways(sent):
    landed_both_ways(sent)
