"""Schemas as tables of what a value may be, which a compiled scanner follows (`event_scanner`).

Of each value a table says which kinds of JSON value it may be and what limits it has. A form takes
nothing that its schema refuses, and may refuse what the schema takes: a schema that asks for more
than tables say has no form at all, and its events are judged by the schema itself.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation

NULL, BOOLEAN, INTEGER, NUMBER, STRING, ARRAY, OBJECT = (1 << place for place in range(7))
"""Kinds of JSON value; NUMBER takes whole ones too."""
ANY = -1
"""Instead of the row of a value of which nothing is asked."""
NONE = -1
MOST_MEMBERS = 62
"""Described members of one object: those that were met are the bits of one number."""


class Role(IntEnum):
    """What a member of an event is to its row, beside being judged."""

    NOTHING = 0
    EVENT_ID = 1
    OCCURRED_AT = 2
    RECEIVED_AT = 3
    IDENTIFIERS = 4


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
_SAID_ELSEWHERE = frozenset(
    {
        *("$comment", "$defs", "$id", "$schema", "default", "deprecated", "description"),
        *("examples", "readOnly", "title", "writeOnly"),
    }
)
_UPPER_LIMITS = frozenset({"maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"})
_LOWER_LIMITS = frozenset({"minLength", "minimum", "exclusiveMinimum", "minItems"})
_UNLIMITED = 2**31 - 1
_EXACT = 2**53
"""From here on not every whole number is a float."""

_NO_NUL = r"^[^\u0000]*$"  # a text with NUL is never taken
# A pattern that Python and ECMA-262 read alike: ends, plain characters, classes of them, counts.
_PLAIN = r"[A-Za-z0-9_ :/@-]"
_CLASS = r"\[(?:[A-Za-z0-9_]-[A-Za-z0-9_]|[A-Za-z0-9_ :/@.])+\]"
_PART = re.compile(
    rf"(?P<set>{_PLAIN}|{_CLASS})(?:(?P<sign>[*+?])|\{{(?P<counts>\d+(?:,\d*)?)\}})?"
)
_PLAIN_PATTERN = re.compile(rf"\^(?:(?:{_PLAIN}|{_CLASS})(?:[*+?]|\{{\d+(?:,\d*)?\}})?)+\$")
_MOST_STATES = 1_000
STATE_WIDTH, MAY_END = 256, 255


class _Unsaid(Exception):
    """A schema asks for what no table says."""


class Column(IntEnum):
    """Columns of `Tables.asked`, a row for each value that is described.

    Attributes:
        KINDS: the kinds that it may be.
        SHORTEST, LONGEST: of a text, in characters.
        PATTERN: the state in which its pattern begins, or NONE.
        OPTIONS, OPTIONS_END: names that the text may be; the same twice for any text.
        EXCLUDES_LEAST, EXCLUDES_MOST: whether a number may not be its limits.
        FEWEST_ITEMS, MOST_ITEMS, ITEMS: of an array; ITEMS is the value of each, or ANY.
        MEMBERS, MEMBERS_END: names of the described members of an object.
        REQUIRED: the bits of those that must be there.
        MOST_MEMBERS: of an object, described or not.
        NAME_PATTERN, OTHERS: of an object of texts by name, see Role.IDENTIFIERS.
    """

    KINDS = 0
    SHORTEST = 1
    LONGEST = 2
    PATTERN = 3
    OPTIONS = 4
    OPTIONS_END = 5
    EXCLUDES_LEAST = 6
    EXCLUDES_MOST = 7
    FEWEST_ITEMS = 8
    MOST_ITEMS = 9
    ITEMS = 10
    MEMBERS = 11
    MEMBERS_END = 12
    REQUIRED = 13
    MOST_MEMBERS = 14
    NAME_PATTERN = 15
    OTHERS = 16


class LookupTables(NamedTuple):
    """What all forms ask.

    Attributes:
        asked: see `Column`.
        limits: least and most of a number, by the row of `asked`; infinite where there is none.
        names: where a text begins and ends in `said`; of a member its value and its `Role`.
        said: bytes of all texts.
        states: of each state of a pattern `STATE_WIDTH` numbers: the next state by byte, NONE for
            those that are not ASCII, and at MAY_END whether a text may end there.
        types: like `names`, of each event type; its value is what an event of it is.
    """

    asked: NDArray[np.int64]
    limits: NDArray[np.float64]
    names: NDArray[np.int64]
    said: NDArray[np.uint8]
    states: NDArray[np.int64]
    types: NDArray[np.int64]


@dataclass(frozen=True)
class SchemaTables:
    """The forms of some event types.

    Attributes:
        event_types, schema_ids: by the number of the form.
    """

    event_types: tuple[str, ...]
    schema_ids: tuple[str, ...]
    tables: LookupTables

    @classmethod
    def of(cls, schemas: SchemaDocuments, newest: Mapping[str, str]) -> "SchemaTables":
        """The form of the newest schema of each event type that has one.

        Args:
            newest: schema id of each event type.
        """
        builder, types = _Builder(schemas), list[_Name]()
        for event_type, schema_id in newest.items():
            # What was added for a schema that then asks for more is in nobody's way.
            with suppress(_Unsaid, RecursionError):
                types.append(_Name(event_type, builder.event(schema_id, event_type)))
        names = tuple(one.text for one in types)
        return cls(names, tuple(newest[name] for name in names), builder.tables(types))


@dataclass
class _Rules:
    """What one or more schemas together ask of a value."""

    kinds: set[str] = field(default_factory=lambda: set(_KINDS))
    limits: dict[str, Any] = field(default_factory=dict)
    options: list[Any] | None = None
    patterns: list[str] = field(default_factory=list)
    format: str | None = None
    members: dict[str, list[SchemaLocation]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    others: list[SchemaLocation] = field(default_factory=list)
    """What members that are not described have to follow."""
    names: list[str] = field(default_factory=list)
    items: list[SchemaLocation] = field(default_factory=list)
    describing: int = 0
    """How many of the schemas describe members."""


class _Name(NamedTuple):
    """A row of `Tables.names`, or of `Tables.types`."""

    text: str
    value: int = ANY
    role: Role = Role.NOTHING


class _Member(NamedTuple):
    name: str
    value: int
    is_required: bool
    role: Role = Role.NOTHING


class _Value(NamedTuple):
    """A row of `Tables.asked`, and its limits."""

    columns: dict[Column, int]
    least: float = -np.inf
    most: float = np.inf

    @classmethod
    def of(cls, kinds: int, **columns: int) -> "_Value":
        """With nothing asked but the kinds, and what the named columns say."""
        said = {Column[name.upper()]: said for name, said in columns.items()}
        return cls(_NOTHING_ASKED | said | {Column.KINDS: kinds})

    def but(self, **columns: int) -> "_Value":
        said = {Column[name.upper()]: said for name, said in columns.items()}
        return self._replace(columns=self.columns | said)

    @property
    def kinds(self) -> int:
        return self.columns[Column.KINDS]


_NOTHING_ASKED = dict.fromkeys(Column, 0) | {
    Column.LONGEST: _UNLIMITED,
    Column.PATTERN: NONE,
    Column.MOST_ITEMS: _UNLIMITED,
    Column.ITEMS: ANY,
    Column.MOST_MEMBERS: _UNLIMITED,
    Column.NAME_PATTERN: NONE,
    Column.OTHERS: ANY,
}


@dataclass
class _Builder:
    """Adds up the rows of `LookupTables`."""

    schemas: SchemaDocuments
    values: list[_Value] = field(default_factory=list)
    names: list[_Name] = field(default_factory=list)
    states: list[Sequence[int]] = field(default_factory=list)
    begins: dict[str, int] = field(default_factory=dict)
    """The state in which a pattern begins: most types share the envelope's."""

    def tables(self, types: Sequence[_Name]) -> LookupTables:
        rows = [[one.columns[column] for column in Column] for one in self.values]
        limits = [(one.least, one.most) for one in self.values]
        texts = [one.text.encode() for one in (*self.names, *types)]
        ends = list(accumulate(map(len, texts), initial=0))
        places = [
            (begin, end, one.value, one.role)
            for begin, end, one in zip(ends, ends[1:], (*self.names, *types), strict=False)
        ]
        return LookupTables(
            asked=np.array(rows, np.int64).reshape(-1, len(Column)),
            limits=np.array(limits, np.float64).reshape(-1, 2),
            names=np.array(places[: len(self.names)], np.int64).reshape(-1, 4),
            # One byte more: of nothing there is no buffer.
            said=np.frombuffer(b"".join(texts) + b"\0", np.uint8),
            states=np.array(self.states, np.int64).reshape(-1),
            types=np.array(places[len(self.names) :], np.int64).reshape(-1, 4),
        )

    def event(self, schema_id: str, event_type: str) -> int:
        """The value that an event of a type is.

        Raises:
            _Unsaid: there is none.
        """
        rules = self.rules([SchemaLocation(schema_id, "")])
        members = rules.members
        if rules.kinds != {"object"} or rules.others or rules.names or rules.options is not None:
            raise _Unsaid
        if "maxProperties" in rules.limits or not rules.required >= _REQUIRED:
            raise _Unsaid
        if not _REQUIRED | {"received_at"} <= set(members):
            raise _Unsaid
        for name in ("event_type", "event_id"):
            if self.rules(members[name]).kinds != {"string"}:
                raise _Unsaid
        if not self._takes_text(members["event_type"], event_type):
            raise _Unsaid
        if not self._is_instant(members["occurred_at"], {"string"}):
            raise _Unsaid
        if not self._is_instant(members["received_at"], {"string", "null"}):
            raise _Unsaid
        asked, version = members.get("schema_version", []), schema_id.partition("/")[2]
        if self.rules(asked).kinds != {"string", "null"} or not self._takes_text(asked, version):
            raise _Unsaid
        required, as_null = rules.required, self._add(_Value.of(NULL | STRING))
        asked_version = self._add(_Value.of(NULL | STRING, **self._options([version])))
        found = [
            _Member("event_id", self.value(members["event_id"]), True, Role.EVENT_ID),
            _Member("occurred_at", as_null, True, Role.OCCURRED_AT),
            _Member("received_at", as_null, "received_at" in required, Role.RECEIVED_AT),
            _Member("identifiers", self._by_name(members["identifiers"]), True, Role.IDENTIFIERS),
            _Member("schema_version", asked_version, "schema_version" in required),
        ]
        known = {"event_type", *(one.name for one in found)}
        others = {name: places for name, places in members.items() if name not in known}
        found += self._described(others, required - known)
        return self._object(found, _Value.of(OBJECT))

    def rules(self, places: Sequence[SchemaLocation]) -> _Rules:
        """What all the schemas at some places ask of one value."""
        rules, waiting, seen = _Rules(), list(places), set[SchemaLocation]()
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
                    _add_rule(rules, place, keyword, said)
        return rules

    def value(self, places: Sequence[SchemaLocation]) -> int:
        """The value that follows the schemas at some places.

        Raises:
            _Unsaid: there is none.
        """
        rules = self.rules(places)
        if rules == _Rules():
            return ANY
        if rules.format is not None or rules.others or rules.names:
            raise _Unsaid
        limits = rules.limits
        value = _Value.of(
            _bits(rules.kinds),
            shortest=limits.get("minLength", 0),
            longest=min(limits.get("maxLength", _UNLIMITED), _UNLIMITED),
            fewest_items=limits.get("minItems", 0),
            most_items=min(limits.get("maxItems", _UNLIMITED), _UNLIMITED),
            most_members=min(limits.get("maxProperties", _UNLIMITED), _UNLIMITED),
            pattern=self._pattern({one for one in rules.patterns if one != _NO_NUL}),
        )
        if rules.options is not None:
            texts = [one for one in rules.options if one is not None]
            kinds = (STRING if texts else 0) | (NULL if None in rules.options else 0)
            value = value.but(kinds=value.kinds & kinds, **self._options(texts))
        if value.kinds & (INTEGER | NUMBER):
            value = _bounded(value, limits)
        if value.kinds & ARRAY and rules.items:
            value = value.but(items=self.value(rules.items))
        if value.kinds & OBJECT:
            return self._object(self._described(rules.members, rules.required), value)
        return self._add(value)

    def _described(
        self, members: Mapping[str, Sequence[SchemaLocation]], required: set[str]
    ) -> list[_Member]:
        names = dict.fromkeys([*members, *sorted(required)])
        return [
            _Member(name, self.value(members[name]) if name in members else ANY, name in required)
            for name in names
        ]

    def _object(self, members: Sequence[_Member], value: _Value) -> int:
        if len(members) > MOST_MEMBERS:
            raise _Unsaid
        first = len(self.names)
        self.names += [_Name(one.name, one.value, one.role) for one in members]
        bits = sum(1 << place for place, one in enumerate(members) if one.is_required)
        return self._add(value.but(members=first, members_end=len(self.names), required=bits))

    def _options(self, texts: Sequence[str]) -> dict[str, int]:
        first = len(self.names)
        self.names += [_Name(text) for text in texts]
        return {"options": first, "options_end": len(self.names)}

    def _by_name(self, places: Sequence[SchemaLocation]) -> int:
        """An object of texts by name.

        Raises:
            _Unsaid: the schemas ask for anything else.
        """
        rules = self.rules(places)
        if rules.kinds != {"object"} or rules.required or len(rules.names) != 1:
            raise _Unsaid
        if len(rules.others) != 1 or rules.describing > 1 or rules.options is not None:
            raise _Unsaid
        each = [self.rules(part) for part in (rules.others, *rules.members.values())]
        if any(one != each[0] for one in each) or each[0].kinds != {"string", "null"}:
            raise _Unsaid
        return self._add(
            _Value.of(
                OBJECT,
                most_members=min(rules.limits.get("maxProperties", _UNLIMITED), _UNLIMITED),
                name_pattern=self._pattern(set(rules.names)),
                others=self.value(rules.others),
            )
        )

    def _add(self, value: _Value) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def _is_instant(self, places: Sequence[SchemaLocation], kinds: set[str]) -> bool:
        """Whether the schemas ask for an RFC 3339 instant and no more, beside the kinds."""
        return self.rules(places) == _Rules(kinds=kinds, format="date-time")

    def _takes_text(self, places: Sequence[SchemaLocation], text: str) -> bool:
        """Whether a text of the registry itself, of which all is known, follows the schemas."""
        rules = self.rules(places)
        if rules.format is not None or (rules.options is not None and text not in rules.options):
            return False
        shortest = rules.limits.get("minLength", 0)
        longest = rules.limits.get("maxLength", len(text))
        is_long_enough = shortest <= len(text) <= longest
        with suppress(re.error):
            return is_long_enough and all(re.search(one, text) for one in rules.patterns)
        return False

    def _pattern(self, patterns: set[str]) -> int:
        """The state in which a pattern begins, of a machine that knows what may follow."""
        if not patterns:
            return NONE
        if len(patterns) > 1:
            raise _Unsaid
        (pattern,) = patterns
        if pattern not in self.begins:
            base = len(self.states)
            self.states += _states(list(_parts(pattern)), base)
            self.begins[pattern] = base
        return self.begins[pattern]


