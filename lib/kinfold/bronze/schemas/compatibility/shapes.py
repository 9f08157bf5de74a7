"""Shapes: what a value must be to follow several schemas at once, and what follows from that."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kinfold.bronze.schemas.compatibility.json_values import comparable, type_set, value_type
from kinfold.bronze.schemas.compatibility.keywords import EVERY_TYPE, RULE_KEYWORDS, TYPES_OF_RULE
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation
from kinfold.bronze.schemas.validators import validator_of


@dataclass(frozen=True)
class Rule:
    """One keyword of one schema that is compared by what it allows."""

    keyword: str
    value: Any
    location: SchemaLocation

    def satisfied_by(self, value: object) -> bool:
        return validator_of({self.keyword: self.value}).is_valid(value)


@dataclass(frozen=True)
class ValueShape:
    """The schemas that apply to one value, including those reached by `$ref` and `allOf`."""

    locations: tuple[SchemaLocation, ...]
    schemas: tuple[Any, ...]

    @property
    def pairs(self) -> Iterator[tuple[SchemaLocation, Any]]:
        """(location, schema) of each schema."""
        return zip(self.locations, self.schemas, strict=True)

    @property
    def rules(self) -> list[Rule]:
        return [
            Rule(keyword, schema[keyword], location)
            for location, schema in self.pairs
            for keyword in RULE_KEYWORDS
            if isinstance(schema, dict) and keyword in schema
        ]

    @property
    def types(self) -> frozenset[str]:
        """The types of value that it allows; empty if it allows no value."""
        if any(schema is False for schema in self.schemas):
            return frozenset()
        types = EVERY_TYPE
        for rule in self.rules:
            if rule.keyword == "type":
                types &= type_set(rule.value)
        values = self._enumerated_values()
        return types if values is None else types & {value_type(value) for value in values}

    @property
    def values(self) -> list[Any] | None:
        """Every value that it may allow; None if these cannot be listed."""
        types, values = self.types, self._enumerated_values()
        if values is None and types <= {"boolean", "null"}:
            values = [None, True, False]
        return None if values is None else [v for v in values if value_type(v) in types]

    def _enumerated_values(self) -> list[Any] | None:
        lists = [
            [rule.value] if rule.keyword == "const" else rule.value
            for rule in self.rules
            if rule.keyword in ("const", "enum")
        ]
        if not lists:
            return None
        first, *others = lists
        return [v for v in first if all(comparable(v) in map(comparable, one) for one in others)]

    def all(self, keyword: str) -> list[Any]:
        """The values of one keyword in all schemas."""
        return [rule.value for rule in self.rules if rule.keyword == keyword]

    def implies(self, rule: Rule) -> bool:
        """Whether every allowed value satisfies the rule. False if that is not certain."""
        types, values = self.types, self.values
        relevant = TYPES_OF_RULE.get(rule.keyword)
        if not types or (relevant is not None and not types & relevant):
            return True
        if values is not None:
            return all(rule.satisfied_by(value) for value in values)
        if rule.keyword == "type":
            return types <= type_set(rule.value)
        if rule.keyword in ("enum", "const"):
            return False
        return _IMPLIES[rule.keyword](self, rule.value)


def shape_at(schemas: SchemaDocuments, locations: Sequence[SchemaLocation]) -> ValueShape:
    """The shape of the schemas at some locations.

    Raises:
        ValueError: a `$ref` leads nowhere.
    """
    reached: dict[SchemaLocation, Any] = {}
    waiting = list(locations)
    while waiting:
        location = waiting.pop(0)
        if location in reached:
            continue
        reached[location] = schema = schemas.at(location)
        if isinstance(schema, dict):
            subschemas = schemas.subschemas(location)
            waiting += [part for keyword, part in subschemas if keyword == "allOf"]
            if "$ref" in schema:
                waiting.append(reference_target(schemas, location))
    return ValueShape(tuple(reached), tuple(reached.values()))


def reference_target(schemas: SchemaDocuments, location: SchemaLocation) -> SchemaLocation:
    """The target of the `$ref` of the schema at a location.

    Raises:
        ValueError: the `$ref` leads nowhere.
    """
    target = next(target for _, target in schemas.references(location))
    if target is None:
        raise ValueError(f"schema_changes: $ref at {location} leads nowhere, expected a schema.")
    return target


def requires_all(shape: ValueShape, names: Sequence[str]) -> bool:
    """Whether the shape requires every member in `names`."""
    return set(names) <= {name for required in shape.all("required") for name in required}


def _is_at_least(shape: ValueShape, limit: float, *, exclusive: bool) -> bool:
    return any(v > limit or (v == limit and not exclusive) for v in shape.all("minimum")) or any(
        v >= limit for v in shape.all("exclusiveMinimum")
    )


def _is_at_most(shape: ValueShape, limit: float, *, exclusive: bool) -> bool:
    return any(v < limit or (v == limit and not exclusive) for v in shape.all("maximum")) or any(
        v <= limit for v in shape.all("exclusiveMaximum")
    )


def _is_multiple(shape: ValueShape, divisor: float) -> bool:
    known = [*shape.all("multipleOf"), *([1] if "fraction" not in shape.types else [])]
    return any(Fraction(str(one)) % Fraction(str(divisor)) == 0 for one in known)


def _requires_all_dependents(shape: ValueShape, dependents: Mapping[str, Sequence[str]]) -> bool:
    known = [name for required in shape.all("required") for name in required]
    return all(
        set(names)
        <= {*known, *(n for one in shape.all("dependentRequired") for n in one.get(trigger, ()))}
        for trigger, names in dependents.items()
    )


def _lower_limit(keyword: str) -> Callable[[ValueShape, float], bool]:
    return lambda shape, limit: limit <= 0 or any(v >= limit for v in shape.all(keyword))


def _upper_limit(keyword: str) -> Callable[[ValueShape, float], bool]:
    return lambda shape, limit: any(v <= limit for v in shape.all(keyword))


_IMPLIES: Mapping[str, Callable[[ValueShape, Any], bool]] = {
    "minimum": lambda shape, limit: _is_at_least(shape, limit, exclusive=False),
    "exclusiveMinimum": lambda shape, limit: _is_at_least(shape, limit, exclusive=True),
    "maximum": lambda shape, limit: _is_at_most(shape, limit, exclusive=False),
    "exclusiveMaximum": lambda shape, limit: _is_at_most(shape, limit, exclusive=True),
    "multipleOf": _is_multiple,
    "minLength": _lower_limit("minLength"),
    "maxLength": _upper_limit("maxLength"),
    "minItems": _lower_limit("minItems"),
    "maxItems": _upper_limit("maxItems"),
    "minProperties": _lower_limit("minProperties"),
    "maxProperties": _upper_limit("maxProperties"),
    "pattern": lambda shape, pattern: pattern in shape.all("pattern"),
    "format": lambda shape, name: name in shape.all("format"),
    "uniqueItems": lambda shape, is_unique: not is_unique or True in shape.all("uniqueItems"),
    "required": requires_all,
    "dependentRequired": _requires_all_dependents,
}
