"""Rules for every declared table."""

import pytest

from kinfold.tables.dictionary import dictionary_page
from kinfold.tables.registry import ALL
from kinfold.tables.spec import Privacy
from project import HOME


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_the_comment_of_a_table_starts_with_its_grain(table):
    assert table.comment.startswith(("One row per", "The ledger: one row per"))


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_every_column_has_a_comment(table):
    assert table.fields
    assert all(field.comment.strip().endswith((".", ")")) for field in table.fields)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_the_key_is_never_null(table):
    nullable = {field.name for field in table.fields if field.nullable}
    assert not nullable & set(table.key)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_a_table_with_personal_columns_declares_its_subject(table):
    personal = [f.name for f in table.fields if f.privacy is not Privacy.NONE]
    assert bool(personal) == bool(table.subject)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_the_job_that_writes_a_table_exists(table):
    if not table.written_by.startswith("every"):
        assert (HOME / "jobs" / table.written_by).is_file()


def test_table_names_are_unique():
    names = [table.name for table in ALL]
    assert len(names) == len(set(names))


def test_the_committed_dictionary_equals_the_declarations():
    committed = (HOME / "docs" / "data-dictionary.md").read_text()
    assert committed == dictionary_page(), "run `make dictionary` and commit the page"
