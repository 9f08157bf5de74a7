"""Rates of currencies: read from the declared file, and found for the day of an order."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession, functions as F, types as T

from kinfold.core.currencies import minor_digits
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.runtime.sums import MAX_BIGINT

_COLUMNS = ("date", "currency", "rate")
_CURRENCY = re.compile("[A-Z]{3}")
_LEAST, _MOST = Decimal("0.000000000001"), Decimal(999_999_999)
"""Limits of a factor between minor units; its products with amounts fit Spark's decimals."""
_SHOWN = 5


@dataclass(frozen=True)
class Rate:
    """What one unit of a currency is worth in the reporting currency, from a day on."""

    since: date
    currency: str
    rate: Decimal

    def factor(self, reporting: str) -> float:
        """The rate between minor units: from a yen (without decimals) to euro cents 100 times the
        rate."""
        return float(self._factor(reporting))

    def fits(self, reporting: str) -> bool:
        """Whether amounts can be converted exactly with the factor."""
        return _LEAST <= self._factor(reporting) <= _MOST

    def _factor(self, reporting: str) -> Decimal:
        return self.rate.scaleb(minor_digits(reporting) - minor_digits(self.currency))


def read_rates(path: Path, *, reporting: str) -> list[Rate]:
    """The rates of a CSV file with the columns date, currency and rate, sorted.

    Args:
        reporting: the currency that the rates convert to (`money.currency`).

    Raises:
        ConfError: the file cannot be read, or lines of it are wrong.
    """
    where = f"money.rates {path}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfError(
            f"{where}: cannot be read ({why}). Write a CSV file with the columns date, currency, "
            "rate, or set money.rates=null."
        ) from error
    rows = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(rows, [])]
    _require_columns(header, where)
    rates: dict[tuple[str, date], tuple[Rate, int]] = {}
    problems = []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        try:
            rate = _rate(dict(zip(header, row, strict=False)), reporting=reporting)
        except ValueError as error:
            problems.append(f"line {rows.line_num}: {error}")
            continue
        _, first = rates.setdefault((rate.currency, rate.since), (rate, rows.line_num))
        if first != rows.line_num:
            problems.append(
                f"line {rows.line_num}: {rate.currency} has a rate of {rate.since} in line {first} "
                "already. Remove one"
            )
    if problems:
        more = [f"and {len(problems) - _SHOWN} more lines"] if len(problems) > _SHOWN else []
        raise ConfError(f"{where}: {'; '.join([*problems[:_SHOWN], *more])}.")
    return [rate for _, (rate, _) in sorted(rates.items())]


def _require_columns(header: Sequence[str], where: str) -> None:
    expected = f"Expected in the first line: {','.join(_COLUMNS)}."
    unknown = [name for name in header if name not in _COLUMNS]
    if unknown:
        hint = did_you_mean(unknown[0], _COLUMNS)
        raise ConfError(f"{where}: unknown column '{unknown[0]}'.{hint} {expected}")
    missing = [name for name in _COLUMNS if name not in header]
    if missing or len(header) != len(_COLUMNS):
        why = f"no column {', '.join(missing)}" if missing else "a column is there twice"
        raise ConfError(f"{where}: {why}. {expected}")


def _rate(row: Mapping[str, str], *, reporting: str) -> Rate:
    cells = {name: row.get(name, "").strip() for name in _COLUMNS}
    currency = cells["currency"].upper()
    if not _CURRENCY.fullmatch(currency):
        raise ValueError(f"currency is '{cells['currency']}', expected an ISO 4217 code like EUR")
    try:
        since = date.fromisoformat(cells["date"])
    except ValueError:
        raise ValueError(f"date is '{cells['date']}', expected a day like 2026-03-31") from None
    try:
        number = Decimal(cells["rate"])
    except InvalidOperation:
        raise ValueError(f"rate is '{cells['rate']}', expected a number like 0.85") from None
    rate = Rate(since, currency, number)
    if not number.is_finite() or number <= 0:
        raise ValueError(
            f"rate is {cells['rate']}, expected how many {reporting} one {currency} is worth, "
            "above 0"
        )
    if currency == reporting and number != 1:
        raise ValueError(
            f"rate of {currency} is {cells['rate']}, expected 1 or no line: it is money.currency, "
            "which the rates convert to"
        )
    if not rate.fits(reporting):
        raise ValueError(f"rate is {cells['rate']}, expected one that amounts can be converted by")
    return rate


@dataclass(frozen=True)
class Conversion:
    """How amounts are converted to the reporting currency.

    Attributes:
        currency: the reporting currency; null in a lake without any amount.
        rates: sorted by currency and day.
    """

    currency: str | None
    rates: Sequence[Rate] = ()

    def with_rate(self, events: DataFrame) -> DataFrame:
        """Adds `rate`: the factor from minor units of `currency` to those of the reporting currency
        by the newest rate at or before the day (UTC) of `occurred_at`; null if there is none."""
        own = F.when(F.col("currency") == F.lit(self.currency), F.lit(1.0))
        if not self.rates:
            return events.withColumn("rate", own)
        latest = {rate.currency: rate.since for rate in self.rates}  # they are sorted
        last_days = F.create_map(*(F.lit(part) for pair in latest.items() for part in pair))
        day = F.to_date("occurred_at")
        last_day = F.try_element_at(last_days, F.col("currency"))
        factors = F.broadcast(self._daily_factors(events.sparkSession))
        return (
            events.withColumn("_day", F.least(day, last_day))
            .join(factors, ["currency", "_day"], how="left")
            .withColumn("rate", F.coalesce(own, F.col("_factor")))
            .drop("_day", "_factor")
        )

    def _daily_factors(self, spark: SparkSession) -> DataFrame:
        """currency, _day and _factor: each day from the first to the last rate of a currency."""
        schema = "currency string, since date, until date, _factor double"
        return spark.createDataFrame(list(self._periods()), schema).select(
            "currency", F.explode(F.sequence("since", "until")).alias("_day"), "_factor"
        )

    def _periods(self) -> Iterator[tuple[str, date, date, float]]:
        assert self.currency is not None  # rates need money.currency
        for rate, following in pairwise([*self.rates, None]):
            if rate is None:
                continue
            until = rate.since
            if following is not None and following.currency == rate.currency:
                until = following.since - timedelta(days=1)
            yield rate.currency, rate.since, until, rate.factor(self.currency)


def converted(cents: Column, rate: Column) -> Column:
    """An amount in minor units of the reporting currency, halves away from zero; null without a
    rate.

    Args:
        cents: bigint.
        rate: see `Conversion.with_rate`.
    """
    # Decimals, because 1.15 times 10 is 11.5 and not 11.499999999999998.
    exact = F.round(cents.cast(T.DecimalType(19, 0)) * rate.cast(T.DecimalType(21, 12)), 0)
    most = F.lit(MAX_BIGINT).cast(T.DecimalType(19, 0))
    return F.when(exact.isNotNull(), F.greatest(F.least(exact, most), -most).cast("bigint"))


def most_frequent_currency(orders: DataFrame) -> DataFrame:
    """The currency of most orders, ties by name: one row `currency`, none without any currency.

    Args:
        orders: order events of purchases with order_group and currency.
    """
    return (
        orders.where(F.col("currency").isNotNull())
        .select("order_group", "currency")
        .distinct()
        .groupBy("currency")
        .agg(F.count(F.lit(1)).alias("orders"))
        .orderBy(F.desc("orders"), "currency")
        .select("currency")
        .limit(1)
    )
