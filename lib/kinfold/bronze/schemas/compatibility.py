"""Schema compatibility: what changed between two versions of a schema, and the version it needs.

The law: a value that follows the old version, and has no member that the old version does not
describe, follows the new version too unless a change is a revision or breaking. What this module
cannot compare it calls breaking; it never guesses.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from kinfold.bronze.schemas.references import IN_PLACE, SchemaDocuments, SchemaLocation
from kinfold.bronze.schemas.validators import validator_of
from kinfold.bronze.schemas.versions import Version


class Effect(IntEnum):
    """What a change may do to events of the old version."""

    ADDITION = 1
    """Nothing: each is still valid."""
    REVISION = 2
    """Some may be refused, or lose a member's description."""
    BREAKING = 3
    """Events may be refused by the rule, or mean something else."""


@dataclass(frozen=True)
class SchemaChange:
    """One difference between two versions.

    Attributes:
        place: JSON pointer into the new schema, or into the old one for what was removed; with the
            schema id before it when it is in another document.
        what: what changed, and why it has its effect.
    """

    effect: Effect
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def schema_changes(old_id: str, new_id: str, documents: Mapping[str, Any]) -> list[SchemaChange]:
    """What changed from one version of a schema to another, the worst first.

    Args:
        documents: every schema either of them refers to, by schema id. They must compile.
    """
    comparison = _Comparison(SchemaDocuments(documents), frozenset({old_id, new_id}))
    changes = [
        *comparison.dynamic_changes(old_id, new_id),
        *comparison.changes([SchemaLocation(old_id, "")], [SchemaLocation(new_id, "")]),
    ]
    return sorted(set(changes), key=lambda change: (-change.effect, change.place, change.what))


def needed_version(old: Version, changes: Sequence[SchemaChange]) -> Version:
    """The lowest version the changes allow after `old`; no change that matters is an addition."""
    worst = max((change.effect for change in changes), default=Effect.ADDITION)
    return {
        Effect.ADDITION: old.next_addition,
        Effect.REVISION: old.next_revision,
        Effect.BREAKING: old.next_model,
    }[worst]


