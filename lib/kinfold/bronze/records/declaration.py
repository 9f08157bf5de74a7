"""Batch sources: how extracts of a CRM, a partner or a vendor become records.

`conf/records/<name>.yaml` declares whose data it is, under which terms you may store it, how it is
delivered, and one Spark SQL expression for each part of a record. The expressions are settings,
never data.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kinfold.bronze.sources.declaration import (
    DataSource,
    Expression,
    declared_source,
    with_input,
)
from kinfold.core.errors import ConfError

Party = Literal["first", "second", "third"]
Delivery = Literal["snapshot", "delta"]
Text = Annotated[str, Field(min_length=1)]

_REQUIRED_OF_OTHERS = {
    "agreement": "the reference of the contract that allows you to store it",
    "purposes": "the list of purposes that the contract allows",
    "ttl_days": "for how many days you may store a record after it has landed",
}


class RecordSource(DataSource):
    """One source of records."""

    format: Literal["json", "csv", "parquet"]
    delivery: Delivery
    """`snapshot`: every extract holds all records, and a record that it leaves out was deleted.
    `delta`: an extract holds only new, changed and deleted records."""
    party: Party
    """Whose data it is: your own, a partner's, or a vendor's."""
    agreement: Text | None = None
    purposes: tuple[Text, ...] = ()
    """What the data may be used for. Empty: no limit here; allowed for first-party data only."""
    ttl_days: Annotated[int, Field(gt=0, le=36_500)] | None = None
    """How long you may store a record after it has landed. Null: without end."""
    record_id: Text
    changed_at: Text | None = None
    """Null: a record changed when it landed."""
    deleted: Text | None = None
    """Deltas only: whether the row reports that the record was deleted."""
    identifiers: dict[str, Text] = Field(min_length=1)
    traits: dict[str, Text] = Field(default_factory=dict)

    def expressions(self) -> dict[str, Expression]:
        texts = {"record_id": self.record_id, "changed_at": self.changed_at}
        texts |= {f"identifiers.{name}": text for name, text in self.identifiers.items()}
        values = {"deleted": self.deleted}
        values |= {f"traits.{name}": text for name, text in self.traits.items()}
        return {
            key: Expression(text, is_text=key in texts)
            for key, text in (texts | values).items()
            if text is not None
        }


def load_record_source(path: Path, *, home: Path, given_input: str | None = None) -> RecordSource:
    """The batch source that a file declares, named after the file.

    Args:
        given_input: replaces the file's `input`.

    Raises:
        ConfError: the file is missing, is not YAML, or has keys or values that are not allowed.
            Names every missing key.
    """
    source = declared_source(RecordSource, path, home=home, folder="records")
    problems = []
    if source.party != "first":
        problems = [
            f"{source.display_path}: key '{key}' is missing: data of a {source.party} party needs "
            f"it. Write {meaning}."
            for key, meaning in _REQUIRED_OF_OTHERS.items()
            if not getattr(source, key)
        ]
    if source.deleted is not None and source.delivery == "snapshot":
        problems.append(
            f"{source.display_path}: key 'deleted' is for deltas: a snapshot reports a deleted "
            "record by leaving it out. Remove the key, or write delivery: delta."
        )
    if problems:
        raise ConfError(" ".join(problems))
    return with_input(source, given_input, home=home)
