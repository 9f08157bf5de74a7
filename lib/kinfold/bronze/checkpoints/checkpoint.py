"""A stream's checkpoint: whose it is, how far it got, and whether it can be trusted.

Spark keeps `offsets/N` (what batch N reads, written before it runs), `commits/N` (written after it)
and `metadata` (the query's id) in it, and fails with a stack trace when they do not fit together.
kinfold adds `owner.json`: the source the checkpoint belongs to.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from kinfold.core.errors import CheckpointError
from kinfold.runtime.storage import Storage

OWNER = "owner.json"


@dataclass(frozen=True)
class Owner:
    """What a checkpoint was made for.

    Attributes:
        input: the topic, or the files' folder.
        topic_id: the broker's id of the topic; null for files.
        first_batch_id: batches of earlier checkpoints of the source, whose numbers go on here.
    """

    source: str
    input: str
    topic_id: str | None = None
    first_batch_id: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that fits together.

    Attributes:
        offsets: where the newest planned batch ends, by partition; empty for files.
        started_at: where reading goes on: there, or where that batch begins if it is not known to
            have landed.
    """

    owner: Owner
    offsets: Mapping[int, int]
    started_at: Mapping[int, int]


def read_checkpoint(storage: Storage, *, repair: str) -> Checkpoint | None:
    """The checkpoint in a folder; null where none was begun.

    Args:
        repair: the command that makes a new one, for the message.

    Raises:
        CheckpointError: files are missing, cut short or do not fit together.
    """
    offsets, commits = _numbers(storage.names("offsets")), _numbers(storage.names("commits"))
    if not offsets and not commits:
        return None

    def broken(what: str) -> CheckpointError:
        return CheckpointError(
            f"checkpoint {storage.folder}: {what}. Nothing was read. Go on from what has landed "
            f"in bronze.events, without loss or doubles, by: {repair}"
        )

    if "metadata" not in storage.names():
        raise broken("the file metadata is missing, which holds the query's id")
    try:
        json.loads(storage.read("metadata"))["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise broken("the file metadata is not whole, expected the query's id") from error
    owner = _read_owner(storage)
    if owner is None:
        raise broken(f"the file {OWNER} is missing or not whole, which says whose it is")
    if not offsets:
        raise broken(f"commits/{commits[-1]} has no file in offsets/")
    missing = sorted(set(range(offsets[0], offsets[-1] + 1)) - set(offsets))
    if missing:
        raise broken(f"offsets/{missing[0]} is missing between {offsets[0]} and {offsets[-1]}")
    if commits and commits[-1] > offsets[-1]:
        raise broken(f"commits/{commits[-1]} is there, offsets/{commits[-1]} is missing")
    planned = _planned(storage, offsets[-1], broken)
    if commits and commits[-1] == offsets[-1]:
        started_at = planned
    elif len(offsets) > 1:
        started_at = _planned(storage, offsets[-2], broken)
    else:
        started_at = _first_offsets(storage)
    return Checkpoint(owner, offsets=planned, started_at=started_at)


def take_ownership(storage: Storage, owner: Owner) -> None:
    """Write down what the checkpoint is for."""
    storage.write(OWNER, json.dumps(asdict(owner)))


def retire(storage: Storage, *, run_id: str) -> str:
    """Move a checkpoint aside, so that the next start makes a new one; where it is now."""
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


def _planned(
    storage: Storage, batch_id: int, broken: Callable[[str], CheckpointError]
) -> dict[int, int]:
    lines = storage.read(f"offsets/{batch_id}").splitlines()
    try:
        if len(lines) < 3 or lines[0] != "v1":
            raise ValueError
        json.loads(lines[1])
        planned = json.loads(lines[2])
    except ValueError:
        raise broken(f"offsets/{batch_id} is cut short or empty") from None
    topics = [value for value in planned.values() if isinstance(value, dict)]
    return {int(p): int(offset) for partitions in topics for p, offset in partitions.items()}


def _first_offsets(storage: Storage) -> dict[int, int]:
    """Where the first batch of a topic began, which Spark keeps apart; empty for files."""
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
