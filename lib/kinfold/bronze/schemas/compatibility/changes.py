"""Changes of a schema: their effect on events of the old version, and the version they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from kinfold.bronze.schemas.versions import Version


class Effect(IntEnum):
    """What a change may do to events of the old version."""

    ADDITION = 1
    """Nothing: every event is still valid."""
    REVISION = 2
    """Some events may be refused, or a member loses its description."""
    BREAKING = 3
    """Events may be refused as a rule, or mean something else."""


@dataclass(frozen=True)
class SchemaChange:
    """One difference between two versions.

    Attributes:
        location: JSON pointer into the new schema, or into the old one for something removed; with
            the schema id before it if it is in another document.
        what: what changed, and why it has its effect.
    """

    effect: Effect
    location: str
    what: str

    def __str__(self) -> str:
        return f"{self.location}: {self.what}"


def needed_version(old: Version, changes: Sequence[SchemaChange]) -> Version:
    """The lowest version after `old` that the changes allow; without changes the next addition."""
    worst = max((change.effect for change in changes), default=Effect.ADDITION)
    return {
        Effect.ADDITION: old.next_addition,
        Effect.REVISION: old.next_revision,
        Effect.BREAKING: old.next_model,
    }[worst]
