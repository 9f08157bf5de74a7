"""The groups of keywords cover draft 2020-12, each keyword once."""

import pytest

from kinfold.bronze.schemas.compatibility.keywords import (
    ANNOTATIONS,
    OPAQUE_GROUPS,
    RULE_KEYWORDS,
    UNEVALUATED,
    has_keyword,
    members_of,
    subschema_of,
)
from kinfold.bronze.schemas.references import REFERENCES, SchemaLocation

FOLLOWED = ["allOf", "properties", "patternProperties", "additionalProperties", "propertyNames"]
FOLLOWED += ["items", "prefixItems", "$dynamicAnchor"]
"""Keywords that the comparison follows into their subschemas, and the anchor of $dynamicRef."""
DRAFT_2020_12 = """
    $anchor $comment $defs $dynamicAnchor $dynamicRef $id $ref $schema additionalProperties allOf
    anyOf const contains contentEncoding contentMediaType contentSchema default deprecated
    dependentRequired dependentSchemas description else enum examples exclusiveMaximum
    exclusiveMinimum format if items maxContains maxItems maxLength maxProperties maximum
    minContains minItems minLength minProperties minimum multipleOf not oneOf pattern
    patternProperties prefixItems properties propertyNames readOnly required then title type
    unevaluatedItems unevaluatedProperties uniqueItems writeOnly
"""


def test_every_keyword_of_the_draft_is_in_exactly_one_group():
    opaque = [keyword for group in OPAQUE_GROUPS for keyword in group]
    grouped = [*RULE_KEYWORDS, *opaque, *UNEVALUATED, *ANNOTATIONS, *REFERENCES, *FOLLOWED]
    grouped.remove("definitions")  # of earlier drafts
    assert sorted(grouped) == sorted(DRAFT_2020_12.split())


@pytest.mark.parametrize("schema", [True, False])
def test_a_boolean_schema_has_no_keywords(schema):
    location = SchemaLocation("t/1-0-0", "")
    assert not has_keyword(schema, "type")
    assert members_of(schema, "properties") == {}
    assert subschema_of(location, schema, "items") == []


def test_a_subschema_is_found_below_its_keyword():
    location = SchemaLocation("t/1-0-0", "/a")
    assert subschema_of(location, {"items": False}, "items") == [
        SchemaLocation("t/1-0-0", "/a/items")
    ]
