"""Verdicts of mapped events."""

import json

import pyarrow as pa
import pytest

from kinfold.bronze.events.mapped_events import mapped_verdicts
from kinfold.bronze.fast_path.fast_path import FastPath
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import compiled_schemas
from poison import GOOD, ORDER, text
from project import SCHEMAS

REGISTRY = SchemaRegistry.load(SCHEMAS)
INPUTS = {
    "/occurred_at": (("When",),),
    "/properties/amount_cents": (("total",), ("items", 0, "price")),
    "/properties/currency": (),
}


@pytest.fixture(params=[True, False], ids=["fast path", "validators"])
def judged(request):
    """`judged((record, event), ...)`: verdict, errors and event of each."""

    def verdicts(*rows: tuple[bytes, bytes | None], unreadable=None):
        events = [None if event is None else event.decode() for _, event in rows]
        columns = mapped_verdicts(
            {
                "value": pa.array([record for record, _ in rows], pa.binary()),
                "event": pa.array(events, pa.string()),
                "unreadable": pa.array(unreadable or [None] * len(rows), pa.string()),
            },
            inputs=INPUTS,
            schemas=compiled_schemas(REGISTRY),
            fast_path=FastPath.of(REGISTRY) if request.param else None,
        )
        return list(
            zip(*(columns[n].to_pylist() for n in ("verdict", "errors", "event")), strict=True)
        )

    return verdicts


def order(**members: object) -> bytes:
    return text(properties={k: v for k, v in (ORDER | members).items() if v is not ...})


def test_an_event_whose_values_can_be_cast_is_accepted_and_the_others_stay(judged):
    first, second, third = judged((b"{}", GOOD), (b"{}", order(quantity="2.0")), (b"{}", GOOD))
    assert first == third == ("accepted", [], GOOD.decode())
    assert second[:2] == ("accepted", [])
    assert json.loads(second[2])["properties"]["quantity"] == 2


def test_a_missing_member_is_explained_by_what_its_expression_has_read(judged):
    record = b'{"when": "31/12/2026", "total": "n/a", "items": []}'
    no_time = judged((record, text(occurred_at=...)))[0]
    assert no_time[1] == [
        "/: 'occurred_at' is missing: its expression gives no value, "
        "seen When: text like 99/99/9999"
    ]
    no_amount = judged((record, order(amount_cents=..., currency=...)))[0]
    assert no_amount[1] == [
        "/properties: 'amount_cents' is missing: its expression gives no value, "
        "seen total: text like a/a; items.0.price: null",
        "/properties: 'currency' is missing: its expression gives no value",
    ]
    no_order = judged((record, order(order_id=...)))[0]
    assert no_order[1] == ["/properties: 'order_id' is missing: the mapping does not have it"]


def test_a_record_that_the_reader_could_not_read_keeps_its_reason(judged):
    rows = judged((b"1,2", None), (b"x", GOOD), unreadable=["/: cut off", None])
    assert [(row[0], row[1]) for row in rows] == [("rejected", ["/: cut off"]), ("accepted", [])]


def test_a_refund_whose_amount_cannot_be_read_is_rejected_and_not_one_of_everything(judged):
    refund = order(amount_cents=...).replace(b'"purchase"', b'"return"')
    rows = judged(
        (b'{"total": "NaN"}', refund),
        (b'{"total": "", "items": [{"price": " "}]}', refund),
        (b"{}", refund),
        (b'{"total": "NaN"}', order().replace(b'"purchase"', b'"return"')),
    )
    assert [verdict for verdict, _, _ in rows] == ["rejected", "accepted", "accepted", "accepted"]
    assert rows[0][1] == [
        "/properties: 'amount_cents' is missing: its expression gives no value, "
        'seen total: "NaN"; items.0.price: null'
    ]
