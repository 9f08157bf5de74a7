"""Which members of a message identify a person."""

from typing import Any

import pytest

from kinfold.bronze.events.segment.event import segment_event
from segment_samples import message


def identifiers(**members: Any) -> dict[str, Any]:
    return segment_event(message(**members))["identifiers"]


@pytest.mark.parametrize(
    ("sent", "user_id"),
    [("u1", "u1"), (17, "17"), (17.0, "17"), ("017", "017"), (0, "0")],
)
def test_a_numeric_user_id_becomes_text(sent, user_id):
    assert identifiers(userId=sent) == {"user_id": user_id}


@pytest.mark.parametrize("unknown", [..., None, ""])
def test_an_unknown_id_is_not_an_identifier(unknown):
    assert identifiers(userId=unknown, anonymousId=unknown, context={"device": unknown}) == {}


def test_an_anonymous_id_is_the_same_identifier_on_every_platform():
    app = identifiers(anonymousId="a", channel="mobile", context={"device": {"id": "d"}})
    server = identifiers(anonymousId="a", channel="server")
    assert app == {"cookie_id": "a", "device_id": "d"}
    assert server == {"cookie_id": "a"}


def test_an_advertising_id_is_not_an_identifier_if_ad_tracking_is_disabled():
    device = {"advertisingId": "x"}
    assert identifiers(context={"device": device}) == {"advertising_id": "x"}
    assert identifiers(context={"device": device | {"adTrackingEnabled": False}}) == {}


@pytest.mark.parametrize("name", ["email", "Email", "EMAIL"])
def test_an_email_is_found_in_each_spelling_of_its_name(name):
    assert identifiers(type="identify", traits={name: "a@b.example"}) == {"email": "a@b.example"}
    assert identifiers(context={"traits": {name: "a@b.example"}}) == {"email": "a@b.example"}


def test_traits_of_the_message_override_those_of_its_context():
    context = {"traits": {"email": "old@b.example", "phone": 441234567890}}
    found = identifiers(type="identify", traits={"email": "new@b.example"}, context=context)
    assert found == {"email": "new@b.example", "phone": "441234567890"}


def test_traits_of_a_group_are_not_identifiers():
    found = identifiers(type="group", groupId="g", traits={"email": "office@b.example"})
    assert found == {}


def test_traits_of_the_wrong_type_are_not_identifiers():
    assert identifiers(type="identify", traits={"email": ["a"], "phone": True}) == {}
    assert identifiers(traits="a@b.example", context={"traits": ["a@b.example"]}) == {}


def test_the_previous_id_of_an_alias_may_be_a_users_or_a_visitors():
    found = identifiers(type="alias", userId="u2", previousId=1)
    assert found == {"user_id": "u2", "previous_user_id": "1", "cookie_id": "1"}


def test_an_alias_keeps_its_own_anonymous_id():
    found = identifiers(type="alias", userId="u2", previousId="u1", anonymousId="a")
    assert found == {"user_id": "u2", "previous_user_id": "u1", "cookie_id": "a"}
