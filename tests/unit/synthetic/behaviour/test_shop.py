"""The events of visits to the shop."""

from collections import defaultdict
from typing import Any

import pytest

from kinfold.synthetic import World
from synthetic_worlds import readable_events

pytestmark = pytest.mark.xdist_group("synthetic")


@pytest.fixture(scope="module")
def events(clean_longer_world: World) -> list[dict[str, Any]]:
    whole = {
        event["event_id"]: event
        for event in readable_events(clean_longer_world)
        if len(event["event_id"]) == 32
    }
    return list(whole.values())


def of_type(events: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    chosen = [event for event in events if event["event_type"] in kinds]
    assert chosen, f"no {kinds} in the world"
    return chosen


def test_browsing_shows_devices_and_a_name_only_after_a_login(events: list[dict[str, Any]]) -> None:
    browsing = of_type(events, "page_view", "product_view", "add_to_cart")
    shown = {tuple(sorted(event["identifiers"])) for event in browsing}
    assert shown == {("cookie_id", "device_id"), ("cookie_id", "device_id", "user_id")}
    for event in of_type(events, "login"):
        assert sorted(event["identifiers"]) == ["cookie_id", "device_id", "email", "user_id"]


def test_orders_name_an_account_or_else_an_email(events: list[dict[str, Any]]) -> None:
    for event in of_type(events, "purchase"):
        assert ("user_id" in event["identifiers"]) != ("email" in event["identifiers"])
        assert "device_id" not in event["identifiers"]


def test_properties_are_those_of_the_event_type(events: list[dict[str, Any]]) -> None:
    line = {"order_id", "product_id", "category", "quantity", "amount_cents", "currency"}
    required = {
        "page_view": {"url"},
        "product_view": {"product_id", "category", "price_cents"},
        "add_to_cart": {"product_id", "category", "quantity", "price_cents"},
        "purchase": line,
        "return": line,
        "email_open": {"campaign_id"},
        "login": {"method"},
        "identify": {"first_name", "last_name", "city", "country"},
        "consent": {"purpose", "decision"},
    }
    assert {event["event_type"] for event in events} == required.keys()
    optional = {"page_view": {"referrer"}, "identify": {"birth_on"}}
    for event in events:
        names, kind = set(event["properties"]), event["event_type"]
        assert required[kind] <= names <= required[kind] | optional.get(kind, set())


def test_a_return_gives_back_a_line_of_an_earlier_order(events: list[dict[str, Any]]) -> None:
    sold = defaultdict(list)
    for event in of_type(events, "purchase"):
        sold[event["properties"]["order_id"]].append(event)
    lost = 0
    for event in of_type(events, "return"):
        order = sold[event["properties"]["order_id"]]
        lines = [line for line in order if line["properties"] == event["properties"]]
        lost += not lines
        assert all(line["occurred_at"] < event["occurred_at"] for line in lines)
    assert lost == 0
