"""Verdicts equal those of the reference validator, except in a list of cases with reasons."""

import json
from random import Random
from typing import Any

import jsonschema
import pytest
import referencing

from conformance_corpus import FORMATS, KEYWORDS, ODD_VALUES, PROPERTIES
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import validate
from kinfold.bronze.schemas.validators import validator_of
from project import SCHEMAS

REGISTRY = SchemaRegistry.load(SCHEMAS)
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER

LEAP_SECOND = "RFC 3339 5.7: a leap second ends a UTC day; the reference refuses each"
YEAR_ZERO = "RFC 3339 1: years 0000 to 9999; the reference starts at 0001"
FRACTION = "RFC 3339 A: only whole numbers"
SIGN = "RFC 3339 A: no sign"
SKIPPED_UNIT = "RFC 3339 A: no unit may be skipped"
MAILBOX = "RFC 5321 4.1.2: not a Mailbox; the reference only looks for an @"
LABEL = "RFC 5890 2.3.1: -- as third and fourth character is for valid A-labels only"
ECMA = "ECMA-262 with the flag u; the reference uses Python's syntax"
PYTHON_CLASS = r"ECMA-262: \d and \w are ASCII, \s has U+FEFF; the reference uses Python's classes"

DEVIATIONS: dict[tuple[str, Any], tuple[bool, str]] = {
    ("multipleOf a cent", 4.35): (True, "4.35 is 435 cents; the reference divides binary floats"),
    ("pattern with both ends", "a\n"): (False, "ECMA-262: $ is the end, not before a newline"),
    ("pattern of digits", "\u0663"): (False, PYTHON_CLASS),
    ("pattern of words", "é"): (False, PYTHON_CLASS),
    ("pattern of space", "\ufeff"): (True, PYTHON_CLASS),
    ("pattern of a property", "AÄ"): (True, ECMA),
    ("pattern of a property", "a"): (False, ECMA),
    ("pattern of a property", "1"): (False, ECMA),
    ("pattern of a property", ""): (False, ECMA),
    ("date-time", "2016-12-31T23:59:60Z"): (True, LEAP_SECOND),
    ("date-time", "2016-12-31T15:59:60.5-08:00"): (True, LEAP_SECOND),
    ("date-time", "0000-01-01T00:00:00Z"): (True, YEAR_ZERO),
    ("date-time", "2026-01-05T10:11:12Z\n"): (False, "RFC 3339 5.6: ends with the zone"),
    ("date", "0000-01-01"): (True, YEAR_ZERO),
    ("time", "23:59:60Z"): (True, LEAP_SECOND),
    ("time", "23:59:60+00:00"): (True, LEAP_SECOND),
    ("time", "00:59:60+01:00"): (True, LEAP_SECOND),
    ("duration", "PT0.5S"): (False, FRACTION),
    ("duration", "P1.5Y"): (False, FRACTION),
    ("duration", "-P1D"): (False, SIGN),
    ("duration", "P1Y2D"): (False, SKIPPED_UNIT),
    ("duration", "PT1H2S"): (False, SKIPPED_UNIT),
    ("email", "a@[1.2.3.400]"): (False, MAILBOX),
    ("email", "@"): (False, MAILBOX),
    ("email", "@example.com"): (False, MAILBOX),
    ("email", "a@"): (False, MAILBOX),
    ("email", "a@@example.com"): (False, MAILBOX),
    ("email", "a b@example.com"): (False, MAILBOX),
    ("email", ".a@example.com"): (False, MAILBOX),
    ("email", "a.@example.com"): (False, MAILBOX),
    ("email", "a@-b.com"): (False, MAILBOX),
    ("email", "a..b@example.com"): (False, MAILBOX),
    ("email", "ä@example.com"): (False, "RFC 5321 is ASCII; such a mailbox is an idn-email"),
    ("email", "a@b..com"): (False, MAILBOX),
    ("email", "a@b_c.com"): (False, MAILBOX),
    ("email", "a@example.com."): (False, MAILBOX),
    ("idn-email", "@"): (False, MAILBOX),
    ("idn-email", "ä@"): (False, MAILBOX),
    ("idn-email", "a@b@c"): (False, MAILBOX),
    ("idn-email", "a b@c.de"): (False, MAILBOX),
    ("hostname", "a."): (False, "RFC 1123 2.1: a host's name has no dot at its end"),
    ("hostname", "xn--X"): (False, LABEL),
    ("hostname", "ab--cd.de"): (False, LABEL),
    ("iri", "http://[::1]/"): (True, "RFC 3987 2.2: an IP-literal is a host"),
    ("uri-template", "{!x}"): (True, "RFC 6570 2.2: op-reserve is in the grammar"),
    ("uri-template", "http://a/<b>"): (False, "RFC 6570 2.1: < and > are not literals"),
    ("regex", "(?<n>a)"): (True, ECMA),
    ("regex", r"\p{L}"): (True, ECMA),
    ("regex", r"\cA"): (True, ECMA),
    ("regex", "a{"): (False, ECMA),
    ("regex", "]"): (False, ECMA),
    ("regex", "}"): (False, ECMA),
    ("regex", "(?P<n>a)"): (False, ECMA),
    ("regex", "(?i)a"): (False, ECMA),
    ("regex", "(?#c)a"): (False, ECMA),
    ("regex", r"\Z"): (False, ECMA),
    ("regex", r"\a"): (False, ECMA),
}
"""Our verdict where the reference's differs, and why ours is right."""


