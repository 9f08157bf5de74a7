"""Batch sources: how the extracts of a CRM, a partner or a vendor become records.

`conf/records/<name>.yaml` says whose data it is, under which terms it may be held, how it is
delivered, and gives one Spark SQL expression per part of a record. The expressions are settings,
never data.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kinfold.bronze.sources.declaration import DataSource, declared_source, with_input
from kinfold.core.errors import ConfError

Party = Literal["first", "second", "third"]
Delivery = Literal["snapshot", "delta"]
Text = Annotated[str, Field(min_length=1)]

_REQUIRED_OF_OTHERS = {
    "agreement": "the reference of the contract that lets you hold it",
    "purposes": "the list of purposes the contract allows",
    "ttl_days": "for how many days a record may be held after it has landed",
}


class RecordSource(DataSource):
    """One source of records."""

    format: Literal["json", "csv", "parquet"]
    delivery: Delivery
    """`snapshot`: every extract holds all records, one that is left out is gone. `delta`: an
    extract says only what it names."""
    party: Party
    """Whose data it is: your own, a partner's, or a vendor's."""
    agreement: Text | None = None
    purposes: tuple[Text, ...] = ()
    """What the data may be used for; empty, for your own data only: not limited here."""
    ttl_days: Annotated[int, Field(gt=0, le=36_500)] | None = None
    """How long a record may be held after it has landed; null: without end."""
    record_id: Text
    changed_at: Text | None = None
    """Null: a record changed when it arrived."""
    deleted: Text | None = None
    """Of a delta: whether the row says that the record is gone."""
    identifiers: dict[str, Text] = Field(min_length=1)
    traits: dict[str, Text] = Field(default_factory=dict)


def load_record_source(path: Path, *, home: Path, given_input: str | None = None) -> RecordSource:
    """The batch source that a file declares; its name is the file's.

    Raises:
        ConfError: the file is missing, is not YAML, or declares something impossible.
    """
    source = declared_source(RecordSource, path, home=home, folder="records")
    problems = []
    if source.party != "first":
        problems = [
            f"{source.shown}: key '{key}' is missing: data of a {source.party} party needs it. "
            f"Write {meaning}."
            for key, meaning in _REQUIRED_OF_OTHERS.items()
            if not getattr(source, key)
        ]
    if source.deleted is not None and source.delivery == "snapshot":
        problems.append(
            f"{source.shown}: key 'deleted' is for deltas: a snapshot says that a record is gone "
            "by leaving it out. Remove the key, or write delivery: delta."
        )
    if problems:
        raise ConfError(" ".join(problems))
    return with_input(source, given_input, home=home)
