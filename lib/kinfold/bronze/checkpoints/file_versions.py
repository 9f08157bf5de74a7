"""Changed files: which files of a source's input have landed, and which hold other content now.

Spark's stream remembers the names of files and never reads one again. Here a file that changed
since it was read is removed from Spark's log, so that it is read again, and its new content gets
positions of its own. The decision is stored in the checkpoint before: a killed run changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from kinfold.bronze.checkpoints.file_log import LoggedFile, forget, last_committed, logged_files
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.listing import (
    FileVersions,
    InputFile,
    input_files,
    listed_names,
    path_key,
    readable,
    uri_key,
)
from kinfold.core.log import say
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.storage import Storage
from kinfold.tables import bronze
from kinfold.tables.collected import collected

STATE = "files.json"


@dataclass(frozen=True)
class _Landed:
    """What bronze.events has of a file.

    Attributes:
        number: of its newest content; 0 is the first.
        at_ms: when it was read, in milliseconds since 1970.
    """

    uri: str
    number: int
    at_ms: int


def file_versions(
    lake: Lake, source: Source, storage: Storage, *, first_batch_id: int, is_new: bool
) -> FileVersions:
    """The files that the stream of a checkpoint skips, and those that it reads again.

    Args:
        storage: the checkpoint.
        first_batch_id: number of batches in earlier checkpoints of the source.
        is_new: no batch of this checkpoint is planned yet. Files that have landed in earlier ones,
            and have not changed since, are then skipped.
    """
    files = readable(input_files(lake.spark, str(source.input)), source.options)
    stored = _stored(storage)
    log = {} if is_new else logged_files(storage)
    committed = -1 if is_new else last_committed(storage)
    changed = changed_files(files, log, committed=committed)
    new = [file for file in files if file.path not in log]
    skipped = {} if is_new else {path_key(uri): uri for uri in stored.skipped}
    if first_batch_id and not is_new and STATE not in storage.names():
        # A checkpoint of an older version: it skips all that had landed before it.
        skipped = {p: one.uri for p, one in _landed(lake, source, before=first_batch_id).items()}
    numbers = dict(stored.numbers)
    asked = [*changed, *((f for f in new if f.path not in skipped) if first_batch_id else ())]
    landed = _landed(lake, source) if asked else {}
    for file in asked:
        one = landed.get(file.path)
        if one is None:
            continue
        if is_new and file.modified_ms <= one.at_ms:
            skipped[file.path] = one.uri
        else:
            numbers[one.uri] = one.number + 1
    for file in changed:
        skipped.pop(file.path, None)
    result = FileVersions(
        frozenset(skipped.values()),
        numbers,
        tuple(file for file in [*new, *changed] if file.path not in skipped),
    )
    if (result.skipped, result.numbers) != (stored.skipped, stored.numbers) or first_batch_id:
        state = {"skipped": sorted(result.skipped), "numbers": dict(result.numbers)}
        storage.write(STATE, json.dumps(state))
    if changed:
        forget(storage, {file.path for file in changed})
        say(
            f"    {source.name}: changed since it was read, so it is read again: "
            f"{listed_names(changed, str(source.input))}. Records that have landed before count as "
            "duplicates."
        )
    return result


def changed_files(
    files: Sequence[InputFile], log: Mapping[str, LoggedFile], *, committed: int
) -> list[InputFile]:
    """The files that have another time of change than when they were read.

    Args:
        log: see `logged_files`.
        committed: number of the last committed batch; files of a later one are still to be read.
    """
    return [
        file
        for file in files
        if (known := log.get(file.path))
        and known.batch <= committed
        and known.modified_ms != file.modified_ms
    ]


def _stored(storage: Storage) -> FileVersions:
    if STATE not in storage.names():
        return FileVersions()
    state = json.loads(storage.read(STATE))
    return FileVersions(frozenset(state["skipped"]), state["numbers"])


def _landed(lake: Lake, source: Source, *, before: int | None = None) -> dict[str, _Landed]:
    """The files that have rows in bronze.events, by path.

    Args:
        before: only batches before this one; null: all.
    """
    rows = lake.read_or_empty(bronze.EVENTS).where(F.col("source") == source.name)
    if before is not None:
        rows = rows.where(F.col("batch_id") < before)
    found: dict[str, _Landed] = {}
    for row in collected(
        rows.groupBy("source_partition").agg(F.unix_millis(F.max("ingested_at")).alias("at"))
    ):
        base, _, number = row["source_partition"].partition("#")
        if number and not number.isdigit():
            continue
        one = _Landed(uri_key(base), int(number or 0), int(row["at"]))
        known = found.get(path_key(base))
        if known is None or known.number < one.number:
            found[path_key(base)] = one
    return found
