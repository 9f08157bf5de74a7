"""The native event of a message: id, type, times, and that no value is lost."""

import copy
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings, strategies as st

from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.events.segment.messages import segment_messages
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import validate
from poison import rules
from project import SCHEMAS
from segment_samples import (
    ANALYTICS_JS_PAGE,
    ANY_MESSAGE,
    IOS_IDENTIFY,
    NOON,
    OBJECTS,
    RUDDERSTACK_ORDER,
    SAMPLES,
    VALUES,
    leaves,
    message,
    nested,
)

REGISTRY = SchemaRegistry.load(SCHEMAS)


def occurred_at(**members: Any) -> Any:
    return segment_event(message(timestamp=..., **members)).get("occurred_at")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_of_an_sdk_becomes_its_native_event(name):
    document, expected = SAMPLES[name]
    assert [segment_event(one) for one in segment_messages(document)] == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_the_schemas_accept_what_an_sdk_sends(name):
    document, expected = SAMPLES[name]
    events = [segment_event(one) for one in segment_messages(document)]
    assert [validate(REGISTRY, event) for event in events] == [[]] * len(expected)


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("Product Viewed", "product_view"),
        ("Viewed Product", "product_view"),
        ("Product Added", "add_to_cart"),
        ("Added Product", "add_to_cart"),
        ("Order Completed", "purchase"),
        ("Completed Order", "purchase"),
        ("Order Created", "purchase"),
        ("Order Refunded", "return"),
        ("Refunded Order", "return"),
        ("Order Updated", "order_update"),
        ("Updated Order", "order_update"),
        ("Order Cancelled", "order_cancel"),
        ("Order Canceled", "order_cancel"),
        ("Cancelled Order", "order_cancel"),
        ("Canceled Order", "order_cancel"),
        ("Email Opened", "email_open"),
        ("Signed In", "login"),
        ("User Signed In", "login"),
        ("Logged In", "login"),
        ("User Logged In", "login"),
        (" oRDER cOMPLETED ", "purchase"),
        ("order_completed", "purchase"),
        ("OrderRefunded", "return"),
        ("product_viewed", "product_view"),
        ("Order  Updated", "order_update"),
        ("purchase", "track"),
        ("Order Shipped", "track"),
        ("Cart Viewed", "track"),
        ("Checkout Started", "track"),
        ("Checkout Step Completed", "track"),
        ("Product Removed", "track"),
        ("Coupon Applied", "track"),
        ("", "track"),
    ],
)
def test_the_name_of_a_track_decides_its_type_in_any_spelling(name, event_type):
    assert segment_event(message(event=name))["event_type"] == event_type


@pytest.mark.parametrize(
    ("kind", "event_type"),
    [
        ("page", "page_view"),
        ("screen", "screen_view"),
        ("identify", "identify"),
        ("group", "group"),
        ("alias", "alias"),
        ("Track", "track"),
    ],
)
def test_the_type_of_a_message_decides_its_native_type(kind, event_type):
    assert segment_event(message(type=kind))["event_type"] == event_type


@pytest.mark.parametrize("kind", ["", "reset", "consent", "login", "purchase"])
def test_a_type_outside_the_spec_is_refused_even_if_a_native_type_has_its_name(kind):
    event = segment_event(message(type=kind))
    assert event["event_type"] == f"segment/{kind}"
    (reason,) = rules(validate(REGISTRY, event))
    assert reason == "/event_type: no schema for this type in conf/schemas"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (..., "/: 'event_type' is missing"),
        (None, "/: 'event_type' is missing"),
        (7, "/event_type: expected string"),
        (["track"], "/event_type: expected string"),
    ],
)
def test_a_message_without_a_type_is_refused_with_a_reason(kind, reason):
    assert rules(validate(REGISTRY, segment_event(message(type=kind)))) == [reason]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"event": ...}, "/properties: 'event_name' is missing"),
        ({"event": 7}, "/properties/event_name: expected string"),
        ({"type": "group"}, "/properties: 'group_id' is missing"),
        ({"type": "alias", "userId": "u"}, "/properties: 'previous_id' is missing"),
        ({"type": "alias", "previousId": []}, "/properties/previous_id: expected string"),
        ({"event": "Product Viewed"}, "/properties: 'product_id' is missing"),
        ({"userId": ["u"]}, "/identifiers/user_id: expected string or null"),
        ({"userId": 1.5}, "/identifiers/user_id: expected string or null"),
        ({"userId": 1e21}, "/identifiers/user_id: expected string or null"),
        ({"messageId": {}}, "/event_id: expected string"),
        ({"timestamp": 1767614400}, "/occurred_at: expected string"),
        ({"timestamp": "yesterday"}, "/occurred_at: expected format date-time"),
        ({"timestamp": ...}, "/: 'occurred_at' is missing"),
    ],
)
def test_a_message_without_a_required_member_is_refused_with_a_reason(members, reason):
    (found,) = validate(REGISTRY, segment_event(message(**members)))
    assert reason in found


@pytest.mark.parametrize(
    "members",
    [
        {"type": "page"},
        {"event": "Product Viewed", "properties": {"product_id": "p"}},
        {"event": "Product Added", "properties": {"product_id": "p"}},
        {"event": "Email Opened"},
    ],
)
def test_members_that_are_optional_in_the_spec_may_be_missing(members):
    assert validate(REGISTRY, segment_event(message(**members))) == []