def _reference_verdict(schema: Any, value: Any) -> bool | None:
    """The reference's verdict; None if it raises an error."""
    try:
        return bool(jsonschema.Draft202012Validator(schema, format_checker=CHECKER).is_valid(value))
    except Exception:  # it compiles patterns only when it uses them
        return None


def _cases() -> list[tuple[str, Any, Any]]:
    keywords = [(name, schema, v) for name, (schema, values) in KEYWORDS.items() for v in values]
    return keywords + [(name, {"format": name}, v) for name in FORMATS for v in FORMATS[name]]


def _is_listed(name: str, value: Any) -> bool:
    return isinstance(value, str | float) and (name, value) in DEVIATIONS


@pytest.mark.parametrize("name", [*KEYWORDS, *FORMATS])
def test_the_verdict_equals_that_of_the_reference(name):
    cases = [
        (schema, v) for case, schema, v in _cases() if case == name and not _is_listed(name, v)
    ]
    ours = [(v, validator_of(schema).is_valid(v)) for schema, v in cases]
    assert ours == [(v, _reference_verdict(schema, v)) for schema, v in cases]


@pytest.mark.parametrize(("name", "value"), DEVIATIONS)
def test_a_listed_case_still_differs_and_our_verdict_follows_the_standard(name, value):
    schema = KEYWORDS[name][0] if name in KEYWORDS else {"format": name}
    verdict, _ = DEVIATIONS[name, value]
    assert validator_of(schema).is_valid(value) is verdict
    assert _reference_verdict(schema, value) is not verdict


def test_the_corpus_has_at_least_600_cases_and_every_listed_one():
    cases = _cases()
    assert len(KEYWORDS) + len(FORMATS) >= 60
    assert len(cases) >= 600
    listed = {(name, value) for name, _, value in cases if _is_listed(name, value)}
    assert listed == set(DEVIATIONS)


def test_the_reference_checks_every_format_of_the_corpus():
    """Without the packages of jsonschema[format-nongpl] it would accept any text."""
    assert set(FORMATS) <= set(CHECKER.checkers)


@pytest.mark.parametrize("pattern", ["(?=a)", "(?!a)", "(?<=a)b", r"(a)\1"])
def test_a_pattern_that_cannot_run_in_linear_time_is_refused(pattern):
    """A deviation by choice: the engine has no look-around and no back-references."""
    with pytest.raises(ValueError, match="is not a"):
        validator_of({"pattern": pattern})


def _mutated(event: dict[str, Any], r: Random) -> dict[str, Any]:
    """The event with one or two members, at any depth, replaced, removed or added."""
    mutated = json.loads(json.dumps(event))
    for _ in range(r.randint(1, 2)):
        target = r.choice([mutated, mutated, mutated.get("properties"), mutated.get("identifiers")])
        if not isinstance(target, dict):
            continue
        names = [*target, r.choice(["extra", "Bad Name", "schema_version", "received_at"])]
        name = r.choice(names)
        if name in target and r.random() < 0.25:
            del target[name]
        else:
            target[name] = r.choice(ODD_VALUES)
    return mutated


@pytest.mark.parametrize("event_type", PROPERTIES)
def test_a_mutated_event_gets_the_verdict_of_the_reference(event_type):
    documents = REGISTRY.documents
    resources = [
        (document["$id"], referencing.Resource.from_contents(document))
        for document in documents.values()
    ]
    newest = max(name for name in documents if name.startswith(f"{event_type}/"))
    reference = jsonschema.Draft202012Validator(
        documents[newest],
        registry=referencing.Registry().with_resources(resources),
        format_checker=CHECKER,
    )
    event = {
        "event_id": "e1",
        "event_type": event_type,
        "occurred_at": "2026-01-05T10:11:12Z",
        "identifiers": {"cookie_id": "c1", "email": "ada@example.com"},
        "properties": PROPERTIES[event_type],
    }
    r = Random(event_type)
    events = [event, *(_mutated(event, r) for _ in range(80))]
    verdicts = [(one, validate(REGISTRY, one) == []) for one in events]
    assert verdicts == [(one, reference.is_valid(one)) for one in events]
    assert {verdict for _, verdict in verdicts} == {True, False}
