"""The list of all tables."""

from kinfold.tables import bronze, gold, ops, silver
from kinfold.tables.registry import ALL, PUBLISHED
from kinfold.tables.spec import Table


def test_every_declared_table_is_listed_once():
    layers = (bronze, silver, gold, ops)
    declared = [
        value for layer in layers for value in vars(layer).values() if isinstance(value, Table)
    ]
    assert sorted(t.name for t in ALL) == sorted(t.name for t in declared)


def test_published_tables_are_all_tables_except_those_of_operations():
    assert {t.layer for t in PUBLISHED} == {"bronze", "silver", "gold"}
    assert len(PUBLISHED) == len([t for t in ALL if not t.name.startswith("ops.")])
