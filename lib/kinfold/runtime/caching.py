"""Cached frames, and the scopes at whose end they are released."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pyspark.sql import DataFrame

_scopes: ContextVar[tuple[list[DataFrame], ...]] = ContextVar("_scopes", default=())


@contextmanager
def caching_scope() -> Iterator[None]:
    """Unpersist on exit what `cached` has cached inside.

    Frames of `materialized` and `lazily_cached` are unpersisted at the end of the outermost scope.
    This does not only save memory: at each write to a table, Spark plans every cached frame that
    depends on the table again, even if nothing reads it any more.
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
    """Rows, computed and persisted now; Spark knows their size when it plans joins."""
    return _computed(rows, *_scopes.get()[-1:])


def materialized(rows: DataFrame) -> DataFrame:
    """Rows as they are now, independent of later writes.

    A frame that is only cached is computed again by each reader after a write to a table that it
    depends on. This one has no such dependency, because a local checkpoint cuts its plan.
    """
    return _computed(rows.localCheckpoint(), *_scopes.get()[:1])


def lazily_cached(rows: DataFrame) -> DataFrame:
    """Rows, persisted when they are first read, until the end of the outermost scope."""
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
