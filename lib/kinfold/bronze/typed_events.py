"""Events read straight into typed objects: the short way to know the many that are good.

A schema becomes a type whose reader (msgspec) parses and checks in one go and makes no object of
what the schema does not describe, which costs less than parsing all and judging it then. A type
takes nothing that its schema refuses. It may refuse what the schema takes, and so may a text be
left unread: such events are judged by the schema itself. What a type cannot say about each text is
looked for in whole columns: a number that no float holds, NUL in a text, bytes that are not UTF-8,
the form of instants and of namespaces.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinfold.bronze.json_bytes import (
    are_utf8,
    places_of_large_numbers,
    places_of_nul,
    texts_with,
)
from kinfold.bronze.schema_documents import Place, SchemaDocuments

_SAID_ELSEWHERE = frozenset(
    {
        *("$comment", "$defs", "$id", "$schema", "default", "deprecated", "description"),
        *("examples", "readOnly", "title", "writeOnly"),
    }
)
_KINDS = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_UPPER_LIMITS = frozenset({"maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"})
_LOWER_LIMITS = frozenset({"minLength", "minimum", "exclusiveMinimum", "minItems"})
_EXACT = 2**53
"""From here on not every whole number is a float."""

MAX_DEPTH = 500
"""Levels of an event that is kept as it was sent: half of what Spark's JSON parser takes."""

_NO_NUL = r"^[^\u0000]*$"
_SHORTEST_MEMBER = len('"":0,')
# A pattern that Python and ECMA-262 read alike: ends, plain characters, classes of them, counts.
_PLAIN = r"[A-Za-z0-9_ :/@-]"
_CLASS = r"\[(?:[A-Za-z0-9_]-[A-Za-z0-9_]|[A-Za-z0-9_ :/@.])+\]"
_PLAIN_PATTERN = re.compile(rf"\^(?:(?:{_PLAIN}|{_CLASS})(?:[*+?]|\{{\d+(?:,\d*)?\}})?)+\$")

_PLAIN_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})$"
)


class _Unsaid(Exception):
    """A schema asks for what no type says."""


@dataclass
class TypedReader:
    """Reads the events of the newest schemas, as far as types say what these ask for.

    Attributes:
        longest: bytes of a text that can be read; in a longer one there may be more members than a
            schema allows.
    """

    longest: int
    _decoder: msgspec.json.Decoder[Any] | None
    _namespace: re.Pattern[str]
    _namespaces: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, schemas: SchemaDocuments, newest: Mapping[str, str]) -> "TypedReader":
        """The reader for the newest schema of each event type.

        Args:
            newest: schema id of each event type.
        """
        types: list[_EventType] = []
        for event_type, schema_id in newest.items():
            # What msgspec cannot, and a pattern that is none of Python's, are left unsaid too.
            with suppress(_Unsaid, TypeError, ValueError, RecursionError, re.error):
                types.append(_event_type(schemas, schema_id, event_type))
        patterns = {one.namespace for one in types}
        if len(patterns) != 1:  # none can be read, or the schemas do not share an envelope
            return cls(0, None, re.compile(""))
        members = min(one.most_members for one in types)
        union = reduce(lambda one, other: one | other, (one.type for one in types))
        return cls(
            _SHORTEST_MEMBER * (members + 1),
            msgspec.json.Decoder(union),
            re.compile(patterns.pop()),
        )

    def read(self, texts: Sequence[Any], values: pa.Array) -> list[Any]:
        """An object for each text that is surely a good event, None for each other one.

        An object has event_id, event_type, schema_id, occurred_at, received_at (as sent) and
        identifiers (a value by namespace, null and empty ones among them).

        Args:
            texts: of each the bytes, None for null.
            values: the same as one column.
        """
        if self._decoder is None:
            return [None] * len(texts)
        decode = self._decoder.decode
        events: list[Any] = []
        add = events.append
        for text in texts:
            try:
                add(decode(text))
            except Exception:  # whatever a parser does with one record, it never stops a stream
                add(None)
        self._leave_out(events, self._doubted(values))
        self._leave_out(events, self._with_odd_instants(events))
        self._leave_out(events, self._with_odd_namespaces(events))
        return events

    @staticmethod
    def _leave_out(events: list[Any], indices: Iterable[int]) -> None:
        for index in indices:
            events[index] = None

    def _doubted(self, values: pa.Array) -> Iterator[int]:
        """Texts of which there is something to be said that the types do not say."""
        yield from np.flatnonzero(~_flags(are_utf8(values))).tolist()
        yield from texts_with(values, places_of_nul, places_of_large_numbers)
        lengths = pc.binary_length(values)
        yield from np.flatnonzero(_flags(pc.greater(lengths, self.longest))).tolist()
        is_long = pc.greater(lengths, 2 * MAX_DEPTH)
        if pc.any(is_long).as_py():  # counting brackets is much cheaper than measuring depth
            brackets = pc.add(pc.count_substring(values, b"["), pc.count_substring(values, b"{"))
            yield from np.flatnonzero(_flags(pc.greater(brackets, MAX_DEPTH))).tolist()

    def _with_odd_instants(self, events: Sequence[Any]) -> set[int]:
        """Events whose instants are not of the plain form, or that no column of instants takes."""
        there = [event for event in events if event is not None]
        columns = (
            pa.array([event.occurred_at for event in there], pa.string()),
            pa.array([event.received_at for event in there], pa.string()),
        )
        odd = np.zeros(len(there), np.bool_)
        for texts in columns:
            odd |= _flags(pc.invert(pc.match_substring_regex(texts, _PLAIN_INSTANT)))
            try:
                texts.cast(pa.timestamp("us", tz="UTC"))
            except pa.ArrowInvalid:  # it does not say which
                odd |= _flags(pc.is_valid(texts))
        if not odd.any():
            return set()
        places = [index for index, event in enumerate(events) if event is not None]
        return {places[at] for at in np.flatnonzero(odd).tolist()}

    def _with_odd_namespaces(self, events: Sequence[Any]) -> list[int]:
        named = set(chain.from_iterable(one.identifiers for one in events if one is not None))
        unknown = named - self._namespaces
        if not unknown:
            return []
        good = {name for name in unknown if self._namespace.fullmatch(name)}
        if len(self._namespaces) < 10_000:
            self._namespaces |= good
        odd = unknown - good
        return [
            index
            for index, event in enumerate(events)
            if event is not None and not odd.isdisjoint(event.identifiers)
        ]


