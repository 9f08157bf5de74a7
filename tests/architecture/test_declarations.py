"""What every declaration must have."""

import pytest

from kinfold.tables.dictionary import dictionary_page
from kinfold.tables.registry import ALL
from kinfold.tables.spec import Privacy
from project import HOME


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_a_table_says_its_grain_first(table):
    assert table.comment.startswith(("One row per", "The ledger: one row per"))


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_every_column_is_explained(table):
    assert all(field.comment.strip().endswith((".", ")")) for field in table.fields)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_the_key_is_never_null(table):
    nullable = {field.name for field in table.fields if field.nullable}
    assert not nullable & set(table.key)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_a_table_with_personal_columns_says_how_a_person_is_found(table):
    personal = [f.name for f in table.fields if f.privacy is not Privacy.NONE]
    assert bool(personal) == bool(table.subject)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_the_writer_of_a_table_exists(table):
    if not table.written_by.startswith("every"):
        assert (HOME / "jobs" / table.written_by).is_file()


def test_table_names_are_unique():
    names = [table.name for table in ALL]
    assert len(names) == len(set(names))


def test_the_committed_dictionary_is_the_declarations():
    committed = (HOME / "docs" / "data-dictionary.md").read_text()
    assert committed == dictionary_page(), "run `make dictionary` and commit the page"
