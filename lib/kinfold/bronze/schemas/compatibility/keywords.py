"""The keywords of JSON Schema, grouped by what the comparison can do with them."""

from typing import Any

from kinfold.bronze.schemas.references import SchemaLocation

NUMBER_TYPES = frozenset({"fraction", "integer"})
"""The types that the JSON type `number` stands for here."""
EVERY_TYPE = frozenset({"array", "boolean", "null", "object", "string", *NUMBER_TYPES})

TYPES_OF_RULE = {
    "minimum": NUMBER_TYPES,
    "maximum": NUMBER_TYPES,
    "exclusiveMinimum": NUMBER_TYPES,
    "exclusiveMaximum": NUMBER_TYPES,
    "multipleOf": NUMBER_TYPES,
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
"""The types of value that a rule constrains; values of other types pass it."""
RULE_KEYWORDS = ("type", "enum", "const", *TYPES_OF_RULE)
"""Keywords that are compared by what they allow."""
BREAKING_RULES = frozenset({"type", "enum", "const", "required", "dependentRequired"})
"""Rules that break the old version when they allow less; the others are a revision."""
OPAQUE_GROUPS = (
    ("anyOf",),
    ("oneOf",),
    ("not",),
    ("if", "then", "else"),
    ("dependentSchemas",),
    ("contains", "minContains", "maxContains"),
)
"""Groups of keywords that are compared only as a whole: equal, or changed."""
UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})
EVALUATE_CONDITIONALLY = ("anyOf", "dependentSchemas", "if", "oneOf")
"""Keywords that evaluate members of some values only, so `unevaluated...` depends on the value."""
APPLY_TO_ANY_NAME = ("additionalProperties", "patternProperties", "unevaluatedProperties")
ANNOTATIONS = frozenset(
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
"""Keywords that do not affect validation by themselves."""


def has_keyword(schema: Any, keyword: str) -> bool:
    """Whether a schema has a keyword; a boolean schema has none."""
    return isinstance(schema, dict) and keyword in schema


def members_of(schema: Any, keyword: str) -> dict[str, Any]:
    """The value of a keyword that holds an object; empty if the schema does not have it."""
    value = schema.get(keyword) if isinstance(schema, dict) else None
    return value if isinstance(value, dict) else {}


def subschema_of(location: SchemaLocation, schema: Any, keyword: str) -> list[SchemaLocation]:
    """The location of a keyword's subschema, in a list; empty if the schema does not have it."""
    return [location.below(keyword)] if has_keyword(schema, keyword) else []