_REQUIRED = frozenset({"event_type", "event_id", "occurred_at", "identifiers"})


def _add_rule(rules: _Rules, place: SchemaLocation, keyword: str, said: Any) -> None:
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


def _bits(kinds: set[str]) -> int:
    return sum(_BITS[kind] for kind in kinds)


def _bounded(value: _Value, limits: Mapping[str, Any]) -> _Value:
    """With the limits of a number."""
    for end, included, excluded in (
        ("least", "minimum", "exclusiveMinimum"),
        ("most", "maximum", "exclusiveMaximum"),
    ):
        if included in limits and excluded in limits:
            raise _Unsaid
        name = excluded if excluded in limits else included
        if name in limits:
            if abs(limits[name]) >= _EXACT:
                raise _Unsaid
            bound, excludes = float(limits[name]), {f"excludes_{end}": name == excluded}
            value = value.but(**excludes)
            value = value._replace(least=bound) if end == "least" else value._replace(most=bound)
    return value


class _Part(NamedTuple):
    """A piece of a pattern: characters, and how often one of them stands; None: without end."""

    characters: frozenset[int]
    least: int
    most: int | None


def _parts(pattern: str) -> Iterator[_Part]:
    if not _PLAIN_PATTERN.fullmatch(pattern):
        raise _Unsaid
    for part in _PART.finditer(pattern, 1, len(pattern) - 1):
        matcher = re.compile(part["set"])
        characters = frozenset(c for c in range(128) if matcher.fullmatch(chr(c)))
        if part["sign"]:
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[part["sign"]]
        elif part["counts"]:
            low, comma, high = part["counts"].partition(",")
            least, most = int(low), int(high) if high else (None if comma else int(low))
        else:
            least, most = 1, 1
        yield _Part(characters, least, most)


