"""Values that stand for an unknown one."""

import pytest

from kinfold.silver.cleansing.placeholders import bare, is_placeholder, placeholder_words


@pytest.mark.parametrize(
    "text",
    [
        *("[object Object]", "[Object: null prototype] {}", "[Function: getId]", "[Circular]"),
        *("function () { return id; }", "() => undefined", "Symbol(id)", "[object Promise]"),
        *("<__main__.User object at 0x7f3a5c>", "<class 'NoneType'>", "#<User:0x000055d>"),
        *("HASH(0x55d0c8)", "com.acme.User@6d06d69c", "User$Inner@1b2c3d4e", "[B@1a2b3c"),
        *("[Ljava.lang.String;@15db9742", "Optional.empty", "System.Object", "System.String[]"),
        *(r"\N", "#N/A", "#REF!", "#DIV/0!", "#NAME?", "#VALUE!"),
    ],
)
def test_what_programs_write_for_an_object_or_an_error_stands_for_no_value(text):
    assert is_placeholder(text, {"n/a"})


@pytest.mark.parametrize(
    "text", ["1234567890", "123456789", "0123456789", "987654321", "xxxx", "XXX"]
)
def test_digits_in_order_and_xs_stand_for_no_value(text):
    assert is_placeholder(text, ())


@pytest.mark.parametrize("text", ["-99", "-9999", "-1"])
def test_numbers_that_programs_use_for_unknown_stand_for_no_value(text):
    assert is_placeholder(text, {"-1"})


@pytest.mark.parametrize(
    "text",
    [
        *("12345678", "1234567891", "xx", "xx1", "-2", "-98", "#42", "#N", "n", "C#", "f(x)"),
        *("ann@shop.example", "ann@face.be", "user.name@", "System", "systematic.reviewer"),
        *("optional", "a=b", "group#7", "[42]", "dead-beef-42", "100%"),
    ],
)
def test_a_value_that_only_resembles_one_does_not(text):
    assert not is_placeholder(text, {"-1", "n/a"})


@pytest.mark.parametrize(
    "text", ["not_logged-in", "NotLoggedIn", "not logged in!", "null@null.org"]
)
def test_a_placeholder_of_several_words_has_any_separator_and_an_address_may_consist_of_them(text):
    assert is_placeholder(text, placeholder_words(["Not logged in", "null"]))


@pytest.mark.parametrize("text", ["%00", "&nbsp;", "&lt;null&gt;", "%3Cnull%3E", "%s", "$1", "0x0"])
def test_a_placeholder_may_be_encoded_or_be_a_format(text):
    assert is_placeholder(text, {"null"})


def test_a_minus_sign_belongs_to_a_number():
    assert (bare("-1"), bare("(Null)"), bare("--")) == ("-1", "null", "")
