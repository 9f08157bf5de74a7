"""The data dictionary."""

from pyspark.sql import types as T

from kinfold.tables import dictionary
from kinfold.tables.dictionary import dictionary_page
from kinfold.tables.spec import Field, Privacy, Table, at_least


def table(name: str) -> Table:
    return Table(
        name=name,
        comment="One row per pet.",
        fields=(
            Field("pet_id", T.StringType(), "Id.", nullable=False),
            Field("owner", T.StringType(), "Owner, `a|b`.", privacy=Privacy.IDENTIFIER),
        ),
        key=("pet_id",),
        written_by="silver/build_pets.py",
        cluster_by=("pet_id",),
        subject=("owner",),
        expectations=(at_least("legs", 0),),
    )


def test_a_table_has_its_facts_its_columns_and_its_rules(monkeypatch):
    monkeypatch.setattr(dictionary, "ALL", (table("silver.pets"),))
    page = dictionary_page()
    assert page.startswith("# Data dictionary\n\n")
    assert page.endswith(
        "## silver.pets\n\n"
        "One row per pet.\n\n"
        "Key: `pet_id`. Written by `silver/build_pets.py`. Clustered by `pet_id`. "
        "A person's rows are found by `owner`.\n\n"
        "| column | type | null | privacy | meaning |\n"
        "|---|---|---|---|---|\n"
        "| pet_id | string | no | none | Id. |\n"
        "| owner | string | yes | identifier | Owner, `a\\|b`. |\n\n"
        "Checked before it is published:\n"
        "- pet_id is unique\n"
        "- pet_id is never null\n"
        "- legs lies in [0, inf]\n"
    )


def test_tables_without_a_gate_list_no_rules(monkeypatch):
    monkeypatch.setattr(dictionary, "ALL", (table("ops.pets"),))
    assert "Checked before" not in dictionary_page()
