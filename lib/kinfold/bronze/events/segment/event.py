"""The native event of a message: its id, type and times, with identifiers and properties."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import orjson

from kinfold.bronze.events.segment.identifiers import segment_identifiers
from kinfold.bronze.events.segment.properties import segment_properties
from kinfold.bronze.events.segment.spelling import as_plain
from kinfold.bronze.events.segment.values import Members, is_known, object_or_empty, taken_id

# fromisoformat reads a week (2026-W10) as its Monday.
_FULL_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")
# Members that describe the delivery. They differ when the same event is sent again.
_OF_THE_DELIVERY = frozenset(("sentAt", "_sentAt", "receivedAt", "request_ip", "batchMessageId"))
_TYPES = {
    "page": "page_view",
    "screen": "screen_view",
    "identify": "identify",
    "group": "group",
    "alias": "alias",
}
_TYPES_OF_TRACKED_NAMES = {
    "product viewed": "product_view",
    "viewed product": "product_view",
    "product added": "add_to_cart",
    "added product": "add_to_cart",
    "order completed": "purchase",
    "completed order": "purchase",
    "order created": "purchase",  # what RudderStack makes of a new order of Shopify
    "order updated": "order_update",
    "updated order": "order_update",
    "order refunded": "return",
    "refunded order": "return",
    "order cancelled": "order_cancel",
    "order canceled": "order_cancel",
    "cancelled order": "order_cancel",
    "canceled order": "order_cancel",
    "email opened": "email_open",
    "signed in": "login",
    "user signed in": "login",
    "logged in": "login",
    "user logged in": "login",
}
# Segment's own libraries find these names with blanks, with underscores and without either.
_BLANKS = re.compile(r"[\s_]+")
_TYPES_OF_KEYS = {_BLANKS.sub("", name): kind for name, kind in _TYPES_OF_TRACKED_NAMES.items()}


def segment_event(message: Members) -> dict[str, Any]:
    """The native event of one message, which the schema of its type then accepts or refuses.

    Returns:
        event_id, event_type, occurred_at, received_at (each only if the message has it),
        identifiers and properties. Shares values with `message`, which is not changed.
    """
    remaining = message.copy()
    context = object_or_empty(message.get("context"))
    kind, event_type = _event_type(message)
    event: dict[str, Any] = {}
    event_id = taken_id(remaining, "messageId")
    if event_id is None:
        event_id = _fingerprint(message)
    if event_id is not None:
        event["event_id"] = event_id
    if event_type is not None:
        event["event_type"] = event_type
        if event_type == message["type"]:
            del remaining["type"]
    _take_times(remaining, event)
    event["identifiers"] = segment_identifiers(kind, remaining, message, context)
    event["properties"] = segment_properties(kind, event_type, remaining, message, context)
    return event


def _event_type(message: Members) -> tuple[str | None, Any]:
    """The message's type in the spec (None if the spec does not have it), and the native type."""
    kind = message.get("type")
    if not isinstance(kind, str):
        return None, kind
    lower = kind.lower()
    if lower == "track":
        name = message.get("event")
        key = _BLANKS.sub("", name.lower()) if isinstance(name, str) else ""
        return lower, _TYPES_OF_KEYS.get(key, "track")
    native = _TYPES.get(lower)
    # With a prefix: "login" or "consent" would otherwise pass for the native type of this name.
    return (lower, native) if native else (None, f"segment/{kind}")


def _fingerprint(message: Members) -> str | None:
    """32 hex digits of the content, equal for copies of a message; None if nested too deeply."""
    content = {name: value for name, value in message.items() if name not in _OF_THE_DELIVERY}
    if is_known(content.get("originalTimestamp")):
        content.pop("timestamp", None)  # Segment computes it from the delivery
    try:
        # Copies of a message may spell a number in two ways.
        text = orjson.dumps(content, default=as_plain, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return hashlib.sha256(text).hexdigest()[:32]


def _take_times(remaining: Members, event: dict[str, Any]) -> None:
    """Set occurred_at and received_at; times that stand there as sent are removed from
    `remaining`."""
    received_at = remaining.get("receivedAt")
    if is_known(remaining.get("timestamp")):
        event["occurred_at"] = remaining.pop("timestamp")
    elif is_known(original := remaining.get("originalTimestamp")):
        corrected = _corrected(original, sent_at=remaining.get("sentAt"), received_at=received_at)
        event["occurred_at"] = corrected or remaining.pop("originalTimestamp")
    elif is_known(received_at):
        event["occurred_at"] = received_at
    elif is_known(sent_at := remaining.get("sentAt")):
        event["occurred_at"] = sent_at
    if is_known(received_at):
        event["received_at"] = remaining.pop("receivedAt")


def _corrected(original: object, *, sent_at: object, received_at: object) -> str | None:
    """An instant of the sender's clock by the receiver's, as Segment computes `timestamp`."""
    then, sent, received = map(_instant_with_zone, (original, sent_at, received_at))
    if then is None or sent is None or received is None:
        return None
    try:
        return (received - (sent - then)).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


def _instant_with_zone(value: object) -> datetime | None:
    if not isinstance(value, str) or not _FULL_DATE.match(value):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo else None
