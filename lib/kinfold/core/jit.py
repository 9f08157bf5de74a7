"""Just-in-time compilation of numeric loops with numba."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_Loop = TypeVar("_Loop", bound=Callable[..., Any])


def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code, compiled at its first call and cached on disk if possible.

    There is no folder for the cache if the package is in a ZIP file, or in a read-only folder while
    the user has no home folder. Each process then compiles again, which takes some seconds.
    """
    return _compiled(loop)


def compiled_without_allocation(loop: _Loop) -> _Loop:
    """Like `compiled`, for a function that creates no array and only works on its arguments.

    numba then skips reference counting at each call, which takes half of the time of small
    functions.
    """
    return _compiled(loop, _nrt=False)


def _compiled(loop: _Loop, **options: bool) -> _Loop:
    try:
        machine_code: _Loop = njit(cache=True, **options)(loop)
    except RuntimeError:  # numba finds no folder for its cache
        machine_code = njit(**options)(loop)
    return machine_code
