"""Checkpoints for tests: the files that Spark and kinfold keep of a stream."""

import json
from pathlib import Path

from kinfold.bronze.checkpoints.checkpoint import Owner


class LocalStorage:
    """`kinfold.runtime.storage.Storage` on a local folder, without Spark."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def names(self, below: str = "") -> tuple[str, ...]:
        folder = Path(self.folder, below)
        return tuple(sorted(path.name for path in folder.iterdir())) if folder.exists() else ()

    def read(self, name: str) -> str:
        return Path(self.folder, name).read_text()

    def write(self, name: str, text: str) -> None:
        path = Path(self.folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def move_to(self, folder: str) -> None:
        Path(self.folder).rename(folder)


def write_checkpoint(
    folder: Path,
    owner: Owner,
    *planned: dict[str, int],
    commits: int,
    first: dict[str, int] | None = None,
) -> LocalStorage:
    """A checkpoint whose batches end at `planned` offsets; the first `commits` of them committed.

    Args:
        first: where the first batch of a topic starts.
    """
    storage = LocalStorage(folder)
    storage.write("metadata", json.dumps({"id": "the query"}))
    storage.write("owner.json", json.dumps(vars(owner)))
    for number, offsets in enumerate(planned):
        storage.write(f"offsets/{number}", f"v1\n{{}}\n{json.dumps({owner.input: offsets})}")
    for number in range(commits):
        storage.write(f"commits/{number}", "v1\n{}")
    if first is not None:
        storage.write("sources/0/0", f"v1\n{json.dumps({owner.input: first})}")
    return storage
