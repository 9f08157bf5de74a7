"""Spark's log of a stream of files: which files each batch of it has read."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from kinfold.bronze.sources.listing import path_key, uri_key
from kinfold.runtime.storage import Storage

_LOG = "sources/0"


@dataclass(frozen=True)
class LoggedFile:
    """A file in the log.

    Attributes:
        uri: as `uri_key` writes it.
        modified_ms: time of its last change when it was planned, in milliseconds since 1970.
        batch: number of the batch in the log, which can differ from that of the checkpoint.
    """

    uri: str
    modified_ms: int
    batch: int

    @property
    def path(self) -> str:
        """As `path_key` writes it."""
        return path_key(self.uri)


def logged_files(storage: Storage) -> dict[str, LoggedFile]:
    """The files in the log of a checkpoint, by path."""
    files: dict[str, LoggedFile] = {}
    for _, text in _log_files(storage):
        for line in text.splitlines()[1:]:
            entry = json.loads(line)
            file = LoggedFile(uri_key(entry["path"]), entry["timestamp"], entry["batchId"])
            known = files.get(file.path)
            if known is None or known.batch < file.batch:
                files[file.path] = file
    return files


def last_committed(storage: Storage) -> int:
    """The number, in the log, of the last batch that is committed; -1 if none is."""
    commits = [int(name) for name in storage.names("commits") if name.isdigit()]
    if not commits:
        return -1
    planned = storage.read(f"offsets/{max(commits)}").splitlines()[2]
    return int(json.loads(planned)["logOffset"])


def forget(storage: Storage, paths: Collection[str]) -> None:
    """Remove files from the log, so that the stream reads them as new ones.

    The stream must not run. To repeat it changes nothing.

    Args:
        paths: as `path_key` writes them; of committed batches only.
    """
    for name, text in _log_files(storage):
        version, *lines = text.splitlines()
        kept = [line for line in lines if path_key(json.loads(line)["path"]) not in paths]
        if len(kept) < len(lines):
            storage.write(f"{_LOG}/{name}", "\n".join([version, *kept]))


def _log_files(storage: Storage) -> list[tuple[str, str]]:
    """(name, text) of each file of the log."""
    names = [n for n in storage.names(_LOG) if n.removesuffix(".compact").isdigit()]
    return [(name, storage.read(f"{_LOG}/{name}")) for name in names]
