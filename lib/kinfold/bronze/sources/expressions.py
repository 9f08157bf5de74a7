"""Spark SQL expressions of source files: checked before any data is read."""

import re
from collections.abc import Sequence

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.errors import ConfError, did_you_mean

_UNKNOWN_COLUMN = re.compile(r"with name `?([^`]+(?:`\.`[^`]+)*)`? cannot be resolved")


def checked_column(
    rows: DataFrame, expression: str, *, columns: Sequence[str], where: str
) -> Column:
    """The column of a Spark SQL expression, after analysing it against the frame's schema.

    Args:
        columns: the columns of the data, which the message about an unknown column lists.
        where: file and key of the expression, for messages.

    Raises:
        ConfError: the expression is not valid, or names a column that the data does not have.
    """
    try:
        column = F.expr(expression)
        rows.select(column)
    except PySparkException as error:
        unknown = _UNKNOWN_COLUMN.search(str(error))
        if unknown:
            name = unknown.group(1).replace("`", "")
            raise ConfError(
                f"{where}: the data has no column '{name}'.{did_you_mean(name, columns)} "
                f"It has: {', '.join(columns)}."
            ) from error
        reason = str(error).splitlines()[0].strip()
        raise ConfError(
            f"{where}: '{expression}' is not a valid Spark SQL expression: {reason[:200]}"
        ) from error
    return column


def instant_text(time: Column) -> Column:
    """A time as ISO 8601 text with its UTC offset.

    A time without a zone is in the session's zone, which is the source's (see `mapping_session`).
    """
    return F.date_format(time.cast("timestamp"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")
