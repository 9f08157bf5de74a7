"""The checkpoint of a stream: its source, its progress, and whether it is intact.

Spark keeps three things in it: `offsets/N` (what batch N reads, written before the batch runs),
`commits/N` (written after it) and `metadata` (the query's id). If they do not fit together, Spark
fails with a stack trace. kinfold adds `owner.json`: the source that the checkpoint belongs to.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from kinfold.core.errors import CheckpointError
from kinfold.runtime.storage import Storage

OWNER = "owner.json"


@dataclass(frozen=True)
class Owner:
    """The source that a checkpoint belongs to.

    Attributes:
        input: the topic, or the folder of the files.
        topic_id: the broker's id of the topic; null for files.
        first_batch_id: number of batches in earlier checkpoints of the source. Batch 0 of this
            checkpoint has this number in bronze.events.
    """

    source: str
    input: str
    topic_id: str | None = None
    first_batch_id: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """An intact checkpoint.

    Attributes:
        offsets: end of the newest planned batch, by partition; empty for files.
        started_at: where reading continues, by partition: at `offsets` if that batch is committed,
            else at the start of that batch.
    """

    owner: Owner
    offsets: Mapping[int, int]
    started_at: Mapping[int, int]


def read_checkpoint(storage: Storage, *, repair: str) -> Checkpoint | None:
    """The checkpoint in a folder; None if no stream has started there.

    Args:
        repair: the command that creates a new checkpoint, for the message.

    Raises:
        CheckpointError: files are missing, truncated or do not fit together.
    """
    offsets, commits = _numbers(storage.names("offsets")), _numbers(storage.names("commits"))
    if not offsets and not commits:
        return None

    def broken(problem: str) -> CheckpointError:
        return CheckpointError(
            f"checkpoint {storage.folder}: {problem}. Nothing was read. To continue after what has "
            f"landed in bronze.events, without loss or duplicates, run: {repair}"
        )

    if "metadata" not in storage.names():
        raise broken("the file metadata is missing, expected the query's id in it")
    try:
        json.loads(storage.read("metadata"))["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise broken("the file metadata is damaged, expected the query's id in it") from error
    owner = _read_owner(storage)
    if owner is None:
        raise broken(f"the file {OWNER} is missing or damaged, expected the checkpoint's source")
    if not offsets:
        raise broken(f"commits/{commits[-1]} has no file in offsets/")
    missing = sorted(set(range(offsets[0], offsets[-1] + 1)) - set(offsets))
    if missing:
        raise broken(f"offsets/{missing[0]} is missing between {offsets[0]} and {offsets[-1]}")
    if commits and commits[-1] > offsets[-1]:
        raise broken(f"commits/{commits[-1]} exists, but offsets/{commits[-1]} is missing")
    planned = _planned_offsets(storage, offsets[-1], broken)
    if commits and commits[-1] == offsets[-1]:
        started_at = planned
    elif len(offsets) > 1:
        started_at = _planned_offsets(storage, offsets[-2], broken)
    else:
        started_at = _first_offsets(storage)
    return Checkpoint(owner, offsets=planned, started_at=started_at)


def take_ownership(storage: Storage, owner: Owner) -> None:
    """Write the owner of a checkpoint into it."""
    storage.write(OWNER, json.dumps(asdict(owner)))


def retire(storage: Storage, *, run_id: str) -> str:
    """Rename a checkpoint's folder, so that the next start creates a new one; its new path."""
    retired = f"{storage.folder}.retired-{run_id}"
    storage.move_to(retired)
    return retired


def _read_owner(storage: Storage) -> Owner | None:
    if OWNER not in storage.names():
        return None
    try:
        return Owner(**json.loads(storage.read(OWNER)))
    except (ValueError, TypeError):
        return None


def _planned_offsets(
    storage: Storage, batch_id: int, broken: Callable[[str], CheckpointError]
) -> dict[int, int]:
    """The end of a planned batch, by partition; empty for files."""
    lines = storage.read(f"offsets/{batch_id}").splitlines()
    try:
        if len(lines) < 3 or lines[0] != "v1":
            raise ValueError
        json.loads(lines[1])
        planned = json.loads(lines[2])
    except ValueError:
        raise broken(f"offsets/{batch_id} is truncated or empty") from None
    topics = [value for value in planned.values() if isinstance(value, dict)]
    return {int(p): int(offset) for partitions in topics for p, offset in partitions.items()}


def _first_offsets(storage: Storage) -> dict[int, int]:
    """The start of a topic's first batch, which Spark stores separately; empty for files."""
    if "0" not in storage.names("sources/0"):
        return {}
    text = storage.read("sources/0/0")
    try:
        topics = json.loads(text[text.index("{") :])
        return {int(p): int(o) for one in topics.values() for p, o in one.items()}
    except (ValueError, AttributeError):
        return {}


def _numbers(names: Sequence[str]) -> list[int]:
    return sorted(int(name) for name in names if name.isdigit())