@pytest.mark.parametrize("absent", [..., None, ""])
def test_without_a_message_id_copies_of_a_message_have_one_event_id_in_every_delivery(absent):
    first = message(messageId=absent, sentAt=NOON, receivedAt=NOON, originalTimestamp=NOON)
    again = first | {
        "sentAt": "2026-01-05T12:05:00Z",
        "receivedAt": "2026-01-05T12:05:01Z",
        "timestamp": "2026-01-05T12:00:01Z",
        "request_ip": "203.0.113.1",
        "batchMessageId": "b2",
    }
    other = first | {"originalTimestamp": "2026-01-05T12:00:01Z"}
    ids = [segment_event(one)["event_id"] for one in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 32


def test_a_computed_event_id_is_the_same_in_every_version_of_the_code():
    assert segment_event({"type": "track", "b": 1, "a": [2.5, None]})["event_id"] == (
        # sha256 of {"a":[2.5,null],"b":1,"type":"track"}
        "5b3096cf78f56a691cfe16ad378b0031"
    )


def test_a_numeric_message_id_becomes_text():
    assert segment_event(message(messageId=17))["event_id"] == "17"


def test_a_timestamp_is_already_corrected():
    event = segment_event(message(originalTimestamp="2026-01-05T13:00:00Z", receivedAt=NOON))
    assert (event["occurred_at"], event["received_at"]) == (NOON, NOON)


@pytest.mark.parametrize("absent", [..., None, ""])
def test_without_a_timestamp_the_senders_clock_is_corrected_by_the_receivers(absent):
    event = segment_event(
        message(
            timestamp=absent,
            originalTimestamp="2026-01-05T12:10:00Z",  # the clock is 10 minutes ahead
            sentAt="2026-01-05T12:10:05.000+00:00",
            receivedAt="2026-01-05T13:00:06+01:00",
        )
    )
    assert event["occurred_at"] == "2026-01-05T12:00:01Z"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"sentAt": "2026-01-05T12:00:05Z"},
        {"receivedAt": "2026-01-05T12:00:05Z"},
        {"sentAt": "soon", "receivedAt": "2026-01-05T12:00:05Z"},
        {"sentAt": "2026-01-05T12:00:05", "receivedAt": "2026-01-05T12:00:05Z"},
        {"sentAt": 5, "receivedAt": "2026-01-05T12:00:05Z"},
        {"sentAt": "2026-W02T12:00:05Z", "receivedAt": "2026-01-05T12:00:05Z"},
        {"sentAt": "0001-01-01T00:00:00Z", "receivedAt": "9999-12-31T00:00:00Z"},
    ],
)
def test_a_senders_time_that_cannot_be_corrected_is_used_unchanged(members):
    assert occurred_at(originalTimestamp="2026-01-05T12:00:00Z", **members) == (
        "2026-01-05T12:00:00Z"
    )


def test_a_message_without_its_own_time_occurred_when_it_was_received_or_else_sent():
    assert occurred_at(receivedAt=NOON, sentAt="2026-01-05T11:00:00Z") == NOON
    assert occurred_at(sentAt="2026-01-05T11:00:00Z") == "2026-01-05T11:00:00Z"
    assert occurred_at() is None


@pytest.mark.parametrize("instant", ["2026-01-05T12:00:00Z", "2026-01-05T12:00:00+00:00"])
def test_an_instant_needs_neither_milliseconds_nor_a_z(instant):
    assert validate(REGISTRY, segment_event(message(timestamp=instant))) == []


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANY_MESSAGE)
@example(ANALYTICS_JS_PAGE)
@example(IOS_IDENTIFY)
@example(RUDDERSTACK_ORDER)
def test_every_value_of_a_message_is_in_its_native_event(sent):
    before = copy.deepcopy(sent)
    kept = Counter(leaves(segment_event(sent)))
    assert Counter(leaves(sent)) - kept == Counter()
    assert sent == before


@settings(max_examples=150, deadline=None, derandomize=True)
@given(VALUES | OBJECTS | st.builds(lambda o, m: o | {"batch": m}, OBJECTS, st.lists(ANY_MESSAGE)))
@example({"batch": {"batch": []}})
@example({"type": "track", "event": "Order Completed", "properties": {"total": 2**20_000}})
@example({"type": "track", "userId": 10**5_000, "messageId": -(10**5_000)})
@example(
    {"type": "track", "event": "Order Completed", "properties": {"products": [{"price": "1"}]}}
)
def test_no_document_raises_and_each_of_its_messages_gets_a_verdict(document):
    for one in segment_messages(document):
        assert isinstance(validate(REGISTRY, segment_event(one)), list)


@pytest.mark.parametrize("member", ["context", "properties", "event", "userId", "x"])
@pytest.mark.parametrize("message_id", ["m1", None])
def test_a_message_that_is_nested_too_deeply_raises_nothing_and_cannot_land(member, message_id):
    deep = nested(20_000, {})
    one = message(messageId=message_id, **{member: deep})
    (taken,) = segment_messages({"batch": [one], member: deep})
    event = segment_event(taken)
    if not validate(REGISTRY, event):
        with pytest.raises(orjson.JSONEncodeError):  # what landed_batch refuses it for
            orjson.dumps(event["properties"])
