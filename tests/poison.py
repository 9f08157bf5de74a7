"""Hostile records with their expected reasons, and unusual but valid ones."""

import gzip
import json
from collections.abc import Iterable
from typing import Any

NO_INSTANT = "expected an instant in the years 0002 to 9998 (UTC), without a leap second"
TOO_DEEP = "/: nested too deeply"
MISSING = [
    f"/: '{name}' is missing"
    for name in ("event_id", "event_type", "identifiers", "occurred_at", "properties")
]
ORDER = {"order_id": "o1", "amount_cents": 1999, "currency": "EUR"}


def event(**members: Any) -> dict[str, Any]:
    """A purchase at noon; a member with the value `...` is left out."""
    purchase = {
        "event_id": "e1",
        "event_type": "purchase",
        "occurred_at": "2026-01-05T12:00:00Z",
        "identifiers": {"user_id": "u1"},
        "properties": ORDER,
    }
    return {name: value for name, value in (purchase | members).items() if value is not ...}


def text(**members: Any) -> bytes:
    return json.dumps(event(**members)).encode()


def order(**members: Any) -> bytes:
    return text(properties=ORDER | members)


GOOD = text()


def order_of(amount: bytes) -> bytes:
    """A purchase whose amount is this text, which may not be valid JSON."""
    return order(amount_cents="@").replace(b'"@"', amount)


def order_holding_lists(depth: int) -> bytes:
    return order(note="@").replace(b'"@"', b"[" * depth + b"]" * depth)


def rules(reasons: Iterable[str]) -> list[str]:
    """The reasons without what was seen."""
    return [reason.partition(", seen ")[0] for reason in reasons]


NO_FORMAT = "/occurred_at: expected format date-time"
NO_MODEL = "/schema_version: no schema of this model in conf/schemas"
NO_VERSION = "/schema_version: expected model-revision-addition such as 1-0-0"
NO_SCHEMA = "/event_type: no schema for this type in conf/schemas"
TOO_MUCH = "/properties/amount_cents: expected maximum 9007199254740991"