_Places = frozenset[tuple[int, int]]
"""Of a text that is matched: at which part it may be, and how many characters of it stood."""


def _closed(places: set[tuple[int, int]], parts: Sequence[_Part]) -> _Places:
    """With the places that are reached without a further character."""
    found, waiting = set(places), list(places)
    while waiting:
        part, count = waiting.pop()
        if part < len(parts) and count >= parts[part].least and (part + 1, 0) not in found:
            found.add((part + 1, 0))
            waiting.append((part + 1, 0))
    return frozenset(found)


def _stepped(places: _Places, like: frozenset[int], parts: Sequence[_Part]) -> _Places:
    """The places after a further character, which is one of some parts."""
    after = set()
    for part, count in places:
        if part in like:
            _, least, most = parts[part]
            if most is None:
                after.add((part, min(count + 1, least)))
            elif count < most:
                after.add((part, count + 1))
    return _closed(after, parts)


def _states(parts: Sequence[_Part], base: int) -> list[list[int]]:
    """Rows of `Tables.states` for a pattern, of which the first gets the number `base`.

    The set of places in the pattern where a text may be is one state (subset construction).
    """
    alike = [
        frozenset(place for place, part in enumerate(parts) if character in part.characters)
        for character in range(128)
    ]
    first, rows = _closed({(0, 0)}, parts), []
    numbers = {first: base}
    waiting = deque([first])
    while waiting:
        here = waiting.popleft()
        following: dict[frozenset[int], int] = {}
        for like in set(alike):
            after = _stepped(here, like, parts)
            if after and after not in numbers:
                numbers[after] = base + len(numbers)
                waiting.append(after)
            following[like] = numbers.get(after, NONE)
        if len(numbers) > _MOST_STATES:
            raise _Unsaid
        row = [NONE] * STATE_WIDTH
        row[: len(alike)] = (following[like] for like in alike)
        row[MAY_END] = int((len(parts), 0) in here)  # no byte of a text in UTF-8
        rows.append(row)
    return rows
