"""Messages of the Segment and RudderStack specs as native events.

A native event's properties are the message's own body - its `properties`; of `identify` and `group`
its `traits` - with the members that the event type's schema describes written over it, and one
member `segment_message`: everything else of the message, under its own names. From there a member
is left out only if its value stands unchanged in the envelope or among the described properties; a
value of the body that was written over moves there. So nothing is lost, and only one name of ours
can meet one of the sender's.

Nothing a sender can put into JSON raises here: what cannot be mapped is passed on, for the schema
to refuse with its reason. See docs/segment.md.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import orjson

REST = "segment_message"
DEFAULT_CURRENCY = "USD"  # what Segment assumes of an amount without a currency

Message = dict[str, Any]
_Members = dict[str, Any]

# These belong to one message; a batch's own ones must not become those of its messages.
_NAMES_IN_A_BATCH = {"messageId": "batchMessageId", "type": "batchType"}
# How a message travelled. Sent again, it is the same event with other values of these.
_OF_THE_DELIVERY = frozenset(("sentAt", "_sentAt", "receivedAt", "request_ip", "batchMessageId"))

_TYPES = {
    "page": "page_view",
    "screen": "screen_view",
    "identify": "identify",
    "group": "group",
    "alias": "alias",
}
_TRACKED_TYPES = {
    "product viewed": "product_view",
    "viewed product": "product_view",
    "product added": "add_to_cart",
    "added product": "add_to_cart",
    "order completed": "purchase",
    "completed order": "purchase",
    "order refunded": "return",
    "refunded order": "return",
    "email opened": "email_open",
    "signed in": "login",
    "user signed in": "login",
    "logged in": "login",
    "user logged in": "login",
}
_HAS_TRAITS = frozenset(("identify", "group"))
_NO_MEMBERS: _Members = {}
_UNKNOWN = object()

_PRODUCT_ID = ("product_id", "productId", "sku", "id")
_ORDER_ID = ("order_id", "orderId")
_CAMPAIGN = ("campaign_id", "campaignId", "campaign_name")
# What was paid comes first: `total` has tax and shipping in it, `revenue` has not.
_AMOUNTS = ("total", "revenue", "value")

_CENT = Decimal("0.01")
_LARGEST_POWER_OF_TEN = 15
_MAX_EXACT_INTEGER = 2**53 - 1
_MAX_INTEGER = 2**64 - 1


def segment_messages(document: object) -> list[Message]:
    """The messages in one received JSON document, in its order.

    A document is a message, an array of messages, or a batch. What a batch says of all its messages
    is merged into each: objects member by member, at every depth; of other values the message's own
    stands, unless it is absent or null. The batch's own messageId and type become `batchMessageId`
    and `batchType`.

    Returns:
        One dict per message; [] for an empty batch or array. What is not an object becomes
        `{"message": it}`, which no schema accepts. Values are shared with `document`, not copied.
    """
    if isinstance(document, list):
        return [_as_message(member) for member in document]
    if not isinstance(document, dict):
        return [_as_message(document)]
    members = document.get("batch")
    if not isinstance(members, list):
        return [document]
    shared = {_NAMES_IN_A_BATCH.get(name) or name: value for name, value in document.items()}
    del shared["batch"]
    return [_merged(_as_message(member), shared) for member in members]


def segment_event(message: Message) -> dict[str, Any]:
    """The native event of one message, for the schema of its type to judge.

    Returns:
        event_id, event_type, occurred_at, received_at, identifiers and properties; of the first
        four those that the message has. Shares values with `message`, which stays as it is.
    """
    rest = message.copy()
    context = _object(message.get("context"))
    kind, event_type = _event_type(message)
    event: dict[str, Any] = {}
    event_id = _moved_id(rest, "messageId")
    if event_id is None:
        event_id = _fingerprint(message)
    if event_id is not None:
        event["event_id"] = event_id
    if event_type is not None:
        event["event_type"] = event_type
        if event_type == message["type"]:
            del rest["type"]
    _move_times(rest, event)
    event["identifiers"] = _identifiers(kind, rest, message, context)
    event["properties"] = _properties(kind, event_type, rest, message, context)
    return event


def _as_message(member: object) -> Message:
    return member if isinstance(member, dict) else {"message": member}


def _merged(message: Message, shared: _Members) -> Message:
    merged = shared | message
    pending = [(merged, message, shared)]  # not recursive: a sender decides how deep it goes
    while pending:
        target, own, common = pending.pop()
        for name, value in common.items():
            mine = own.get(name)
            if mine is None:
                target[name] = value
            elif isinstance(mine, dict) and isinstance(value, dict):
                target[name] = value | mine
                pending.append((target[name], mine, value))
    return merged


def _event_type(message: Message) -> tuple[str | None, Any]:
    """The message's type as the spec has it, if it has, and the native type."""
    kind = message.get("type")
    if not isinstance(kind, str):
        return None, kind
    lower = kind.lower()
    if lower == "track":
        name = message.get("event")
        tracked = _TRACKED_TYPES.get(name.strip().lower()) if isinstance(name, str) else None
        return lower, tracked or "track"
    native = _TYPES.get(lower)
    # Marked, because "login" or "consent" would pass for the native type of this name.
    return (lower, native) if native else (None, f"segment/{kind}")


