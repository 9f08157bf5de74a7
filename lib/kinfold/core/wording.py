"""Numbers as people write them: durations, amounts, percentages, and a number with its noun."""

import textwrap

from kinfold.core.currencies import minor_digits

COLUMNS = 100
"""Width of text for a terminal."""
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 365.25 * 86_400


def duration_text(seconds: float) -> str:
    """A duration in its largest unit of which there are at least two: `12.5 s`, `271 days`.

    So the number is never 1, and a noun in the plural is right. A negative duration keeps its sign.
    """
    if seconds < 0:
        return f"-{duration_text(-seconds)}"
    if 0 < seconds < 0.05:
        return "under 0.1 s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    for unit, limit, name in (
        (_MINUTE, 2 * _HOUR, "minutes"),
        (_HOUR, 2 * _DAY, "hours"),
        (_DAY, 2 * _YEAR, "days"),
    ):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / _YEAR:.1f} years"


def wrapped(line: str, *, hanging: int = 0) -> str:
    """A line of text on as many lines as it needs, each with the indent of the first.

    A word that is longer than a line (a path) stays whole.

    Args:
        hanging: further indent of the lines after the first.
    """
    text = line.lstrip()
    indent = " " * (len(line) - len(text))
    lines = textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 merge`, `2 merges`, `0 people` (plural given).

    Args:
        plural: if it is not the noun with an `s`.
    """
    return f"{number:,.0f} {noun if number == 1 else plural or noun + 's'}"


def percent_text(share: float) -> str:
    """A share of 1 as a percentage. A share above 0 or below 1 never becomes 0 or 100 percent."""
    percent = 100 * share
    if 0 < percent < 0.05:
        return "under 0.1 %"
    if 99.95 <= percent < 100:
        return "over 99.9 %"
    return f"{percent:.1f} %"


def money_text(minor_units: float, currency: str | None) -> str:
    """An amount with its currency: `1,234.50 EUR`, `1,235 JPY`.

    Args:
        minor_units: the amount in minor units of the currency (ISO 4217), as in columns `_cents`.
        currency: ISO 4217 code; null = unknown, so the amount stands alone.
    """
    amount = amount_text(minor_units, currency)
    return f"{amount} {currency}" if currency else amount


def amount_text(minor_units: float, currency: str | None) -> str:
    """An amount like that of `money_text`, without its currency."""
    digits = minor_digits(currency)
    return f"{minor_units / 10**digits:,.{digits}f}"
