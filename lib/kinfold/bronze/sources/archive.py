"""Files whose records have landed, moved out of a source's input where its owner wants that.

Spark's own `cleanSource` moves the files of a batch only when later ones come, so after a run that
has read everything the files of its last batch would stay.
"""

import json
from urllib.parse import unquote

from kinfold.bronze.sources.declaration import Source
from kinfold.runtime.lake.tables import Lake
from kinfold.runtime.storage import Storage


def archive_landed(lake: Lake, source: Source, checkpoint: str) -> None:
    """Move the files of every batch that the checkpoint knows as committed to `source.archive`.

    Only such files: Spark reads those of an uncommitted batch again. A file that has moved, or was
    taken away by somebody else, is passed over; so an interrupted call is finished by the next.
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
    inside = f"{str(source.input).rstrip('/')}/"
    names = {path.partition(inside)[2] for path in landed}
    for name in names.intersection(folder.files()):
        folder.move(name, f"{source.archive}/{name}")


def _files_until(storage: Storage, batch: int) -> set[str]:
    """Paths that Spark's log of a file source has for its batches up to one."""
    files: set[str] = set()
    for name in storage.names("sources/0"):
        if name.removesuffix(".compact").isdigit():
            lines = storage.read(f"sources/0/{name}").splitlines()[1:]
            entries = [json.loads(line) for line in lines]
            files |= {unquote(e["path"]) for e in entries if e["batchId"] <= batch}
    return files