HOSTILE: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["/: empty"]),
    "blanks": (b" \t ", ["/: empty"]),
    "empty object": (b"{}", MISSING),
    "empty list": (b"[]", ["/: expected object"]),
    "list of events": (b"[" + GOOD + b"]", ["/: expected object"]),
    "text": (b'"purchase"', ["/: expected object"]),
    "number": (b"42", ["/: expected object"]),
    "true": (b"true", ["/: expected object"]),
    "null": (b"null", ["/: expected object"]),
    "words": (b"server error", ["/: not JSON"]),
    "html": (b"<html></html>", ["/: not JSON"]),
    "truncated": (GOOD[:-20], ["/: truncated JSON"]),
    "truncated in a text": (GOOD[:20], ["/: truncated JSON"]),
    "two documents": (GOOD + GOOD, ["/: more than one JSON document"]),
    "trailing comma": (GOOD[:-1] + b",}", ["/: not JSON"]),
    "single quotes": (GOOD.replace(b'"', b"'"), ["/: not JSON"]),
    "comment": (GOOD + b" // ok", ["/: more than one JSON document"]),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, ["/: starts with a byte order mark"]),
    "UTF-16": (GOOD.decode().encode("utf-16"), ["/: not UTF-8"]),
    "bad UTF-8": (GOOD.replace(b"u1", b"\xc3\x28"), ["/: not UTF-8"]),
    "overlong UTF-8": (GOOD.replace(b"u1", b"\xc0\xaf"), ["/: not UTF-8"]),
    "surrogate in UTF-8": (GOOD.replace(b"u1", b"\xed\xa0\x80"), ["/: not UTF-8"]),
    "lone surrogate": (GOOD.replace(b"u1", b"\\ud800"), ["/: not JSON"]),
    "NUL byte": (GOOD.replace(b"u1", b"u\x001"), ["/: not JSON"]),
    "NUL between": (GOOD + b"\x00", ["/: more than one JSON document"]),
    "NUL in an identifier": (
        text(identifiers={"user_id": "u\0"}),
        [r"/identifiers/user_id: expected pattern ^[^\u0000]*$"],
    ),
    "100,000 lists deep": (b"[" * 100_000, [TOO_DEEP]),
    "100,000 objects deep": (b'{"a":' * 100_000, [TOO_DEEP]),
    "properties 600 deep": (order_holding_lists(600), [TOO_DEEP]),
    "an id 300 deep": (
        GOOD.replace(b'"e1"', b"[" * 300 + b"]" * 300),
        [TOO_DEEP],
    ),
    "50,000 properties": (
        order(**{f"n{i}": i for i in range(50_000)}),
        ["/properties: expected at most 500 members"],
    ),
    "50,000 identifiers": (
        text(identifiers={f"n{i}": i for i in range(50_000)}),
        ["/identifiers/*: expected string or null", "/identifiers: expected at most 50 members"],
    ),
    "a million characters": (
        text(event_id="x" * 1_000_000),
        ["/event_id: expected at most 256 characters"],
    ),
    "10 MB": (text(event_id="x" * 10_000_000), ["/event_id: expected at most 256 characters"]),
    "gzip bomb": (gzip.compress(b" " * 10_000_000, mtime=0), ["/: not UTF-8"]),
    "Avro file": (b"Obj\x01\x04\x14avro.codec\x08null", ["/: not JSON"]),
    "Confluent Avro": (b"\x00\x00\x00\x00\x07\x04e1", ["/: not JSON"]),
    "unknown model": (text(schema_version="9-0-0"), [NO_MODEL]),
    "no version": (text(schema_version="latest"), [NO_VERSION]),
    "zero-width namespace": (
        text(identifiers={"user\u200b_id": "1"}),
        ["/identifiers: a member's name: expected pattern ^[a-z][a-z0-9_]{0,62}$"],
    ),
    "NaN": (order_of(b"NaN"), ["/: not JSON"]),
    "Infinity": (order_of(b"-Infinity"), ["/: not JSON"]),
    "1e400": (order_of(b"1e400"), ["/: a number is too large"]),
    "2^53+1": (order_of(b"9007199254740993"), [TOO_MUCH]),
    "2^64": (order_of(b"18446744073709551616"), [TOO_MUCH]),
    "2^200": (order_of(str(2**200).encode()), [TOO_MUCH]),
    "5,000 digits": (order_of(b"9" * 5_000), ["/: a number is too large"]),
    "leading zero": (order_of(b"017"), ["/: not JSON"]),
    "a half": (order_of(b"0.5"), ["/properties/amount_cents: expected integer"]),
    "negative amount": (order_of(b"-1"), ["/properties/amount_cents: expected minimum 0"]),
    "amount as text": (order_of(b'"12,50"'), ["/properties/amount_cents: expected integer"]),
    "lower-case currency": (
        order(currency="eur"),
        ["/properties/currency: expected pattern ^[A-Z]{3}$"],
    ),
    "no order": (
        text(properties={}),
        [
            "/properties: 'amount_cents' is missing",
            "/properties: 'currency' is missing",
            "/properties: 'order_id' is missing",
        ],
    ),
    "properties as text": (text(properties="{}"), ["/properties: expected object"]),
    "properties null": (text(properties=None), ["/properties: expected object"]),
    "identifiers null": (text(identifiers=None), ["/identifiers: expected object"]),
    "identifier as number": (
        text(identifiers={"user_id": 0}),
        ["/identifiers/user_id: expected string or null"],
    ),
    "e-mail as namespace": (
        text(identifiers={"ada@example.com": "1"}),
        ["/identifiers: a member's name: expected pattern ^[a-z][a-z0-9_]{0,62}$"],
    ),
    "id null": (text(event_id=None), ["/event_id: expected string"]),
    "id zero": (text(event_id=0), ["/event_id: expected string"]),
    "id empty": (text(event_id=""), ["/event_id: expected at least 1 characters"]),
    "no id": (text(event_id=...), ["/: 'event_id' is missing"]),
    "type null": (text(event_type=None), ["/event_type: expected string"]),
    "type list": (text(event_type=["purchase"]), ["/event_type: expected string"]),
    "type unknown": (text(event_type="refund"), [NO_SCHEMA]),
    "type envelope": (text(event_type="envelope"), [NO_SCHEMA]),
    "case twin keys": (text(event_id=..., Event_Id="e1"), ["/: 'event_id' is missing"]),
    "last duplicate key wins": (GOOD[:-1] + b',"event_id":7}', ["/event_id: expected string"]),
    "no zone": (text(occurred_at="2026-01-05T12:00:00"), [NO_FORMAT]),
    "blank for T": (text(occurred_at="2026-01-05 12:00:00Z"), [NO_FORMAT]),
    "date only": (text(occurred_at="2026-01-05"), [NO_FORMAT]),
    "epoch seconds": (text(occurred_at=1767614400), ["/occurred_at: expected string"]),
    "24:00": (text(occurred_at="2026-01-05T24:00:00Z"), [NO_FORMAT]),
    "30 February": (text(occurred_at="2026-02-30T12:00:00Z"), [NO_FORMAT]),
    "year 10000": (text(occurred_at="10000-01-01T00:00:00Z"), [NO_FORMAT]),
    "year 0": (text(occurred_at="0000-01-01T00:00:00Z"), [f"/occurred_at: {NO_INSTANT}"]),
    "before year 1 in UTC": (
        text(occurred_at="0001-01-01T00:00:00+14:00"),
        [f"/occurred_at: {NO_INSTANT}"],
    ),
    "after year 9998 in UTC": (
        text(occurred_at="9998-12-31T23:59:59-12:00"),
        [f"/occurred_at: {NO_INSTANT}"],
    ),
    "leap second": (text(occurred_at="2016-12-31T23:59:60Z"), [f"/occurred_at: {NO_INSTANT}"]),
    "received in year 0": (
        text(received_at="0000-01-01T00:00:00Z"),
        [f"/received_at: {NO_INSTANT}"],
    ),
    "received without a zone": (
        text(received_at="2026-01-05T12:00:00"),
        ["/received_at: expected format date-time"],
    ),
    "year 1": (text(occurred_at="0001-01-01T00:00:00Z"), [f"/occurred_at: {NO_INSTANT}"]),
    "year 2 only in its own zone": (
        text(occurred_at="0002-01-01T00:00:00+00:01"),
        [f"/occurred_at: {NO_INSTANT}"],
    ),
    "year 9999": (
        text(occurred_at="9999-01-01T00:00:00Z", received_at="9999-01-01T00:00:00Z"),
        [f"/occurred_at: {NO_INSTANT}", f"/received_at: {NO_INSTANT}"],
    ),
    "year 9998": (
        text(occurred_at="9998-12-31T00:00:00Z"),
        ["/occurred_at: more than 1 day after ingestion"],
    ),
    "collector of the year 9998": (
        text(occurred_at="9998-12-31T23:59:59.999999Z", received_at="9998-12-31T23:59:59Z"),
        [
            "/occurred_at: more than 1 day after ingestion",
            "/received_at: more than 1 day after ingestion",
        ],
    ),
    "clock a day and a microsecond fast": (
        text(occurred_at="2026-01-06T11:00:00.000001Z", received_at="2026-01-05T11:00:00Z"),
        ["/occurred_at: more than 1 day after received_at"],
    ),
}

