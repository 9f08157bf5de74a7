"""Compiles JSON Schemas to lookup tables for the scanner.

A compiled schema accepts nothing that its schema rejects. It may reject what the schema accepts: a
keyword or a value of a keyword that the tables cannot express disables the fast path for that event
type, and its events are parsed and validated by the schema.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from kinfold.bronze.fast_path.lookup_tables import (
    ANY,
    ARRAY,
    BOOLEAN,
    INTEGER,
    MAX_MEMBERS,
    NONE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    LookupTables,
    Role,
    RuleColumn,
)
from kinfold.bronze.fast_path.patterns import pattern_states
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation

_BITS = {
    "null": NULL,
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "number": NUMBER,
    "string": STRING,
    "array": ARRAY,
    "object": OBJECT,
}
_KINDS = frozenset(_BITS)
_WITHOUT_EFFECT = frozenset(
    {
        *("$comment", "$defs", "$id", "$schema", "default", "deprecated", "description"),
        *("examples", "readOnly", "title", "writeOnly"),
    }
)
_UPPER_LIMITS = frozenset({"maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"})
_LOWER_LIMITS = frozenset({"minLength", "minimum", "exclusiveMinimum", "minItems"})
_UNLIMITED = 2**31 - 1
_EXACT = 2**53
"""Not every whole number from here on is a 64-bit float."""
_ANY_TEXT = r"^[^\u0000]*$"  # the scanner takes no text with NUL
_REQUIRED = frozenset({"event_type", "event_id", "occurred_at", "identifiers"})


class _UnsupportedError(Exception):
    """The lookup tables cannot express a schema."""


@dataclass(frozen=True)
class SchemaTables:
    """The compiled schemas of some event types.

    Attributes:
        event_types, schema_ids: by the index of the compiled schema.
        lookup: the tables of all of them together.
    """

    event_types: tuple[str, ...]
    schema_ids: tuple[str, ...]
    lookup: LookupTables

    @classmethod
    def of(cls, schemas: SchemaDocuments, newest: Mapping[str, str]) -> "SchemaTables":
        """Compile the newest schema of each event type; unsupported schemas are left out.

        Args:
            newest: schema id of each event type.
        """
        builder, types = _Builder(schemas), list[_Name]()
        for event_type, schema_id in newest.items():
            # Rows that were added before an unsupported keyword stay, and are not used.
            with suppress(_UnsupportedError, RecursionError):
                types.append(_Name(event_type, builder.event_row(schema_id, event_type)))
        names = tuple(one.text for one in types)
        return cls(names, tuple(newest[name] for name in names), builder.tables(types))


@dataclass
class _Rules:
    """What one or more schemas together require of a value.

    Attributes:
        limits: by keyword, the strictest value.
        options: the allowed values of `const` and `enum`; None: any.
        members: schemas of each described member.
        additional: schemas of all members that are not described.
        name_patterns: patterns of the names of all members.
        items: schemas of each item of an array.
        properties_count: how many of the schemas describe members.
    """

    kinds: set[str] = field(default_factory=lambda: set(_KINDS))
    limits: dict[str, Any] = field(default_factory=dict)
    options: list[Any] | None = None
    patterns: list[str] = field(default_factory=list)
    format: str | None = None
    members: dict[str, list[SchemaLocation]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    additional: list[SchemaLocation] = field(default_factory=list)
    name_patterns: list[str] = field(default_factory=list)
    items: list[SchemaLocation] = field(default_factory=list)
    properties_count: int = 0

    def upper_limit(self, keyword: str) -> int:
        """The value of the keyword; `_UNLIMITED` if there is no limit or a higher one."""
        limit: int = min(self.limits.get(keyword, _UNLIMITED), _UNLIMITED)
        return limit


class _Name(NamedTuple):
    """A row of `LookupTables.names` or `.types`."""

    text: str
    value: int = ANY
    role: Role = Role.OTHER


class _Member(NamedTuple):
    name: str
    value: int
    is_required: bool
    role: Role = Role.OTHER


class _Value(NamedTuple):
    """A row of `LookupTables.rules`, and its limits."""

    columns: dict[RuleColumn, int]
    minimum: float = -np.inf
    maximum: float = np.inf

    @classmethod
    def of(cls, kinds: int, **columns: int) -> "_Value":
        """A value of some kinds with the rules in `columns` and no others."""
        return cls(_NO_RULES | {RuleColumn.KINDS: kinds}).having(**columns)

    def having(self, **columns: int) -> "_Value":
        """This value with some columns replaced."""
        replaced = {RuleColumn[name.upper()]: number for name, number in columns.items()}
        return self._replace(columns=self.columns | replaced)

    @property
    def kinds(self) -> int:
        return self.columns[RuleColumn.KINDS]


_NO_RULES = dict.fromkeys(RuleColumn, 0) | {
    RuleColumn.MAX_LENGTH: _UNLIMITED,
    RuleColumn.PATTERN: NONE,
    RuleColumn.MAX_ITEMS: _UNLIMITED,
    RuleColumn.ITEMS: ANY,
    RuleColumn.MAX_PROPERTIES: _UNLIMITED,
    RuleColumn.NAME_PATTERN: NONE,
    RuleColumn.OTHERS: ANY,
}


@dataclass
class _Builder:
    """Collects the rows of `LookupTables`.

    Methods named `..._row` add the rows of a value and return the index of its row in `rules`.
    They raise `_UnsupportedError` for schemas that the tables cannot express.

    Attributes:
        first_states: the first state of each pattern; most types share those of the envelope.
    """

    schemas: SchemaDocuments
    values: list[_Value] = field(default_factory=list)
    names: list[_Name] = field(default_factory=list)
    states: list[Sequence[int]] = field(default_factory=list)
    first_states: dict[str, int] = field(default_factory=dict)

    def tables(self, types: Sequence[_Name]) -> LookupTables:
        rules = [[one.columns[column] for column in RuleColumn] for one in self.values]
        limits = [(one.minimum, one.maximum) for one in self.values]
        texts = [one.text.encode() for one in (*self.names, *types)]
        ends = list(accumulate(map(len, texts), initial=0))
        rows = [
            (start, end, one.value, one.role)
            for start, end, one in zip(ends, ends[1:], (*self.names, *types), strict=False)
        ]
        return LookupTables(
            rules=np.array(rules, np.int64).reshape(-1, len(RuleColumn)),
            limits=np.array(limits, np.float64).reshape(-1, 2),
            names=np.array(rows[: len(self.names)], np.int64).reshape(-1, 4),
            # With one byte more: numpy has no buffer of zero bytes.
            name_bytes=np.frombuffer(b"".join(texts) + b"\0", np.uint8),
            states=np.array(self.states, np.int64).reshape(-1),
            types=np.array(rows[len(self.names) :], np.int64).reshape(-1, 4),
        )

    def event_row(self, schema_id: str, event_type: str) -> int:
        """The row of an event of a type."""
        rules = self.rules([SchemaLocation(schema_id, "")])
        self._require_envelope(rules, schema_id, event_type)
        members, required = rules.members, rules.required
        is_text_or_null = self._add(_Value.of(NULL | STRING))
        version = schema_id.partition("/")[2]
        is_version_or_null = self._add(_Value.of(NULL | STRING, **self._options([version])))
        identifiers = self._identifiers_row(members["identifiers"])
        envelope = [
            _Member("event_id", self.value_row(members["event_id"]), True, Role.EVENT_ID),
            _Member("occurred_at", is_text_or_null, True, Role.OCCURRED_AT),
            _Member("received_at", is_text_or_null, "received_at" in required, Role.RECEIVED_AT),
            _Member("identifiers", identifiers, True, Role.IDENTIFIERS),
            _Member("schema_version", is_version_or_null, "schema_version" in required),
        ]
        own_names = {"event_type", *(member.name for member in envelope)}
        others = {name: schemas for name, schemas in members.items() if name not in own_names}
        return self._object_row(
            envelope + self._described(others, required - own_names), _Value.of(OBJECT)
        )

    def _require_envelope(self, rules: _Rules, schema_id: str, event_type: str) -> None:
        """Pass if the members that the scanner extracts have the usual rules.

        Raises:
            _UnsupportedError: they have others.
        """
        members = rules.members
        is_object = rules.kinds == {"object"} and rules.options is None
        is_open = not (rules.additional or rules.name_patterns or "maxProperties" in rules.limits)
        has_members = rules.required >= _REQUIRED and members.keys() >= _REQUIRED | {"received_at"}
        if not (is_object and is_open and has_members):
            raise _UnsupportedError
        version_schemas, version = members.get("schema_version", []), schema_id.partition("/")[2]
        is_usual = (
            all(self.rules(members[n]).kinds == {"string"} for n in ("event_type", "event_id"))
            and self._allows_text(members["event_type"], event_type)
            and self._is_instant(members["occurred_at"], {"string"})
            and self._is_instant(members["received_at"], {"string", "null"})
            and self.rules(version_schemas).kinds == {"string", "null"}
            and self._allows_text(version_schemas, version)
        )
        if not is_usual:
            raise _UnsupportedError

    def rules(self, locations: Iterable[SchemaLocation]) -> _Rules:
        """What all the schemas at some locations together require of one value."""
        rules, waiting, seen = _Rules(), list(locations), set[SchemaLocation]()
        while waiting:
            location = waiting.pop()
            schema = self.schemas.at(location)
            if location in seen or schema is True:
                continue
            seen.add(location)
            if not isinstance(schema, dict):
                raise _UnsupportedError
            for keyword, argument in schema.items():
                if keyword == "$ref":
                    (target,) = (to for _, to in self.schemas.references(location))
                    if target is None:
                        raise _UnsupportedError
                    waiting.append(target)
                elif keyword == "allOf":
                    waiting += [location.below("allOf", index) for index in range(len(argument))]
                elif keyword not in _WITHOUT_EFFECT:
                    _add_rule(rules, location, keyword, argument)
        return rules

    def value_row(self, locations: Sequence[SchemaLocation]) -> int:
        """The row of a value that follows all the schemas at some locations."""
        rules = self.rules(locations)
        if rules == _Rules():
            return ANY
        if rules.format is not None or rules.additional or rules.name_patterns:
            raise _UnsupportedError
        limits = rules.limits
        value = _Value.of(
            sum(_BITS[kind] for kind in rules.kinds),
            min_length=limits.get("minLength", 0),
            max_length=rules.upper_limit("maxLength"),
            min_items=limits.get("minItems", 0),
            max_items=rules.upper_limit("maxItems"),
            max_properties=rules.upper_limit("maxProperties"),
            pattern=self._first_state({one for one in rules.patterns if one != _ANY_TEXT}),
        )
        if rules.options is not None:
            texts = [one for one in rules.options if one is not None]
            kinds = (STRING if texts else 0) | (NULL if None in rules.options else 0)
            value = value.having(kinds=value.kinds & kinds, **self._options(texts))
        if value.kinds & (INTEGER | NUMBER):
            value = _with_limits(value, limits)
        if value.kinds & ARRAY and rules.items:
            value = value.having(items=self.value_row(rules.items))
        if value.kinds & OBJECT:
            return self._object_row(self._described(rules.members, rules.required), value)
        return self._add(value)

    def _described(
        self, members: Mapping[str, Sequence[SchemaLocation]], required: set[str]
    ) -> list[_Member]:
        names = dict.fromkeys([*members, *sorted(required)])
        return [
            _Member(
                name, self.value_row(members[name]) if name in members else ANY, name in required
            )
            for name in names
        ]

    def _object_row(self, members: Sequence[_Member], value: _Value) -> int:
        if len(members) > MAX_MEMBERS:
            raise _UnsupportedError
        first = len(self.names)
        self.names += [_Name(one.name, one.value, one.role) for one in members]
        required = sum(1 << bit for bit, one in enumerate(members) if one.is_required)
        return self._add(
            value.having(members=first, members_end=len(self.names), required=required)
        )

    def _options(self, texts: Sequence[str]) -> dict[str, int]:
        first = len(self.names)
        self.names += [_Name(text) for text in texts]
        return {"options": first, "options_end": len(self.names)}

    def _identifiers_row(self, locations: Sequence[SchemaLocation]) -> int:
        """The row of an object with texts under any names, all with the same rules."""
        rules = self.rules(locations)
        if rules.kinds != {"object"} or rules.required or len(rules.name_patterns) != 1:
            raise _UnsupportedError
        if len(rules.additional) != 1 or rules.properties_count > 1 or rules.options is not None:
            raise _UnsupportedError
        each = [self.rules(one) for one in (rules.additional, *rules.members.values())]
        if any(one != each[0] for one in each) or each[0].kinds != {"string", "null"}:
            raise _UnsupportedError
        return self._add(
            _Value.of(
                OBJECT,
                max_properties=rules.upper_limit("maxProperties"),
                name_pattern=self._first_state(set(rules.name_patterns)),
                others=self.value_row(rules.additional),
            )
        )

    def _add(self, value: _Value) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def _is_instant(self, locations: Sequence[SchemaLocation], kinds: set[str]) -> bool:
        """Whether the schemas require an RFC 3339 instant of some kinds and nothing else."""
        return self.rules(locations) == _Rules(kinds=kinds, format="date-time")

    def _allows_text(self, locations: Sequence[SchemaLocation], text: str) -> bool:
        """Whether a text from the registry itself follows the schemas."""
        rules = self.rules(locations)
        if rules.format is not None or (rules.options is not None and text not in rules.options):
            return False
        min_length = rules.limits.get("minLength", 0)
        max_length = rules.limits.get("maxLength", len(text))
        has_length = min_length <= len(text) <= max_length
        with suppress(re.error):
            return has_length and all(re.search(one, text) for one in rules.patterns)
        return False

    def _first_state(self, patterns: set[str]) -> int:
        """The first state of the state machine of a pattern; NONE if there is no pattern."""
        if not patterns:
            return NONE
        if len(patterns) > 1:
            raise _UnsupportedError
        (pattern,) = patterns
        if pattern not in self.first_states:
            first = len(self.states)
            states = pattern_states(pattern, first)
            if states is None:
                raise _UnsupportedError
            self.states += states
            self.first_states[pattern] = first
        return self.first_states[pattern]


def _add_rule(rules: _Rules, location: SchemaLocation, keyword: str, argument: Any) -> None:
    """Add one keyword of the schema at a location.

    Raises:
        _UnsupportedError: the tables cannot express it.
    """
    if keyword == "type":
        kinds = {argument} if isinstance(argument, str) else set(argument)
        rules.kinds &= kinds | ({"integer"} if "number" in kinds else set())
    elif keyword in ("const", "enum"):
        options = [argument] if keyword == "const" else argument
        if not all(isinstance(one, str) or one is None for one in options):
            raise _UnsupportedError
        before = options if rules.options is None else rules.options
        rules.options = [one for one in options if one in before]
    elif keyword == "pattern":
        rules.patterns.append(argument)
    elif keyword == "format" and rules.format in (None, argument):
        rules.format = argument
    elif keyword == "properties":
        rules.properties_count += 1
        for name in argument:
            rules.members.setdefault(name, []).append(location.below("properties", name))
    elif keyword == "required":
        rules.required |= set(argument)
    elif keyword == "items":
        rules.items.append(location.below("items"))
    elif keyword == "additionalProperties":
        if argument is not True:
            rules.additional.append(location.below(keyword))
    elif keyword == "propertyNames" and isinstance(argument, dict) and set(argument) == {"pattern"}:
        rules.name_patterns.append(argument["pattern"])
    elif keyword in _UPPER_LIMITS:
        rules.limits[keyword] = min(argument, rules.limits.get(keyword, argument))
    elif keyword in _LOWER_LIMITS:
        rules.limits[keyword] = max(argument, rules.limits.get(keyword, argument))
    else:
        raise _UnsupportedError


def _with_limits(value: _Value, limits: Mapping[str, Any]) -> _Value:
    """The value with the minimum and the maximum of a number.

    Raises:
        _UnsupportedError: a limit is set twice, or is not exact as a float.
    """
    for included, excluded in (
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ):
        if included in limits and excluded in limits:
            raise _UnsupportedError
        keyword = excluded if excluded in limits else included
        if keyword not in limits:
            continue
        if abs(limits[keyword]) >= _EXACT:
            raise _UnsupportedError
        value = value.having(**{f"excludes_{included}": keyword == excluded})
        bound = float(limits[keyword])
        is_minimum = included == "minimum"
        value = value._replace(minimum=bound) if is_minimum else value._replace(maximum=bound)
    return value
