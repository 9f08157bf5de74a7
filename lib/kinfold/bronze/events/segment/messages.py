"""Messages in a received document: a message, an array of messages, or a batch."""

from kinfold.bronze.events.segment.values import Members

# These belong to one message. A batch's own must not become those of each of its messages.
_NAMES_IN_A_BATCH = {"messageId": "batchMessageId", "type": "batchType"}


def segment_messages(document: object) -> list[Members]:
    """The messages in one received JSON document, in its order.

    The members that a batch has beside `batch` are merged into each message: objects member by
    member, at every depth; of other values the message's own wins, unless it is absent or null. The
    batch's own messageId and type become `batchMessageId` and `batchType`.

    Returns:
        One dict per message; [] for an empty batch or array. A message that is not an object
        becomes `{"message": it}`, which no schema accepts. Values are shared with `document`, not
        copied.
    """
    if isinstance(document, list):
        return [_as_object(member) for member in document]
    if not isinstance(document, dict):
        return [_as_object(document)]
    members = document.get("batch")
    if not isinstance(members, list):
        return [document]
    shared = {_NAMES_IN_A_BATCH.get(name) or name: value for name, value in document.items()}
    del shared["batch"]
    return [_merged(_as_object(member), shared) for member in members]


def _as_object(message: object) -> Members:
    return message if isinstance(message, dict) else {"message": message}


def _merged(message: Members, shared: Members) -> Members:
    merged = shared | message
    pending = [(merged, message, shared)]  # not recursive: the sender decides about the depth
    while pending:
        target, own, common = pending.pop()
        for name, value in common.items():
            own_value = own.get(name)
            if own_value is None:
                target[name] = value
            elif isinstance(own_value, dict) and isinstance(value, dict):
                target[name] = value | own_value
                pending.append((target[name], own_value, value))
    return merged
