"""The JSON Schema validator, with the settings that every event is checked under."""

from collections.abc import Mapping
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, Registry

from kinfold.bronze.schemas.references import ID_PREFIX


def schema_references(documents: Mapping[str, dict[str, Any]]) -> Registry:
    """The documents by their `$id`, for validators that resolve a `$ref` to another document.

    Args:
        documents: parsed schemas, by schema id such as "login/1-0-0".
    """
    return Registry(
        [(ID_PREFIX + schema_id, document) for schema_id, document in documents.items()]
    )


def validator_of(
    schema: dict[str, Any] | bool, references: Registry | None = None
) -> Draft202012Validator:
    """The validator of a schema of draft 2020-12: formats are checked, nothing is downloaded.

    Raises:
        ValueError: the schema does not compile: a bad pattern, an unknown format, a `$ref` that
            leads nowhere.
    """
    # RegexOptions is the linear-time engine: no value can make a pattern run for ever.
    return Draft202012Validator(
        schema,
        registry=references,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=RegexOptions(),
        offline=True,
    )
