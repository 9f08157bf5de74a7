"""Spark SQL expressions of source files: checked before any data lands."""

import re
from collections.abc import Mapping, Sequence

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, functions as F, types as T
from pyspark.sql.classic.column import Column as ClassicColumn

from kinfold.bronze.schemas.kinds import kind_of
from kinfold.bronze.sources.whole_numbers import with_exact_casts
from kinfold.core.errors import ConfError, did_you_mean

_UNKNOWN_COLUMN = re.compile(r"with name `?([^`]+(?:`\.`[^`]+)*)`? cannot be resolved")
# Braces and quotes of JSON, an e-mail address, a number or a date.
_NO_NAME = re.compile(r"""[{}"@]|^[\s\d.,:/+-]+$|^\d{4}-\d\d-\d\d""")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*")
_CONDITION = re.compile(r"^\[[A-Z_.0-9]+\]\s*")
# What Spark says about a pattern that is wrong for every value.
_WRONG_PATTERN = re.compile(
    r"INCONSISTENT_BEHAVIOR_CROSS_VERSION|INVALID_DATETIME_PATTERN|PatternSyntaxException"
    r"|INVALID_PARAMETER_VALUE|INVALID_FORMAT\.(?!MISMATCH_INPUT)|IllegalArgumentException"
    r"|DateTimeException|INVALID_INDEX"
)
_MAX_REASON_CHARACTERS = 200
_TRIED_ROWS = 100
_EXACT_INTEGERS = 2.0**53


def checked_column(
    rows: DataFrame, expression: str, *, columns: Sequence[str], where: str
) -> Column:
    """The column of a Spark SQL expression, after analysing it against the frame's schema.

    It is null for a row for which the expression raises an error, so that one value cannot stop
    the others.

    Args:
        columns: the columns of the data, which the message about an unknown column lists.
        where: file and key of the expression, for messages.

    Raises:
        ConfError: the expression is not valid, or names a column that the data does not have.
    """
    try:
        rows.select(F.expr(expression))
        return tried(rows, expression)
    except PySparkException as error:
        unknown = _UNKNOWN_COLUMN.search(str(error))
        if unknown:
            name = unknown.group(1).replace("`", "")
            raise unknown_column(
                name, expression=expression, columns=columns, where=where
            ) from error
        raise ConfError(
            f"{where}: '{expression}' is not a valid Spark SQL expression: {spark_reason(error)}."
            f"{_quoting_hint(expression, columns)}"
        ) from error


def unknown_column(name: str, *, expression: str, columns: Sequence[str], where: str) -> ConfError:
    """The error about a name in an expression that the data does not have."""
    data = next((one for one in columns if not _is_a_name(one)), None)
    if data is not None:
        return ConfError(
            f"{where}: the data has no column '{name}'. The first row looks like data, not like "
            f"names of columns: it has {kind_of(data)}. Check `format`, and whether the files have "
            "a header."
        )
    hint = _quoting_hint(expression, columns) or did_you_mean(name, columns)
    if not hint and expression.strip() == name and _PLAIN_NAME.fullmatch(name):
        hint = f" For the constant text write \"'{name}'\", with both kinds of quotes."
    listed = f"It has: {', '.join(columns)}." if columns else "It has none."
    return ConfError(f"{where}: the data has no column '{name}'.{hint} {listed}")


def _is_a_name(column: str) -> bool:
    """Whether it can be the name of a column: other texts are values, which may be personal."""
    return not _NO_NAME.search(column)


def tried(rows: DataFrame, expression: str) -> Column:
    """The column of a valid expression; null where it raises an error."""
    jvm = rows.sparkSession._jvm
    assert jvm is not None  # a classic session has one
    analysed = with_exact_casts(rows, F.expr(expression))
    # try_* functions exist for some functions only; this is what they are made of.
    attempt = jvm.org.apache.spark.sql.catalyst.expressions.TryEval(analysed)
    return ClassicColumn(jvm.org.apache.spark.sql.classic.ExpressionUtils.column(attempt))


