"""Minor units of currencies."""

import pytest

from kinfold.core.currencies import minor_digits


@pytest.mark.parametrize(
    ("currencies", "digits"),
    [
        ("JPY KRW CLP VND ISK XOF UGX UYI", 0),
        ("EUR USD GBP HUF TWD IDR MGA MRU", 2),
        ("KWD BHD TND JOD OMR IQD LYD", 3),
        ("CLF UYW", 4),
    ],
)
def test_a_currency_has_the_decimals_of_iso_4217(currencies, digits):
    assert {minor_digits(currency) for currency in currencies.split()} == {digits}


@pytest.mark.parametrize("currency", [None, "", "XXX", "BTC", "jpy"])
def test_an_unknown_currency_has_two_decimals(currency):
    assert minor_digits(currency) == 2
