"""Members and items: which schemas of a shape apply to a part of an object or of an array."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kinfold.bronze.schemas.compatibility.keywords import (
    ANNOTATIONS,
    APPLY_TO_ANY_NAME,
    has_keyword,
    members_of,
    subschema_of,
)
from kinfold.bronze.schemas.compatibility.shapes import ValueShape, shape_at
from kinfold.bronze.schemas.references import (
    IN_PLACE_APPLICATORS,
    SchemaDocuments,
    SchemaLocation,
)
from kinfold.bronze.schemas.validators import validator_of


def described_members(shape: ValueShape) -> dict[str, SchemaLocation]:
    """The members that `properties` describe, by name."""
    return {
        name: location.below("properties", name)
        for location, schema in shape.pairs
        for name in members_of(schema, "properties")
    }


def member_schemas(schemas: SchemaDocuments, shape: ValueShape, name: str) -> list[SchemaLocation]:
    """The schemas that apply to the member of that name."""
    applied = []
    for location, schema in shape.pairs:
        own = _own_member_schemas(location, schema, name)
        applied += own or subschema_of(location, schema, "additionalProperties")
        if not _is_evaluated(schemas, location, name):
            applied += subschema_of(location, schema, "unevaluatedProperties")
    return applied


def other_member_schemas(schemas: SchemaDocuments, shape: ValueShape) -> list[SchemaLocation]:
    """The schemas that apply to members that no name and no pattern describes."""
    applied = []
    for location, schema in shape.pairs:
        applied += subschema_of(location, schema, "additionalProperties")
        if not _is_evaluated(schemas, location, None):
            applied += subschema_of(location, schema, "unevaluatedProperties")
    return applied


def pattern_schemas(
    schemas: SchemaDocuments, shape: ValueShape, pattern: str, *, is_certain: bool
) -> list[SchemaLocation]:
    """The schemas that apply to members whose names match a pattern.

    Args:
        is_certain: only schemas that certainly apply; else also those that may apply.
    """
    applied = []
    for location, schema in shape.pairs:
        patterns = members_of(schema, "patternProperties")
        if pattern in patterns:
            applied.append(location.below("patternProperties", pattern))
        elif not (patterns and is_certain):
            applied += subschema_of(location, schema, "additionalProperties")
        own = shape_at(schemas, [location]).schemas
        is_own_pattern = any(pattern in members_of(one, "patternProperties") for one in own)
        if not (is_certain or is_own_pattern or _is_evaluated(schemas, location, None)):
            applied += subschema_of(location, schema, "unevaluatedProperties")
    return applied


def member_name_schemas(shape: ValueShape) -> list[SchemaLocation]:
    """The schemas that apply to the names of members."""
    return [
        part
        for location, schema in shape.pairs
        for part in subschema_of(location, schema, "propertyNames")
    ]


def item_schemas(shape: ValueShape, index: int) -> list[SchemaLocation]:
    """The schemas that apply to the item at an index."""
    applied = []
    for location, schema in shape.pairs:
        if has_keyword(schema, "prefixItems") and index < len(schema["prefixItems"]):
            applied.append(location.below("prefixItems", index))
        else:
            applied += subschema_of(location, schema, "items")
    return applied


def allows_anything(schemas: SchemaDocuments, locations: Sequence[SchemaLocation]) -> bool:
    """Whether none of the schemas has a rule, so they say nothing about the value."""
    found = map(schemas.at, locations)
    return all(s is True or (s is not False and set(s) <= ANNOTATIONS) for s in found)


def was_undescribed(schemas: SchemaDocuments, old: ValueShape, name: str) -> bool:
    """Whether the shape allows a member of that name, but does not describe it."""
    return (
        not allows_anything(schemas, old.locations)  # {} describes every value, and allows each
        and allows_anything(schemas, member_schemas(schemas, old, name))
        and not any(_own_member_schemas(location, schema, name) for location, schema in old.pairs)
        and not _may_describe(schemas, old, name)
    )


def _may_describe(schemas: SchemaDocuments, shape: ValueShape, name: str) -> bool:
    """Whether a keyword that is compared only as a whole may describe the member."""
    waiting, reached = list(shape.locations), set()
    while waiting:
        location = waiting.pop()
        if location in reached:
            continue
        reached.add(location)
        subschemas = schemas.subschemas(location)
        waiting += [part for keyword, part in subschemas if keyword in IN_PLACE_APPLICATORS]
        waiting += [target for _, target in schemas.references(location) if target]
        schema = schemas.at(location)
        is_named = name in members_of(schema, "properties")
        if location not in shape.locations and (
            is_named or any(has_keyword(schema, keyword) for keyword in APPLY_TO_ANY_NAME)
        ):
            return True
    return False


def _is_evaluated(schemas: SchemaDocuments, location: SchemaLocation, name: str | None) -> bool:
    """Whether the schema at a location evaluates the member, apart from `unevaluatedProperties`.

    Args:
        name: null = a member that no name and no pattern describes.
    """
    return any(
        (name is not None and _own_member_schemas(one, schema, name))
        or subschema_of(one, schema, "additionalProperties")
        or (one != location and subschema_of(one, schema, "unevaluatedProperties"))
        for one, schema in shape_at(schemas, [location]).pairs
    )


def _own_member_schemas(location: SchemaLocation, schema: Any, name: str) -> list[SchemaLocation]:
    """The schemas for a member by its name or by a pattern, in one schema itself."""
    is_named = name in members_of(schema, "properties")
    own = [location.below("properties", name)] if is_named else []
    patterns = [p for p in members_of(schema, "patternProperties") if _matches(p, name)]
    return [*own, *(location.below("patternProperties", pattern) for pattern in patterns)]


@lru_cache(maxsize=1024)
def _matches(pattern: str, name: str) -> bool:
    return validator_of({"pattern": pattern}).is_valid(name)
