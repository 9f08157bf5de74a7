"""Messages of the Segment and RudderStack specs: as SDKs send them, built for a test, or random."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from kinfold.bronze.events.segment.event import segment_event

NOON = "2026-01-05T12:00:00.000Z"


def message(**members: Any) -> dict[str, Any]:
    """A `track` of nothing special at noon; a member given as `...` is left out."""
    track = {"type": "track", "event": "Wishlist Shared", "messageId": "m1", "timestamp": NOON}
    return {name: value for name, value in (track | members).items() if value is not ...}


def tracked(event: str, **properties: Any) -> dict[str, Any]:
    """The properties of the native event of a `track`, without what is left of the message."""
    native = segment_event(message(event=event, properties=properties))["properties"]
    return {name: value for name, value in native.items() if name != "segment_message"}


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"context": inner, "event_name": [inner]} if depth < 5 else {"context": inner}
    return inner


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
            {"product_id": "P-17", "price": 49.99, "quantity": 2, "price_cents": 4999},
            {"product_id": "P-18", "price": 0.02, "price_cents": 2},
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


# fmt: off  # many names per line
NAMES = st.sampled_from(
    [
        "type",
        "event",
        "name",
        "messageId",
        "userId",
        "anonymousId",
        "previousId",
        "groupId",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "receivedAt",
        "context",
        "traits",
        "properties",
        "integrations",
        "batch",
        "device",
        "id",
        "advertisingId",
        "page",
        "url",
        "referrer",
        "email",
        "Email",
        "phone",
        "address",
        "city",
        "country",
        "firstName",
        "birthday",
        "order_id",
        "total",
        "revenue",
        "value",
        "price",
        "quantity",
        "currency",
        "products",
        "product_id",
        "sku",
        "category",
        "campaign_id",
        "method",
        "event_name",
        "screen_name",
        "group_id",
        "previous_id",
        "amount_cents",
        "price_cents",
        "segment_message",
        "message",
    ]
) | st.text(max_size=3)
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
        "Order Updated",
        "Order Cancelled",
        "Product Viewed",
        "Product Added",
        "Email Opened",
        "Signed In",
        "Shared",
    ]
)


LINES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "product_id": SCALARS,
            "sku": SCALARS,
            "category": SCALARS,
            "price": SCALARS | st.sampled_from([0.5, "2.50", -1, "POA"]),
            "price_cents": SCALARS,
            "quantity": SCALARS | st.sampled_from([1, 2.0, "3", 0.5, -1]),
            "colour": VALUES,
        },
    )
    | VALUES,
    max_size=3,
)


ANY_MESSAGE = st.builds(
    lambda some, likely: some | likely,
    OBJECTS,
    st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "event": EVENTS,
            "properties": OBJECTS
            | st.builds(lambda order, lines: order | {"products": lines}, OBJECTS, LINES),
            "traits": OBJECTS,
            "context": OBJECTS,
        },
    ),
)
