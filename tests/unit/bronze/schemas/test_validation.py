"""Which events the schemas accept, and the reasons why they refuse the others."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from kinfold.bronze.schemas.reasons import NO_MODEL, NO_SCHEMA, NOT_A_VERSION
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import compiled_schemas, validate
from poison import rules
from project import SCHEMAS
from schema_folders import write_schema

REGISTRY = SchemaRegistry.load(SCHEMAS)

MINIMAL = {
    "page_view": {},
    "product_view": {"product_id": "p1"},
    "add_to_cart": {"product_id": "p1", "quantity": 1},
    "purchase": {"order_id": "o1", "amount_cents": 0, "currency": "EUR"},
    "return": {"order_id": "o1"},
    "order_update": {"order_id": "o1"},
    "order_cancel": {"order_id": "o1"},
    "email_open": {},
    "login": {},
    "identify": {},
    "consent": {"purpose": "email", "decision": "granted"},
    "track": {"event_name": "Wishlist Shared"},
    "screen_view": {},
    "group": {"group_id": "g1"},
    "alias": {"previous_id": "u0"},
}
OPTIONAL = {
    "page_view": {"url": "/", "referrer": "https://example.com/?q=shoes"},
    "product_view": {"category": "shoes", "price_cents": 4999},
    "add_to_cart": {"category": "shoes", "price_cents": 4999},
    "purchase": {"product_id": "p1", "category": "shoes", "quantity": 2, "products": [{}]},
    "return": {
        **{"product_id": "p1", "category": "shoes", "quantity": 2},
        **{"amount_cents": 0, "currency": "EUR", "products": [{}]},
    },
    "order_update": {"amount_cents": 0, "currency": "EUR", "products": [{}]},
    "order_cancel": {"amount_cents": 0, "currency": "EUR", "products": [{}]},
    "email_open": {"campaign_id": "c1"},
    "login": {"method": "password"},
    "identify": {
        "first_name": "Ada",
        "last_name": "Lind",
        "city": "Ghent",
        "country": "BE",
        "birth_on": "1990-02-03",
    },
    "consent": {},
    "track": {},
    "screen_view": {"screen_name": "Basket"},
    "group": {},
    "alias": {},
}
ALL_NAMESPACES = {
    "cookie_id": "c-1",
    "device_id": "d-1",
    "user_id": "u-1",
    "email": "ada@example.com",
    "phone": "07700 900123",
    "crm_id": "000017",
    "loyalty_card": "L-9",
}
REQUIRED = [(event_type, name) for event_type, names in MINIMAL.items() for name in names]


def event(event_type: Any = "purchase", **members: Any) -> dict[str, Any]:
    """A minimal event; a member given as `...` is left out."""
    minimal = {
        "event_id": "e1",
        "event_type": event_type,
        "occurred_at": "2026-01-05T10:11:12Z",
        "identifiers": {},
        "properties": MINIMAL.get(str(event_type), MINIMAL["purchase"]),
    }
    return {name: value for name, value in (minimal | members).items() if value is not ...}


def full_event(event_type: str) -> dict[str, Any]:
    return event(
        event_type,
        occurred_at="2026-01-05T10:11:12.345678+01:00",
        received_at="2026-01-05T10:11:13.000Z",
        identifiers=ALL_NAMESPACES,
        properties=MINIMAL[event_type] | OPTIONAL[event_type] | {"campaign": {"tags": ["a", 1]}},
        sdk={"name": "web"},
    )


def test_each_event_type_has_a_schema_and_the_envelope_is_not_an_event_type():
    assert REGISTRY.event_types == tuple(sorted(MINIMAL))


@pytest.mark.parametrize("event_type", MINIMAL)
def test_an_event_type_accepts_its_minimal_event(event_type):
    assert validate(REGISTRY, event(event_type)) == []


@pytest.mark.parametrize("event_type", MINIMAL)
def test_an_event_type_accepts_its_full_event_with_further_members(event_type):
    assert validate(REGISTRY, full_event(event_type)) == []


@pytest.mark.parametrize("event_type", MINIMAL)
def test_null_stands_for_an_unknown_optional_member(event_type):
    unknown = dict.fromkeys(OPTIONAL[event_type])
    properties = MINIMAL[event_type] | unknown
    nothing_known = event(
        event_type,
        received_at=None,
        identifiers=dict.fromkeys(ALL_NAMESPACES),
        properties=properties,
    )
    assert validate(REGISTRY, nothing_known) == []


@pytest.mark.parametrize(("event_type", "name"), REQUIRED)
def test_a_required_property_must_exist(event_type, name):
    properties = {k: v for k, v in MINIMAL[event_type].items() if k != name}
    reasons = validate(REGISTRY, event(event_type, properties=properties))
    assert reasons == [f"/properties: '{name}' is missing"]


@pytest.mark.parametrize(("event_type", "name"), REQUIRED)
def test_a_required_property_must_not_be_null(event_type, name):
    properties = MINIMAL[event_type] | {name: None}
    reasons = validate(REGISTRY, event(event_type, properties=properties))
    assert [reason.partition(":")[0] for reason in reasons] == [f"/properties/{name}"]


@pytest.mark.parametrize(
    ("event_type", "name", "value", "reason"),
    [
        ("page_view", "url", "", "expected at least 1 characters"),
        ("page_view", "url", "x" * 8193, "expected at most 8192 characters"),
        ("page_view", "referrer", 1, "expected string or null"),
        ("product_view", "price_cents", -1, "expected minimum 0"),
        ("product_view", "price_cents", "499", "expected integer or null"),
        ("add_to_cart", "quantity", 0, "expected minimum 1"),
        ("add_to_cart", "quantity", 1.5, "expected integer"),
        ("purchase", "amount_cents", -1, "expected minimum 0"),
        ("purchase", "amount_cents", "12,50", "expected integer"),
        ("purchase", "amount_cents", True, "expected integer"),
        ("purchase", "amount_cents", 2**53, "expected maximum 9007199254740991"),
        ("purchase", "currency", "eur", "expected pattern ^[A-Z]{3}$"),
        ("purchase", "currency", "EUR\n", "expected pattern ^[A-Z]{3}$"),
        ("purchase", "order_id", 17, "expected string"),
        ("return", "amount_cents", -1, "expected minimum 0"),
        ("return", "quantity", -2, "expected minimum 1"),
        ("email_open", "campaign_id", "", "expected at least 1 characters"),
        ("login", "method", [], "expected string or null"),
        ("identify", "city", {"name": "Ghent"}, "expected string or null"),
        ("consent", "decision", "maybe", 'expected "granted" or "withdrawn"'),
        ("consent", "purpose", "x" * 65, "expected at most 64 characters"),
    ],
)
def test_a_property_outside_its_rule_is_refused_with_the_rule(event_type, name, value, reason):
    properties = MINIMAL[event_type] | {name: value}
    reasons = validate(REGISTRY, event(event_type, properties=properties))
    assert rules(reasons) == [f"/properties/{name}: {reason}"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"event_id": ...}, "/: 'event_id' is missing"),
        ({"event_id": None}, "/event_id: expected string"),
        ({"event_id": ""}, "/event_id: expected at least 1 characters"),
        ({"event_id": "x" * 257}, "/event_id: expected at most 256 characters"),
        ({"event_type": ...}, "/: 'event_type' is missing"),
        ({"event_type": ["purchase"]}, "/event_type: expected string"),
        ({"event_type": "refund"}, NO_SCHEMA),
        ({"event_type": "envelope"}, NO_SCHEMA),
        ({"event_type": "Purchase"}, NO_SCHEMA),
        ({"occurred_at": ...}, "/: 'occurred_at' is missing"),
        ({"occurred_at": None}, "/occurred_at: expected string"),
        ({"occurred_at": 1767607872}, "/occurred_at: expected string"),
        ({"occurred_at": "2026-01-05"}, "/occurred_at: expected format date-time"),
        ({"occurred_at": "2026-01-05T10:11:12"}, "/occurred_at: expected format date-time"),
        ({"occurred_at": "2026-01-05T24:00:00Z"}, "/occurred_at: expected format date-time"),
        ({"received_at": "yesterday"}, "/received_at: expected format date-time"),
        ({"identifiers": ...}, "/: 'identifiers' is missing"),
        ({"identifiers": []}, "/identifiers: expected object"),
        ({"identifiers": {"user_id": 17}}, "/identifiers/user_id: expected string or null"),
        ({"identifiers": {"loyalty_card": 17}}, "/identifiers/*: expected string or null"),
        (
            {"identifiers": {"ada@example.com": "x"}},
            "/identifiers: a member's name: expected pattern ^[a-z][a-z0-9_]{0,62}$",
        ),
        (
            {"identifiers": {"email": "x" * 513}},
            "/identifiers/email: expected at most 512 characters",
        ),
        ({"identifiers": {"email": "a\0"}}, r"/identifiers/email: expected pattern ^[^\u0000]*$"),
        (
            {"identifiers": {f"n{i}": "x" for i in range(51)}},
            "/identifiers: expected at most 50 members",
        ),
        ({"properties": ...}, "/: 'properties' is missing"),
        ({"properties": "{}"}, "/properties: expected object"),
    ],
)
def test_an_envelope_outside_its_rule_is_refused_with_the_rule(members, reason):
    assert rules(validate(REGISTRY, event(**members))) == [reason]


@pytest.mark.parametrize("value", [[], [{}], "purchase", 1, 1.5, True, None])
def test_what_is_not_an_object_is_refused(value):
    assert rules(validate(REGISTRY, value)) == ["/: expected object"]


def test_reasons_are_distinct_and_sorted():
    faulty = event(
        event_id=None,
        identifiers={"a": 1, "b": 2},
        properties={"amount_cents": -1, "currency": "eur"},
    )
    assert validate(REGISTRY, faulty) == [
        "/event_id: expected string, seen null",
        "/identifiers/*: expected string or null, seen an integer",
        "/properties/amount_cents: expected minimum 0, seen -1",
        '/properties/currency: expected pattern ^[A-Z]{3}$, seen "eur"',
        "/properties: 'order_id' is missing",
    ]


def test_an_event_of_an_unknown_type_must_still_follow_the_envelope():
    assert validate(REGISTRY, {"event_type": "refund", "event_id": "e1"}) == [
        "/: 'identifiers' is missing",
        "/: 'occurred_at' is missing",
        "/: 'properties' is missing",
        f'{NO_SCHEMA}, seen "refund"',
    ]


def test_a_value_nested_too_deeply_is_refused_not_raised():
    nested: list[Any] = []
    for _ in range(900):
        nested = [nested]
    reasons = validate(REGISTRY, event(event_id=nested))
    assert reasons == ["/: nested too deeply"]


def test_text_that_is_not_unicode_is_refused_not_raised():
    properties = MINIMAL["purchase"] | {"\ud800": 1}
    assert validate(REGISTRY, event(properties=properties)) == ["/: not a JSON value"]


# Every text has a mark, and every number has digits, that no schema contains.
_marked = st.text(max_size=8).map(lambda text: f"~zqx{text}")
_names = st.sampled_from([*MINIMAL, *ALL_NAMESPACES, "event_id", "properties", "amount_cents"])
_scalars = st.one_of(
    st.none(), st.booleans(), _marked, st.integers(7_777_777_777, 7_777_777_999).map(lambda n: -n)
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_names | _marked, inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    members=st.dictionaries(
        st.sampled_from(["event_id", "occurred_at", "received_at", "identifiers", "properties"])
        | _marked,
        _values,
    ),
    event_type=st.sampled_from([*MINIMAL, "~zqxrefund"]),
)
def test_a_reason_contains_nothing_of_the_record(members, event_type):
    reasons = validate(REGISTRY, event(event_type, **members))
    assert not [reason for reason in reasons if "~zqx" in reason or "7777777" in reason]
    assert reasons == sorted(set(reasons))


_properties = st.dictionaries(
    st.sampled_from(sorted({n for part in (MINIMAL, OPTIONAL) for m in part.values() for n in m})),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 2**54),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["", "EUR", "eur", "granted", "p1", "x" * 300]),
    ),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(event_type=st.sampled_from(sorted(MINIMAL)), properties=_properties)
def test_another_validator_gives_the_same_verdict(event_type, properties):
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    documents = {schema_id: json.loads(text) for schema_id, text in REGISTRY.texts}
    resources = [
        (document["$id"], referencing.Resource.from_contents(document))
        for document in documents.values()
    ]
    other = jsonschema.Draft202012Validator(
        documents[max(d for d in documents if d.startswith(f"{event_type}/"))],
        registry=referencing.Registry().with_resources(resources),
    )
    candidate = event(event_type, properties=MINIMAL[event_type] | properties)
    assert (validate(REGISTRY, candidate) == []) == other.is_valid(candidate)


def test_a_registry_can_be_sent_to_a_worker():
    sent = pickle.loads(pickle.dumps(REGISTRY))
    assert sent == REGISTRY
    assert validate(sent, event(event_id=None)) == ["/event_id: expected string, seen null"]


def test_the_newest_version_of_a_type_decides_and_ten_is_newer_than_nine(folder):
    for revision in range(1, 10):
        write_schema(folder, f"login/1-{revision}-0", required=["nine"])
    write_schema(folder, "login/1-10-0", required=["ten"])
    assert validate(SchemaRegistry.load(folder), event("login")) == ["/: 'ten' is missing"]


def test_there_are_at_most_twenty_reasons(folder):
    write_schema(folder, "login/1-0-1", required=[f"m{i:02}" for i in range(30)])
    reasons = validate(SchemaRegistry.load(folder), event("login"))
    assert reasons == [f"/: 'm{i:02}' is missing" for i in range(20)]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"unevaluatedProperties": False}, "/: has a member the schema does not declare"),
        ({"minProperties": 10}, "/: expected at least 10 members"),
        ({"not": {}}, "/: breaks the schema's 'not'"),
        ({"anyOf": [{"required": ["a"]}]}, "/: breaks the schema's 'anyOf'"),
        ({"properties": {"a/b": {"type": "null"}}}, "/a~1b: expected null"),
        ({"properties": {"n": {"multipleOf": 3}}}, "/n: expected a multiple of 3"),
        ({"properties": {"n": {"exclusiveMinimum": 3}}}, "/n: expected more than 3"),
        ({"properties": {"n": {"exclusiveMaximum": 0}}}, "/n: expected less than 0"),
        ({"properties": {"l": {"minItems": 2}}}, "/l: expected at least 2 items"),
        ({"properties": {"l": {"maxItems": 0}}}, "/l: expected at most 0 items"),
        ({"properties": {"l": {"items": {"type": "null"}}}}, "/l/*: expected null"),
        (
            {"properties": {"o": {"additionalProperties": False, "properties": {"x": {}}}}},
            "/o: has a member the schema does not declare",
        ),
    ],
)
def test_a_rule_added_by_a_user_is_reported_without_quoting_the_record(folder, rule, reason):
    write_schema(folder, "login/1-0-1", **rule)
    candidate = event("login") | {"a/b": "zqx", "n": 1, "l": ["zqx"], "o": {"zqx": 1}}
    reasons = validate(SchemaRegistry.load(folder), candidate)
    assert rules(reasons) == [reason]
    assert "zqx" not in reasons[0]


def test_a_schema_that_contains_itself_below_a_member_describes_a_tree(folder):
    tree = {
        "properties": {
            "children": {"items": {"$ref": "#"}},
            "next": {"additionalProperties": {"allOf": [{"$ref": "#"}]}},
        },
        "required": ["name"],
    }
    write_schema(folder, "login/1-0-0", **tree)
    registry = SchemaRegistry.load(folder)
    leaf = {"name": "b"}
    assert validate(registry, event("login") | {"name": "a", "children": [leaf, leaf]}) == []
    faulty = event("login") | {"name": "a", "children": [{"name": "b", "next": {"x": {}}}]}
    assert validate(registry, faulty) == ["/children/*/next/*: 'name' is missing"]


# --- The version an event names -------------------------------------------------------------------


@pytest.fixture
def versions(folder):
    """login 1-0-0 and 1-0-1 require a, 1-1-0 requires b, 2-0-0 requires c and refuses others."""
    envelope = {"$ref": "kinfold:envelope/1-0-0"}
    write_schema(folder, "login/1-0-0", **envelope, required=["a"])
    write_schema(folder, "login/1-0-1", **envelope, required=["a"])
    write_schema(folder, "login/1-1-0", **envelope, required=["b"])
    described = {
        "c": {"type": "integer"},
        "inner": {"properties": {"k": {}}, "additionalProperties": False},
    }
    write_schema(
        folder,
        "login/2-0-0",
        **envelope,
        required=["c"],
        properties=described,
        unevaluatedProperties=False,
    )
    return compiled_schemas(SchemaRegistry.load(folder))


@pytest.mark.parametrize(
    ("version", "schema_id", "reasons"),
    [
        (..., "login/2-0-0", ["/: 'c' is missing"]),
        (None, "login/2-0-0", ["/: 'c' is missing"]),
        ("2-0-0", "login/2-0-0", ["/: 'c' is missing"]),
        ("1-0-0", "login/1-0-0", ["/: 'a' is missing"]),
        ("1-0-1", "login/1-0-1", ["/: 'a' is missing"]),
        ("1-1-0", "login/1-1-0", ["/: 'b' is missing"]),
        ("1-0-9", "login/1-1-0", ["/: 'b' is missing"]),
        ("1-1-1", "login/1-1-0", ["/: 'b' is missing"]),
        ("1-7-3", "login/1-1-0", ["/: 'b' is missing"]),
        ("2-0-1", "login/2-0-0", ["/: 'c' is missing"]),
        ("3-0-0", None, [NO_MODEL]),
        ("10-0-0", None, [NO_MODEL]),
        ("1", None, [NOT_A_VERSION]),
        ("1.0.0", None, [NOT_A_VERSION]),
        ("01-0-0", None, [NOT_A_VERSION]),
        ("0-0-1", None, [NOT_A_VERSION]),
        ("1-0-0\n", None, [NOT_A_VERSION]),
        ("1-0-\u0661", None, [NOT_A_VERSION]),
        ("", None, [NOT_A_VERSION]),
        (1, None, [NOT_A_VERSION]),
        ([1, 0, 0], None, [NOT_A_VERSION]),
        ({}, None, [NOT_A_VERSION]),
    ],
)
def test_the_schema_that_an_event_names_decides_or_else_the_newest_of_its_model(
    versions, version, schema_id, reasons
):
    candidate = event("login", schema_version=version)
    assert rules(versions.reasons(candidate)) == reasons
    assert versions.schema_id(candidate) == schema_id


def test_a_newer_addition_may_have_members_that_a_closed_schema_refuses(versions):
    members = {"c": 1, "inner": {"new": 1}, "new": {"a": 1}}
    known = event("login", schema_version="2-0-0", **members)
    newer = event("login", schema_version="2-0-1", **members)
    assert versions.reasons(known) == [
        "/: has a member the schema does not declare",
        "/inner: has a member the schema does not declare",
    ]
    assert versions.reasons(newer) == []
    assert rules(versions.reasons(newer | {"c": "x"})) == ["/c: expected integer"]


def test_a_version_of_an_unknown_type_is_refused_for_the_type_alone(versions):
    assert rules(versions.reasons(event("refund", schema_version="3-0-0"))) == [NO_SCHEMA]
    assert rules(versions.reasons(event("envelope", schema_version="1-0-0"))) == [NO_SCHEMA]


def test_an_event_with_a_malformed_version_must_still_follow_the_envelope(versions):
    assert versions.reasons(event("login", schema_version="x", event_id=None)) == [
        "/event_id: expected string, seen null",
        f'{NOT_A_VERSION}, seen "x"',
    ]


@pytest.mark.parametrize("value", [[], "login", 1, None, {"event_type": ["login"]}, {}])
def test_an_event_without_a_type_has_no_schema(versions, value):
    assert versions.schema_id(value) is None
