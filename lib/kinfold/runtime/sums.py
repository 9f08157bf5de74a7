"""Sums that cannot overflow."""

from pyspark.sql import Column, functions as F

MAX_BIGINT = 2**63 - 1


def capped_sum(amounts: Column) -> Column:
    """An aggregate: the sum of the amounts of a group, but at most `MAX_BIGINT`.

    One sender with absurd amounts then stops nobody else. Amounts are not negative, so the result
    does not depend on their order.

    Args:
        amounts: bigint, not negative; null counts as 0.
    """
    # Without nulls, the sum is null only if it overflows.
    return F.coalesce(F.try_sum(F.coalesce(amounts, F.lit(0))), F.lit(MAX_BIGINT))
