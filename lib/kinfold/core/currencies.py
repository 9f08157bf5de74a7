"""Minor units of currencies: how many decimals an amount has."""

_MOST_CURRENCIES = 2
# ISO 4217, list one (current currencies and funds), column "Minor unit": the codes whose value is
# not 2. The Java 17 runtime (java.util.Currency) has the same, but not UYW.
_OTHER_CURRENCIES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_MINOR_DIGITS = {
    code: digits for digits, codes in _OTHER_CURRENCIES.items() for code in codes.split()
}


def minor_digits(currency: str | None) -> int:
    """Decimals of an amount in a currency: 2 for EUR, 0 for JPY, 3 for KWD.

    Args:
        currency: ISO 4217 code in capitals. Null and unknown codes have 2 decimals.
    """
    return _MINOR_DIGITS.get(currency or "", _MOST_CURRENCIES)
