"""Batch sources and rows of extracts for tests."""

from kinfold.bronze.records.declaration import RecordSource


def record_source(**changes: object) -> RecordSource:
    """A delta of first-party records with an id and two traits, a and b."""
    declared = dict(
        name="crm",
        display_path="crm.yaml",
        format="csv",
        delivery="delta",
        party="first",
        record_id="id",
        identifiers={"crm_id": "id"},
        traits={"a": "a", "b": "b"},
    )
    return RecordSource.model_validate(declared | changes)
