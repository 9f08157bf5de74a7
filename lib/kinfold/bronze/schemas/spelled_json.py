"""JSON whose numbers stay as they are spelled: 0.10, 1e2 and long numbers do not change."""

import json
from typing import Any

from kinfold.bronze.schemas.reasons import TOO_DEEP

NOT_AN_OBJECT = "/: not a JSON object"


class Number(str):
    """A number as it is spelled."""

    __slots__ = ()


_DECODER = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=lambda _: None, strict=False
)


def json_value(text: str) -> tuple[Any, str | None]:
    """The value of a JSON text and null, or null and the reason why it is not JSON.

    Numbers are texts as they are spelled. Of a member that is there twice, the last counts. NaN and
    Infinity, which are not JSON but common, are null.
    """
    try:
        return _DECODER.decode(text), None
    except RecursionError:
        return None, TOO_DEEP
    except ValueError:
        return None, NOT_AN_OBJECT


def json_text(value: Any) -> str:
    """JSON text with numbers as they were spelled."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(k)}:{json_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
