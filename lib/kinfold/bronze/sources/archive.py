"""Archiving: files whose records have landed move out of a source's input.

Spark's own `cleanSource` option moves the files of a batch only when a later batch runs. The files
of a run's last batch would therefore stay in the input.
"""

from kinfold.bronze.checkpoints.file_log import last_committed, logged_files
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.listing import input_files, one_spelling
from kinfold.core.log import say
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.storage import Storage


def archive_landed(lake: Lake, source: Source, checkpoint: str) -> None:
    """Move the files of every committed batch of the checkpoint to `source.archive`, if it has one.

    Files of an uncommitted batch stay, because Spark reads them again. So do files that changed
    after they were read: the next run reads them. A file that is no longer in the input is skipped,
    so the next call completes an interrupted one. If the archive has a file of that name, the
    time of the last change follows the name.
    """
    if source.archive is None:
        return
    storage = Storage(lake.spark, checkpoint)
    committed = last_committed(storage)
    if committed < 0:
        return
    landed = {path: f for path, f in logged_files(storage).items() if f.batch <= committed}
    root = one_spelling(str(source.input)).rstrip("/")
    archive = Storage(lake.spark, source.archive)
    for file in input_files(lake.spark, str(source.input)):
        known = landed.get(file.path)
        if known is None or known.modified_ms != file.modified_ms:
            continue
        is_root = file.path == root  # the input is one file
        folder = root.rpartition("/")[0] if is_root else root
        name = file.path.removeprefix(f"{folder}/")
        target = f"{name}.{file.modified_ms}" if archive.has(name) else name
        if target != name:
            say(f"    {source.name}: the archive has another {name}; this one is now {target}")
        Storage(lake.spark, folder).move(name, f"{source.archive}/{target}")
