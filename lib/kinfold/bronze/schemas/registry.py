"""The schema registry: reads a folder of event schemas and checks that all of them are usable."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from jsonschema_rs import ValidationError, meta

from kinfold.bronze.schemas.nesting import is_deeper
from kinfold.bronze.schemas.reasons import shown_pointer
from kinfold.bronze.schemas.references import ID_PREFIX, SchemaDocuments, SchemaLocation
from kinfold.bronze.schemas.validators import schema_references, validator_of
from kinfold.bronze.schemas.versions import TYPE_NAME_PATTERN, VERSION_PATTERN, Version, either
from kinfold.core.errors import ContractError

ENVELOPE = "envelope"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# The validator's limit is 250 levels, and every reference adds one.
_MAX_LEVELS = 100


@dataclass(frozen=True)
class SchemaRegistry:
    """The schemas of a folder, as texts. Workers receive the texts and compile them once each.

    Attributes:
        texts: (schema id, JSON text) of every version of every schema, sorted by id; an id is
            "purchase/1-0-0".
    """

    texts: tuple[tuple[str, str], ...]

    @classmethod
    def load(cls, directory: Path) -> "SchemaRegistry":
        """The schemas in `<directory>/<event type>/<model>-<revision>-<addition>.json`.

        Raises:
            ContractError: a folder is missing or empty, a file name has no version, the version
                before it is missing, a text is not a JSON Schema of draft 2020-12, or a `$ref`
                leads nowhere or only back to itself. Names every problem.
        """
        problems: list[str] = []
        texts = dict(_read_texts(directory, problems))
        files = {schema_id: str(directory / f"{schema_id}.json") for schema_id in texts}
        return cls._checked(texts, files=files, problems=problems)

    def with_version(self, schema_id: str, text: str, *, file: str) -> "SchemaRegistry":
        """A registry with one more schema.

        Args:
            file: the file that `text` comes from, for messages.

        Raises:
            ContractError: see `load`.
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
    def newest(self) -> dict[str, str]:
        """The id of the newest schema of each event type."""
        ids = sorted((schema_id for schema_id, _ in self.texts), key=Version.of)
        newest = {schema_id.partition("/")[0]: schema_id for schema_id in ids}
        return {name: schema_id for name, schema_id in newest.items() if name != ENVELOPE}

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types that have a schema, sorted."""
        return tuple(sorted(self.newest))

    def require_envelope(self) -> None:
        """Check that every schema includes the envelope, whose members become columns.

        Raises:
            ContractError: a schema does not refer to the envelope.
        """
        schemas = SchemaDocuments(self.documents)
        for schema_id, _ in self.texts:
            included = _included_documents(schemas, schema_id)
            if not any(document.startswith(f"{ENVELOPE}/") for document in included):
                raise ContractError(
                    f"schema {schema_id}: does not refer to the envelope, so its events could lack "
                    f'the members that all events share. Add "$ref": '
                    f'"{ID_PREFIX}{ENVELOPE}/1-0-0" at the top level of the schema.'
                )


def _read_texts(directory: Path, problems: list[str]) -> Iterator[tuple[str, str]]:
    """(schema id, text) of each file with a version; adds what is wrong to `problems`."""
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
            f"{directory / ENVELOPE}: no such folder, expected the schema that all events share."
        )
    for folder in folders:
        if not TYPE_NAME_PATTERN.fullmatch(folder.name):
            problems.append(
                f"{folder}: bad event type in a folder name, expected snake_case. Rename it."
            )
            continue
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if not files:
            problems.append(f"{folder}: has no schema, expected a file such as 1-0-0.json.")
        versions = []
        for file in files:
            if not (file.suffix == ".json" and VERSION_PATTERN.fullmatch(file.stem)):
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
    """A problem for each version without its predecessor: its changes would be unknown."""
    before: Version | None = None
    for version in sorted(versions):
        file = folder / f"{version}.json"
        if before is None and version != (1, 0, 0):
            yield f"{file}: is the first version, expected 1-0-0. Add 1-0-0 or rename the file."
        elif before is not None and version not in before.following:
            yield (
                f"{file}: comes after {before}, expected {either(before.following)}. Add the"
                " missing version or rename the file."
            )
        before = version


def _documents(
    texts: Mapping[str, str], *, files: Mapping[str, str], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The parsed schemas that are valid on their own; adds what is wrong to `problems`."""
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
                f"{file}: invalid schema at {shown_pointer(*err.instance_path)}: {err.message}."
            )
            continue
        documents[schema_id] = document
    return documents


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is not a JSON number")
    return number


def _reference_problems(
    documents: Mapping[str, dict[str, Any]], *, files: Mapping[str, str]
) -> list[str]:
    """A problem for each reference without a target."""
    schemas = SchemaDocuments(documents)
    without_target = sorted(
        (location, reference)
        for schema_id in documents
        for location in schemas.locations(schema_id)
        for reference, target in schemas.references(location)
        if target is None
    )
    return [
        f'{files[location.document]}: $ref "{reference}" at {location.pointer or "/"} leads'
        " nowhere, expected #, #/<path in this file> or the $id of a schema in the registry."
        " Correct it."
        for location, reference in without_target
    ]


def _loop_problems(
    documents: Mapping[str, dict[str, Any]], *, files: Mapping[str, str]
) -> list[str]:
    """A problem for each cycle of references that no validator could finish."""
    return [
        f"{files[cycle[0].document]}: $ref loop {' -> '.join(map(str, [*cycle, cycle[0]]))} never"
        " reaches a part of the event, so validation would not end. Remove one of its references,"
        " or put it below properties or items."
        for cycle in SchemaDocuments(documents).loops()
    ]


def _compile_problems(
    documents: Mapping[str, dict[str, Any]], *, files: Mapping[str, str]
) -> list[str]:
    """A problem for each document that does not compile: an unknown format, a bad pattern."""
    problems = []
    for schema_id, document in documents.items():
        try:
            validator_of(document, schema_references(documents))
        except ValueError as err:
            first_line = str(err).partition("\n")[0]
            path = err.instance_path if isinstance(err, ValidationError) else []
            where = f" at {shown_pointer(*path)}" if path else ""
            problems.append(f"{files[schema_id]}: invalid schema{where}: {first_line}.")
    return problems


def _included_documents(schemas: SchemaDocuments, schema_id: str) -> set[str]:
    """The documents that apply to a whole event: its schema, and those of `$ref` and `allOf`."""
    waiting: list[SchemaLocation] = [SchemaLocation(schema_id, "")]
    reached: set[SchemaLocation] = set()
    while waiting:
        location = waiting.pop()
        if location in reached:
            continue
        reached.add(location)
        waiting += [target for _, target in schemas.references(location) if target is not None]
        waiting += [part for keyword, part in schemas.subschemas(location) if keyword == "allOf"]
    return {location.document for location in reached if location.pointer == ""}
