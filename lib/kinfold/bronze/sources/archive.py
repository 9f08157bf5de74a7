"""Archiving: files whose records have landed move out of a source's input.

Spark's own `cleanSource` option moves the files of a batch only when a later batch runs. The files
of a run's last batch would therefore stay in the input.
"""

import json
from urllib.parse import unquote

from kinfold.bronze.sources.declaration import Source
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.storage import Storage


def archive_landed(lake: Lake, source: Source, checkpoint: str) -> None:
    """Move the files of every committed batch of the checkpoint to `source.archive`, if it has one.

    Files of an uncommitted batch stay, because Spark reads them again. A file that is no longer in
    the input is skipped, so the next call completes an interrupted one.
    """
    if source.archive is None:
        return
    storage = Storage(lake.spark, checkpoint)
    commits = [int(name) for name in storage.names("commits") if name.isdigit()]
    if not commits:
        return
    planned = json.loads(storage.read(f"offsets/{max(commits)}").splitlines()[2])
    landed = _files_until(storage, int(planned["logOffset"]))
    folder = Storage(lake.spark, str(source.input))
    prefix = f"{str(source.input).rstrip('/')}/"
    names = {path.partition(prefix)[2] for path in landed}
    for name in names.intersection(folder.files()):
        folder.move(name, f"{source.archive}/{name}")


def _files_until(storage: Storage, batch: int) -> set[str]:
    """Paths of the files in Spark's log of a file source, up to and including one batch."""
    files: set[str] = set()
    for name in storage.names("sources/0"):
        if name.removesuffix(".compact").isdigit():
            lines = storage.read(f"sources/0/{name}").splitlines()[1:]
            entries = [json.loads(line) for line in lines]
            files |= {unquote(e["path"]) for e in entries if e["batchId"] <= batch}
    return files
