"""Validation of events: which schema decides about an event, and the reasons if it is invalid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator

from kinfold.bronze.schemas.kinds import SEEN, kind_of
from kinfold.bronze.schemas.reasons import (
    MAX_REASONS,
    NO_MODEL,
    NO_SCHEMA,
    NOT_A_VALUE,
    NOT_A_VERSION,
    TOO_DEEP,
    reason_of,
)
from kinfold.bronze.schemas.references import SchemaDocuments
from kinfold.bronze.schemas.registry import ENVELOPE, SchemaRegistry
from kinfold.bronze.schemas.validators import schema_references, validator_of
from kinfold.bronze.schemas.versions import VERSION_PATTERN, Version

# Below these keywords, leaving out `false` only accepts more; not so below `not`, `oneOf`, `if`.
_OPENED = ("$defs", "allOf", "anyOf", "items", "prefixItems", "properties", "additionalProperties")


class VersionValidator(NamedTuple):
    """The validator of one version of a schema."""

    schema_id: str
    validator: Draft202012Validator


@dataclass(frozen=True)
class CompiledSchemas:
    """The validators of a registry, compiled. Not picklable: every worker compiles its own.

    Attributes:
        schema_ids: newest schema id of each event type.
        validators: by event type and schema_version; the version None stands for the newest.
        model_validators: for unknown versions, by event type and model: the newest schema of that
            model, opened to members that it refuses.
        envelope: for events whose type has no schema.
        declared_names: the member names that any schema declares; only these appear in reasons.
    """

    schema_ids: Mapping[str, str]
    validators: Mapping[tuple[str, str | None], VersionValidator]
    model_validators: Mapping[tuple[str, str], VersionValidator]
    envelope: Draft202012Validator
    declared_names: frozenset[str]

    def accepting(self, event: Any) -> str | None:
        """The id of the schema that the event follows; None if it is invalid, see `reasons`."""
        try:
            version = self.validators.get((event["event_type"], event.get("schema_version")))
            version = version or self.version_validator(event)
            return version.schema_id if version and version.validator.is_valid(event) else None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def version_validator(self, event: Any) -> VersionValidator | None:
        """The validator for an event's type and version; None if there is no such schema."""
        try:
            event_type, version = event["event_type"], event.get("schema_version")
            validator = self.validators.get((event_type, version))
        except (AttributeError, KeyError, TypeError):  # not an object, no type, or a list as type
            return None
        if validator is None and isinstance(version, str):
            parts = VERSION_PATTERN.fullmatch(version)
            validator = self.model_validators.get((event_type, parts[1])) if parts else None
        return validator

    def schema_id(self, event: object) -> str | None:
        """The id of the schema that decides about an event; None if there is none."""
        version = self.version_validator(event)
        return version.schema_id if version else None

    def reasons(self, event: object) -> list[str]:
        """Why an event is invalid: sorted, unique, at most 20; [] if it is valid."""
        version = self.version_validator(event)
        try:
            if version is not None and version.validator.is_valid(event):
                return []
            validator = version.validator if version else self.envelope
            reasons = {
                reason_of(error, self.declared_names) for error in validator.iter_errors(event)
            }
        except ValueError as err:
            # An error holds a copy of the value; deep values and lone surrogates cannot be copied.
            reasons = {TOO_DEEP if "Recursion" in str(err) else NOT_A_VALUE}
        if version is None and isinstance(event, dict):
            reasons = self._with_missing_schema(event, reasons)
        return sorted(reasons)[:MAX_REASONS]

    def _with_missing_schema(self, event: dict[str, Any], reasons: set[str]) -> set[str]:
        """The reasons, and the reason why no schema decides about the event."""
        event_type, version = event.get("event_type"), event.get("schema_version")
        is_version = isinstance(version, str) and VERSION_PATTERN.fullmatch(version) is not None
        seen_version = SEEN + kind_of(version, is_shown=True)
        if version is not None and not is_version:
            # Instead of the envelope's reasons about the same member.
            reasons = {reason for reason in reasons if not reason.startswith("/schema_version:")}
            reasons.add(NOT_A_VERSION + seen_version)
        if isinstance(event_type, str) and event_type not in self.schema_ids:
            reasons.add(NO_SCHEMA + SEEN + kind_of(event_type, is_shown=True))
        elif isinstance(event_type, str) and is_version:
            reasons.add(NO_MODEL + seen_version)
        return reasons


def validate(registry: SchemaRegistry, event: object) -> list[str]:
    """The reasons why an event is invalid: sorted, unique, at most 20; empty for a valid event."""
    return compiled_schemas(registry).reasons(event)


@lru_cache(maxsize=8)
def compiled_schemas(registry: SchemaRegistry) -> CompiledSchemas:
    """The validators of a registry, compiled once per process."""
    documents = registry.documents
    schemas, references = SchemaDocuments(documents), schema_references(documents)
    opened = {schema_id: _opened(document) for schema_id, document in documents.items()}
    opened_references = schema_references(opened)
    validators: dict[tuple[str, str | None], VersionValidator] = {}
    model_validators: dict[tuple[str, str], VersionValidator] = {}
    for schema_id in sorted(documents, key=Version.of):
        name, _, version = schema_id.partition("/")
        strict = VersionValidator(schema_id, validator_of(documents[schema_id], references))
        validators[name, version] = validators[name, None] = strict
        lenient = VersionValidator(schema_id, validator_of(opened[schema_id], opened_references))
        model_validators[name, version.partition("-")[0]] = lenient
    return CompiledSchemas(
        schema_ids=registry.newest,
        validators={key: one for key, one in validators.items() if key[0] != ENVELOPE},
        model_validators={key: one for key, one in model_validators.items() if key[0] != ENVELOPE},
        envelope=validators[ENVELOPE, None].validator,
        declared_names=frozenset(_declared_names(schemas)),
    )


def _opened(schema: Any) -> Any:
    """The schema without its refusals of unknown members: a newer version may have added some."""
    if not isinstance(schema, dict):
        return schema
    refusing = ("additionalProperties", "unevaluatedProperties")
    opened = {k: v for k, v in schema.items() if not (k in refusing and v is False)}
    for keyword in _OPENED:
        value = opened.get(keyword)
        if keyword in ("$defs", "properties") and isinstance(value, dict):
            opened[keyword] = {name: _opened(part) for name, part in value.items()}
        elif isinstance(value, list):
            opened[keyword] = [_opened(part) for part in value]
        elif value is not None:
            opened[keyword] = _opened(value)
    return opened


def _declared_names(schemas: SchemaDocuments) -> Iterator[str]:
    for document in schemas.by_id:
        for location in schemas.locations(document):
            schema = schemas.at(location)
            yield from schema.get("properties", ()) if isinstance(schema, dict) else ()
