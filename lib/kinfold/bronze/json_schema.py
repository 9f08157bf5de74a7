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
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema_rs import (
    Draft202012Validator,
    RegexOptions,
    Registry,
    ValidationError,
    ValidationErrorKind,
    meta,
)

from kinfold.bronze.event_forms import Forms
from kinfold.bronze.schema_documents import ID_PREFIX, Place, SchemaDocuments, json_pointer
from kinfold.core.errors import ContractError

ENVELOPE = "envelope"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
MAX_REASONS = 20
NO_SCHEMA = "/event_type: no schema for this type in conf/schemas"
NO_MODEL = "/schema_version: no schema of this model in conf/schemas"
NOT_A_VERSION = "/schema_version: expected model-revision-addition such as 1-0-0"
NOT_A_VALUE = "/: not a JSON value"
TOO_DEEP = "/: nested too deeply"

_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"([1-9][0-9]*)-(?:0|[1-9][0-9]*)-(?:0|[1-9][0-9]*)")
# The validator follows 250; every reference adds a level.
_MAX_LEVELS = 100
# Where leaving out `false` can only take more: not below `not`, `oneOf` or `if`.
_OPENED = ("$defs", "allOf", "anyOf", "items", "prefixItems", "properties", "additionalProperties")


class Version(NamedTuple):
    """A schema's version. Which part changes says what may happen to events of the one before."""

    model: int
    """Changed: events may be refused or mean something else."""
    revision: int
    """Changed: some events may be refused."""
    addition: int
    """Changed: every event is still taken."""

    @classmethod
    def of(cls, schema_id: str) -> "Version":
        return cls(*(int(part) for part in schema_id.rpartition("/")[2].split("-")))

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """The version a text spells; None when it spells none."""
        return cls.of(text) if _VERSION.fullmatch(text) and len(text) < 64 else None

    @property
    def next_addition(self) -> "Version":
        return Version(self.model, self.revision, self.addition + 1)

    @property
    def next_revision(self) -> "Version":
        return Version(self.model, self.revision + 1, 0)

    @property
    def next_model(self) -> "Version":
        return Version(self.model + 1, 0, 0)

    @property
    def following(self) -> tuple["Version", "Version", "Version"]:
        """The versions that may come next without a gap."""
        return self.next_addition, self.next_revision, self.next_model

    def __str__(self) -> str:
        return f"{self.model}-{self.revision}-{self.addition}"


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
            ContractError: a folder is missing or empty, a file name has no version, a version
                before it is missing, a text is not a JSON Schema of draft 2020-12, or a `$ref`
                leads nowhere or only back to itself. Names every problem found.
        """
        problems: list[str] = []
        texts = dict(_read_texts(directory, problems))
        files = {schema_id: str(directory / f"{schema_id}.json") for schema_id in texts}
        return cls._checked(texts, files=files, problems=problems)

    def with_version(self, schema_id: str, text: str, *, file: str) -> "SchemaRegistry":
        """This registry and one more schema, read from `file`.

        Raises:
            ContractError: as `load` says.
        """
        texts = {**dict(self.texts), schema_id: text}
        files = {known: f"{known}.json" for known in texts} | {schema_id: file}
        return self._checked(texts, files=files, problems=[])

    @classmethod
    def _checked(
        cls, texts: Mapping[str, str], *, files: Mapping[str, str], problems: list[str]
    ) -> "SchemaRegistry":
        documents = _documents(texts, files=files, problems=problems)
        for check in (_reference_problems, _loop_problems, _compile_problems):
            if not problems:
                problems += check(documents, files=files)
        if problems:
            raise ContractError("\n".join(problems))
        return cls(tuple(sorted(texts.items())))

    @property
    def documents(self) -> dict[str, dict[str, Any]]:
        """The parsed schemas, by schema id."""
        return {schema_id: json.loads(text) for schema_id, text in self.texts}

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types that have a schema, in alphabetical order."""
        return tuple(sorted(compiled_schemas(self).schema_ids))

    def require_envelope(self) -> None:
        """See to it that every event is held to the envelope, whose members become columns.

        Raises:
            ContractError: a type's schema does not refer to it.
        """
        schemas = SchemaDocuments(self.documents)
        for schema_id, _ in self.texts:
            if not any(p.document.startswith(f"{ENVELOPE}/") for p in _held_to(schemas, schema_id)):
                raise ContractError(
                    f"schema {schema_id}: does not refer to the envelope, so its events could lack "
                    f'what all share. Add "$ref": "{ID_PREFIX}{ENVELOPE}/1-0-0" at its top.'
                )

    def validate(self, event: object) -> list[str]:
        """Why an event does not follow the schema of its type and version; [] if it does.

        Sorted, unique, at most 20.
        """
        return compiled_schemas(self).reasons(event)


