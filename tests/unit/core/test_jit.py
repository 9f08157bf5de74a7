"""Compiled loops."""

import numpy as np
import pytest

from kinfold.core import jit
from kinfold.core.jit import compiled, compiled_without_allocation


def total(numbers):
    result = 0
    for number in numbers:
        result += number
    return result


@pytest.mark.parametrize("compiler", [compiled, compiled_without_allocation])
def test_a_compiled_loop_returns_what_the_loop_returns(compiler):
    assert compiler(total)(np.arange(5)) == 10


def test_a_loop_is_compiled_without_a_cache_where_there_is_no_folder_for_one(monkeypatch):
    options = []

    def njit(**chosen):
        options.append(chosen)
        if chosen.get("cache"):
            raise RuntimeError("no locator available")
        return lambda loop: loop

    monkeypatch.setattr(jit, "njit", njit)
    assert compiled_without_allocation(total) is total
    assert options == [{"cache": True, "_nrt": False}, {"_nrt": False}]
