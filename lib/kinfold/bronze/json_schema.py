"""Event schemas: which exist, and why an event does not follow its own.

A reason reads `<JSON pointer>: <message>` and is made from the schema alone: a value, or a member
name that no schema declares, is somebody's data and never enters a reason. Such a name reads `*`;
the whole event reads `/`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema_rs import (
    Draft202012Validator,
    RegexOptions,
    Registry,
    ValidationError,
    ValidationErrorKind,
    meta,
)

from kinfold.core.errors import ContractError

ENVELOPE = "envelope"
ID_PREFIX = "kinfold:"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
MAX_REASONS = 20
NO_SCHEMA = "/event_type: no schema for this type in conf/schemas"
NOT_A_VALUE = "/: not a JSON value"
TOO_DEEP = "/: nested too deeply, expected at most 250 levels"

_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION_FILE = re.compile(r"([1-9]\d*)-(0|[1-9]\d*)-(0|[1-9]\d*)\.json")


@dataclass(frozen=True)
class SchemaRegistry:
    """The schemas of a folder, as texts: sent to workers as it is, compiled there once per process.

    Attributes:
        texts: (schema id, JSON text) of every version of every schema; ids as "purchase/1-0-0".
    """

    texts: tuple[tuple[str, str], ...]

    @classmethod
    def load(cls, directory: Path) -> "SchemaRegistry":
        """The schemas in `<directory>/<event type>/<model>-<revision>-<addition>.json`, all usable.

        Raises:
            ContractError: a folder is missing or empty, a file name has no version, a text is not a
                JSON Schema of draft 2020-12, or a `$ref` leads nowhere. Names every problem found.
        """
        problems: list[str] = []
        texts = dict(_read_texts(directory, problems))
        documents = _documents(texts, directory=directory, problems=problems)
        if not problems:
            problems += _compile_problems(documents, directory=directory)
        if problems:
            raise ContractError("\n".join(problems))
        return cls(tuple(sorted(texts.items())))

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types that have a schema, in alphabetical order."""
        return tuple(sorted(compiled_schemas(self).schema_ids))

    def validate(self, event: object) -> list[str]:
        """Why an event does not follow the newest schema of its type; [] if it does.

        Sorted, unique, at most 20.
        """
        return compiled_schemas(self).reasons(event)


@dataclass(frozen=True)
class CompiledSchemas:
    """The validators of a registry: what a worker holds. Not picklable.

    Attributes:
        schema_ids: newest schema id of each event type.
        validators: validator of that schema, by event type.
        envelope: judges events whose type has no schema.
        declared_names: every member name any schema declares; only these may appear in a reason.
    """

    schema_ids: Mapping[str, str]
    validators: Mapping[str, Draft202012Validator]
    envelope: Draft202012Validator
    declared_names: frozenset[str]

    def accepting(self, event: Any) -> str | None:
        """The id of the schema that the event follows; null if it follows none, see `reasons`."""
        try:
            event_type = event["event_type"]
            is_valid = self.validators[event_type].is_valid(event)
            return self.schema_ids[event_type] if is_valid else None
        except (TypeError, KeyError, IndexError, ValueError):
            return None

    def reasons(self, event: object) -> list[str]:
        """Why an event is invalid: sorted, unique, at most 20; [] if it is valid."""
        event_type = event.get("event_type") if isinstance(event, dict) else None
        validator = self.validators.get(event_type) if isinstance(event_type, str) else None
        found: set[str] = set()
        if validator is None and isinstance(event_type, str):
            found.add(NO_SCHEMA)
        try:
            if validator is not None and validator.is_valid(event):
                return []
            errors = (validator or self.envelope).iter_errors(event)
            found.update(_reason(error, self.declared_names) for error in errors)
        except ValueError as err:
            # An error copies the offending value, and copying refuses deep ones, lone surrogates.
            found.add(TOO_DEEP if "Recursion" in str(err) else NOT_A_VALUE)
        return sorted(found)[:MAX_REASONS]