def _flags(values: pa.Array) -> Any:
    return pc.fill_null(values, False).to_numpy(zero_copy_only=False)


class _EventType(NamedTuple):
    type: Any
    namespace: str
    """The pattern of a namespace."""
    most_members: int
    """Of any object whose members are not all described."""


def _event_type(schemas: SchemaDocuments, schema_id: str, event_type: str) -> _EventType:
    types = _Types(schemas)
    rules = types.rules([Place(schema_id, "")])
    members = rules.members
    version = schema_id.partition("/")[2]
    if rules.kinds != {"object"} or not rules.is_open:
        raise _Unsaid
    for name in ("event_type", "event_id", "occurred_at", "identifiers"):
        if name not in rules.required or name not in members:
            raise _Unsaid
    if types.rules(members["event_type"]).kinds != {"string"}:
        raise _Unsaid
    if not types.takes_text(members["event_type"], event_type):
        raise _Unsaid
    fields: list[Any] = [("event_id", types.type_of(members["event_id"]))]
    if types.rules(members["event_id"]).kinds != {"string"}:
        raise _Unsaid
    if not types.is_instant(members["occurred_at"], {"string"}):
        raise _Unsaid
    fields.append(("occurred_at", str))
    namespace, identifiers = types.named_texts(members["identifiers"])
    fields.append(("identifiers", identifiers))
    if "received_at" not in members:
        raise _Unsaid
    if not types.is_instant(members["received_at"], {"string", "null"}):
        raise _Unsaid
    fields.append(("received_at", str | None, None))
    asked = members.get("schema_version", [])
    if types.rules(asked).kinds != {"string", "null"} or not types.takes_text(asked, version):
        raise _Unsaid
    fields.append(("schema_version", Literal[version] | None, None))
    known = {"event_type", *(one[0] for one in fields)}
    if {"received_at", "schema_version"} & rules.required:
        raise _Unsaid
    if "maxProperties" in rules.limits:
        raise _Unsaid
    others, renamed = types.fields(
        {name: places for name, places in members.items() if name not in known},
        required=rules.required - known,
    )
    made = msgspec.defstruct(
        "Event",
        [*fields, *others],
        tag_field="event_type",
        tag=event_type,
        rename=renamed,
        kw_only=True,
        gc=False,
        namespace={"event_type": event_type, "schema_id": schema_id},
    )
    msgspec.json.Decoder(made)  # refuses here, and not with all others, what it cannot read
    return _EventType(made, namespace, types.most_members)


