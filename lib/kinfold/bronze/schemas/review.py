"""Reviews: whether the version number of a schema is high enough for its changes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from kinfold.bronze.schemas.compatibility.changes import SchemaChange, needed_version
from kinfold.bronze.schemas.compatibility.comparison import schema_changes
from kinfold.bronze.schemas.references import ID_PREFIX
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.versions import Version, either
from kinfold.core.errors import ConfError, SchemaVersionError, did_you_mean


@dataclass(frozen=True)
class Review:
    """The comparison of two versions of one event type.

    Attributes:
        declared: the version in the new schema's $id; None if it has no $id.
        needed: the lowest version that its changes allow.
    """

    event_type: str
    old: Version
    declared: Version | None
    needed: Version
    changes: tuple[SchemaChange, ...]

    @property
    def is_enough(self) -> bool:
        """Whether the declared version is high enough; without one: no new model is needed."""
        if self.declared is None:
            return self.needed.model == self.old.model
        if self.declared == self.old and not self.changes:
            return True
        return self.declared >= self.needed

    @property
    def lines(self) -> list[str]:
        """The review for people: a line with the verdict, then a line per change."""
        new = str(self.declared or "a schema without a version")
        verdict = "" if self.is_enough else f", but {new} is too low"
        title = f"{self.event_type} {self.old} -> {new}: needs {self.needed} or higher{verdict}"
        changes = [f"  {c.effect.name.lower():<8}  {c}" for c in self.changes]
        return [title, *(changes or ["  no change that affects validation"])]


def registry_reviews(registry: SchemaRegistry) -> list[Review]:
    """A review of each version against the version before it, sorted by type and version."""
    documents = registry.documents
    versions: dict[str, list[Version]] = {}
    for schema_id in sorted(documents, key=Version.of):
        versions.setdefault(schema_id.partition("/")[0], []).append(Version.of(schema_id))
    return [
        _review(name, old, new, declared=new, documents=documents)
        for name, known in sorted(versions.items())
        for old, new in pairwise(known)
    ]


def candidate_review(registry: SchemaRegistry, file: Path, *, event_type: str) -> Review:
    """The review of a schema outside the registry against the newest version of its type.

    Raises:
        ConfError: the type is unknown, the file cannot be read, or its version leaves a gap.
        ContractError: the file is not a valid schema, or does not fit the registry.
    """
    known = sorted(Version.of(i) for i, _ in registry.texts if i.startswith(f"{event_type}/"))
    if not known:
        names = sorted({schema_id.partition("/")[0] for schema_id, _ in registry.texts})
        raise ConfError(
            f"--type {event_type}: has no schema.{did_you_mean(event_type, names)} There is"
            f" nothing to compare a first version with: save it as {event_type}/1-0-0.json in the"
            " folder of schemas and check the folder."
        )
    document = _document(file)
    declared = _declared_version(document, event_type=event_type, file=file)
    newest = known[-1]
    if declared is not None and declared not in (*newest.following, *known):
        raise ConfError(
            f"{file}: $id names version {declared}, expected {either(newest.following)} after"
            f" {newest}. Correct the $id."
        )
    # A draft may have the $id of the version it was copied from; in the registry it needs its own.
    version = declared if declared in newest.following else newest.next_model
    schema_id = f"{event_type}/{version}"
    text = json.dumps({**document, "$id": ID_PREFIX + schema_id})
    documents = registry.with_version(schema_id, text, file=str(file)).documents
    return _review(event_type, newest, version, declared=declared, documents=documents)


def require_enough(reviews: Sequence[Review]) -> None:
    """Check that every version number is high enough for its changes.

    Raises:
        SchemaVersionError: naming each version that is too low, and its worst change.
    """
    problems = [_problem(review) for review in reviews if not review.is_enough]
    if problems:
        raise SchemaVersionError("\n".join(problems))


def _problem(review: Review) -> str:
    seen = f"is {review.declared}" if review.declared else "has no version"
    worst = f" Worst change: {review.changes[0]}." if review.changes else ""
    return (
        f"{review.event_type}: the schema after {review.old} {seen}, expected {review.needed} or"
        f" higher.{worst} Name it {review.needed}, or undo the change."
    )


def _review(
    event_type: str, old: Version, new: Version, *, declared: Version | None, documents: Any
) -> Review:
    changes = schema_changes(f"{event_type}/{old}", f"{event_type}/{new}", documents)
    needed = needed_version(old, changes)
    return Review(event_type, old, declared, needed, tuple(changes))


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfError(
            f"--new {file}: cannot be read ({err.strerror}). Check the path and permissions."
        ) from err
    except (ValueError, RecursionError) as err:
        raise ConfError(f"--new {file}: is not valid JSON ({err}). Correct it.") from err
    if not isinstance(document, dict):
        raise ConfError(f"--new {file}: is not a schema, expected a JSON object. Correct it.")
    return document


def _declared_version(document: dict[str, Any], *, event_type: str, file: Path) -> Version | None:
    seen = document.get("$id")
    if seen is None:
        return None
    prefix = f"{ID_PREFIX}{event_type}/"
    version = Version.parse(seen.removeprefix(prefix)) if isinstance(seen, str) else None
    if version is None:
        raise ConfError(
            f'{file}: $id is {json.dumps(seen)}, expected "{prefix}<version>" such as'
            f' "{prefix}1-0-1". Correct or remove it.'
        )
    return version


def review_lines(reviews: Sequence[Review]) -> Iterator[str]:
    """The lines of all reviews; see `Review.lines`."""
    for review in reviews:
        yield from review.lines