@lru_cache(maxsize=8)
def compiled_schemas(registry: SchemaRegistry) -> CompiledSchemas:
    """The validators of a registry, compiled once per process."""
    documents = {schema_id: json.loads(text) for schema_id, text in registry.texts}
    newest = _newest_ids(documents)
    references = _references(documents)
    validators = {name: _validator(documents[newest[name]], references) for name in newest}
    return CompiledSchemas(
        schema_ids={name: schema_id for name, schema_id in newest.items() if name != ENVELOPE},
        validators={name: validator for name, validator in validators.items() if name != ENVELOPE},
        envelope=validators[ENVELOPE],
        declared_names=frozenset(
            name for document in documents.values() for name in _declared_names(document)
        ),
    )


def _read_texts(directory: Path, problems: list[str]) -> Iterator[tuple[str, str]]:
    if not directory.is_dir():
        problems.append(
            f"{directory}: no such folder, expected one folder of schemas per event type."
        )
        return
    folders = sorted(
        path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not any(folder.name == ENVELOPE for folder in folders):
        problems.append(
            f"{directory / ENVELOPE}: no such folder, expected the schema every event shares."
        )
    for folder in folders:
        if not _TYPE_NAME.fullmatch(folder.name):
            problems.append(
                f"{folder}: bad event type in a folder name, expected snake_case. Rename it."
            )
            continue
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if not files:
            problems.append(f"{folder}: has no schema, expected a file such as 1-0-0.json.")
        for file in files:
            if not _VERSION_FILE.fullmatch(file.name):
                problems.append(
                    f"{file}: bad version in the file name, expected"
                    " <model>-<revision>-<addition>.json such as 1-0-0.json. Rename it."
                )
                continue
            try:
                yield f"{folder.name}/{file.stem}", file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as err:
                problems.append(f"{file}: cannot be read as UTF-8 text ({type(err).__name__}).")


def _documents(
    texts: Mapping[str, str], *, directory: Path, problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The parsed schemas that are valid on their own; faults of the others go to `problems`."""
    documents: dict[str, dict[str, Any]] = {}
    for schema_id, text in texts.items():
        file = directory / f"{schema_id}.json"
        try:
            document = json.loads(text)
        except ValueError as err:
            problems.append(f"{file}: unreadable JSON ({err}). Correct it.")
            continue
        except RecursionError:
            problems.append(f"{file}: unreadable JSON (nested too deeply). Correct it.")
            continue
        if not isinstance(document, dict):
            problems.append(f"{file}: invalid schema, expected a JSON object.")
            continue
        if document.get("$id") != ID_PREFIX + schema_id:
            problems.append(
                f'{file}: $id is {document.get("$id")!r}, expected "{ID_PREFIX}{schema_id}".'
            )
        if document.get("$schema") != DRAFT:
            problems.append(f'{file}: $schema is {document.get("$schema")!r}, expected "{DRAFT}".')
            continue
        try:
            meta.validate(document)
        except ValidationError as err:
            problems.append(
                f"{file}: invalid schema at {_pointer(err.instance_path)}: {err.message}."
            )
            continue
        documents[schema_id] = document
    return documents


def _compile_problems(documents: Mapping[str, dict[str, Any]], *, directory: Path) -> list[str]:
    """What keeps valid documents from compiling: references that lead nowhere, unknown formats."""
    known = {ID_PREFIX + schema_id for schema_id in documents}
    problems = []
    for schema_id, document in documents.items():
        for reference in sorted(_reference_targets(document)):
            target = reference.partition("#")[0]
            if target and target not in known:
                problems.append(
                    f'{directory / schema_id}.json: $ref "{reference}" leads nowhere,'
                    f" expected the $id of a file in {directory}."
                )
    if problems:
        return problems
    for schema_id, document in documents.items():
        try:
            _validator(document, _references(documents))
        except ValueError as err:
            first_line = str(err).partition("\n")[0]
            path = err.instance_path if isinstance(err, ValidationError) else []
            place = f" at {_pointer(path)}" if path else ""
            problems.append(f"{directory / schema_id}.json: invalid schema{place}: {first_line}.")
    return problems


def _references(documents: Mapping[str, dict[str, Any]]) -> Registry:
    return Registry(
        [(ID_PREFIX + schema_id, document) for schema_id, document in documents.items()]
    )


def _validator(document: dict[str, Any], references: Registry) -> Draft202012Validator:
    # RegexOptions is the linear-time engine: no value can make a pattern run for ever.
    return Draft202012Validator(
        document,
        registry=references,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=RegexOptions(),
        offline=True,
    )


def _newest_ids(schema_ids: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """The newest schema id of each folder; 1-10-0 is newer than 1-9-0."""
    newest: dict[str, str] = {}
    for schema_id in sorted(schema_ids, key=_version):
        newest[schema_id.partition("/")[0]] = schema_id
    return newest


def _version(schema_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in schema_id.partition("/")[2].split("-"))


def _subschemas(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _subschemas(value)
    elif isinstance(node, list):
        for value in node:
            yield from _subschemas(value)


def _reference_targets(document: dict[str, Any]) -> set[str]:
    targets = (node.get("$ref") for node in _subschemas(document))
    return {target for target in targets if isinstance(target, str)}


def _declared_names(document: dict[str, Any]) -> Iterator[str]:
    for node in _subschemas(document):
        members = node.get("properties")
        if isinstance(members, dict):
            yield from members


def _reason(error: ValidationError, declared_names: frozenset[str]) -> str:
    path = [segment if segment in declared_names else "*" for segment in error.instance_path]
    return f"{_pointer(path)}: {_message(error.kind)}"


def _pointer(path: Sequence[str | int]) -> str:
    return "/" + "/".join(str(segment).replace("~", "~0").replace("/", "~1") for segment in path)


def _message(kind: ValidationErrorKind) -> str:
    """What the schema asks for. Uses only those facts of an error that come from the schema."""
    if kind.name == "propertyNames":
        return f"a member's name: {_message(kind.as_dict()['error'].kind)}"
    describe = _MESSAGES.get(kind.name)
    return describe(kind.as_dict()) if describe else f"breaks the schema's '{kind.name}'"


def _null_last(json_type: str) -> tuple[bool, str]:
    return json_type == "null", json_type


def _listed(values: Sequence[Any]) -> str:
    return " or ".join(json.dumps(value, ensure_ascii=False) for value in values)


_MESSAGES: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "additionalProperties": lambda _: "has a member the schema does not declare",
    "const": lambda fact: f"expected {_listed([fact['expected_value']])}",
    "enum": lambda fact: f"expected {_listed(fact['options'])}",
    "exclusiveMaximum": lambda fact: f"expected less than {fact['limit']}",
    "exclusiveMinimum": lambda fact: f"expected more than {fact['limit']}",
    "format": lambda fact: f"expected format {fact['format']}",
    "maxItems": lambda fact: f"expected at most {fact['limit']} items",
    "maxLength": lambda fact: f"expected at most {fact['limit']} characters",
    "maxProperties": lambda fact: f"expected at most {fact['limit']} members",
    "maximum": lambda fact: f"expected maximum {fact['limit']}",
    "minItems": lambda fact: f"expected at least {fact['limit']} items",
    "minLength": lambda fact: f"expected at least {fact['limit']} characters",
    "minProperties": lambda fact: f"expected at least {fact['limit']} members",
    "minimum": lambda fact: f"expected minimum {fact['limit']}",
    "multipleOf": lambda fact: f"expected a multiple of {fact['multiple_of']}",
    "pattern": lambda fact: f"expected pattern {fact['pattern']}",
    "required": lambda fact: f"'{fact['property']}' is missing",
    "type": lambda fact: f"expected {' or '.join(sorted(fact['types'], key=_null_last))}",
    "unevaluatedProperties": lambda _: "has a member the schema does not declare",
}
