"""Event schemas: which exist, and why an event does not follow its own.

A reason reads `<JSON pointer>: <message>` and is made from the schema alone: a value, or a member
name that no schema declares, is somebody's data and never enters a reason. Such a name reads `*`;
the whole event reads `/`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from jsonschema_rs import (
    ValidationError,
    meta,
)

from kinfold.bronze.schemas.reasons import shown_pointer
from kinfold.bronze.schemas.references import ID_PREFIX, SchemaDocuments, SchemaLocation
from kinfold.bronze.schemas.validators import schema_references, validator_of
from kinfold.bronze.schemas.versions import TYPE_NAME_PATTERN, VERSION_PATTERN, Version
from kinfold.core.errors import ContractError

ENVELOPE = "envelope"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# The validator follows 250; every reference adds a level.
_MAX_LEVELS = 100


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
        return tuple(
            sorted({schema_id.partition("/")[0] for schema_id, _ in self.texts} - {ENVELOPE})
        )

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
                f"{file}: invalid schema at {shown_pointer(*err.instance_path)}: {err.message}."
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
            validator_of(document, schema_references(documents))
        except ValueError as err:
            first_line = str(err).partition("\n")[0]
            path = err.instance_path if isinstance(err, ValidationError) else []
            place = f" at {shown_pointer(*path)}" if path else ""
            problems.append(f"{files[schema_id]}: invalid schema{place}: {first_line}.")
    return problems


def _held_to(schemas: SchemaDocuments, schema_id: str) -> set[SchemaLocation]:
    """The schemas that hold for a whole event: itself and, through `$ref` and `allOf`, others."""
    waiting: list[SchemaLocation] = [SchemaLocation(schema_id, "")]
    found: set[SchemaLocation] = set()
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
