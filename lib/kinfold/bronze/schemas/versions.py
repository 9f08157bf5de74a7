"""Event schemas: which exist, and why an event does not follow its own.

A reason reads `<JSON pointer>: <message>` and is made from the schema alone: a value, or a member
name that no schema declares, is somebody's data and never enters a reason. Such a name reads `*`;
the whole event reads `/`.
"""

import re
from typing import NamedTuple

TYPE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
VERSION_PATTERN = re.compile(r"([1-9][0-9]*)-(?:0|[1-9][0-9]*)-(?:0|[1-9][0-9]*)")


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
        return cls.of(text) if VERSION_PATTERN.fullmatch(text) and len(text) < 64 else None

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
