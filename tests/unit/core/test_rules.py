"""The version of rules."""

import phonenumbers

from kinfold.core.rules import code_version, library_version, normalised_code

RULE = '''
"""What it is for."""

def price(cents: int) -> str:
    """In pounds."""
    return f"{cents / 100:.2f}"  # two digits
'''


def test_comments_docstrings_and_layout_do_not_count():
    plain = 'def price(cents: int)->str:\n\n  return f"{cents/100:.2f}"'
    assert normalised_code(RULE) == normalised_code(plain)


def test_any_other_change_of_the_code_counts():
    assert normalised_code(RULE) != normalised_code(RULE.replace(".2f", ".3f"))


def test_a_function_that_is_only_documented_is_still_code():
    assert normalised_code('def rule():\n    """Nothing."""') == "def rule():\n    pass"


def test_a_package_counts_with_every_module_in_it():
    package, module = "kinfold.silver.cleansing", "kinfold.silver.cleansing.events"
    assert code_version(package) == code_version(package, module)
    assert code_version(package) != code_version(module)


def test_a_library_is_named_with_its_version():
    assert library_version("phonenumbers") == f"phonenumbers {phonenumbers.__version__}"
