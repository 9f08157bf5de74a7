"""Versions of event schemas: model-revision-addition, such as 1-0-2."""

import re
from collections.abc import Sequence
from typing import NamedTuple

TYPE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
VERSION_PATTERN = re.compile(r"([1-9][0-9]*)-(?:0|[1-9][0-9]*)-(?:0|[1-9][0-9]*)")


class Version(NamedTuple):
    """A schema's version. The part that changes says what happens to events of the old version."""

    model: int
    """Changed: events may be refused or mean something else."""
    revision: int
    """Changed: some events may be refused."""
    addition: int
    """Changed: every event is still valid."""

    @classmethod
    def of(cls, schema_id: str) -> "Version":
        """The version in a schema id such as "login/1-0-2", or in its last part alone."""
        return cls(*(int(part) for part in schema_id.rpartition("/")[2].split("-")))

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """The version that a text spells; None if it does not spell one."""
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


def either(versions: Sequence[Version]) -> str:
    """Alternatives as text: `1-0-1, 1-1-0 or 2-0-0`."""
    *first, last = map(str, versions)
    return f"{', '.join(first)} or {last}" if first else last
