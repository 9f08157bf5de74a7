"""Which columns an expression uses."""

import pytest

from kinfold.bronze.sources.declaration import EventMapping, Source
from kinfold.bronze.sources.json_columns import Leaf
from kinfold.bronze.sources.used_columns import mapping_inputs, used_columns


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("user.email", [("user", "email")]),
        ("`Order Date`", [("Order Date",)]),
        ("a['b c'].d", [("a", "b c", "d")]),
        ("items[n].price", [("items", 0, "price"), ("n",)]),
        ("if(x > 1, 'a', lower(b))", [("x",), ("b",)]),
        ("transform(items, x -> x.a || y.z)", [("items",), ("items", 0, "a"), ("y", "z")]),
        ("aggregate(i, 0D, (sum, x) -> sum + x.p)", [("i",), ("i", 0, "p")]),
        ("transform(map_keys(m), k -> k.a)", [("m",)]),
        ("_metadata.file_name", []),
        ("upper(", []),
    ],
)
def test_an_expression_uses_columns_and_members_of_them(spark, expression, paths):
    assert [path for path, _ in used_columns(spark, expression).paths] == paths


def test_a_function_of_json_text_reads_an_object_as_text(spark):
    used = used_columns(spark, "get_json_object(payload.more, '$.a')")
    assert used.paths == ((("payload", "more"), Leaf.JSON),)
    assert used.names == ("payload",)


def test_a_star_uses_everything_and_only_a_name_is_a_path(spark):
    assert used_columns(spark, "to_json(struct(*))").has_star
    assert used_columns(spark, "a.b").is_path
    assert not used_columns(spark, "trim(a)").is_path


def test_the_parts_of_an_event_are_named_by_json_pointers(spark):
    mapping = EventMapping(
        event_type="'login'", occurred_at="at", identifiers={"email": "m"}, properties={"a": "b.c"}
    )
    source = Source(name="s", display_path="s", format="csv", event=mapping)
    assert mapping_inputs(spark, source) == {
        "/event_type": (),
        "/occurred_at": (("at",),),
        "/identifiers/email": (("m",),),
        "/properties/a": (("b", "c"),),
    }
    assert mapping_inputs(spark, source.model_copy(update={"event": None})) is None