def _fingerprint(message: Message) -> str | None:
    """32 hex digits of the content, equal for copies of a message; None if it is too deep."""
    content = {name: value for name, value in message.items() if name not in _OF_THE_DELIVERY}
    if _is_known(content.get("originalTimestamp")):
        content.pop("timestamp", None)  # computed from the delivery
    try:
        text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return hashlib.sha256(text).hexdigest()[:32]


def _move_times(rest: _Members, event: dict[str, Any]) -> None:
    """Moves the two instants that an event has, as they were sent, or a corrected one."""
    received_at = rest.get("receivedAt")
    if _is_known(rest.get("timestamp")):
        event["occurred_at"] = rest.pop("timestamp")
    elif _is_known(original := rest.get("originalTimestamp")):
        corrected = _corrected(original, sent_at=rest.get("sentAt"), received_at=received_at)
        event["occurred_at"] = corrected or rest.pop("originalTimestamp")
    elif _is_known(received_at):
        event["occurred_at"] = received_at
    elif _is_known(sent_at := rest.get("sentAt")):
        event["occurred_at"] = sent_at
    if _is_known(received_at):
        event["received_at"] = rest.pop("receivedAt")


def _corrected(original: object, *, sent_at: object, received_at: object) -> str | None:
    """An instant of the sender's clock on the receiver's, as Segment computes `timestamp`."""
    then, sent, received = _instant(original), _instant(sent_at), _instant(received_at)
    if then is None or sent is None or received is None:
        return None
    try:
        return (received - (sent - then)).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo else None


