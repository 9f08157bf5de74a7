"""Digests of schemas: equal exactly if two schemas say the same, annotations apart.

References are replaced by what they lead to, so the same rules behind another `$ref` are equal.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from kinfold.bronze.schemas.compatibility.json_values import comparable
from kinfold.bronze.schemas.compatibility.keywords import ANNOTATIONS
from kinfold.bronze.schemas.compatibility.shapes import ValueShape, reference_target
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation


def shape_digests(schemas: SchemaDocuments, shape: ValueShape) -> list[str]:
    """The digests of all schemas of a shape, sorted and distinct."""
    return sorted({_digest(schemas, location, ()) for location in shape.locations})


def group_digests(
    schemas: SchemaDocuments, shape: ValueShape, keywords: Sequence[str]
) -> list[str]:
    """A group of keywords in each schema that has its first one: JSON of digests, by keyword."""
    texts = {
        json.dumps(
            {k: _keyword_digest(schemas, location, k) for k in keywords if k in schema},
            sort_keys=True,
        )
        for location, schema in shape.pairs
        if isinstance(schema, dict) and keywords[0] in schema
    }
    return sorted(texts)


def _keyword_digest(schemas: SchemaDocuments, location: SchemaLocation, keyword: str) -> Any:
    """The value of one keyword, with each subschema in it replaced by its digest."""
    value = schemas.at(location)[keyword]
    parts = [part for key, part in schemas.subschemas(location) if key == keyword]
    if not parts:
        return repr(comparable(value))
    if isinstance(value, list):
        return [_digest(schemas, part, ()) for part in parts]
    if keyword in ("dependentSchemas", "patternProperties", "properties"):
        return {_last_segment(part): _digest(schemas, part, ()) for part in parts}
    return _digest(schemas, parts[0], ())


def _digest(
    schemas: SchemaDocuments, location: SchemaLocation, above: tuple[SchemaLocation, ...]
) -> str:
    """The digest of the schema at a location.

    Args:
        above: the locations on the way to it. A schema that contains itself is written as the
            number of steps back, so the recursion ends.
    """
    if location in above:
        return f"above {len(above) - above.index(location)}"
    schema = schemas.at(location)
    if not isinstance(schema, dict):
        return json.dumps(schema)
    content: dict[str, Any] = {}
    path = (*above, location)
    if set(schema) - ANNOTATIONS == {"$ref"}:
        return _digest(schemas, reference_target(schemas, location), path)
    for keyword in sorted(set(schema) - ANNOTATIONS):
        parts = [part for key, part in schemas.subschemas(location) if key == keyword]
        if keyword == "$ref":
            content[keyword] = _digest(schemas, reference_target(schemas, location), path)
        elif not parts:
            content[keyword] = repr(comparable(schema[keyword]))
        else:
            content[keyword] = [
                (_last_segment(part), _digest(schemas, part, path)) for part in parts
            ]
    # A hash, because nested JSON text would double its quotes at every level.
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _last_segment(location: SchemaLocation) -> str:
    return location.pointer.rpartition("/")[2]
