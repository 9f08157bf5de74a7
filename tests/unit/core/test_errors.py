"""Errors: exit codes and hints."""

from kinfold.core import errors
from kinfold.core.errors import KinfoldError, SchemaVersionError, did_you_mean


def test_a_misspelt_name_gets_a_hint_and_a_strange_one_does_not():
    assert did_you_mean("updatedat", ["updated_at", "email"]) == " Did you mean 'updated_at'?"
    assert did_you_mean("xyz", ["updated_at", "email"]) == ""
    assert did_you_mean("a", []) == ""


def test_each_kind_of_error_has_an_exit_code_of_its_own():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, KinfoldError)
    ]
    codes = {
        kind.exit_code: kind for kind in kinds if kind not in (KinfoldError, SchemaVersionError)
    }
    assert sorted(codes) == list(range(2, 12))
    assert len(codes) == len(kinds) - 2
