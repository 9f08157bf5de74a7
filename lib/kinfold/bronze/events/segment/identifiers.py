"""Identifiers in a message: whose event it is."""

from typing import Any

from kinfold.bronze.events.segment.values import (
    NO_MEMBERS,
    Members,
    object_or_empty,
    taken_id,
    text_of,
)


def segment_identifiers(
    kind: str | None, remaining: Members, message: Members, context: Members
) -> dict[str, Any]:
    """The identifiers of a message, by namespace.

    Args:
        kind: the message's type in the spec.
        remaining: the members that are not in the event yet; ids that are texts are removed.
        context: the message's `context`.
    """
    identifiers: dict[str, Any] = {}
    if (user_id := taken_id(remaining, "userId")) is not None:
        identifiers["user_id"] = user_id
    # One namespace for every platform: a server that passes on an app's anonymousId does not say
    # that it comes from an app, and the two must match.
    if (anonymous_id := taken_id(remaining, "anonymousId")) is not None:
        identifiers["cookie_id"] = anonymous_id
    if kind == "alias" and (previous_id := text_of(message.get("previousId"))):
        # The message does not say whether the previous id was a user's or a visitor's.
        identifiers["previous_user_id"] = previous_id
        identifiers.setdefault("cookie_id", previous_id)
    if device := object_or_empty(context.get("device")):
        if device_id := text_of(device.get("id")):
            identifiers["device_id"] = device_id
        advertising_id = text_of(device.get("advertisingId"))
        if advertising_id and device.get("adTrackingEnabled") is not False:
            identifiers["advertising_id"] = advertising_id
    # The traits of a group are not those of the person.
    traits = NO_MEMBERS if kind == "group" else object_or_empty(message.get("traits"))
    context_traits = object_or_empty(context.get("traits"))
    if traits or context_traits:
        if email := _contact(traits, "email") or _contact(context_traits, "email"):
            identifiers["email"] = email
        if phone := _contact(traits, "phone") or _contact(context_traits, "phone"):
            identifiers["phone"] = phone
    return identifiers


def _contact(traits: Members, name: str) -> str | None:
    value = traits.get(name) or traits.get(name.capitalize()) or traits.get(name.upper())
    return text_of(value)
