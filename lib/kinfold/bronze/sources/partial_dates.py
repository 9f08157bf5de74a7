"""Times of expressions without the dates that Spark makes up.

Spark reads `10:15` as today at 10:15, and `2026` as the first of January. A pattern without a year
gives 1970. Such a time is a guess, so it is no time here.
"""

import re
from collections.abc import Iterator
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F
from pyspark.sql.classic.column import Column as ClassicColumn

from kinfold.bronze.sources.expressions import instant_text
from kinfold.core.errors import ConfError

_FULL_DATE = r"^\s*[+-]?\d{4,}-\d{1,2}-\d{1,2}(?!\d)"
"""The start of a text that Spark reads as a time without making up a part of its date."""
_TIMES = ("date", "timestamp", "timestamp_ntz")
_PARSERS = ("GetTimestamp", "UnixTimestamp", "ToUnixTimestamp")
"""Expressions that read a text by a pattern: the text and the pattern are their first children."""
_REPLACED = ("ParseToTimestamp", "ParseToDate")
"""Functions that Spark replaces by a cast or a parser after the analysis."""
_QUOTED = re.compile(r"'[^']*'")
_PARTS = {"year": "yu", "month": "MLD", "day": "dD"}

_Expression = Any
"""A Catalyst expression, which has no type in Python."""


def dated_text(rows: DataFrame, time: Column, *, where: str) -> Column:
    """A time as ISO 8601 text with its UTC offset; the text that it was read from, as it is, if
    that text has no full date.

    Args:
        rows: the frame that the expression reads.
        time: the column of a valid expression.
        where: file and key of the expression, for messages.

    Raises:
        ConfError: see `dated`.
    """
    original = time.cast("timestamp")
    texts = [_column(rows, text) for text in _texts(_resolved(rows, original))]
    known = dated(rows, time, where=where)
    if not texts:
        return instant_text(known)
    is_guess = original.isNotNull() & known.isNull()
    return F.when(is_guess, F.coalesce(*texts)).otherwise(instant_text(known))


def dated(rows: DataFrame, time: Column, *, where: str) -> Column:
    """A time as a timestamp; null if the text that it is read from has no full date.

    Args:
        rows, time, where: see `dated_text`.

    Raises:
        ConfError: a pattern has no year, month or day, so it would make them up for every row.
    """
    original = time.cast("timestamp")
    resolved = _resolved(rows, original)
    for pattern in _patterns(resolved):
        missing = [part for part, letters in _PARTS.items() if not _has_any(pattern, letters)]
        if missing == ["year"] and _has_any(pattern, "Y"):
            raise ConfError(
                f"{where}: the pattern '{pattern}' is not valid: Y is the year of a week. Write y "
                "for the year."
            )
        if missing:
            raise ConfError(
                f"{where}: the pattern '{pattern}' has no {', no '.join(missing)}, so Spark would "
                "make up a date. Read date and time together, e.g. to_timestamp(concat(day, ' ', "
                "time), 'dd/MM/yyyy HH:mm')."
            )
    if not any(True for _ in _texts(resolved)):
        return original
    return _column(rows, _guarded(rows, resolved))


def _has_any(pattern: str, letters: str) -> bool:
    return any(letter in letters for letter in _QUOTED.sub("", pattern))


def _resolved(rows: DataFrame, column: Column) -> _Expression:
    """The expression of a column, with its types."""
    project = rows.select(column.alias("time"))._jdf.queryExecution().analyzed()
    return project.projectList().apply(0).child()


def _column(rows: DataFrame, expression: _Expression) -> Column:
    jvm = _jvm(rows)
    return ClassicColumn(jvm.org.apache.spark.sql.classic.ExpressionUtils.column(expression))


def _guarded(rows: DataFrame, expression: _Expression) -> _Expression:
    """The expression with null in place of casts of texts without a full date."""
    jvm = _jvm(rows)
    catalyst = jvm.org.apache.spark.sql.catalyst.expressions
    if _name(expression) in _REPLACED:
        return _guarded(rows, expression.replacement())
    if _is_cast_of_text(expression):
        text = expression.child()
        pattern = catalyst.Literal.create(_FULL_DATE, text.dataType())
        nothing = catalyst.Literal.create(None, expression.dataType())
        return catalyst.If(catalyst.RLike(text, pattern), expression, nothing)
    if _name(expression) in _PARSERS:
        return expression
    children = _children(expression)
    times = [_is_time(child) for child in children]
    if not any(times):
        return expression
    new = [
        _guarded(rows, child) if is_time else child
        for child, is_time in zip(children, times, strict=True)
    ]
    return expression.withNewChildren(jvm.org.apache.spark.api.python.PythonUtils.toSeq(new))


def _jvm(rows: DataFrame) -> Any:
    jvm = rows.sparkSession._jvm
    assert jvm is not None  # a classic session has one
    return jvm


def _texts(expression: _Expression) -> Iterator[_Expression]:
    """The texts that are cast to a time that reaches the result."""
    return (one.child() for one in _sources(expression) if _is_cast_of_text(one))


def _patterns(expression: _Expression) -> Iterator[str]:
    """The constant patterns by which a time that reaches the result is read."""
    for one in _sources(expression):
        if _name(one) in _PARSERS:
            text, pattern, *_ = _children(one)
            if _type(text) == "string" and pattern.foldable():
                yield str(pattern.eval(None))


def _sources(expression: _Expression) -> Iterator[_Expression]:
    """Where the times that reach the result are read from texts."""
    if _name(expression) in _REPLACED:
        yield from _sources(expression.replacement())
        return
    if _is_cast_of_text(expression) or _name(expression) in _PARSERS:
        yield expression
        return
    for child in _children(expression):
        if _is_time(child):
            yield from _sources(child)


def _children(expression: _Expression) -> list[_Expression]:
    children = expression.children()
    return [children.apply(index) for index in range(children.size())]


def _is_time(expression: _Expression) -> bool:
    """Whether the date of an expression becomes that of its parent: it is a time, or a time read as
    seconds. Not hour(t) or the difference of two times: those are numbers and intervals."""
    return _type(expression) in _TIMES or _name(expression) in _PARSERS


def _is_cast_of_text(expression: _Expression) -> bool:
    return (
        _name(expression) == "Cast"
        and _type(expression) in _TIMES
        and _type(expression.child()) == "string"
    )


def _name(expression: _Expression) -> str:
    return str(expression.getClass().getSimpleName())


def _type(expression: _Expression) -> str:
    return str(expression.dataType().typeName())
