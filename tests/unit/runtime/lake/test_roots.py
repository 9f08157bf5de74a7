"""The root of a lake."""

import pytest

from kinfold.runtime.lake.roots import local_path

P, Q, R, S = ("0" * 31 + digit for digit in "1234")


@pytest.mark.parametrize(
    ("root", "local"),
    [("/a/b", "/a/b"), ("file:///a/b%20c", "/a/b c"), ("s3a://bucket/lake", None)],
)
def test_a_root_is_local_or_not(root, local):
    found = local_path(root)
    assert (None if found is None else str(found)) == local