_EVERY_TYPE = frozenset({"array", "boolean", "fraction", "integer", "null", "object", "string"})
_NUMBERS = frozenset({"fraction", "integer"})
_CANNOT = "cannot be compared: treated as breaking"
_TYPES_OF = {
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "exclusiveMinimum": _NUMBERS,
    "exclusiveMaximum": _NUMBERS,
    "multipleOf": _NUMBERS,
    "minLength": {"string"},
    "maxLength": {"string"},
    "pattern": {"string"},
    "format": {"string"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "uniqueItems": {"array"},
    "minProperties": {"object"},
    "maxProperties": {"object"},
    "required": {"object"},
    "dependentRequired": {"object"},
}
"""The types of value a rule speaks about; the others pass it."""
_RULES = ("type", "enum", "const", *_TYPES_OF)
_BREAKING_RULES = frozenset({"type", "enum", "const", "required", "dependentRequired"})
_OPAQUE = (
    ("anyOf",),
    ("oneOf",),
    ("not",),
    ("if", "then", "else"),
    ("dependentSchemas",),
    ("contains", "minContains", "maxContains"),
)
"""Keywords whose meaning is not taken apart: both versions have the same, or it is a change."""
_UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_EVALUATES_UNSEEN = ("anyOf", "dependentSchemas", "if", "oneOf")
_OF_ANY = ("additionalProperties", "patternProperties", "unevaluatedProperties")
_SAYS_NOTHING = frozenset(
    {
        "$anchor",
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)


@dataclass(frozen=True)
class _Rule:
    keyword: str
    value: Any
    place: SchemaLocation

    def satisfied_by(self, value: object) -> bool:
        return validator_of({self.keyword: self.value}).is_valid(value)


@dataclass(frozen=True)
class _Shape:
    """What a value must be to follow several schemas at once, `$ref` and `allOf` followed."""

    places: tuple[SchemaLocation, ...]
    schemas: tuple[Any, ...]

    @property
    def rules(self) -> list[_Rule]:
        return [
            _Rule(keyword, schema[keyword], place)
            for place, schema in zip(self.places, self.schemas, strict=True)
            for keyword in _RULES
            if isinstance(schema, dict) and keyword in schema
        ]

    @property
    def types(self) -> frozenset[str]:
        """The types of value it takes; empty when it takes nothing."""
        if any(schema is False for schema in self.schemas):
            return frozenset()
        types = _EVERY_TYPE
        for rule in self.rules:
            if rule.keyword == "type":
                types &= _type_set(rule.value)
        values = self._listed_values()
        return types if values is None else types & {_type_of(value) for value in values}

    @property
    def values(self) -> list[Any] | None:
        """Every value it may take, where they can be listed; else None."""
        types, values = self.types, self._listed_values()
        if values is None and types <= {"boolean", "null"}:
            values = [None, True, False]
        return None if values is None else [v for v in values if _type_of(v) in types]

    def _listed_values(self) -> list[Any] | None:
        lists = [
            [rule.value] if rule.keyword == "const" else rule.value
            for rule in self.rules
            if rule.keyword in ("const", "enum")
        ]
        if not lists:
            return None
        return [v for v in lists[0] if all(_same(v) in map(_same, one) for one in lists[1:])]

    def all(self, keyword: str) -> list[Any]:
        return [rule.value for rule in self.rules if rule.keyword == keyword]

    def implies(self, rule: _Rule) -> bool:
        """Whether every value it takes satisfies the rule. False where that is not certain."""
        types, values = self.types, self.values
        relevant = _TYPES_OF.get(rule.keyword)
        if not types or (relevant is not None and not types & relevant):
            return True
        if values is not None:
            return all(rule.satisfied_by(value) for value in values)
        if rule.keyword == "type":
            return types <= _type_set(rule.value)
        if rule.keyword in ("enum", "const"):
            return False
        return _IMPLIED[rule.keyword](self, rule.value)


def _at_least(shape: _Shape, limit: float, *, exclusive: bool) -> bool:
    return any(v > limit or (v == limit and not exclusive) for v in shape.all("minimum")) or any(
        v >= limit for v in shape.all("exclusiveMinimum")
    )


def _at_most(shape: _Shape, limit: float, *, exclusive: bool) -> bool:
    return any(v < limit or (v == limit and not exclusive) for v in shape.all("maximum")) or any(
        v <= limit for v in shape.all("exclusiveMaximum")
    )


def _is_multiple(shape: _Shape, divisor: float) -> bool:
    known = [*shape.all("multipleOf"), *([1] if "fraction" not in shape.types else [])]
    return any(Fraction(str(one)) % Fraction(str(divisor)) == 0 for one in known)


def _names_all(shape: _Shape, names: Sequence[str]) -> bool:
    return set(names) <= {name for required in shape.all("required") for name in required}


def _names_all_dependents(shape: _Shape, dependents: Mapping[str, Sequence[str]]) -> bool:
    known = [name for required in shape.all("required") for name in required]
    return all(
        set(names)
        <= {*known, *(n for one in shape.all("dependentRequired") for n in one.get(trigger, ()))}
        for trigger, names in dependents.items()
    )


def _lower(keyword: str) -> Callable[[_Shape, float], bool]:
    return lambda shape, limit: limit <= 0 or any(v >= limit for v in shape.all(keyword))


def _upper(keyword: str) -> Callable[[_Shape, float], bool]:
    return lambda shape, limit: any(v <= limit for v in shape.all(keyword))


_IMPLIED: Mapping[str, Callable[[_Shape, Any], bool]] = {
    "minimum": lambda shape, limit: _at_least(shape, limit, exclusive=False),
    "exclusiveMinimum": lambda shape, limit: _at_least(shape, limit, exclusive=True),
    "maximum": lambda shape, limit: _at_most(shape, limit, exclusive=False),
    "exclusiveMaximum": lambda shape, limit: _at_most(shape, limit, exclusive=True),
    "multipleOf": _is_multiple,
    "minLength": _lower("minLength"),
    "maxLength": _upper("maxLength"),
    "minItems": _lower("minItems"),
    "maxItems": _upper("maxItems"),
    "minProperties": _lower("minProperties"),
    "maxProperties": _upper("maxProperties"),
    "pattern": lambda shape, pattern: pattern in shape.all("pattern"),
    "format": lambda shape, name: name in shape.all("format"),
    "uniqueItems": lambda shape, is_unique: not is_unique or True in shape.all("uniqueItems"),
    "required": _names_all,
    "dependentRequired": _names_all_dependents,
}


@dataclass
class _Comparison:
    schemas: SchemaDocuments
    own: frozenset[str]
    """Schema ids of the two versions; a place in another document is shown with its id."""
    _seen: set[tuple[frozenset[SchemaLocation], frozenset[SchemaLocation]]] = field(
        default_factory=set
    )

    def changes(
        self, old_places: Sequence[SchemaLocation], new_places: Sequence[SchemaLocation]
    ) -> list[SchemaChange]:
        """What changed for one value that all of the places judge; no place takes everything."""
        old, new = self._shape(old_places), self._shape(new_places)
        pair = (frozenset(old.places), frozenset(new.places))
        if pair in self._seen:  # a schema that holds itself: the pair is being compared already
            return []
        self._seen.add(pair)
        if not old.types:
            is_taken = bool(new.types)
            place = self._shown((*new.places, *old.places)[0])
            return [SchemaChange(Effect.ADDITION, place, "was refused, is taken now")] * is_taken
        if not new.types:
            place = self._shown(new.places[0])
            return [SchemaChange(Effect.BREAKING, place, "nothing is taken any more")]
        found = [*self._rule_changes(old, new), *self._opaque_changes(old, new)]
        if any(isinstance(value, dict | list) for value in old.values or ()):
            # Listed objects and arrays describe their own parts.
            if self._whole(old) != self._whole(new):
                place = self._shown(old.places[0])
                found.append(
                    SchemaChange(Effect.BREAKING, place, f"lists objects or arrays; {_CANNOT}")
                )
            return found
        if "object" in old.types & new.types:
            found += self._member_changes(old, new)
            found += self._name_changes(old, new)
        if "array" in old.types & new.types:
            found += self._item_changes(old, new)
        return found

    def _shape(self, places: Sequence[SchemaLocation]) -> _Shape:
        reached: dict[SchemaLocation, Any] = {}
        waiting = list(places)
        while waiting:
            place = waiting.pop(0)
            if place in reached:
                continue
            reached[place] = schema = self.schemas.at(place)
            if isinstance(schema, dict):
                waiting += [
                    part for keyword, part in self.schemas.parts(place) if keyword == "allOf"
                ]
                if "$ref" in schema:
                    waiting.append(self._target(place))
        return _Shape(tuple(reached), tuple(reached.values()))

    def _target(self, place: SchemaLocation) -> SchemaLocation:
        target = next(target for _, target in self.schemas.references(place))
        if target is None:
            raise ValueError(f"schema_changes: $ref at {place} leads nowhere, expected a schema.")
        return target

    def _shown(self, place: SchemaLocation) -> str:
        return (place.pointer or "/") if place.document in self.own else str(place)

    def dynamic_changes(self, old_id: str, new_id: str) -> Iterator[SchemaChange]:
        """A $dynamicRef means what the way to it says, so it is the same in the same text only."""
        texts = [
            repr(_same({k: v for k, v in self.schemas.by_id[one].items() if k != "$id"}))
            for one in (old_id, new_id)
        ]
        waiting, reached = [SchemaLocation(old_id, ""), SchemaLocation(new_id, "")], set()
        while waiting and texts[0] != texts[1]:
            place = waiting.pop()
            if place in reached:
                continue
            reached.add(place)
            waiting += [part for _, part in self.schemas.parts(place)]
            waiting += [target for _, target in self.schemas.references(place) if target]
            if _has(self.schemas.at(place), "$dynamicRef"):
                yield SchemaChange(
                    Effect.BREAKING, self._shown(place.below("$dynamicRef")), _CANNOT
                )

    def _rule_changes(self, old: _Shape, new: _Shape) -> Iterator[SchemaChange]:
        narrowed = set()
        for rule in new.rules:
            if not old.implies(rule):
                narrowed.add(rule.keyword)
                is_breaking = rule.keyword in _BREAKING_RULES
                yield SchemaChange(
                    Effect.BREAKING if is_breaking else Effect.REVISION,
                    self._shown(rule.place.below(rule.keyword)),
                    f"{_difference(rule, old)}: {_narrowing_reason(rule, old)}",
                )
        for rule in old.rules:
            if rule.keyword not in narrowed and not new.implies(rule):
                yield SchemaChange(
                    Effect.ADDITION,
                    self._shown(rule.place.below(rule.keyword)),
                    f"{_loosening(rule, new)}: more is taken",
                )

    def _opaque_changes(self, old: _Shape, new: _Shape) -> Iterator[SchemaChange]:
        for keywords in _OPAQUE:
            before, after = (self._opaque(shape, keywords) for shape in (old, new))
            if before == after:
                continue
            place, shape = (
                (p, new)
                if (p := self._holder(new, keywords)) is not None
                else (self._holder(old, keywords), old)
            )
            shown = self._shown((place or shape.places[0]).below(keywords[0]))
            if set(after) <= set(before):
                yield SchemaChange(Effect.ADDITION, shown, "was removed: more is taken")
            elif keywords == ("anyOf",) and self._is_wider(before, after):
                yield SchemaChange(Effect.ADDITION, shown, "has another alternative: more is taken")
            else:
                yield SchemaChange(Effect.BREAKING, shown, f"changed; {keywords[0]} {_CANNOT}")
        yield from self._unseen_changes(old, new)

    def _is_wider(self, before: Sequence[str], after: Sequence[str]) -> bool:
        """Whether each new anyOf holds all alternatives of an old one."""
        known = [set(json.loads(text)["anyOf"]) for text in before]
        return all(any(one <= set(json.loads(text)["anyOf"]) for one in known) for text in after)

    def _unseen_changes(self, old: _Shape, new: _Shape) -> Iterator[SchemaChange]:
        """unevaluated… where it depends on keywords that are not taken apart."""
        says = {key for s in (*old.schemas, *new.schemas) if isinstance(s, dict) for key in s}
        if not says & _UNEVALUATED or self._whole(old) == self._whole(new):
            return
        for shape in (old, new):
            for place, schema in zip(shape.places, shape.schemas, strict=True):
                if shape is new and _has(schema, "unevaluatedItems"):
                    shown = self._shown(place.below("unevaluatedItems"))
                    yield SchemaChange(Effect.BREAKING, shown, f"stands beside changes; {_CANNOT}")
                if _has(schema, "unevaluatedProperties") and any(
                    _has(one, keyword)
                    for one in self._shape([place]).schemas
                    for keyword in _EVALUATES_UNSEEN
                ):
                    shown = self._shown(place.below("unevaluatedProperties"))
                    yield SchemaChange(
                        Effect.BREAKING, shown, f"stands beside alternatives; {_CANNOT}"
                    )

    def _holder(self, shape: _Shape, keywords: Sequence[str]) -> SchemaLocation | None:
        pairs = zip(shape.places, shape.schemas, strict=True)
        return next((p for p, s in pairs if isinstance(s, dict) and keywords[0] in s), None)

    def _opaque(self, shape: _Shape, keywords: Sequence[str]) -> list[str]:
        """The text of each group of keywords, references replaced by what they lead to."""
        texts = {
            json.dumps(
                {keyword: self._told(place, keyword) for keyword in keywords if keyword in schema},
                sort_keys=True,
            )
            for place, schema in zip(shape.places, shape.schemas, strict=True)
            if isinstance(schema, dict) and keywords[0] in schema
        }
        return sorted(texts)

    def _whole(self, shape: _Shape) -> list[str]:
        return sorted({self._text(place, ()) for place in shape.places})

    def _told(self, place: SchemaLocation, keyword: str) -> Any:
        """One keyword's value in a form that is equal exactly for what means the same."""
        value = self.schemas.at(place)[keyword]
        parts = [part for key, part in self.schemas.parts(place) if key == keyword]
        if not parts:
            return repr(_same(value))
        if isinstance(value, list):
            return [self._text(part, ()) for part in parts]
        if keyword in ("dependentSchemas", "patternProperties", "properties"):
            return {part.pointer.rpartition("/")[2]: self._text(part, ()) for part in parts}
        return self._text(parts[0], ())

    def _text(self, place: SchemaLocation, above: tuple[SchemaLocation, ...]) -> str:
        """A digest of a schema without annotations; one that holds itself names how far above."""
        if place in above:
            return f"above {len(above) - above.index(place)}"
        schema = self.schemas.at(place)
        if not isinstance(schema, dict):
            return json.dumps(schema)
        told: dict[str, Any] = {}
        path = (*above, place)
        if set(schema) - _SAYS_NOTHING == {"$ref"}:
            return self._text(self._target(place), path)
        for keyword in sorted(set(schema) - _SAYS_NOTHING):
            parts = [part for key, part in self.schemas.parts(place) if key == keyword]
            if keyword == "$ref":
                told[keyword] = self._text(self._target(place), path)
            elif not parts:
                told[keyword] = repr(_same(schema[keyword]))
            else:
                told[keyword] = [
                    (part.pointer.rpartition("/")[2], self._text(part, path)) for part in parts
                ]
        # A digest, because text inside text inside text doubles its quotes at every level.
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _member_changes(self, old: _Shape, new: _Shape) -> Iterator[SchemaChange]:
        names = sorted({*self._names(old), *self._names(new)})
        for name in names:
            yield from self._one_member_changes(name, old, new)
        yield from self._pattern_changes(old, new, names)
        before, after = self._rest(old), self._rest(new)
        if self._is_open(before) and not self._shape(after).types:
            place = self._shown(self._shape(after).places[0])
            yield SchemaChange(
                Effect.BREAKING,
                place,
                "additional members are refused: events may carry members not described here",
            )
        else:
            yield from self.changes(before, after)

    def _one_member_changes(self, name: str, old: _Shape, new: _Shape) -> Iterator[SchemaChange]:
        before, after = self._member(old, name), self._member(new, name)
        was_declared, is_declared = name in self._names(old), name in self._names(new)
        shown = repr(name)
        if was_declared and not is_declared and not self._shape(after).types:
            yield SchemaChange(
                Effect.BREAKING,
                self._shown(self._names(old)[name]),
                f"member {shown} was removed while additional members are refused: events that"
                " have it are refused",
            )
            return
        if was_declared and not is_declared:
            yield SchemaChange(
                Effect.REVISION,
                self._shown(self._names(old)[name]),
                f"member {shown} was removed: it is still taken, but no longer described",
            )
            if self._is_open(after):
                return
        if is_declared and not was_declared:
            is_required = _names_all(new, [name])
            is_refused = not self._shape(after).types
            was_free = self._was_free(old, name)
            if is_refused and was_free:
                yield SchemaChange(
                    Effect.REVISION,
                    self._shown(self._names(new)[name]),
                    f"member {shown} is refused: events may carry it undescribed",
                )
                return
            if not is_required and not is_refused:
                yield SchemaChange(
                    Effect.ADDITION,
                    self._shown(self._names(new)[name]),
                    f"optional member {shown} was added: events without it are still valid",
                )
            if was_free:
                return  # what an event carried undescribed has no meaning that could be kept
        if self._shape(before).types or was_declared:
            yield from self.changes(before, after)

    def _pattern_changes(
        self, old: _Shape, new: _Shape, names: Sequence[str]
    ) -> Iterator[SchemaChange]:
        patterns = [
            {p: None for s in shape.schemas for p in _part(s, "patternProperties")}
            for shape in (old, new)
        ]
        for pattern in sorted({*patterns[0], *patterns[1]}):
            before = self._matched(old, pattern, is_certain=True)
            after = self._matched(new, pattern, is_certain=False)
            if pattern in patterns[0] and pattern in patterns[1]:
                yield from self.changes(before, after)
            elif pattern in patterns[0]:
                place = self._shown(self._shape(before).places[0])
                if self._is_open(self._rest(new)):
                    yield SchemaChange(
                        Effect.REVISION,
                        place,
                        "the pattern was removed: its members are taken, but no longer described",
                    )
                else:
                    yield SchemaChange(
                        Effect.BREAKING, place, f"the pattern was removed; it {_CANNOT}"
                    )
            elif not self._is_open(after):
                was_refused = not patterns[0] and not self._shape(self._rest(old)).types
                place = self._shown(self._shape(after).places[0])
                if was_refused:
                    yield SchemaChange(
                        Effect.ADDITION, place, "members of this pattern are taken now"
                    )
                else:
                    yield SchemaChange(Effect.BREAKING, place, f"the pattern is new; it {_CANNOT}")

    def _names(self, shape: _Shape) -> dict[str, SchemaLocation]:
        pairs = zip(shape.places, shape.schemas, strict=True)
        return {n: p.below("properties", n) for p, s in pairs for n in _part(s, "properties")}

    def _member(self, shape: _Shape, name: str) -> list[SchemaLocation]:
        """The schemas that judge a member of that name."""
        found = []
        for place, schema in zip(shape.places, shape.schemas, strict=True):
            own = _own_member_places(place, schema, name)
            found += own or _below(place, schema, "additionalProperties")
            if not self._is_evaluated(place, name):
                found += _below(place, schema, "unevaluatedProperties")
        return found

    def _is_open(self, places: Sequence[SchemaLocation]) -> bool:
        """Whether nobody said what the value must be."""
        schemas = map(self.schemas.at, places)
        return all(s is True or (s is not False and set(s) <= _SAYS_NOTHING) for s in schemas)

    def _was_free(self, old: _Shape, name: str) -> bool:
        """Whether an object's description took a member of that name without describing it."""
        pairs = zip(old.places, old.schemas, strict=True)
        return (
            not self._is_open(old.places)  # {} describes every value, and takes each
            and self._is_open(self._member(old, name))
            and not any(_own_member_places(place, schema, name) for place, schema in pairs)
            and not self._may_describe(old, name)
        )

    def _may_describe(self, shape: _Shape, name: str) -> bool:
        """Whether keywords that are not taken apart may say what a member must be."""
        waiting, reached = list(shape.places), set()
        while waiting:
            place = waiting.pop()
            if place in reached:
                continue
            reached.add(place)
            waiting += [part for keyword, part in self.schemas.parts(place) if keyword in IN_PLACE]
            waiting += [target for _, target in self.schemas.references(place) if target]
            schema = self.schemas.at(place)
            is_named = name in _part(schema, "properties")
            if place not in shape.places and (is_named or any(_has(schema, k) for k in _OF_ANY)):
                return True
        return False

    def _rest(self, shape: _Shape) -> list[SchemaLocation]:
        """The schemas that judge members that no name and no pattern describes."""
        found = []
        for place, schema in zip(shape.places, shape.schemas, strict=True):
            found += _below(place, schema, "additionalProperties")
            if not self._is_evaluated(place, None):
                found += _below(place, schema, "unevaluatedProperties")
        return found

    def _matched(self, shape: _Shape, pattern: str, *, is_certain: bool) -> list[SchemaLocation]:
        """The schemas that judge members matching a pattern: the certain ones, or all possible."""
        found = []
        for place, schema in zip(shape.places, shape.schemas, strict=True):
            patterns = _part(schema, "patternProperties")
            if pattern in patterns:
                found.append(place.below("patternProperties", pattern))
            elif not (patterns and is_certain):
                found += _below(place, schema, "additionalProperties")
            below = self._shape([place]).schemas
            is_seen = any(pattern in _part(one, "patternProperties") for one in below)
            if not (is_certain or is_seen or self._is_evaluated(place, None)):
                found += _below(place, schema, "unevaluatedProperties")
        return found

    def _is_evaluated(self, place: SchemaLocation, name: str | None) -> bool:
        """Whether the schema at a place describes the member elsewhere than in unevaluated."""
        shape = self._shape([place])
        return any(
            (name is not None and _own_member_places(one, schema, name))
            or _below(one, schema, "additionalProperties")
            or (one != place and _below(one, schema, "unevaluatedProperties"))
            for one, schema in zip(shape.places, shape.schemas, strict=True)
        )

    def _name_changes(self, old: _Shape, new: _Shape) -> list[SchemaChange]:
        before, after = (
            [
                p
                for place, s in zip(shape.places, shape.schemas, strict=True)
                for p in _below(place, s, "propertyNames")
            ]
            for shape in (old, new)
        )
        # A name is text, whatever else its schema takes.
        return self.changes(before, after) if before or after else []

    def _item_changes(self, old: _Shape, new: _Shape) -> Iterator[SchemaChange]:
        known = [
            s["prefixItems"]
            for shape in (old, new)
            for s in shape.schemas
            if _has(s, "prefixItems")
        ]
        longest = max(map(len, known), default=0)
        for index in range(longest + 1):
            before, after = (self._items(shape, index) for shape in (old, new))
            yield from self.changes(before, after)

    def _items(self, shape: _Shape, index: int) -> list[SchemaLocation]:
        found = []
        for place, schema in zip(shape.places, shape.schemas, strict=True):
            if _has(schema, "prefixItems") and index < len(schema["prefixItems"]):
                found.append(place.below("prefixItems", index))
            else:
                found += _below(place, schema, "items")
        return found


def _has(schema: Any, keyword: str) -> bool:
    return isinstance(schema, dict) and keyword in schema


def _part(schema: Any, keyword: str) -> dict[str, Any]:
    part = schema.get(keyword) if isinstance(schema, dict) else None
    return part if isinstance(part, dict) else {}


def _below(place: SchemaLocation, schema: Any, keyword: str) -> list[SchemaLocation]:
    return [place.below(keyword)] if _has(schema, keyword) else []


def _own_member_places(place: SchemaLocation, schema: Any, name: str) -> list[SchemaLocation]:
    own = [place.below("properties", name)] if name in _part(schema, "properties") else []
    patterns = [p for p in _part(schema, "patternProperties") if _matches(p, name)]
    return [*own, *(place.below("patternProperties", p) for p in patterns)]


@lru_cache(maxsize=1024)
def _matches(pattern: str, name: str) -> bool:
    return validator_of({"pattern": pattern}).is_valid(name)


def _type_set(types: str | Sequence[str]) -> frozenset[str]:
    listed = [types] if isinstance(types, str) else types
    return frozenset(t for one in listed for t in (_NUMBERS if one == "number" else {one}))


def _type_of(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _same(value: Any) -> Any:
    """A form that is equal for equal JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return ("object", tuple(sorted((name, _same(one)) for name, one in value.items())))
    if isinstance(value, list):
        return ("array", tuple(map(_same, value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", str(Fraction(value)))
    return (type(value).__name__, value)


def _listed(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_listed(one) for one in value) or "nothing"
    return json.dumps(value, ensure_ascii=False)


def _difference(rule: _Rule, old: _Shape) -> str:
    before = old.all(rule.keyword)
    was = f"was {' and '.join(_listed(one) for one in before)}, " if before else "is new, "
    return f"{rule.keyword} {was}is {_listed(rule.value)}"


def _loosening(rule: _Rule, new: _Shape) -> str:
    after = new.all(rule.keyword)
    now = f"is {' and '.join(_listed(one) for one in after)}" if after else "is no more"
    return f"{rule.keyword} was {_listed(rule.value)}, {now}"


def _narrowing_reason(rule: _Rule, old: _Shape) -> str:
    if rule.keyword == "required":
        known = {name for names in old.all("required") for name in names}
        names = [name for name in rule.value if name not in known]
        return f"events without {_listed(names)} are refused"
    if rule.keyword == "type":
        gone = sorted(old.types - _type_set(rule.value))
        return f"{' and '.join(gone)} is refused".replace("fraction", "a number with a fraction")
    if rule.keyword in ("const", "enum") and old.values is not None:
        gone = [v for v in old.values if not rule.satisfied_by(v)]
        return f"{_listed(gone)} is refused"
    return "values outside it are refused"