def _identifiers(
    kind: str | None, rest: _Members, message: Message, context: _Members
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (user_id := _moved_id(rest, "userId")) is not None:
        found["user_id"] = user_id
    # In one namespace whatever the platform: a server that passes on an app's anonymousId does not
    # say that it is an app's, and the two must meet.
    if (anonymous_id := _moved_id(rest, "anonymousId")) is not None:
        found["cookie_id"] = anonymous_id
    if kind == "alias" and (previous_id := _text(message.get("previousId"))):
        # Nothing says whether it was a user or an anonymous visitor until now.
        found["previous_user_id"] = previous_id
        found.setdefault("cookie_id", previous_id)
    if device := _object(context.get("device")):
        if device_id := _text(device.get("id")):
            found["device_id"] = device_id
        advertising_id = _text(device.get("advertisingId"))
        if advertising_id and device.get("adTrackingEnabled") is not False:
            found["advertising_id"] = advertising_id
    # A group's traits are not the person's.
    traits = _NO_MEMBERS if kind == "group" else _object(message.get("traits"))
    context_traits = _object(context.get("traits"))
    if traits or context_traits:
        if email := _contact(traits, "email") or _contact(context_traits, "email"):
            found["email"] = email
        if phone := _contact(traits, "phone") or _contact(context_traits, "phone"):
            found["phone"] = phone
    return found


def _contact(traits: _Members, name: str) -> str | None:
    value = traits.get(name) or traits.get(name.capitalize()) or traits.get(name.upper())
    return _text(value)


def _properties(
    kind: str | None, event_type: Any, rest: _Members, message: Message, context: _Members
) -> dict[str, Any]:
    body_name = "traits" if kind in _HAS_TRAITS else "properties"
    body = message.get(body_name)
    if isinstance(body, dict):
        del rest[body_name]
        own = body
    else:
        own = _NO_MEMBERS
    is_in_context = kind == "identify" and not own  # where RudderStack's browser SDK puts them
    if is_in_context:
        own = _object(context.get("traits"))
    describe = _DESCRIBED.get(event_type) if kind else None
    described = describe(own, rest, context) if describe else {}
    replaced = {
        name: own[name]
        for name, value in described.items()
        if name in own and (type(own[name]) is not type(value) or own[name] != value)
    }
    if REST in own:
        replaced[REST] = own[REST]
    if replaced and not is_in_context:
        rest[body_name] = replaced
    properties = own | described
    if rest:
        properties[REST] = rest
    return properties


# What each type's schema describes, as far as the message has it. None stands for a value that
# cannot be read: the schema refuses it where the member is required.


def _track(own: _Members, rest: _Members, context: _Members) -> _Members:
    return _moved_member("event", rest, as_name="event_name")


def _screen_view(own: _Members, rest: _Members, context: _Members) -> _Members:
    if _is_known(rest.get("name")):
        return _moved_member("name", rest, as_name="screen_name")
    return _texts(own, {"screen_name": ("screen_name", "name")})


def _group(own: _Members, rest: _Members, context: _Members) -> _Members:
    return _moved_id_member("groupId", rest, as_name="group_id")


def _alias(own: _Members, rest: _Members, context: _Members) -> _Members:
    return _moved_id_member("previousId", rest, as_name="previous_id")


def _page_view(own: _Members, rest: _Members, context: _Members) -> _Members:
    page = _object(context.get("page"))
    described: _Members = {}
    if url := _text(own.get("url")) or _text(page.get("url")):
        described["url"] = url
    if "referrer" in own or "referrer" in page:
        described["referrer"] = _text(own.get("referrer")) or _text(page.get("referrer"))
    return described


def _identify(own: _Members, rest: _Members, context: _Members) -> _Members:
    address = _object(own.get("address"))
    return _texts(address, _ADDRESS) | _texts(own, _PERSON)


def _login(own: _Members, rest: _Members, context: _Members) -> _Members:
    return _texts(own, {"method": ("method",)})


def _email_open(own: _Members, rest: _Members, context: _Members) -> _Members:
    return _texts(own, {"campaign_id": _CAMPAIGN})


def _product_view(own: _Members, rest: _Members, context: _Members) -> _Members:
    described = _texts(own, _PRODUCT)
    if "price_cents" not in own and (price := own.get("price")) is not None:
        described["price_cents"] = _cents(price)
    return described


def _add_to_cart(own: _Members, rest: _Members, context: _Members) -> _Members:
    quantity = own.get("quantity")
    is_given = quantity is not None
    return _product_view(own, rest, context) | {
        "quantity": _whole_number(quantity) if is_given else 1
    }


def _purchase(own: _Members, rest: _Members, context: _Members) -> _Members:
    described = _texts(own, _ORDER)
    if own.get("quantity") is not None:
        described["quantity"] = _whole_number(own["quantity"])
    if "amount_cents" not in own and (amount := _amount(own)) is not _UNKNOWN:
        described["amount_cents"] = _cents(amount)
    currency = own.get("currency")
    if currency is None or currency == "":
        described["currency"] = DEFAULT_CURRENCY
    else:
        described["currency"] = currency.strip().upper() if isinstance(currency, str) else None
    return described


def _return(own: _Members, rest: _Members, context: _Members) -> _Members:
    described = _purchase(own, rest, context)
    cents = described.get("amount_cents")
    if cents is not None:
        described["amount_cents"] = abs(cents)  # some shops send a refund as a negative total
    return described


_PRODUCT = {"product_id": _PRODUCT_ID, "category": ("category",)}
_ORDER = _PRODUCT | {"order_id": _ORDER_ID, "product_id": ("product_id", "productId", "sku")}
_ADDRESS = {"city": ("city",), "country": ("country",)}
_PERSON = {
    "first_name": ("first_name", "firstName", "firstname"),
    "last_name": ("last_name", "lastName", "lastname"),
    "city": ("city",),
    "country": ("country",),
    "birth_on": ("birth_on", "birthday"),
}
_DESCRIBED: Mapping[str, Callable[[_Members, _Members, _Members], _Members]] = {
    "track": _track,
    "page_view": _page_view,
    "screen_view": _screen_view,
    "identify": _identify,
    "group": _group,
    "alias": _alias,
    "product_view": _product_view,
    "add_to_cart": _add_to_cart,
    "purchase": _purchase,
    "return": _return,
    "email_open": _email_open,
    "login": _login,
}


def _texts(members: _Members, names: Mapping[str, tuple[str, ...]]) -> _Members:
    """Each of `names` that has a value under one of its sources, as text."""
    found: _Members = {}
    for name, sources in names.items():
        for source in sources:
            if (value := members.get(source)) is not None:
                found[name] = value if type(value) is str else _text(value)
                break
    return found


def _moved_member(member: str, rest: _Members, *, as_name: str) -> _Members:
    """A text leaves `rest`; of anything else that is there, null is said and it stays."""
    if member not in rest:
        return {}
    return {as_name: rest.pop(member) if type(rest[member]) is str else None}


def _moved_id_member(member: str, rest: _Members, *, as_name: str) -> _Members:
    if member not in rest:
        return {}
    value = _moved_id(rest, member)
    return {as_name: value if isinstance(value, str) else None}


def _moved_id(rest: _Members, member: str) -> Any:
    """An id as text, None if it is not known. What cannot be one stays what it is, to be refused.

    A text leaves `rest`, for it then stands unchanged elsewhere.
    """
    value = rest.get(member)
    if type(value) is str:
        return rest.pop(member) if value else None
    text = _text(value)
    return value if text is None else text


def _text(value: object) -> str | None:
    """A text, or a whole number as text: people send ids as either. None for anything else."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value) if -_MAX_INTEGER <= value <= _MAX_INTEGER else None
    if type(value) is float and value.is_integer() and abs(value) <= _MAX_EXACT_INTEGER:
        return str(int(value))
    return None


def _whole_number(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _amount(order: _Members) -> Any:
    """What an order is worth, in units of its currency; the sum of its lines if it does not say."""
    for name in _AMOUNTS:
        if (amount := order.get(name)) is not None:
            return amount
    lines = order.get("products")
    if not isinstance(lines, list) or not lines:
        return _line_amount(order) if order.get("price") is not None else _UNKNOWN
    total: Decimal = Decimal(0)
    for line in lines:
        amount = _line_amount(_object(line))
        if amount is None:
            return None
        total += amount
    return total


def _line_amount(line: _Members) -> Decimal | None:
    price, quantity = _number(line.get("price")), line.get("quantity")
    count = Decimal(1) if quantity is None else _number(quantity)
    return None if price is None or count is None else price * count


def _cents(amount: object) -> int | None:
    """Units of a currency in cents, halves to the even cent; None if it is no amount."""
    number = _number(amount)
    if number is None:
        return None
    # quantize rounds once; multiplying first would round to 28 digits before.
    return int(number.quantize(_CENT, ROUND_HALF_EVEN).scaleb(2))


def _number(value: object) -> Decimal | None:
    """The number a person reads in a JSON number or text; None if there is none, or a huge one."""
    if type(value) is Decimal:
        number = value
    else:
        # repr is the shortest text of a float: 0.285 stays that, not 0.28499999999999998.
        text = repr(value) if type(value) is float else _text(value)
        if text is None:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
    is_usable = number.is_finite() and number.adjusted() <= _LARGEST_POWER_OF_TEN
    return number if is_usable else None


def _object(value: object) -> _Members:
    return value if isinstance(value, dict) else _NO_MEMBERS


def _is_known(value: object) -> bool:
    return value is not None and value != ""
