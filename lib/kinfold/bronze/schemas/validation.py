"""Event schemas: which exist, and why an event does not follow its own.

A reason reads `<JSON pointer>: <message>` and is made from the schema alone: a value, or a member
name that no schema declares, is somebody's data and never enters a reason. Such a name reads `*`;
the whole event reads `/`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jsonschema_rs import (
    Draft202012Validator,
)

from kinfold.bronze.fast_path.schema_tables import SchemaTables
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

# Where leaving out `false` can only take more: not below `not`, `oneOf` or `if`.
_OPENED = ("$defs", "allOf", "anyOf", "items", "prefixItems", "properties", "additionalProperties")


class VersionValidator(NamedTuple):
    """What decides about an event."""

    schema_id: str
    validator: Draft202012Validator


@dataclass(frozen=True)
class CompiledSchemas:
    """The validators of a registry: what a worker holds. Not picklable.

    Attributes:
        schema_ids: newest schema id of each event type.
        judges: judge by event type and schema_version; None for the version is the newest.
        model_judges: judge of versions that are not known, by event type and model. It is the
            newest schema of that model, and takes members that this schema refuses.
        envelope: judges events whose type has no schema.
        declared_names: every member name any schema declares; only these may appear in a reason.
        forms: of the newest schemas, by which good events are told without judging each.
    """

    schema_ids: Mapping[str, str]
    judges: Mapping[tuple[str, str | None], VersionValidator]
    model_judges: Mapping[tuple[str, str], VersionValidator]
    envelope: Draft202012Validator
    declared_names: frozenset[str]
    forms: SchemaTables

    def accepting(self, event: Any) -> str | None:
        """The id of the schema that the event follows; null if it follows none, see `reasons`."""
        try:
            judge = self.judges.get((event["event_type"], event.get("schema_version")))
            judge = judge or self.judge(event)
            return judge.schema_id if judge and judge.validator.is_valid(event) else None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def judge(self, event: Any) -> VersionValidator | None:
        """What decides about an event; None when no schema stands for its type and version."""
        try:
            event_type, version = event["event_type"], event.get("schema_version")
            judge = self.judges.get((event_type, version))
        except (AttributeError, KeyError, TypeError):  # no object, no type, or one that is a list
            return None
        if judge is None and isinstance(version, str):
            parts = VERSION_PATTERN.fullmatch(version)
            judge = self.model_judges.get((event_type, parts[1])) if parts else None
        return judge

    def schema_id(self, event: object) -> str | None:
        """The schema that decides about an event; None when there is none."""
        judge = self.judge(event)
        return judge.schema_id if judge else None

    def reasons(self, event: object) -> list[str]:
        """Why an event is invalid: sorted, unique, at most 20; [] if it is valid."""
        judge = self.judge(event)
        try:
            if judge is not None and judge.validator.is_valid(event):
                return []
            validator = judge.validator if judge else self.envelope
            found = {
                reason_of(error, self.declared_names) for error in validator.iter_errors(event)
            }
        except ValueError as err:
            # An error copies the offending value, and copying refuses deep ones, lone surrogates.
            found = {TOO_DEEP if "Recursion" in str(err) else NOT_A_VALUE}
        if judge is None and isinstance(event, dict):
            found = self._without_judge(event, found)
        return sorted(found)[:MAX_REASONS]

    def _without_judge(self, event: dict[str, Any], found: set[str]) -> set[str]:
        """`found`, with the reason why no schema stands for the event."""
        event_type, version = event.get("event_type"), event.get("schema_version")
        if version is not None and not (
            isinstance(version, str) and VERSION_PATTERN.fullmatch(version)
        ):
            # What the envelope has to say about it says no more.
            found = {reason for reason in found if not reason.startswith("/schema_version:")}
            found.add(NOT_A_VERSION)
        if isinstance(event_type, str) and event_type not in self.schema_ids:
            found.add(NO_SCHEMA)
        elif isinstance(event_type, str) and NOT_A_VERSION not in found:
            found.add(NO_MODEL)
        return found


def validate(registry: SchemaRegistry, event: object) -> list[str]:
    """The reasons why an event does not follow the schema of its type and version.

    Sorted, unique, at most 20; empty for a valid event.
    """
    return compiled_schemas(registry).reasons(event)


@lru_cache(maxsize=8)
def compiled_schemas(registry: SchemaRegistry) -> CompiledSchemas:
    """The validators of a registry, compiled once per process."""
    documents = registry.documents
    schemas, references = SchemaDocuments(documents), schema_references(documents)
    opened = {schema_id: _opened(document) for schema_id, document in documents.items()}
    opened_references = schema_references(opened)
    newest: dict[str, str] = {}
    judges: dict[tuple[str, str | None], VersionValidator] = {}
    model_judges: dict[tuple[str, str], VersionValidator] = {}
    for schema_id in sorted(documents, key=Version.of):
        name, _, version = schema_id.partition("/")
        newest[name] = schema_id
        judge = VersionValidator(schema_id, validator_of(documents[schema_id], references))
        judges[name, version] = judges[name, None] = judge
        lenient = VersionValidator(schema_id, validator_of(opened[schema_id], opened_references))
        model_judges[name, version.partition("-")[0]] = lenient
    newest_types = {name: schema_id for name, schema_id in newest.items() if name != ENVELOPE}
    return CompiledSchemas(
        schema_ids=newest_types,
        judges={key: judge for key, judge in judges.items() if key[0] != ENVELOPE},
        model_judges={key: judge for key, judge in model_judges.items() if key[0] != ENVELOPE},
        envelope=judges[ENVELOPE, None].validator,
        declared_names=frozenset(_declared_names(schemas)),
        forms=SchemaTables.of(schemas, newest_types),
    )


def _opened(schema: Any) -> Any:
    """A schema that also takes the members it refuses: a newer version may have added them."""
    if not isinstance(schema, dict):
        return schema
    refusing = ("additionalProperties", "unevaluatedProperties")
    opened = {k: v for k, v in schema.items() if not (k in refusing and v is False)}
    for keyword in _OPENED:
        below = opened.get(keyword)
        if keyword in ("$defs", "properties") and isinstance(below, dict):
            opened[keyword] = {name: _opened(part) for name, part in below.items()}
        elif isinstance(below, list):
            opened[keyword] = [_opened(part) for part in below]
        elif below is not None:
            opened[keyword] = _opened(below)
    return opened


def _declared_names(schemas: SchemaDocuments) -> Iterator[str]:
    for document in schemas.by_id:
        for place in schemas.places(document):
            schema = schemas.at(place)
            yield from schema.get("properties", ()) if isinstance(schema, dict) else ()
