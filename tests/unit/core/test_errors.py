"""Errors: exit codes and hints."""

import re

from kinfold.core import errors
from kinfold.core.errors import KinfoldError, did_you_mean
from project import HOME


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
    codes = [kind.exit_code for kind in kinds if kind is not KinfoldError]
    assert sorted(codes) == list(range(2, 13))
    assert errors.UNEXPECTED == KinfoldError.exit_code == 1


def test_the_documentation_lists_every_exit_code():
    page = (HOME / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.split("## Exit codes")[1].split("\n## ")[0]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE)}
    assert listed == {0, errors.UNEXPECTED, *range(2, 13), errors.STOPPED}
