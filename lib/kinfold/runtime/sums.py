"""Sums and products that cannot overflow."""

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


def capped_sum_of(amounts: Column) -> Column:
    """The sum of an array of amounts like those of `capped_sum`; 0 for an empty array."""
    return F.aggregate(
        amounts, F.lit(0).cast("bigint"), lambda sum_, amount: _capped(F.try_add(sum_, amount))
    )


def capped_product(amount: Column, count: Column) -> Column:
    """The product of two numbers that are not negative, at most `MAX_BIGINT`; null if one is."""
    is_known = amount.isNotNull() & count.isNotNull()
    return F.when(is_known, _capped(F.try_multiply(amount, count)))


def _capped(number: Column) -> Column:
    return F.coalesce(number, F.lit(MAX_BIGINT))