ODD_BUT_GOOD: dict[str, bytes] = {
    "blanks around": b"  " + GOOD + b" \r",
    "escaped": GOOD.replace(b"e1", b"\\u0065\\ud83d\\ude00"),
    "properties 200 deep": order_holding_lists(200),
    "500 properties": order(**{f"n{i}": i for i in range(497)}),
    "duplicate keys": b'{"event_id":7,' + GOOD[1:],
    "2^53-1": order_of(b"9007199254740991"),
    "whole as a fraction": order_of(b"1999.0"),
    "minus zero": order_of(b"-0"),
    "year 2": text(occurred_at="0002-01-01T00:00:00Z"),
    "lower-case t and z": text(occurred_at="2026-01-05t12:00:00z"),
    "nine decimals": text(occurred_at="2026-01-05T12:00:00.123456789Z"),
    "received null": text(received_at=None),
    "received exactly a day before it occurred": text(
        occurred_at="2026-01-06T12:00:00Z", received_at="2026-01-05T12:00:00Z"
    ),
    "no identifiers": text(identifiers={}),
    "quote and formula": order(note="'; DROP TABLE x; =HYPERLINK(1) ${jndi:x}"),
    "an unknown addition": text(schema_version="1-0-99", added="later"),
    "placeholders": text(identifiers={"user_id": "undefined", "cookie_id": "0"}),
    "zero-width in a value": text(identifiers={"user_id": "u\u200b1"}),
    "hour that clocks skip": text(occurred_at="2025-03-30T01:30:00+00:00"),
    "NUL in a property": order(note="a\0b"),
}
