"""Versions of schemas."""

import pytest

from kinfold.bronze.schemas.versions import TYPE_NAME_PATTERN, Version, either


def test_versions_are_ordered_by_number_and_not_by_text():
    ids = ["login/1-10-0", "login/2-0-0", "login/1-9-9", "login/1-9-10"]
    assert sorted(ids, key=Version.of) == [
        "login/1-9-9",
        "login/1-9-10",
        "login/1-10-0",
        "login/2-0-0",
    ]


@pytest.mark.parametrize("text", ["1-0-0", "2-0-13"])
def test_a_version_is_read_and_written_in_the_same_way(text):
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize("text", ["", "1", "1-0", "0-0-1", "01-0-0", "1.0.0", "1-0-0\n", "1" * 80])
def test_a_text_that_does_not_spell_a_version_is_none(text):
    assert Version.parse(text) is None


def test_three_versions_may_follow_without_a_gap():
    assert either(Version(1, 2, 3).following) == "1-2-4, 1-3-0 or 2-0-0"


def test_one_alternative_is_written_alone():
    assert either([Version(1, 0, 0)]) == "1-0-0"


@pytest.mark.parametrize(("name", "is_valid"), [("page_view", True), ("PageView", False)])
def test_an_event_type_is_in_snake_case(name, is_valid):
    assert bool(TYPE_NAME_PATTERN.fullmatch(name)) is is_valid
