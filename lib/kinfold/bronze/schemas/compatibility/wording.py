"""The texts of changes of rules: what changed, and what it does to events."""

import json
from typing import Any

from kinfold.bronze.schemas.compatibility.json_values import type_set
from kinfold.bronze.schemas.compatibility.shapes import Rule, ValueShape


def narrowed_text(rule: Rule, old: ValueShape) -> str:
    """A rule of the new version that allows less: `maximum was 5, is 4: <what is refused>`."""
    before = old.all(rule.keyword)
    was = f"was {' and '.join(map(_json_list, before))}, " if before else "is new, "
    return f"{rule.keyword} {was}is {_json_list(rule.value)}: {_refused(rule, old)}"


def widened_text(rule: Rule, new: ValueShape) -> str:
    """A rule of the old version that the new one does not imply: `minLength was 5, was removed`."""
    after = new.all(rule.keyword)
    now = f"is {' and '.join(map(_json_list, after))}" if after else "was removed"
    return f"{rule.keyword} was {_json_list(rule.value)}, {now}: more is accepted"


def _refused(rule: Rule, old: ValueShape) -> str:
    if rule.keyword == "required":
        known = {name for names in old.all("required") for name in names}
        names = [name for name in rule.value if name not in known]
        return f"events without {_json_list(names)} are refused"
    if rule.keyword == "type":
        types = sorted(old.types - type_set(rule.value))
        return f"{' and '.join(types)} is refused".replace("fraction", "a number with a fraction")
    if rule.keyword in ("const", "enum") and old.values is not None:
        values = [v for v in old.values if not rule.satisfied_by(v)]
        return f"{_json_list(values)} is refused"
    return "values outside it are refused"


def _json_list(value: Any) -> str:
    """A value as JSON; a list as its values, separated by commas."""
    if isinstance(value, list):
        return ", ".join(map(_json_list, value)) or "nothing"
    return json.dumps(value, ensure_ascii=False)
