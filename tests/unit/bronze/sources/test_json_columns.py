"""JSON records as columns: no record decides about others."""

import pyarrow as pa
import pytest

from kinfold.bronze.sources.json_columns import (
    Leaf,
    Use,
    distinct_names,
    fitted,
    json_record,
    missing_paths,
    record_columns,
    sampled_place,
    shape_of,
    spark_type,
    spelled,
)


def shape(lines: list[str], *paths: tuple) -> object:
    """What the paths read; a path that ends with a Leaf needs text or JSON text."""
    use = Use()
    for path in paths:
        leaf = path[-1] if isinstance(path[-1], Leaf) else None
        use.add(path[: -1 if leaf else None], leaf)
    return shape_of(sampled_place(line.encode() for line in lines), use)


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        (['{"u":[]}', '{"u":{}}', '{"u":""}', '{"u":null}'], ("u",), {"u": Leaf.TEXT}),
        (
            ['{"u":"x"}', '{"u":{"a":1}}', '{"u":{"b":1}}'],
            ("u",),
            {"u": {"a": "text", "b": "text"}},
        ),
        (['{"u":1}', '{"u":true}', '{"u":{"a":1}}'], ("u",), {"u": "text"}),
        (['{"u":[1]}'], ("u",), {"u": ["text"]}),
        (['{"u":"x"}', "not JSON"], ("u", "email"), {"u": {"email": "text"}}),
        (['{"u":[{"a":1}]}'], ("u", "a"), {"u": [{"a": "text"}]}),
        (['{"u":"x"}'], ("u", 0, "a"), {"u": [{"a": "text"}]}),
        (['{"u":{"a":1}}'], ("u", Leaf.JSON), {"u": Leaf.JSON}),
        (['{"u":{"a":1}}'], ("u", Leaf.TEXT), {"u": Leaf.TEXT}),
        (['{"Email":1}', '{"EMAIL":2}', '{"Email":3}'], ("email",), {"Email": "text"}),
        (['{"Email":1}', '{"email":2}', '{"Email":3}'], ("email",), {"email": "text"}),
    ],
)
def test_the_use_decides_what_is_read_and_then_what_most_records_have(lines, path, expected):
    assert shape(lines, path) == expected


def test_a_list_that_is_read_whole_keeps_the_members_of_its_items():
    assert shape(['{"i":[{"a":1}]}'], ("i",), ("i", 0, "b")) == {
        "i": [{"a": Leaf.TEXT, "b": Leaf.TEXT}]
    }


def test_names_that_differ_in_case_are_one_column():
    place = sampled_place([b'{"b":1,"A":1}', b'{"a":1}', b'{"A":2}'])
    assert distinct_names(place) == ["A", "b"]
    assert (spelled("a", place), spelled("B", place), spelled("c", place)) == ("a", "b", "c")


def test_members_that_the_sample_lacks_are_found_below_objects_and_lists():
    place = sampled_place([b'{"u":{"a":1},"i":[{"k":1}]}'])
    use = Use()
    for path in [("u", "a"), ("u", "b"), ("i", 0, "v"), ("i", "w"), ("x", "y")]:
        use.add(path)
    assert set(missing_paths(place, use)) == {("u", "b"), ("i", "v"), ("i", "w"), ("x",)}


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'\xef\xbb\xbf{"a":0.10}', ({"a": "0.10"}, None)),
        (b'{"a":1,"a":2}', ({"a": "2"}, None)),
        (b" ", ({}, "/: empty")),
        (None, ({}, "/: empty")),
        (b"{", ({}, "/: not a JSON object")),
        (b"[1]", ({}, "/: not a JSON object, seen a list")),
        (b'{"a":"\xff"}', ({}, "/: not UTF-8")),
    ],
)
def test_a_line_is_a_record_or_has_a_reason(line, record):
    assert json_record(line) == record


@pytest.mark.parametrize(
    ("value", "reads", "expected"),
    [
        ([], {"a": Leaf.TEXT}, None),
        ("x", {"a": Leaf.TEXT}, None),
        ('{"a": "1"}', {"a": Leaf.TEXT}, {"a": "1"}),
        ("[note]", [Leaf.TEXT], None),
        ({"a": 1}, [Leaf.TEXT], None),
        ({"a": []}, {"a": Leaf.TEXT, "b": Leaf.TEXT}, {"a": None, "b": None}),
        ([{"a": "x"}, "y"], [{"a": Leaf.TEXT}], [{"a": "x"}, None]),
        ({"a": ["é", True, None]}, Leaf.JSON, '{"a":["é",true,null]}'),
        (False, Leaf.TEXT, "false"),
    ],
)
def test_a_value_of_another_kind_is_null_and_json_text_is_unpacked(value, reads, expected):
    assert fitted(value, reads) == expected


def test_one_record_that_cannot_be_read_leaves_the_others_alone():
    lines = pa.array([b'{"a":"\\ud800"}', b'{"a":"x"}', b"{"], pa.binary())
    rows = record_columns(lines, {"a": Leaf.TEXT}, reason="why").to_pylist()
    assert rows == [
        {"a": None, "why": "/: text that is not Unicode"},
        {"a": "x", "why": None},
        {"a": None, "why": "/: not a JSON object"},
    ]


def test_a_shape_has_a_type_of_spark():
    kind = spark_type({"a": Leaf.TEXT, "b": [{"c": Leaf.JSON}]})
    assert kind.simpleString() == "struct<a:string,b:array<struct<c:string>>>"