def require_working_patterns(
    rows: DataFrame, expressions: Mapping[str, str], *, display_path: str
) -> None:
    """Evaluate the expressions for the first rows, so that a wrong pattern is known at the start.

    Args:
        rows: existing rows of the source.
        expressions: by their key in the source file; all are valid for the rows.

    Raises:
        ConfError: an expression fails because of a pattern or another argument, and gives a value
            for none of the rows.
    """
    first = rows.limit(_TRIED_ROWS)
    columns = {key: F.expr(text) for key, text in expressions.items()}
    if not columns or _failure(first, *columns.values()) is None:
        return
    for key, text in expressions.items():
        error = _failure(first, columns[key])
        if error is None:
            continue
        attempt = tried(rows, text)
        fails_always = _is_pattern(error) and (
            _failure(first, attempt) is not None or not first.where(attempt.isNotNull()).take(1)
        )
        if fails_always:
            reason = f"{spark_reason(error)}.{_pattern_hint(error)}"
            raise ConfError(f"{display_path}: {key}: '{text}' fails: {reason}") from error


def _failure(rows: DataFrame, *columns: Column) -> Exception | None:
    try:
        named = [column.alias(f"c{index}") for index, column in enumerate(columns)]
        rows.select(*named).write.format("noop").mode("overwrite").save()
    except (PySparkException, Py4JJavaError) as error:
        return error
    return None


def _is_pattern(error: Exception) -> bool:
    return _WRONG_PATTERN.search(str(error)) is not None


def spark_reason(error: Exception) -> str:
    """What Spark says about an expression, in one line and without its codes.

    Only for errors about the expression itself: others may quote values.
    """
    text = str(error)
    wrong = re.search(r"PatternSyntaxException: ([^\n]+)", text)
    if wrong:
        return wrong[1].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if not line.startswith("An error occurred")), "unknown")
    if "INCONSISTENT_BEHAVIOR" in first and len(lines) > 1:
        first = lines[lines.index(first) + 1]
    first = _CONDITION.sub("", first).partition(" SQLSTATE")[0].partition(" (line ")[0]
    return first.strip().rstrip(".")[:_MAX_REASON_CHARACTERS]


def _pattern_hint(error: Exception) -> str:
    text = str(error)
    if "DATETIME" in text or "pattern" in text:
        return " Patterns of times use y (year), M (month), d (day), H (hour), m (minute), s."
    return ""


def _quoting_hint(expression: str, columns: Sequence[str]) -> str:
    odd = [name for name in columns if not _PLAIN_NAME.fullmatch(name)]
    used = next((n for n in sorted(odd, key=len, reverse=True) if n and n in expression), None)
    if used is not None:
        return f" Write the column's name in backquotes: `{used}`."
    if " " in expression.strip() and "(" not in expression:
        return " A text is in single quotes ('...'), a column with a blank in backquotes (`...`)."
    return ""


def identifier_text(rows: DataFrame, column: Column) -> Column:
    """A value as the text of an identifier or an id.

    A whole number that is stored with a fraction (17850.0, as tables with missing values store
    numbers) is written without one, and never as 1.785E7.
    """
    kind = rows.select(column).schema[0].dataType
    if isinstance(kind, T.DoubleType | T.FloatType):
        is_whole = (column == F.floor(column)) & (F.abs(column) <= F.lit(_EXACT_INTEGERS))
        return F.when(is_whole, column.cast("bigint").cast("string")).otherwise(
            column.cast("string")
        )
    return column.cast("string")


def instant_text(time: Column) -> Column:
    """A time as ISO 8601 text with its UTC offset.

    A time without a zone is in the session's zone, which is the source's (see `mapping_session`).
    """
    return F.date_format(time.cast("timestamp"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")
