"""Commands of operators: their options. What they write is proven by tests/jobs."""

import argparse

import pytest

from kinfold.core.errors import ConfError
from kinfold.silver.identity.operators.commands import check_command, command_parser

pytestmark = pytest.mark.usefixtures("tokyo")


def arguments(**values):
    return argparse.Namespace(**{**dict(a=None, b=None, reason=None, undo=None), **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(), "--a, --b, --reason: missing"),
        (dict(a="x:1", b="x:2", reason=" "), "--reason: missing"),
        (dict(undo="d", reason="r"), "Leave out --reason"),
    ],
)
def test_missing_and_contradicting_options_are_refused(values, message):
    with pytest.raises(ConfError, match=message):
        check_command(arguments(**values), needs=["a", "b"])
    check_command(arguments(a="x:1", b="x:2", reason="r"), needs=["a", "b"])
    check_command(arguments(undo="d"), needs=["a", "b"])


def test_only_a_decision_about_two_identifiers_has_a_second_one():
    one = command_parser("silver/release_value", "Release.", a="the value")
    two = command_parser("silver/link_identity", "Link.", a="one", b="the other")
    assert not hasattr(one.parse_args(["--a", "email:x"]), "b")
    assert two.parse_args(["--a", "email:x", "--b", "email:y"]).b == "email:y"
    assert "NAMESPACE:VALUE" in one.format_help()
