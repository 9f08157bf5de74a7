"""Event schemas: which exist, and why an event does not follow its own.

A reason reads `<JSON pointer>: <message>` and is made from the schema alone: a value, or a member
name that no schema declares, is somebody's data and never enters a reason. Such a name reads `*`;
the whole event reads `/`.
"""

from collections.abc import Mapping
from typing import Any

from jsonschema_rs import (
    Draft202012Validator,
    RegexOptions,
    Registry,
)

from kinfold.bronze.schemas.references import ID_PREFIX


def schema_references(documents: Mapping[str, dict[str, Any]]) -> Registry:
    return Registry(
        [(ID_PREFIX + schema_id, document) for schema_id, document in documents.items()]
    )


def validator_of(
    schema: dict[str, Any] | bool, references: Registry | None = None
) -> Draft202012Validator:
    """The validator of a schema, under the settings by which events are judged."""
    # RegexOptions is the linear-time engine: no value can make a pattern run for ever.
    return Draft202012Validator(
        schema,
        registry=references,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=RegexOptions(),
        offline=True,
    )