@dataclass
class _Rules:
    """What one or more schemas together ask of a value."""

    kinds: set[str] = field(default_factory=lambda: set(_KINDS))
    limits: dict[str, Any] = field(default_factory=dict)
    options: list[Any] | None = None
    patterns: list[str] = field(default_factory=list)
    format: str | None = None
    members: dict[str, list[Place]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    others: list[Place] = field(default_factory=list)
    """What members that are not described have to follow."""
    names: list[str] = field(default_factory=list)
    items: list[Place] = field(default_factory=list)
    describing: int = 0
    """How many of the schemas describe members."""

    @property
    def is_open(self) -> bool:
        return not self.others and not self.names


@dataclass
class _Types:
    """Types for the schemas of a registry.

    Attributes:
        most_members: of any object met whose members are not all described.
    """

    schemas: SchemaDocuments
    most_members: int = 2**20

    def rules(self, places: Sequence[Place]) -> _Rules:
        """What all the schemas at some places ask of one value."""
        rules, waiting, seen = _Rules(), list(places), set[Place]()
        while waiting:
            place = waiting.pop()
            schema = self.schemas.at(place)
            if place in seen or schema is True:
                continue
            seen.add(place)
            if not isinstance(schema, dict):
                raise _Unsaid
            for keyword, said in schema.items():
                if keyword == "$ref":
                    (target,) = (to for _, to in self.schemas.references(place))
                    if target is None:
                        raise _Unsaid
                    waiting.append(target)
                elif keyword == "allOf":
                    waiting += [place.below("allOf", index) for index in range(len(said))]
                elif keyword not in _SAID_ELSEWHERE:
                    self._add(rules, place, keyword, said)
        return rules

    def _add(self, rules: _Rules, place: Place, keyword: str, said: Any) -> None:
        if keyword == "type":
            kinds = {said} if isinstance(said, str) else set(said)
            rules.kinds &= kinds | ({"integer"} if "number" in kinds else set())
        elif keyword in ("const", "enum"):
            options = [said] if keyword == "const" else said
            if not all(isinstance(one, str) or one is None for one in options):
                raise _Unsaid
            known = options if rules.options is None else rules.options
            rules.options = [one for one in options if one in known]
        elif keyword == "pattern":
            rules.patterns.append(said)
        elif keyword == "format" and rules.format in (None, said):
            rules.format = said
        elif keyword == "properties":
            rules.describing += 1
            for name in said:
                rules.members.setdefault(name, []).append(place.below("properties", name))
        elif keyword == "required":
            rules.required |= set(said)
        elif keyword == "items":
            rules.items.append(place.below("items"))
        elif keyword == "additionalProperties":
            if said is not True:
                rules.others.append(place.below(keyword))
        elif keyword == "propertyNames" and isinstance(said, dict) and set(said) == {"pattern"}:
            rules.names.append(said["pattern"])
        elif keyword in _UPPER_LIMITS:
            rules.limits[keyword] = min(said, rules.limits.get(keyword, said))
        elif keyword in _LOWER_LIMITS:
            rules.limits[keyword] = max(said, rules.limits.get(keyword, said))
        else:
            raise _Unsaid

    def type_of(self, places: Sequence[Place]) -> Any:
        """The type of a value that follows the schemas at some places.

        Raises:
            _Unsaid: there is none.
        """
        rules = self.rules(places)
        if rules == _Rules():
            return Any
        if rules.format is not None:
            raise _Unsaid
        kinds = set(rules.kinds)
        if rules.options is not None:
            kinds &= {"string"} if None not in rules.options else {"string", "null"}
        if "number" in kinds:
            kinds.discard("integer")
        told = kinds - {"null"}
        if len(told) != 1:
            raise _Unsaid
        made = getattr(self, f"_{told.pop()}")(rules)
        return made | None if "null" in kinds else made

    def _boolean(self, rules: _Rules) -> Any:
        return bool

    def _string(self, rules: _Rules) -> Any:
        patterns = {one for one in rules.patterns if one != _NO_NUL}
        if rules.options is not None:
            options = [one for one in rules.options if one is not None]
            if patterns or {"minLength", "maxLength"} & set(rules.limits) or not options:
                raise _Unsaid
            return Literal[tuple(options)]
        if len(patterns) > 1:
            raise _Unsaid
        limits = _limits(rules, {"minLength": "min_length", "maxLength": "max_length"})
        if patterns:
            pattern = patterns.pop()
            if not _PLAIN_PATTERN.fullmatch(pattern):
                raise _Unsaid
            limits["pattern"] = rf"{pattern[:-1]}\Z"
        return Annotated[str, msgspec.Meta(**limits)] if limits else str

    def _integer(self, rules: _Rules) -> Any:
        return self._bounded(rules, int)

    def _number(self, rules: _Rules) -> Any:
        return self._bounded(rules, float)

    def _bounded(self, rules: _Rules, kind: type) -> Any:
        limits = _limits(
            rules,
            {
                "minimum": "ge",
                "maximum": "le",
                "exclusiveMinimum": "gt",
                "exclusiveMaximum": "lt",
            },
        )
        if ("ge" in limits and "gt" in limits) or ("le" in limits and "lt" in limits):
            raise _Unsaid
        for bound in limits.values():
            if abs(bound) >= _EXACT or (kind is int and bound != int(bound)):
                raise _Unsaid
        if kind is int:
            limits = {name: int(bound) for name, bound in limits.items()}
        return Annotated[kind, msgspec.Meta(**limits)] if limits else kind

    def _array(self, rules: _Rules) -> Any:
        limits = _limits(rules, {"minItems": "min_length", "maxItems": "max_length"})
        made: Any = list.__class_getitem__(self.type_of(rules.items))
        return Annotated[made, msgspec.Meta(**limits)] if limits else made

    def _object(self, rules: _Rules) -> Any:
        if not rules.is_open:
            raise _Unsaid
        if "maxProperties" in rules.limits:
            self.most_members = min(self.most_members, rules.limits["maxProperties"])
        fields, renamed = self.fields(rules.members, required=rules.required)
        return msgspec.defstruct("Members", fields, rename=renamed, kw_only=True, gc=False)

    def fields(
        self, members: Mapping[str, Sequence[Place]], *, required: set[str]
    ) -> tuple[list[Any], dict[str, str]]:
        """The fields for members of an object, and what each is called in JSON."""
        fields: list[Any] = []
        renamed: dict[str, str] = {}
        for number, name in enumerate(dict.fromkeys([*members, *sorted(required)])):
            made = self.type_of(members[name]) if name in members else Any
            field_name = f"member_{number}"
            renamed[field_name] = name
            if name in required:
                fields.append((field_name, made))
            elif made is Any:
                fields.append((field_name, Any, msgspec.UNSET))
            else:
                fields.append((field_name, made | msgspec.UnsetType, msgspec.UNSET))
        return fields, renamed

    def is_instant(self, places: Sequence[Place], kinds: set[str]) -> bool:
        """Whether the schemas ask for an RFC 3339 instant and no more, beside the kinds."""
        rules = self.rules(places)
        return rules == _Rules(kinds=kinds, format="date-time")

    def takes_text(self, places: Sequence[Place], text: str) -> bool:
        """Whether a text of the registry itself, of which all is known, follows the schemas."""
        rules = self.rules(places)
        if rules.format is not None or (rules.options is not None and text not in rules.options):
            return False
        shortest = rules.limits.get("minLength", 0)
        longest = rules.limits.get("maxLength", len(text))
        is_long_enough = shortest <= len(text) <= longest
        return is_long_enough and all(re.search(one, text) for one in rules.patterns)

    def named_texts(self, places: Sequence[Place]) -> tuple[str, Any]:
        """Of an object of texts by name: the pattern of a name, and the type.

        Raises:
            _Unsaid: the schemas ask for anything else.
        """
        rules = self.rules(places)
        if rules.kinds != {"object"} or rules.required or len(rules.names) != 1:
            raise _Unsaid
        if len(rules.others) != 1 or rules.describing > 1:
            raise _Unsaid
        if not _PLAIN_PATTERN.fullmatch(rules.names[0]):
            raise _Unsaid
        values = [self.rules(part) for part in (rules.others, *rules.members.values())]
        if any(one != values[0] for one in values) or values[0].kinds != {"string", "null"}:
            raise _Unsaid
        limits = _limits(rules, {"maxProperties": "max_length"})
        made: Any = dict.__class_getitem__((str, self.type_of(rules.others)))
        return rules.names[0], Annotated[made, msgspec.Meta(**limits)] if limits else made


def _limits(rules: _Rules, names: Mapping[str, str]) -> dict[str, Any]:
    """The limits of a schema by msgspec's names; limits of other kinds of value say nothing."""
    return {names[one]: limit for one, limit in rules.limits.items() if one in names}
