"""Identifiers that a user names on a command line."""

import pytest

from kinfold.silver.identity.operators.lookup import spellings

pytestmark = pytest.mark.usefixtures("tokyo")


@pytest.mark.parametrize(
    ("namespace", "value", "expected"),
    [
        ("email", "Ann@Example.org", ["Ann@Example.org", "ann@example.org"]),
        ("phone", "020 7183 8750", ["020 7183 8750", "+442071838750"]),
        ("phone", "no", ["no"]),
        ("record", "crm:4:2", ["crm:4:2", '["crm","4:2"]']),
        ("user_id", "A1", ["A1"]),
    ],
)
def test_a_value_is_searched_literally_and_normalised(namespace, value, expected):
    assert spellings(namespace, value, phone_region="GB") == expected
