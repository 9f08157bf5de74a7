"""Events that tests send."""

import json

NATIVE = "format: json\n"
"""The text of a source file for native events."""


def purchase(event_id: str, **changes: object) -> str:
    """A native event as a JSON line."""
    event = {
        "event_id": event_id,
        "event_type": "purchase",
        "occurred_at": "2026-03-01T09:00:00Z",
        "identifiers": {"email": f"{event_id}@example.org"},
        "properties": {"order_id": "o1", "amount_cents": 100, "currency": "GBP"},
    }
    return json.dumps({**event, **changes}) + "\n"
