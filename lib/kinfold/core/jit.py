"""Loops in machine code."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_Loop = TypeVar("_Loop", bound=Callable[..., Any])


def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """The loop in machine code, compiled at its first call and kept on disk where that is possible.

    A package in a ZIP file or in a read-only folder without a home has no place for it; each
    process then compiles anew, some seconds.
    """
    return _compiled(loop)


def compiled_without_allocation(loop: _Loop) -> _Loop:
    """`compiled` of a loop that makes no array: it works on those that it is given.

    They are then not counted in and out of every function, which in small ones is half the time.
    """
    return _compiled(loop, _nrt=False)


def _compiled(loop: _Loop, **options: bool) -> _Loop:
    try:
        fast: _Loop = njit(cache=True, **options)(loop)
    except RuntimeError:
        fast = njit(**options)(loop)
    return fast
