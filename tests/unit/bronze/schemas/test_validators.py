"""The settings of the validator; its verdicts are compared in test_conformance."""

import pytest

from kinfold.bronze.schemas.validators import schema_references, validator_of


def test_formats_are_checked():
    assert not validator_of({"format": "date"}).is_valid("tomorrow")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"format": "date-tim"}, "Unknown format"),
        ({"pattern": "(?=a)"}, "regex"),
        ({"$ref": "https://example.com/a"}, "https://example.com/a"),
    ],
)
def test_a_schema_that_could_not_be_checked_fully_does_not_compile(schema, message):
    with pytest.raises(ValueError, match=message):
        validator_of(schema)


def test_documents_refer_to_each_other_by_schema_id():
    references = schema_references({"envelope/1-0-0": {"required": ["event_id"]}})
    validator = validator_of({"$ref": "kinfold:envelope/1-0-0"}, references)
    assert validator.is_valid({"event_id": "e"})
    assert not validator.is_valid({})
