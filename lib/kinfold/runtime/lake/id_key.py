"""The secret key of a lake's ids: where it is kept, how it is made, whether it is the right one.

Ids of identifiers and people are keyed hashes, so that nobody who knows an e-mail can compute the
id of its owner. The key is in no table. The lake has a check value of it: a job with another key
stops before it does anything.
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pyspark.sql import functions as F

from kinfold.core.errors import ConfError, LakeError
from kinfold.core.log import say
from kinfold.core.settings.loading import environment_value
from kinfold.runtime.keyed_hash import KEY_FORMAT, KeyedHash
from kinfold.runtime.lake.roots import local_path
from kinfold.runtime.lake.tables import LakeTables
from kinfold.tables import bronze, ops
from kinfold.tables.registry import PUBLISHED
from kinfold.tables.spec import Privacy, Table

OWN_KEY = "_secrets/id_key"
"""The file of the lake with its key, if `identity.id_key` names no other place."""
KEY_CHECK = "_id_key_check"
"""The file of the lake with the check value of the key that its ids were made with. Without it, the
lake has no ids, or ids of another key, which are made again."""
_FORMAT = "64 hexadecimal digits, as `openssl rand -hex 32` prints them"
_HELP = "See docs/operations.md, 'The key of the ids'."


def opened_key(
    lake: LakeTables, reference: str | None, *, creates: bool, first_key: str | None = None
) -> str | None:
    """The key of a lake's ids, as 64 hexadecimal digits.

    Args:
        reference: the setting `identity.id_key`.
        creates: a lake without ids gets its key now; otherwise the result is null.
        first_key: the key of a lake that has none; null = a random one.

    Raises:
        ConfError: the reference cannot be resolved, or has no key.
        LakeError: the key is missing, or is not the one that the lake's ids were made with.
    """
    if not lake.storage.has(KEY_CHECK):
        return _created_key(lake, reference, first_key) if creates else None
    key = _named_key(reference) if reference else _own_key(lake)
    place = f"identity.id_key {reference}" if reference else f"{lake.root}/{OWN_KEY}"
    if key is None:
        raise LakeError(
            f"{place}: does not exist, and the ids of the lake were made with the key in it. "
            f"Restore it from its back-up, or set identity.id_key to where the key is. {_HELP}"
        )
    if KeyedHash.of(lake.spark, key).check != lake.storage.read(KEY_CHECK).strip():
        raise LakeError(
            f"{place}: is not the key that the ids of the lake at {lake.root} were made with. Name "
            f"the right one with identity.id_key. {_HELP}"
        )
    return key


def _created_key(lake: LakeTables, reference: str | None, first_key: str | None) -> str:
    """The key of a lake whose ids are made from now on. Ids of another key are deleted."""
    with lake.upgrade_lock():
        if lake.storage.has(KEY_CHECK):  # another job was first
            key = opened_key(lake, reference, creates=False)
            assert key is not None  # it exists, or opening it has raised
            return key
        key = _named_key(reference) if reference else _own_key(lake)
        if key is None:
            key = first_key or random_key()
            _write_own_key(lake, key)
        keyed = KeyedHash.of(lake.spark, key)
        _delete_ids(lake)
        _hash_quarantined_keys(lake, keyed)
        lake.storage.write(KEY_CHECK, keyed.check)
        return key


def _own_key(lake: LakeTables) -> str | None:
    if not lake.storage.has(OWN_KEY):
        return None
    return _checked(lake.storage.read(OWN_KEY), f"{lake.root}/{OWN_KEY}")


def _write_own_key(lake: LakeTables, key: str) -> None:
    """Write the lake's own file: in a folder only its owner may read it."""
    root = local_path(lake.root)
    if root is None:
        lake.storage.write(OWN_KEY, f"{key}\n")
        return
    path = root / OWN_KEY
    path.parent.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{key}\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # never replace a key
        os.link(part, path)
    part.unlink()


def _named_key(reference: str) -> str:
    """The key that `identity.id_key` names."""
    kind, _, name = reference.partition(":")
    place = f"identity.id_key {reference}"
    if kind == "env":
        text = environment_value(name)
        if text is None:
            raise ConfError(f"{place}: the environment variable is not set. Set it to the key.")
    elif kind == "file":
        try:
            text = Path(name).read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise ConfError(
                f"{place}: cannot be read ({error.strerror}). Expected a file with {_FORMAT}."
            ) from error
    else:
        try:
            client = boto3.client("secretsmanager")
            text = str(client.get_secret_value(SecretId=name).get("SecretString", ""))
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else None
            raise ConfError(
                f"{place}: cannot be read ({code or type(error).__name__}). Check the name, the "
                "region, and that this run may call secretsmanager:GetSecretValue."
            ) from error
    return _checked(text, place)


def _checked(text: str, place: str) -> str:
    key = text.strip().lower()
    if not KEY_FORMAT.fullmatch(key):
        raise ConfError(
            f"{place}: has {len(key)} characters that are not a key, expected {_FORMAT}."
        )
    return key


def _delete_ids(lake: LakeTables) -> None:
    """Delete the tables with ids of people that another key, or none, has made.

    Raises:
        LakeError: there is no bronze to build them again from.
    """
    stored = [table for table in tables_with_ids() if lake.exists(table)]
    if not stored:
        return
    if not any(lake.exists(table) for table in (bronze.EVENTS, bronze.RECORDS)):
        raise LakeError(
            f"lake.root {lake.root}: its ids were made without the key of the lake, or with "
            "another one, and there is no bronze to make them again from. Restore bronze.events "
            f"and bronze.records, or name another lake with --set lake.root=DIR. {_HELP}"
        )
    say(
        "  The ids of people change, because they were made without the key of the lake or with "
        "another one. The tables that have the old ids are deleted, and their jobs build them "
        f"again, those of gold without their history: {', '.join(table.name for table in stored)}."
    )
    with lake.writing(*stored):
        for table in stored:
            lake.storage.delete(table.name.replace(".", "/"))


def _hash_quarantined_keys(lake: LakeTables, keyed: KeyedHash) -> None:
    """Replace the keys in ops.quarantine by their keyed hashes. The ledger needs the number of its
    rows; their keys have hashes of another key, or of none, and are of no further use."""
    if not lake.exists(ops.QUARANTINE):
        return
    rows = lake.read(ops.QUARANTINE).withColumn("key", keyed.column(F.col("key")))
    writer = ops.QUARANTINE.conform(rows).write.format("delta").mode("overwrite")
    with lake.commit_lock(ops.QUARANTINE):
        writer.option("userMetadata", lake.commit_mark).save(lake.path(ops.QUARANTINE))


def random_key() -> str:
    """A new key."""
    return secrets.token_hex(32)


def tables_with_ids() -> list[Table]:
    """The tables of silver and gold with an id that is made with the key."""
    return [
        table for table in PUBLISHED if any(f.privacy is Privacy.PSEUDONYM for f in table.fields)
    ]
