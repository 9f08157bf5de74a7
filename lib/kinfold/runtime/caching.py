"""Frames that stay, frames that arrays become, and the rows of a table that have given numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pyspark.sql import DataFrame

_scopes: ContextVar[tuple[list[DataFrame], ...]] = ContextVar("_scopes", default=())


@contextmanager
def caching_scope() -> Iterator[None]:
    """What is cached inside is let go at the end, and what is held at the end of the outermost.

    Not for the memory alone: each write to a table has Spark plan anew all that is cached and came
    from that table, whether anybody reads it again or not.
    """
    frames: list[DataFrame] = []
    token = _scopes.set((*_scopes.get(), frames))
    try:
        yield
    finally:
        _scopes.reset(token)
        for rows in frames:
            rows.unpersist()


def cached(rows: DataFrame) -> DataFrame:
    """Rows computed once, of a size that joins know."""
    return _computed(rows, *_scopes.get()[-1:])


def materialized(rows: DataFrame) -> DataFrame:
    """Rows as they are now. What is only cached is computed anew, by each who reads it, as soon as
    a table that it came from has been written."""
    return _computed(rows.localCheckpoint(), *_scopes.get()[:1])


def lazily_cached(rows: DataFrame) -> DataFrame:
    """Rows computed once, as far as they are read, and let go at the end of the outermost."""
    return _persisted(rows, *_scopes.get()[:1])


def _computed(rows: DataFrame, *scope: list[DataFrame]) -> DataFrame:
    rows = _persisted(rows, *scope)
    rows.count()
    return rows


def _persisted(rows: DataFrame, *scope: list[DataFrame]) -> DataFrame:
    rows = rows.persist()
    for frames in scope:
        frames.append(rows)
    return rows
