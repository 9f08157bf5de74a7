"""Fixes of rejected events, and the files that declare them."""

import copy

import pytest
from hypothesis import given, settings, strategies as st

from kinfold.bronze.dead_letters.fixes import Fix, fixed, load_fixes
from kinfold.core.errors import ConfError


@pytest.mark.parametrize(
    ("fix", "before", "after"),
    [
        (Fix("rename", "/a", "/b"), {"a": 1}, {"b": 1}),
        (Fix("rename", "/p/a", "/q/b"), {"p": {"a": 1}}, {"p": {}, "q": {"b": 1}}),
        (Fix("rename", "/a", "/b"), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (Fix("rename", "/x/y", "/b"), {"a": 1}, {"a": 1}),
        (Fix("rename", "/a~1b", "/c~0d"), {"a/b": 1}, {"c~d": 1}),
        (Fix("default", "/p/a", "GBP"), {"p": {}}, {"p": {"a": "GBP"}}),
        (Fix("default", "/p/a", "GBP"), {"p": {"a": None}}, {"p": {"a": "GBP"}}),
        (Fix("default", "/p/a", "GBP"), {"p": {"a": ""}}, {"p": {"a": ""}}),
        (Fix("default", "/p/a", 0), {"p": 7}, {"p": 7}),
        (Fix("drop", "/p/a"), {"p": {"a": 1, "b": 2}}, {"p": {"b": 2}}),
        (Fix("drop", "/p/0/a"), {"p": [{"a": 1}]}, {"p": [{}]}),
        (Fix("drop", "/p/9/a"), {"p": [{"a": 1}]}, {"p": [{"a": 1}]}),
        (Fix("cast", "/a", "integer"), {"a": " 12 "}, {"a": 12}),
        (Fix("cast", "/a", "integer"), {"a": "12.0"}, {"a": 12}),
        (Fix("cast", "/a", "integer"), {"a": "12.5"}, {"a": "12.5"}),
        (Fix("cast", "/a", "number"), {"a": "12.5"}, {"a": 12.5}),
        (Fix("cast", "/a", "number"), {"a": "many"}, {"a": "many"}),
        (Fix("cast", "/a", "number"), {"a": "1e99999"}, {"a": "1e99999"}),
        (Fix("cast", "/a", "integer"), {"a": True}, {"a": True}),
        (Fix("cast", "/a", "string"), {"a": 7}, {"a": "7"}),
        (Fix("cast", "/a", "boolean"), {"a": "Yes"}, {"a": True}),
        (Fix("cast", "/a", "boolean"), {"a": "maybe"}, {"a": "maybe"}),
        (Fix("cast", "/a", "integer"), {}, {}),
    ],
)
def test_a_fix_changes_only_the_member_that_it_names(fix, before, after):
    assert fixed(copy.deepcopy(before), [fix]) == after


def test_fixes_apply_in_their_order():
    fixes = [Fix("rename", "/price", "/amount"), Fix("cast", "/amount", "integer")]
    assert fixed({"price": "5"}, fixes) == {"amount": 5}


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab0"), inner),
    max_leaves=5,
)
_pointers = st.lists(st.sampled_from("ab0"), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
_fixes = st.one_of(
    st.builds(Fix, st.just("rename"), _pointers, _pointers),
    st.builds(Fix, st.just("default"), _pointers, st.integers()),
    st.builds(Fix, st.just("drop"), _pointers),
    st.builds(Fix, st.just("cast"), _pointers, st.sampled_from(["integer", "string", "number"])),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(event=_values, fixes=st.lists(_fixes, max_size=3))
def test_a_fix_never_fails_and_a_second_cast_default_or_drop_changes_nothing(event, fixes):
    once = fixed(copy.deepcopy(event), fixes)
    if all(fix.kind != "rename" for fix in fixes):
        kinds = {fix.kind for fix in fixes}
        if len(kinds) <= 1:
            assert fixed(copy.deepcopy(once), fixes) == once


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rename: /a", "expected a list of fixes"),
        ("- rename: /a", r"fix 1 \(rename\): expected the members rename, to; seen: rename"),
        ("- drop: /a\n  cast: /b", "fix 1: expected exactly one of"),
        ("- drop: a", "fix 1 .drop.: 'a' is not a JSON pointer"),
        ("- cast: /a\n  to: date", "fix 1: cast to one of integer, number, string, boolean"),
        ("- [", "is not YAML"),
    ],
)
def test_a_fix_that_is_not_valid_is_reported(tmp_path, text, message):
    file = tmp_path / "fix.yaml"
    file.write_text(text)
    with pytest.raises(ConfError, match=message):
        load_fixes(file)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ConfError, match=r"nowhere\.yaml: cannot be read"):
        load_fixes(tmp_path / "nowhere.yaml")
