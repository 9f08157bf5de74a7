"""Properties of the native event: the message's body, and what the type's schema describes."""

from collections.abc import Callable, Mapping
from typing import Any

from kinfold.bronze.events.segment.amounts import minor_units
from kinfold.bronze.events.segment.orders import (
    currency_of,
    order_cancel,
    order_return,
    order_update,
    purchase,
)
from kinfold.bronze.events.segment.values import (
    NO_MEMBERS,
    Members,
    is_known,
    object_or_empty,
    taken_id,
    text_of,
    texts_of,
    whole_number_of,
)

SEGMENT_MESSAGE = "segment_message"
"""The property that holds everything of the message that is nowhere else in the event."""

_HAS_TRAITS = frozenset(("identify", "group"))


def segment_properties(
    kind: str | None, event_type: Any, remaining: Members, message: Members, context: Members
) -> dict[str, Any]:
    """The properties of the native event; they include `remaining` as `segment_message`.

    Args:
        kind: the message's type in the spec; None if the spec does not have it.
        event_type: the native type.
        remaining: the members of the message that are not in the event yet; those that become
            properties are removed.
        context: the message's `context`.
    """
    body_name = "traits" if kind in _HAS_TRAITS else "properties"
    body = message.get(body_name)
    if isinstance(body, dict):
        del remaining[body_name]
    else:
        body = NO_MEMBERS
    is_in_context = kind == "identify" and not body  # RudderStack's browser SDK puts them there
    if is_in_context:
        body = object_or_empty(context.get("traits"))
    describe = _DESCRIBE.get(event_type) if kind else None
    described = describe(body, remaining, context) if describe else {}
    overwritten = {
        name: body[name]
        for name, value in described.items()
        if name in body and not _is_unchanged(body[name], value)
    }
    if SEGMENT_MESSAGE in body:
        overwritten[SEGMENT_MESSAGE] = body[SEGMENT_MESSAGE]
    if overwritten and not is_in_context:
        remaining[body_name] = overwritten
    properties = body | described
    if remaining:
        properties[SEGMENT_MESSAGE] = remaining
    return properties


def _is_unchanged(sent: Any, described: Any) -> bool:
    """Whether every value of a member stands unchanged in the described one; lines may have more
    members than they were sent with."""
    if type(sent) is not type(described):
        return False
    if isinstance(sent, list):  # the sender decides about the depth, so it is not compared
        return all(map(_is_line_unchanged, sent, described))
    return bool(sent == described)


def _is_line_unchanged(sent: Any, described: Any) -> bool:
    if sent is described:
        return True
    return all(
        described[name] is value or (type(value) in (int, str) and described[name] == value)
        for name, value in sent.items()
    )


# The members that each type's schema describes, as far as the message has them. None stands for a
# value that cannot be read: the schema refuses it if the member is required.


def _track(body: Members, remaining: Members, context: Members) -> Members:
    return _taken_text("event", remaining, as_name="event_name")


def _screen_view(body: Members, remaining: Members, context: Members) -> Members:
    if is_known(remaining.get("name")):
        return _taken_text("name", remaining, as_name="screen_name")
    return texts_of(body, {"screen_name": ("screen_name", "name")})


def _group(body: Members, remaining: Members, context: Members) -> Members:
    return _taken_id_text("groupId", remaining, as_name="group_id")


def _alias(body: Members, remaining: Members, context: Members) -> Members:
    return _taken_id_text("previousId", remaining, as_name="previous_id")


def _page_view(body: Members, remaining: Members, context: Members) -> Members:
    page = object_or_empty(context.get("page"))
    described: Members = {}
    if url := text_of(body.get("url")) or text_of(page.get("url")):
        described["url"] = url
    if "referrer" in body or "referrer" in page:
        described["referrer"] = text_of(body.get("referrer")) or text_of(page.get("referrer"))
    return described


def _identify(body: Members, remaining: Members, context: Members) -> Members:
    address = object_or_empty(body.get("address"))
    return texts_of(address, _ADDRESS) | texts_of(body, _PERSON)


def _login(body: Members, remaining: Members, context: Members) -> Members:
    return texts_of(body, {"method": ("method",)})


def _email_open(body: Members, remaining: Members, context: Members) -> Members:
    return texts_of(body, {"campaign_id": _CAMPAIGN_ID})


def _product_view(body: Members, remaining: Members, context: Members) -> Members:
    described = texts_of(body, _PRODUCT)
    if "price_cents" not in body and (price := body.get("price")) is not None:
        described["price_cents"] = minor_units(price, currency_of(body))
    return described


def _add_to_cart(body: Members, remaining: Members, context: Members) -> Members:
    quantity = body.get("quantity")
    return _product_view(body, remaining, context) | {
        "quantity": 1 if quantity is None else whole_number_of(quantity)
    }


_PRODUCT = {"product_id": ("product_id", "productId", "sku", "id"), "category": ("category",)}
_CAMPAIGN_ID = ("campaign_id", "campaignId", "campaign_name")
_ADDRESS = {"city": ("city",), "country": ("country",)}
_PERSON = {
    "first_name": ("first_name", "firstName", "firstname"),
    "last_name": ("last_name", "lastName", "lastname"),
    "city": ("city",),
    "country": ("country",),
    "birth_on": ("birth_on", "birthday"),
}
_DESCRIBE: Mapping[str, Callable[[Members, Members, Members], Members]] = {
    "track": _track,
    "page_view": _page_view,
    "screen_view": _screen_view,
    "identify": _identify,
    "group": _group,
    "alias": _alias,
    "product_view": _product_view,
    "add_to_cart": _add_to_cart,
    "purchase": purchase,
    "return": order_return,
    "order_update": order_update,
    "order_cancel": order_cancel,
    "email_open": _email_open,
    "login": _login,
}


def _taken_text(member: str, remaining: Members, *, as_name: str) -> Members:
    """A member under another name. A text is removed from `remaining`; another value becomes None
    and stays there."""
    if member not in remaining:
        return {}
    return {as_name: remaining.pop(member) if type(remaining[member]) is str else None}


def _taken_id_text(member: str, remaining: Members, *, as_name: str) -> Members:
    """An id under another name; None if it cannot be an id, see `taken_id`."""
    if member not in remaining:
        return {}
    value = taken_id(remaining, member)
    return {as_name: value if isinstance(value, str) else None}
