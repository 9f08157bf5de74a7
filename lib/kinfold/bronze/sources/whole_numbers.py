"""Casts to whole numbers in expressions of source files: null where the value would change."""

from typing import Any

from pyspark.sql import Column, DataFrame, functions as F
from pyspark.sql.classic.column import Column as ClassicColumn

_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
_FRACTIONS = ("double", "float")
_TO_WHOLE_NUMBERS = ("cast", "ceil", "floor")


def with_exact_casts(rows: DataFrame, expression: Column) -> Any:
    """The analysed expression; a number that does not fit a whole number becomes null there.

    Without ANSI mode, Spark's cast makes NaN 0, infinity the largest number, and wraps a number
    that is too large. All are wrong amounts. A text or a boolean is cast as before.

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
    new = [_exact(rows, child) for child in old]
    if any(one is not other for one, other in zip(new, old, strict=True)):
        node = node.withNewChildren(jvm.PythonUtils.toSeq(new))
    limit = _limit(node, old)
    if limit is None:
        return node
    columns = jvm.org.apache.spark.sql.classic.ExpressionUtils
    is_exact = F.abs(ClassicColumn(columns.column(new[0])).cast("double")) < F.lit(limit)
    return columns.expression(F.when(is_exact, ClassicColumn(columns.column(node)))._jc)


def _limit(node: Any, children: list[Any]) -> float | None:
    """The size from which a number does not fit the result of a node; None if all do."""
    kind = str(node.nodeName()).lower()
    if kind not in _TO_WHOLE_NUMBERS or len(children) != 1:
        return None
    source = str(children[0].dataType().typeName())
    target = str(node.dataType().typeName())
    is_number = source in _FRACTIONS or source.startswith("decimal") or source in _BITS
    if target not in _BITS or not is_number:
        return None
    is_wider = source in _BITS and _BITS[source] <= _BITS[target]
    return None if is_wider else 2.0 ** (_BITS[target] - 1)
