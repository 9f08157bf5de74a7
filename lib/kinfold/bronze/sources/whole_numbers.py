"""Whole numbers in expressions of source files: null where Spark would compute another one."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F
from pyspark.sql.classic.column import Column as ClassicColumn

_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
_FRACTIONS = ("double", "float")
_TO_WHOLE_NUMBERS = ("cast", "ceil", "floor")
_ARITHMETIC: Mapping[str, Callable[..., Column]] = {
    "add": operator.add,
    "multiply": operator.mul,
    "subtract": operator.sub,
}


def with_exact_casts(rows: DataFrame, expression: Column) -> Any:
    """The analysed expression; a number that does not fit a whole number becomes null there.

    Without ANSI mode, Spark's cast makes NaN 0 and infinity the largest number; it wraps a number
    that is too large, as sums and products do. All are wrong amounts. A text or a boolean is cast
    as before.

    Args:
        rows: the frame that the expression reads, and the only one that the result fits.

    Returns:
        The JVM's expression.
    """
    plan = rows.select(expression.alias("_"))._jdf.queryExecution().analyzed()
    return _exact(rows, plan.projectList().apply(0).child())


def _exact(rows: DataFrame, node: Any) -> Any:
    jvm = rows.sparkSession._jvm
    assert jvm is not None  # a classic session has one
    children = node.children()
    old = [children.apply(index) for index in range(children.size())]
    limit = _limit(node, old)  # of the analysed node: a new one has no type yet
    new = [_exact(rows, child) for child in old]
    if any(one is not other for one, other in zip(new, old, strict=True)):
        node = node.withNewChildren(jvm.PythonUtils.toSeq(new))
    if limit is None:
        return node
    columns = jvm.org.apache.spark.sql.classic.ExpressionUtils
    numbers = [ClassicColumn(columns.column(child)).cast("double") for child in new]
    size = F.abs(_ARITHMETIC.get(_kind(node), _only)(*numbers))
    return columns.expression(F.when(size < limit, ClassicColumn(columns.column(node)))._jc)


def _limit(node: Any, children: list[Any]) -> float | None:
    """The size from which a number does not fit the result of a node; None if all do."""
    kind = _kind(node)
    if kind not in _ARITHMETIC and (kind not in _TO_WHOLE_NUMBERS or len(children) != 1):
        return None
    source = str(children[0].dataType().typeName())
    target = str(node.dataType().typeName())
    is_number = source in _FRACTIONS or source.startswith("decimal") or source in _BITS
    if target not in _BITS or not is_number:
        return None
    if kind in _TO_WHOLE_NUMBERS and _BITS.get(source, 128) <= _BITS[target]:
        return None
    return 2.0 ** (_BITS[target] - 1)


def _kind(node: Any) -> str:
    return str(node.nodeName()).lower()


def _only(number: Column) -> Column:
    return number