class Judge(NamedTuple):
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
    judges: Mapping[tuple[str, str | None], Judge]
    model_judges: Mapping[tuple[str, str], Judge]
    envelope: Draft202012Validator
    declared_names: frozenset[str]
    forms: Forms

    def accepting(self, event: Any) -> str | None:
        """The id of the schema that the event follows; null if it follows none, see `reasons`."""
        try:
            judge = self.judges.get((event["event_type"], event.get("schema_version")))
            judge = judge or self.judge(event)
            return judge.schema_id if judge and judge.validator.is_valid(event) else None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def judge(self, event: Any) -> Judge | None:
        """What decides about an event; None when no schema stands for its type and version."""
        try:
            event_type, version = event["event_type"], event.get("schema_version")
            judge = self.judges.get((event_type, version))
        except (AttributeError, KeyError, TypeError):  # no object, no type, or one that is a list
            return None
        if judge is None and isinstance(version, str):
            parts = _VERSION.fullmatch(version)
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
            found = {_reason(error, self.declared_names) for error in validator.iter_errors(event)}
        except ValueError as err:
            # An error copies the offending value, and copying refuses deep ones, lone surrogates.
            found = {TOO_DEEP if "Recursion" in str(err) else NOT_A_VALUE}
        if judge is None and isinstance(event, dict):
            found = self._without_judge(event, found)
        return sorted(found)[:MAX_REASONS]

    def _without_judge(self, event: dict[str, Any], found: set[str]) -> set[str]:
        """`found`, with the reason why no schema stands for the event."""
        event_type, version = event.get("event_type"), event.get("schema_version")
        if version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
            # What the envelope has to say about it says no more.
            found = {reason for reason in found if not reason.startswith("/schema_version:")}
            found.add(NOT_A_VERSION)
        if isinstance(event_type, str) and event_type not in self.schema_ids:
            found.add(NO_SCHEMA)
        elif isinstance(event_type, str) and NOT_A_VERSION not in found:
            found.add(NO_MODEL)
        return found


