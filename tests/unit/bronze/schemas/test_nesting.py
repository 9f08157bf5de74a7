"""Depth counts the lists and objects that contain each other."""

from typing import Any

import pytest

from kinfold.bronze.schemas.nesting import MAX_DEPTH, is_deeper


def nested(depth: int, inside: Any, *, in_lists: bool) -> Any:
    value = inside
    for _ in range(depth):
        value = [value] if in_lists else {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "depth"),
    [
        (None, 0),
        ("[[]]", 0),
        ([], 1),
        ({}, 1),
        ([1, "a", None], 1),
        ({"a": 1}, 1),
        ([[]], 2),
        ({"a": [], "b": 1}, 2),
        ([1, {"a": [2]}, [3]], 3),
    ],
)
def test_a_value_is_deeper_than_less_than_its_depth(value, depth):
    assert [is_deeper(value, than=than) for than in range(5)] == [than < depth for than in range(5)]


@pytest.mark.parametrize("in_lists", [True, False])
@pytest.mark.parametrize("inside", [1, "a", None, [], {}])
def test_a_scalar_in_the_innermost_container_is_not_a_level(inside, in_lists):
    own = 1 if isinstance(inside, list | dict) else 0
    assert not is_deeper(nested(MAX_DEPTH - own, inside, in_lists=in_lists), than=MAX_DEPTH)
    assert is_deeper(nested(MAX_DEPTH + 1 - own, inside, in_lists=in_lists), than=MAX_DEPTH)


def test_a_value_that_is_deeper_than_python_can_recurse_is_measured():
    assert is_deeper(nested(20_000, 1, in_lists=True), than=19_999)
