"""What Segment's and RudderStack's messages become, and that none of them loses a field."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings, strategies as st

from kinfold.bronze.events.segment import segment_event, segment_messages
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import validate
from project import SCHEMAS

REGISTRY = SchemaRegistry.load(SCHEMAS)
NOON = "2026-01-05T12:00:00.000Z"


def message(**members: Any) -> dict[str, Any]:
    """A `track` of nothing special at noon; a member given as `...` is left out."""
    track = {"type": "track", "event": "Wishlist Shared", "messageId": "m1", "timestamp": NOON}
    return {name: value for name, value in (track | members).items() if value is not ...}


def tracked(event: str, **properties: Any) -> dict[str, Any]:
    """The properties of the native event of a `track`, without what is left of the message."""
    native = segment_event(message(event=event, properties=properties))["properties"]
    return {name: value for name, value in native.items() if name != "segment_message"}


def order(**properties: Any) -> dict[str, Any]:
    return tracked("Order Completed", **properties)


def identifiers(**members: Any) -> dict[str, Any]:
    return segment_event(message(**members))["identifiers"]


def occurred_at(**members: Any) -> Any:
    return segment_event(message(timestamp=..., **members)).get("occurred_at")


# Whole messages, as they arrive.

ANALYTICS_JS_PAGE = {
    "anonymousId": "0f3c2a54-7a0e-4e0b-9a52-3b1c0f0e7d11",
    "channel": "client",
    "context": {
        "ip": "203.0.113.7",
        "library": {"name": "analytics.js", "version": "npm:next-1.81.0"},
        "locale": "en-GB",
        "page": {
            "path": "/shoes",
            "referrer": "https://search.example/",
            "search": "?utm_source=mail",
            "title": "Shoes",
            "url": "https://shop.example/shoes?utm_source=mail",
        },
        "campaign": {"source": "mail"},
        "timezone": "Europe/London",
        "userAgent": "Mozilla/5.0",
        "userAgentData": {"brands": [{"brand": "Chromium", "version": "131"}], "mobile": False},
    },
    "integrations": {"Segment.io": True},
    "messageId": "ajs-next-1767614400000-5b8f",
    "name": "Category",
    "originalTimestamp": "2026-01-05T12:00:03.000Z",
    "properties": {
        "name": "Category",
        "path": "/shoes",
        "referrer": "https://search.example/",
        "search": "?utm_source=mail",
        "title": "Shoes",
        "url": "https://shop.example/shoes?utm_source=mail",
    },
    "receivedAt": "2026-01-05T12:00:01.100Z",
    "sentAt": "2026-01-05T12:00:04.000Z",
    "timestamp": "2026-01-05T12:00:00.100Z",
    "type": "page",
    "userId": None,
    "version": 2,
    "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
}
ANALYTICS_JS_PAGE_NATIVE = {
    "event_id": "ajs-next-1767614400000-5b8f",
    "event_type": "page_view",
    "occurred_at": "2026-01-05T12:00:00.100Z",
    "received_at": "2026-01-05T12:00:01.100Z",
    "identifiers": {"cookie_id": "0f3c2a54-7a0e-4e0b-9a52-3b1c0f0e7d11"},
    "properties": {
        "name": "Category",
        "path": "/shoes",
        "referrer": "https://search.example/",
        "search": "?utm_source=mail",
        "title": "Shoes",
        "url": "https://shop.example/shoes?utm_source=mail",
        "segment_message": {
            "channel": "client",
            "context": {
                "ip": "203.0.113.7",
                "library": {"name": "analytics.js", "version": "npm:next-1.81.0"},
                "locale": "en-GB",
                "page": {
                    "path": "/shoes",
                    "referrer": "https://search.example/",
                    "search": "?utm_source=mail",
                    "title": "Shoes",
                    "url": "https://shop.example/shoes?utm_source=mail",
                },
                "campaign": {"source": "mail"},
                "timezone": "Europe/London",
                "userAgent": "Mozilla/5.0",
                "userAgentData": {
                    "brands": [{"brand": "Chromium", "version": "131"}],
                    "mobile": False,
                },
            },
            "integrations": {"Segment.io": True},
            "name": "Category",
            "originalTimestamp": "2026-01-05T12:00:03.000Z",
            "sentAt": "2026-01-05T12:00:04.000Z",
            "type": "page",
            "userId": None,
            "version": 2,
            "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
        },
    },
}

# As the app sends it: the times of a message are its own, and there is no receivedAt.
ANDROID_BATCH = {
    "batch": [
        {
            "anonymousId": "5d1c9d0e-4a1f-4a5a-8d6c-0c3f3a1b2c4d",
            "channel": "mobile",
            "context": {
                "app": {
                    "build": 45,
                    "name": "Shop",
                    "namespace": "example.shop",
                    "version": "2.1.0",
                },
                "device": {
                    "adTrackingEnabled": True,
                    "advertisingId": "7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db",
                    "id": "b5372db0c21e11e4",
                    "manufacturer": "Google",
                    "model": "Pixel 9",
                    "name": "tokay",
                    "type": "android",
                },
                "library": {"name": "analytics-android", "version": "4.11.3"},
                "locale": "en-GB",
                "network": {"bluetooth": False, "carrier": "", "cellular": False, "wifi": True},
                "os": {"name": "Android", "version": "15"},
                "screen": {"density": 2.625, "height": 2424, "width": 1080},
                "timezone": "Europe/London",
                "traits": {"anonymousId": "5d1c9d0e-4a1f-4a5a-8d6c-0c3f3a1b2c4d", "userId": "4711"},
                "userAgent": "Dalvik/2.1.0",
            },
            "event": "Product Added",
            "integrations": {},
            "messageId": "c5f9a7e2-0b6f-4b0e-8f0c-0c8a7a1e6a11",
            "properties": {
                "product_id": "P-17",
                "sku": "S-17",
                "category": "Shoes",
                "name": "Runner",
                "price": 49.99,
                "quantity": 2,
                "currency": "GBP",
            },
            "timestamp": "2026-01-05T12:00:00.250Z",
            "type": "track",
            "userId": "4711",
        },
        {
            "anonymousId": "5d1c9d0e-4a1f-4a5a-8d6c-0c3f3a1b2c4d",
            "channel": "mobile",
            "context": {"device": {"id": "b5372db0c21e11e4", "type": "android"}},
            "integrations": {},
            "messageId": "c5f9a7e2-0b6f-4b0e-8f0c-0c8a7a1e6a12",
            "name": "Basket",
            "properties": {},
            "timestamp": "2026-01-05T12:00:01.000Z",
            "type": "screen",
        },
    ],
    "sentAt": "2026-01-05T12:00:30.000Z",
}
ANDROID_BATCH_NATIVE = [
    {
        "event_id": "c5f9a7e2-0b6f-4b0e-8f0c-0c8a7a1e6a11",
        "event_type": "add_to_cart",
        "occurred_at": "2026-01-05T12:00:00.250Z",
        "identifiers": {
            "user_id": "4711",
            "cookie_id": "5d1c9d0e-4a1f-4a5a-8d6c-0c3f3a1b2c4d",
            "device_id": "b5372db0c21e11e4",
            "advertising_id": "7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db",
        },
        "properties": {
            "product_id": "P-17",
            "sku": "S-17",
            "category": "Shoes",
            "name": "Runner",
            "price": 49.99,
            "price_cents": 4999,
            "quantity": 2,
            "currency": "GBP",
            "segment_message": {
                "channel": "mobile",
                "context": {
                    "app": {
                        "build": 45,
                        "name": "Shop",
                        "namespace": "example.shop",
                        "version": "2.1.0",
                    },
                    "device": {
                        "adTrackingEnabled": True,
                        "advertisingId": "7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db",
                        "id": "b5372db0c21e11e4",
                        "manufacturer": "Google",
                        "model": "Pixel 9",
                        "name": "tokay",
                        "type": "android",
                    },
                    "library": {"name": "analytics-android", "version": "4.11.3"},
                    "locale": "en-GB",
                    "network": {"bluetooth": False, "carrier": "", "cellular": False, "wifi": True},
                    "os": {"name": "Android", "version": "15"},
                    "screen": {"density": 2.625, "height": 2424, "width": 1080},
                    "timezone": "Europe/London",
                    "traits": {
                        "anonymousId": "5d1c9d0e-4a1f-4a5a-8d6c-0c3f3a1b2c4d",
                        "userId": "4711",
                    },
                    "userAgent": "Dalvik/2.1.0",
                },
                "event": "Product Added",
                "integrations": {},
                "sentAt": "2026-01-05T12:00:30.000Z",
                "type": "track",
            },
        },
    },
    {
        "event_id": "c5f9a7e2-0b6f-4b0e-8f0c-0c8a7a1e6a12",
        "event_type": "screen_view",
        "occurred_at": "2026-01-05T12:00:01.000Z",
        "identifiers": {
            "cookie_id": "5d1c9d0e-4a1f-4a5a-8d6c-0c3f3a1b2c4d",
            "device_id": "b5372db0c21e11e4",
        },
        "properties": {
            "screen_name": "Basket",
            "segment_message": {
                "channel": "mobile",
                "context": {"device": {"id": "b5372db0c21e11e4", "type": "android"}},
                "integrations": {},
                "sentAt": "2026-01-05T12:00:30.000Z",
                "type": "screen",
            },
        },
    },
]

# Through Segment's webhook, which sends one message at a time.
IOS_IDENTIFY = {
    "anonymousId": "A1B2C3D4-0000-4000-8000-00000000000A",
    "channel": "server",
    "context": {
        "app": {"build": "45", "name": "Shop", "namespace": "example.shop", "version": "2.1.0"},
        "device": {
            "adTrackingEnabled": False,
            "advertisingId": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
            "id": "F00DBABE-1111-4222-8333-444455556666",
            "manufacturer": "Apple",
            "model": "iPhone17,1",
            "type": "ios",
        },
        "library": {"name": "analytics-ios", "version": "4.1.8"},
        "os": {"name": "iOS", "version": "18.2"},
    },
    "integrations": {},
    "messageId": "0E7C6D54-0000-4000-8000-00000000000B",
    "originalTimestamp": "2026-01-05T12:00:00.000Z",
    "projectId": "p1",
    "receivedAt": "2026-01-05T12:00:02.000Z",
    "sentAt": "2026-01-05T12:00:01.900Z",
    "timestamp": "2026-01-05T12:00:00.100Z",
    "traits": {
        "address": {"city": "Ghent", "country": "BE", "postalCode": "9000"},
        "birthday": "1990-02-03T00:00:00.000Z",
        "email": "Ada@Example.com",
        "firstName": "Ada",
        "lastName": "Lind",
        "logins": 5,
        "phone": "07700 900123",
    },
    "type": "identify",
    "userId": 4711,
    "version": 2,
}
IOS_IDENTIFY_NATIVE = {
    "event_id": "0E7C6D54-0000-4000-8000-00000000000B",
    "event_type": "identify",
    "occurred_at": "2026-01-05T12:00:00.100Z",
    "received_at": "2026-01-05T12:00:02.000Z",
    "identifiers": {
        "user_id": "4711",
        "cookie_id": "A1B2C3D4-0000-4000-8000-00000000000A",
        "device_id": "F00DBABE-1111-4222-8333-444455556666",
        "email": "Ada@Example.com",
        "phone": "07700 900123",
    },
    "properties": {
        "address": {"city": "Ghent", "country": "BE", "postalCode": "9000"},
        "birthday": "1990-02-03T00:00:00.000Z",
        "email": "Ada@Example.com",
        "firstName": "Ada",
        "lastName": "Lind",
        "logins": 5,
        "phone": "07700 900123",
        "first_name": "Ada",
        "last_name": "Lind",
        "city": "Ghent",
        "country": "BE",
        "birth_on": "1990-02-03T00:00:00.000Z",
        "segment_message": {
            "channel": "server",
            "context": {
                "app": {
                    "build": "45",
                    "name": "Shop",
                    "namespace": "example.shop",
                    "version": "2.1.0",
                },
                "device": {
                    "adTrackingEnabled": False,
                    "advertisingId": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
                    "id": "F00DBABE-1111-4222-8333-444455556666",
                    "manufacturer": "Apple",
                    "model": "iPhone17,1",
                    "type": "ios",
                },
                "library": {"name": "analytics-ios", "version": "4.1.8"},
                "os": {"name": "iOS", "version": "18.2"},
            },
            "integrations": {},
            "originalTimestamp": "2026-01-05T12:00:00.000Z",
            "projectId": "p1",
            "sentAt": "2026-01-05T12:00:01.900Z",
            "userId": 4711,
            "version": 2,
        },
    },
}

RUDDERSTACK_ORDER = {
    "anonymousId": "c1f0d7e6-9f6f-4a7e-9a3b-5a0f3f2b1c0d",
    "channel": "web",
    "context": {
        "app": {"name": "RudderLabs JavaScript SDK", "version": "3.11.1"},
        "campaign": {},
        "library": {"name": "RudderLabs JavaScript SDK", "version": "3.11.1"},
        "page": {
            "initial_referrer": "$direct",
            "path": "/done",
            "tab_url": "https://shop.example/done",
            "url": "https://shop.example/done",
        },
        "sessionId": 1767614400123,
        "traits": {"Email": "ada@example.com"},
    },
    "event": "order completed",
    "integrations": {"All": True},
    "messageId": "f6b6d7b0-0000-4000-8000-0000000000aa",
    "originalTimestamp": "2026-01-05T13:00:00.000+01:00",
    "properties": {
        "order_id": 900017,
        "total": 129.955,
        "revenue": 100,
        "currency": "eur",
        "products": [
            {"product_id": "P-17", "price": 49.99, "quantity": 2},
            {"product_id": "P-18", "price": 0.02},
        ],
    },
    "receivedAt": "2026-01-05T12:00:10.500Z",
    "request_ip": "203.0.113.9",
    "rudderId": "2c3d4e5f-0000-4000-8000-0000000000bb",
    "sentAt": "2026-01-05T13:00:00.250+01:00",
    "type": "track",
    "userId": "",
}
RUDDERSTACK_ORDER_NATIVE = {
    "event_id": "f6b6d7b0-0000-4000-8000-0000000000aa",
    "event_type": "purchase",
    "occurred_at": "2026-01-05T12:00:10.250000Z",
    "received_at": "2026-01-05T12:00:10.500Z",
    "identifiers": {
        "cookie_id": "c1f0d7e6-9f6f-4a7e-9a3b-5a0f3f2b1c0d",
        "email": "ada@example.com",
    },
    "properties": {
        "order_id": "900017",
        "amount_cents": 12996,
        "currency": "EUR",
        "total": 129.955,
        "revenue": 100,
        "products": [
            {"product_id": "P-17", "price": 49.99, "quantity": 2},
            {"product_id": "P-18", "price": 0.02},
        ],
        "segment_message": {
            "channel": "web",
            "context": {
                "app": {"name": "RudderLabs JavaScript SDK", "version": "3.11.1"},
                "campaign": {},
                "library": {"name": "RudderLabs JavaScript SDK", "version": "3.11.1"},
                "page": {
                    "initial_referrer": "$direct",
                    "path": "/done",
                    "tab_url": "https://shop.example/done",
                    "url": "https://shop.example/done",
                },
                "sessionId": 1767614400123,
                "traits": {"Email": "ada@example.com"},
            },
            "event": "order completed",
            "integrations": {"All": True},
            "originalTimestamp": "2026-01-05T13:00:00.000+01:00",
            "properties": {"order_id": 900017, "currency": "eur"},
            "request_ip": "203.0.113.9",
            "rudderId": "2c3d4e5f-0000-4000-8000-0000000000bb",
            "sentAt": "2026-01-05T13:00:00.250+01:00",
            "type": "track",
            "userId": "",
        },
    },
}

# RudderStack's browser SDK puts the traits of an identify into the context.
RUDDERSTACK_IDENTIFY = {
    "anonymousId": "c1f0d7e6-9f6f-4a7e-9a3b-5a0f3f2b1c0d",
    "channel": "web",
    "context": {"traits": {"email": "ada@example.com", "firstName": "Ada"}},
    "integrations": {"All": True},
    "messageId": "f6b6d7b0-0000-4000-8000-0000000000ab",
    "originalTimestamp": "2026-01-05T12:00:00+00:00",
    "type": "identify",
    "userId": "u1",
}
RUDDERSTACK_IDENTIFY_NATIVE = {
    "event_id": "f6b6d7b0-0000-4000-8000-0000000000ab",
    "event_type": "identify",
    "occurred_at": "2026-01-05T12:00:00+00:00",
    "identifiers": {
        "user_id": "u1",
        "cookie_id": "c1f0d7e6-9f6f-4a7e-9a3b-5a0f3f2b1c0d",
        "email": "ada@example.com",
    },
    "properties": {
        "email": "ada@example.com",
        "firstName": "Ada",
        "first_name": "Ada",
        "segment_message": {
            "channel": "web",
            "context": {"traits": {"email": "ada@example.com", "firstName": "Ada"}},
            "integrations": {"All": True},
        },
    },
}

# POST /v1/batch by hand.
HTTP_BATCH = {
    "batch": [
        {
            "type": "alias",
            "messageId": "b1",
            "previousId": "jen@example.com",
            "userId": "507f191e81",
            "timestamp": "2026-01-05T12:00:00Z",
        },
        {
            "type": "group",
            "messageId": "b2",
            "userId": "507f191e81",
            "groupId": "acme",
            "traits": {"name": "Acme", "email": "office@acme.example", "employees": 329},
            "timestamp": "2026-01-05T12:00:01Z",
            "context": {"library": {"version": "9"}},
        },
        {
            "type": "track",
            "messageId": "b3",
            "userId": "507f191e81",
            "event": "Signed In",
            "timestamp": "2026-01-05T12:00:02Z",
            "integrations": None,
        },
    ],
    "context": {"ip": "203.0.113.5", "library": {"name": "http", "version": "1"}},
    "integrations": {"All": True},
    "messageId": "the-batch",
    "sentAt": "2026-01-05T12:00:03Z",
    "writeKey": "key",
}
HTTP_BATCH_NATIVE = [
    {
        "event_id": "b1",
        "event_type": "alias",
        "occurred_at": "2026-01-05T12:00:00Z",
        "identifiers": {
            "user_id": "507f191e81",
            "previous_user_id": "jen@example.com",
            "cookie_id": "jen@example.com",
        },
        "properties": {
            "previous_id": "jen@example.com",
            "segment_message": {
                "batchMessageId": "the-batch",
                "context": {"ip": "203.0.113.5", "library": {"name": "http", "version": "1"}},
                "integrations": {"All": True},
                "sentAt": "2026-01-05T12:00:03Z",
                "writeKey": "key",
            },
        },
    },
    {
        "event_id": "b2",
        "event_type": "group",
        "occurred_at": "2026-01-05T12:00:01Z",
        "identifiers": {"user_id": "507f191e81"},
        "properties": {
            "group_id": "acme",
            "name": "Acme",
            "email": "office@acme.example",
            "employees": 329,
            "segment_message": {
                "batchMessageId": "the-batch",
                "context": {"ip": "203.0.113.5", "library": {"name": "http", "version": "9"}},
                "integrations": {"All": True},
                "sentAt": "2026-01-05T12:00:03Z",
                "writeKey": "key",
            },
        },
    },
    {
        "event_id": "b3",
        "event_type": "login",
        "occurred_at": "2026-01-05T12:00:02Z",
        "identifiers": {"user_id": "507f191e81"},
        "properties": {
            "segment_message": {
                "batchMessageId": "the-batch",
                "context": {"ip": "203.0.113.5", "library": {"name": "http", "version": "1"}},
                "event": "Signed In",
                "integrations": {"All": True},
                "sentAt": "2026-01-05T12:00:03Z",
                "type": "track",
                "writeKey": "key",
            },
        },
    },
]

SAMPLES = {
    "analytics.js": (ANALYTICS_JS_PAGE, [ANALYTICS_JS_PAGE_NATIVE]),
    "analytics-android": (ANDROID_BATCH, ANDROID_BATCH_NATIVE),
    "analytics-ios": (IOS_IDENTIFY, [IOS_IDENTIFY_NATIVE]),
    "RudderStack order": (RUDDERSTACK_ORDER, [RUDDERSTACK_ORDER_NATIVE]),
    "RudderStack identify": (RUDDERSTACK_IDENTIFY, [RUDDERSTACK_IDENTIFY_NATIVE]),
    "/v1/batch": (HTTP_BATCH, HTTP_BATCH_NATIVE),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_of_an_sdk_becomes_its_native_event(name):
    document, expected = SAMPLES[name]
    assert [segment_event(one) for one in segment_messages(document)] == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_the_schemas_take_what_an_sdk_sends(name):
    document, expected = SAMPLES[name]
    events = [segment_event(one) for one in segment_messages(document)]
    assert [validate(REGISTRY, event) for event in events] == [[]] * len(expected)


# Documents.


def test_a_message_alone_is_its_own_document():
    one = message()
    assert segment_messages(one) == [one]


def test_an_array_is_its_members_in_their_order():
    one, two = message(messageId="m1"), message(messageId="m2")
    assert segment_messages([one, two]) == [one, two]


@pytest.mark.parametrize("document", [[], {"batch": [], "sentAt": NOON}])
def test_nothing_comes_of_an_empty_batch(document):
    assert segment_messages(document) == []


def test_a_message_takes_from_its_batch_only_what_it_lacks():
    batch = {
        "batch": [
            {"sentAt": "own", "userId": None, "traits": {"a": {"x": 1}}, "groupId": {"k": 1}}
        ],
        "sentAt": "of the batch",
        "userId": "u1",
        "traits": {"a": {"x": 2, "y": 3}, "b": 4},
        "groupId": "g",
    }
    assert segment_messages(batch) == [
        {
            "sentAt": "own",
            "userId": "u1",
            "traits": {"a": {"x": 1, "y": 3}, "b": 4},
            "groupId": {"k": 1},
        }
    ]


def test_the_id_and_the_type_of_a_batch_are_not_those_of_its_messages():
    batch = {"batch": [{"event": "a"}], "messageId": "b", "type": "batch"}
    assert segment_messages(batch) == [{"event": "a", "batchMessageId": "b", "batchType": "batch"}]


def test_taking_from_the_batch_leaves_the_document_as_it_was():
    before = copy.deepcopy(HTTP_BATCH)
    for one in segment_messages(HTTP_BATCH):
        segment_event(one)
    assert before == HTTP_BATCH


@pytest.mark.parametrize("document", [None, True, 42, 4.2, "text", [None], {"batch": ["text"]}])
def test_what_is_no_object_is_kept_and_refused(document):
    (one,) = segment_messages(document)
    assert "message" in one
    assert "/: 'event_type' is missing" in validate(REGISTRY, segment_event(one))


# Types.


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("Product Viewed", "product_view"),
        ("Viewed Product", "product_view"),
        ("Product Added", "add_to_cart"),
        ("Added Product", "add_to_cart"),
        ("Order Completed", "purchase"),
        ("Completed Order", "purchase"),
        ("Order Refunded", "return"),
        ("Refunded Order", "return"),
        ("Email Opened", "email_open"),
        ("Signed In", "login"),
        ("User Signed In", "login"),
        ("Logged In", "login"),
        ("User Logged In", "login"),
        (" oRDER cOMPLETED ", "purchase"),
        ("Order Cancelled", "track"),
        ("purchase", "track"),
        ("", "track"),
    ],
)
def test_the_name_of_a_track_decides_its_type_however_it_is_cased(name, event_type):
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
def test_a_type_that_the_spec_does_not_have_is_refused_even_if_a_native_one_is_called_so(kind):
    event = segment_event(message(type=kind))
    assert event["event_type"] == f"segment/{kind}"
    assert validate(REGISTRY, event) == ["/event_type: no schema for this type in conf/schemas"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (..., "/: 'event_type' is missing"),
        (None, "/: 'event_type' is missing"),
        (7, "/event_type: expected string"),
        (["track"], "/event_type: expected string"),
    ],
)
def test_a_message_without_a_type_is_refused_with_the_reason(kind, reason):
    assert validate(REGISTRY, segment_event(message(type=kind))) == [reason]


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
def test_a_message_that_lacks_what_its_type_needs_is_refused_with_the_reason(members, reason):
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
def test_what_the_spec_leaves_optional_may_be_missing(members):
    assert validate(REGISTRY, segment_event(message(**members))) == []


# Ids.


@pytest.mark.parametrize("absent", [..., None, ""])
def test_without_a_message_id_copies_of_a_message_are_one_event_however_often_they_are_sent(absent):
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


def test_the_id_of_a_message_without_one_stays_the_same_with_every_version():
    assert segment_event({"type": "track", "b": 1, "a": [2.5, None]})["event_id"] == (
        # sha256 of {"a":[2.5,null],"b":1,"type":"track"}
        "5b3096cf78f56a691cfe16ad378b0031"
    )


def test_a_numeric_message_id_is_its_text():
    assert segment_event(message(messageId=17))["event_id"] == "17"


# Times.


def test_timestamp_is_corrected_already():
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
        {"sentAt": "0001-01-01T00:00:00Z", "receivedAt": "9999-12-31T00:00:00Z"},
    ],
)
def test_a_senders_clock_that_cannot_be_corrected_is_taken_as_it_is(members):
    assert occurred_at(originalTimestamp="2026-01-05T12:00:00Z", **members) == (
        "2026-01-05T12:00:00Z"
    )


def test_a_message_without_a_time_of_its_own_occurred_when_it_was_received_or_else_sent():
    assert occurred_at(receivedAt=NOON, sentAt="2026-01-05T11:00:00Z") == NOON
    assert occurred_at(sentAt="2026-01-05T11:00:00Z") == "2026-01-05T11:00:00Z"
    assert occurred_at() is None


@pytest.mark.parametrize("instant", ["2026-01-05T12:00:00Z", "2026-01-05T12:00:00+00:00"])
def test_an_instant_needs_neither_milliseconds_nor_a_z(instant):
    assert validate(REGISTRY, segment_event(message(timestamp=instant))) == []


# Identifiers.


@pytest.mark.parametrize(
    ("sent", "user_id"),
    [("u1", "u1"), (17, "17"), (17.0, "17"), ("017", "017"), (0, "0")],
)
def test_a_numeric_user_id_is_its_text(sent, user_id):
    assert identifiers(userId=sent) == {"user_id": user_id}


@pytest.mark.parametrize("unknown", [..., None, ""])
def test_an_id_that_is_not_known_is_no_identifier(unknown):
    assert identifiers(userId=unknown, anonymousId=unknown, context={"device": unknown}) == {}


def test_an_anonymous_id_is_one_identifier_wherever_it_is_sent_from():
    app = identifiers(anonymousId="a", channel="mobile", context={"device": {"id": "d"}})
    server = identifiers(anonymousId="a", channel="server")
    assert app == {"cookie_id": "a", "device_id": "d"}
    assert server == {"cookie_id": "a"}


def test_an_advertising_id_identifies_nobody_who_forbade_it():
    device = {"advertisingId": "x"}
    assert identifiers(context={"device": device}) == {"advertising_id": "x"}
    assert identifiers(context={"device": device | {"adTrackingEnabled": False}}) == {}


@pytest.mark.parametrize("name", ["email", "Email", "EMAIL"])
def test_an_email_is_found_however_it_is_spelt(name):
    assert identifiers(type="identify", traits={name: "a@b.example"}) == {"email": "a@b.example"}
    assert identifiers(context={"traits": {name: "a@b.example"}}) == {"email": "a@b.example"}


def test_traits_of_the_message_beat_those_of_its_context():
    context = {"traits": {"email": "old@b.example", "phone": 441234567890}}
    found = identifiers(type="identify", traits={"email": "new@b.example"}, context=context)
    assert found == {"email": "new@b.example", "phone": "441234567890"}


def test_what_is_known_of_a_group_identifies_nobody():
    found = identifiers(type="group", groupId="g", traits={"email": "office@b.example"})
    assert found == {}


def test_traits_of_the_wrong_type_identify_nobody():
    assert identifiers(type="identify", traits={"email": ["a"], "phone": True}) == {}
    assert identifiers(traits="a@b.example", context={"traits": ["a@b.example"]}) == {}


def test_an_alias_ties_the_new_id_to_the_previous_one_be_it_a_users_or_a_visitors():
    found = identifiers(type="alias", userId="u2", previousId=1)
    assert found == {"user_id": "u2", "previous_user_id": "1", "cookie_id": "1"}


def test_an_alias_keeps_the_visitor_it_names():
    found = identifiers(type="alias", userId="u2", previousId="u1", anonymousId="a")
    assert found == {"user_id": "u2", "previous_user_id": "u1", "cookie_id": "a"}


# Money and products.


@pytest.mark.parametrize(
    ("total", "cents"),
    [
        (19.99, 1999),
        (0.285, 28),  # as a double it is a little less, and 100 times that a little more
        (0.275, 28),
        (1.005, 100),
        (1.015, 102),
        (-0.005, 0),
        (25, 2500),
        (0, 0),
        ("19.99", 1999),
        (" 25 ", 2500),
        (1234567890123.45, 123456789012345),
        ("0.0149999999999999999999999999999999999999", 1),
        (1e-300, 0),
        ("12,50", None),
        ("€ 5", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e999999999", None),
        ("1e-999999999", 0),
        (1e300, None),
        ("9" * 5_000, None),
        ("", None),
        (True, None),
        ([5], None),
    ],
)
def test_an_amount_is_in_cents_with_halves_to_the_even_one(total, cents):
    assert order(total=total)["amount_cents"] == cents


def test_an_amount_is_what_was_paid_or_else_the_next_best_that_is_there():
    lines = [{"price": 0.1, "quantity": 3}, {"price": "2.5"}]
    everything = {"total": 9, "revenue": 8, "value": 7, "products": lines}
    amounts = []
    for name in ("total", "revenue", "value", "products"):
        amounts.append(order(**everything)["amount_cents"])
        everything[name] = None
    assert amounts == [900, 800, 700, 280]
    assert order(price=1.5, quantity=2)["amount_cents"] == 300
    assert "amount_cents" not in order(products=[])


def test_an_amount_in_cents_already_stands():
    assert order(amount_cents=5, total=9)["amount_cents"] == 5
    assert tracked("Product Viewed", price_cents=5, price=9)["price_cents"] == 5


def test_a_line_without_a_price_leaves_the_amount_of_the_order_unknown():
    assert order(products=[{"price": 1}, {"quantity": 2}])["amount_cents"] is None
    assert order(products=[{"price": 1}, "p"])["amount_cents"] is None
    assert order(products=[{"price": 1, "quantity": "two"}])["amount_cents"] is None


def test_a_refund_is_not_negative_even_if_it_is_sent_so():
    refund = tracked("Order Refunded", order_id="o", total=-5.5)
    assert refund == {"order_id": "o", "total": -5.5, "amount_cents": 550, "currency": "USD"}


@pytest.mark.parametrize(
    ("sent", "currency"),
    [(None, "USD"), ("", "USD"), ("eur", "EUR"), (" GBP ", "GBP"), (978, None)],
)
def test_a_currency_is_dollars_unless_it_says_otherwise(sent, currency):
    assert order(currency=sent)["currency"] == currency


def test_an_order_keeps_its_products():
    products = [{"product_id": "p", "price": 1, "colour": "red"}]
    assert order(order_id="o", products=products)["products"] == products


def test_one_piece_is_added_unless_it_says_otherwise():
    added = tracked("Product Added", product_id="p", category="c", price="1.50")
    assert (added["quantity"], added["price_cents"]) == (1, 150)
    assert tracked("Product Added", quantity="3")["quantity"] == 3
    assert tracked("Product Added", quantity=3.0)["quantity"] == 3
    assert tracked("Product Added", quantity=0.5)["quantity"] is None


@pytest.mark.parametrize("name", ["product_id", "productId", "sku", "id"])
def test_a_product_is_known_by_its_id_or_sku(name):
    assert tracked("Product Viewed", **{name: 17})["product_id"] == "17"


def test_the_id_of_an_order_is_not_that_of_a_product():
    assert "product_id" not in order(id="o")


def test_a_price_that_cannot_be_read_does_not_cost_the_event():
    event = segment_event(
        message(
            event="Product Viewed",
            properties={"product_id": "p", "category": "c", "price": "POA"},
        )
    )
    assert event["properties"]["price_cents"] is None
    assert validate(REGISTRY, event) == []


@pytest.mark.parametrize("name", ["campaign_id", "campaignId", "campaign_name"])
def test_an_opened_email_belongs_to_its_campaign(name):
    assert tracked("Email Opened", **{name: "c"})["campaign_id"] == "c"


def test_a_page_is_where_its_context_was_unless_it_says_otherwise():
    context = {"page": {"url": "https://a/", "referrer": "https://b/"}}
    bare = segment_event(message(type="page", context=context))["properties"]
    own = segment_event(message(type="page", context=context, properties={"url": "https://c/"}))
    assert (bare["url"], bare["referrer"]) == ("https://a/", "https://b/")
    assert own["properties"]["url"] == "https://c/"


def test_a_screen_needs_no_name():
    event = segment_event(message(type="screen"))
    assert validate(REGISTRY, event) == []
    named = segment_event(message(type="screen", properties={"name": "Basket"}))
    assert named["properties"]["screen_name"] == "Basket"


# Nothing is lost.


def test_a_property_of_the_senders_that_is_written_over_is_kept_beside():
    properties = segment_event(
        message(
            event="Order Completed",
            properties={"order_id": 17, "currency": "eur", "segment_message": "mine", "total": 1},
        )
    )["properties"]
    assert properties["order_id"] == "17"
    assert properties["segment_message"]["properties"] == {
        "order_id": 17,
        "currency": "eur",
        "segment_message": "mine",
    }


def test_a_number_that_is_only_written_differently_is_kept_as_it_was_written():
    properties = segment_event(message(event="Product Added", properties={"quantity": 2.0}))
    kept = properties["properties"]["segment_message"]["properties"]["quantity"]
    assert json.dumps([properties["properties"]["quantity"], kept]) == "[2, 2.0]"


def test_traits_that_are_no_object_are_kept_beside_those_of_the_context():
    context = {"traits": {"city": 5}}
    properties = segment_event(message(type="identify", traits="text", context=context))
    assert properties["properties"] == {
        "city": "5",
        "segment_message": {"event": "Wishlist Shared", "traits": "text", "context": context},
    }


def test_a_message_of_which_nothing_is_left_has_nothing_beside():
    assert segment_event(message())["properties"] == {"event_name": "Wishlist Shared"}


@pytest.mark.parametrize(
    ("kind", "member", "body", "name"),
    [
        ("track", "event", "properties", "event_name"),
        ("group", "groupId", "traits", "group_id"),
        ("alias", "previousId", "properties", "previous_id"),
    ],
)
def test_what_is_no_text_is_never_compared_with_the_property_it_would_become(
    kind, member, body, name
):
    deep, other = nested(20_000, {}), nested(20_000, {})
    event = segment_event(message(type=kind, **{member: deep, body: {name: other}}))
    assert event["properties"][name] is None


@pytest.mark.parametrize("body", [None, "text", ["list"], 5])
def test_properties_that_are_no_object_are_kept_beside(body):
    event = segment_event(message(properties=body))
    assert event["properties"]["segment_message"]["properties"] == body
    assert validate(REGISTRY, event) == []


# Under one name: what a member is called in the message and in the native event.
SAME = {
    "event_id": "messageId",
    "event_type": "type",
    "user_id": "userId",
    "cookie_id": "anonymousId",
    "previous_id": "previousId",
    "previous_user_id": "previousId",
    "group_id": "groupId",
    "event_name": "event",
    "screen_name": "name",
} | dict.fromkeys(
    ("timestamp", "originalTimestamp", "receivedAt", "sentAt", "occurred_at", "received_at"), "time"
)


def leaves(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The name nearest to each value that is neither object nor array, and the value as JSON."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, SAME.get(key, key))
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, name)
    else:
        yield name, json.dumps(node)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["u1", NOON, "2026-01-05T12:00:00", "9.99", "a@b.example", "eur"])
)
# fmt: off
NAMES = st.sampled_from([
    "type", "event", "name", "messageId", "userId", "anonymousId", "previousId", "groupId",
    "timestamp", "originalTimestamp", "sentAt", "receivedAt", "context", "traits", "properties",
    "integrations", "batch", "device", "id", "advertisingId", "page", "url", "referrer", "email",
    "Email", "phone", "address", "city", "country", "firstName", "birthday", "order_id", "total",
    "revenue", "value", "price", "quantity", "currency", "products", "product_id", "sku",
    "category", "campaign_id", "method", "event_name", "screen_name", "group_id", "previous_id",
    "amount_cents", "price_cents", "segment_message", "message",
]) | st.text(max_size=3)
# fmt: on
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=8)
TYPES = st.sampled_from(["track", "page", "screen", "identify", "group", "alias", "Track", "login"])
EVENTS = st.sampled_from(
    [
        "Order Completed",
        "Order Refunded",
        "Product Viewed",
        "Product Added",
        "Email Opened",
        "Signed In",
        "Shared",
    ]
)
ANY_MESSAGE = st.builds(
    lambda some, likely: some | likely,
    OBJECTS,
    st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "event": EVENTS,
            "properties": OBJECTS,
            "traits": OBJECTS,
            "context": OBJECTS,
        },
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True)
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
@given(st.lists(ANY_MESSAGE, max_size=3), OBJECTS)
def test_every_value_of_a_batch_is_in_its_messages_unless_one_has_its_own(members, shared):
    batch = shared | {"batch": members}
    merged = segment_messages(batch)
    assert len(merged) == len(members)
    for one, own in zip(merged, members, strict=True):
        values = [leaf for leaf in leaves(own) if leaf[1] != "null"]
        assert Counter(values) - Counter(leaves(one)) == Counter()
        lacking = {name for name in shared if own.get(name) is None}
        for name in lacking - {"messageId", "type", "batch"}:
            assert one[name] == shared[name]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES | OBJECTS | st.builds(lambda o, m: o | {"batch": m}, OBJECTS, st.lists(ANY_MESSAGE)))
@example({"batch": {"batch": []}})
@example({"type": "track", "event": "Order Completed", "properties": {"total": 2**20_000}})
@example({"type": "track", "userId": 10**5_000, "messageId": -(10**5_000)})
@example(
    {"type": "track", "event": "Order Completed", "properties": {"products": [{"price": "1"}]}}
)
def test_no_document_raises_and_each_of_its_messages_is_judged(document):
    for one in segment_messages(document):
        assert isinstance(validate(REGISTRY, segment_event(one)), list)


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"context": inner, "event_name": [inner]} if depth < 5 else {"context": inner}
    return inner


@pytest.mark.parametrize("member", ["context", "properties", "event", "userId", "x"])
@pytest.mark.parametrize("message_id", ["m1", None])
def test_a_message_nested_too_deeply_raises_nothing_and_cannot_land(member, message_id):
    deep = nested(20_000, {})
    one = message(messageId=message_id, **{member: deep})
    (taken,) = segment_messages({"batch": [one], member: deep})
    event = segment_event(taken)
    if not validate(REGISTRY, event):
        with pytest.raises(orjson.JSONEncodeError):  # what landed_batch refuses it for
            orjson.dumps(event["properties"])