@lru_cache(maxsize=8)
def compiled_schemas(registry: SchemaRegistry) -> CompiledSchemas:
    """The validators of a registry, compiled once per process."""
    documents = registry.documents
    schemas, references = SchemaDocuments(documents), _references(documents)
    opened = {schema_id: _opened(document) for schema_id, document in documents.items()}
    opened_references = _references(opened)
    newest: dict[str, str] = {}
    judges: dict[tuple[str, str | None], Judge] = {}
    model_judges: dict[tuple[str, str], Judge] = {}
    for schema_id in sorted(documents, key=Version.of):
        name, _, version = schema_id.partition("/")
        newest[name] = schema_id
        judge = Judge(schema_id, validator_of(documents[schema_id], references))
        judges[name, version] = judges[name, None] = judge
        lenient = Judge(schema_id, validator_of(opened[schema_id], opened_references))
        model_judges[name, version.partition("-")[0]] = lenient
    newest_types = {name: schema_id for name, schema_id in newest.items() if name != ENVELOPE}
    return CompiledSchemas(
        schema_ids=newest_types,
        judges={key: judge for key, judge in judges.items() if key[0] != ENVELOPE},
        model_judges={key: judge for key, judge in model_judges.items() if key[0] != ENVELOPE},
        envelope=judges[ENVELOPE, None].validator,
        declared_names=frozenset(_declared_names(schemas)),
        forms=Forms.of(schemas, newest_types),
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
        versions = []
        for file in files:
            if not (file.suffix == ".json" and _VERSION.fullmatch(file.stem)):
                problems.append(
                    f"{file}: bad version in the file name, expected"
                    " <model>-<revision>-<addition>.json such as 1-0-0.json. Rename it."
                )
                continue
            versions.append(Version.of(file.stem))
            try:
                yield f"{folder.name}/{file.stem}", file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as err:
                problems.append(f"{file}: cannot be read as UTF-8 text ({type(err).__name__}).")
        problems += _gap_problems(versions, folder=folder)


def _gap_problems(versions: Sequence[Version], *, folder: Path) -> Iterator[str]:
    """Versions whose predecessor is missing: nobody could say what they changed."""
    before: Version | None = None
    for version in sorted(versions):
        file = folder / f"{version}.json"
        if before is None and version != (1, 0, 0):
            yield f"{file}: is the first version, expected 1-0-0. Add 1-0-0 or rename the file."
        elif before is not None and version not in before.following:
            yield (
                f"{file}: comes after {before}, expected {_either(before.following)}. Add the"
                " missing version or rename the file."
            )
        before = version


def _either(options: Sequence[object]) -> str:
    *first, last = map(str, options)
    return f"{', '.join(first)} or {last}" if first else last


def _documents(
    texts: Mapping[str, str], *, files: Mapping[str, str], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The parsed schemas that are valid on their own; faults of the others go to `problems`."""
    documents: dict[str, dict[str, Any]] = {}
    for schema_id, text in texts.items():
        file = files[schema_id]
        try:
            document = json.loads(text, parse_float=_finite, parse_constant=_finite)
        except ValueError as err:
            problems.append(f"{file}: unreadable JSON ({err}). Correct it.")
            continue
        except RecursionError:
            problems.append(f"{file}: unreadable JSON (nested too deeply). Correct it.")
            continue
        if not isinstance(document, dict):
            problems.append(f"{file}: invalid schema, expected a JSON object.")
            continue
        if is_deeper(document, than=_MAX_LEVELS):
            problems.append(
                f"{file}: nested too deeply, expected at most {_MAX_LEVELS} levels. Move parts to"
                " $defs."
            )
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
                f"{file}: invalid schema at {_pointer(*err.instance_path)}: {err.message}."
            )
            continue
        documents[schema_id] = document
    return documents


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return number


def is_deeper(node: object, *, than: int) -> bool:
    """Whether lists and objects are nested more than so many levels."""
    level = [node]
    for _ in range(than):
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


def _reference_problems(
    documents: Mapping[str, dict[str, Any]], *, files: Mapping[str, str]
) -> list[str]:
    """References that lead nowhere."""
    schemas = SchemaDocuments(documents)
    lost = sorted(
        (place, reference)
        for schema_id in documents
        for place in schemas.places(schema_id)
        for reference, target in schemas.references(place)
        if target is None
    )
    return [
        f'{files[place.document]}: $ref "{reference}" at {place.pointer or "/"} leads nowhere,'
        " expected #, #/<path in this file> or the $id of a schema in the registry. Correct it."
        for place, reference in lost
    ]


def _loop_problems(
    documents: Mapping[str, dict[str, Any]], *, files: Mapping[str, str]
) -> list[str]:
    """References that come back to themselves without a step into the value."""
    return [
        f"{files[way[0].document]}: $ref loop {' -> '.join(map(str, [*way, way[0]]))} never"
        " goes on to a part of the event, so it never ends. Remove one reference of it, or put"
        " it below properties or items."
        for way in SchemaDocuments(documents).loops()
    ]


def _compile_problems(
    documents: Mapping[str, dict[str, Any]], *, files: Mapping[str, str]
) -> list[str]:
    """What keeps valid documents from compiling: unknown formats, patterns no engine takes."""
    problems = []
    for schema_id, document in documents.items():
        try:
            validator_of(document, _references(documents))
        except ValueError as err:
            first_line = str(err).partition("\n")[0]
            path = err.instance_path if isinstance(err, ValidationError) else []
            place = f" at {_pointer(*path)}" if path else ""
            problems.append(f"{files[schema_id]}: invalid schema{place}: {first_line}.")
    return problems


def _held_to(schemas: SchemaDocuments, schema_id: str) -> set[Place]:
    """The schemas that hold for a whole event: itself and, through `$ref` and `allOf`, others."""
    waiting: list[Place] = [Place(schema_id, "")]
    found: set[Place] = set()
    while waiting:
        place = waiting.pop()
        if place in found:
            continue
        found.add(place)
        waiting += [target for _, target in schemas.references(place) if target is not None]
        schema = schemas.at(place)
        below = schema.get("allOf", []) if isinstance(schema, dict) else []
        waiting += [place.below("allOf", index) for index in range(len(below))]
    return {place for place in found if place.pointer == ""}


def _references(documents: Mapping[str, dict[str, Any]]) -> Registry:
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


def _declared_names(schemas: SchemaDocuments) -> Iterator[str]:
    for document in schemas.by_id:
        for place in schemas.places(document):
            schema = schemas.at(place)
            yield from schema.get("properties", ()) if isinstance(schema, dict) else ()


def _reason(error: ValidationError, declared_names: frozenset[str]) -> str:
    path = [segment if segment in declared_names else "*" for segment in error.instance_path]
    return f"{_pointer(*path)}: {_message(error.kind)}"


@lru_cache(maxsize=1024)
def _pointer(*path: str | int) -> str:
    return json_pointer(*path) or "/"


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
