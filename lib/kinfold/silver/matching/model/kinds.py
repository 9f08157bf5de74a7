"""Kinds of attributes, and the normalised form of their values.

A value is normalised once, before blocking and comparison. A text that means "unknown" becomes
null, and null never counts for or against a match.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache

import jellyfish


class Kind(StrEnum):
    """The kind of value in a column. It decides how values are normalised, blocked and compared."""

    GIVEN_NAME = "given_name"
    SURNAME = "surname"
    FULL_NAME = "full_name"
    BIRTH_DATE = "birth_date"
    POSTCODE = "postcode"
    PLACE = "place"
    ADDRESS = "address"
    HOUSE_NUMBER = "house_number"
    PHONE = "phone"
    EMAIL = "email"
    GENDER = "gender"
    TEXT = "text"
    CODE = "code"


HOUSEHOLD_FACTS = frozenset(
    {Kind.SURNAME, Kind.ADDRESS, Kind.HOUSE_NUMBER, Kind.POSTCODE, Kind.PLACE, Kind.PHONE}
)
"""Kinds that the members of one household mostly have in common."""
PERSONAL_FACTS = frozenset(
    {Kind.GIVEN_NAME, Kind.FULL_NAME, Kind.BIRTH_DATE, Kind.EMAIL, Kind.CODE}
)
"""Kinds that tell the members of one household apart."""

UNKNOWN = frozenset(
    {"", "nan", "null", "none", "na", "n a", "unknown", "unbekannt", "not known", "not available"}
)
TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "rev", "sir", "dame", "lord"}
    | {"lady", "jr", "sr", "ii", "iii", "phd", "md", "esq", "herr", "frau"}
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}


def plain_text(raw: str) -> str | None:
    """Lower case ASCII letters and digits, one space between words; null if nothing is left."""
    ascii_only = unicodedata.normalize("NFKD", raw).encode("ascii", "ignore").decode()
    if not ascii_only.strip() and raw.strip():
        # A script without Latin letters stays as it is.
        return " ".join(raw.casefold().split())
    text = ascii_only.lower().replace("'", "")
    text = re.sub(r"[^a-z0-9]+", " ", text).strip()
    return None if text in UNKNOWN else text


def name_text(raw: str) -> str | None:
    """Plain text without titles; a text of titles only stays as it is."""
    text = plain_text(raw)
    if text is None:
        return None
    return " ".join(word for word in text.split() if word not in TITLES) or text


def compact_text(raw: str) -> str | None:
    """Plain text without spaces, for codes that people write with spaces in different places."""
    text = plain_text(raw)
    return text.replace(" ", "") if text else None


def date_digits(raw: str) -> str | None:
    """`yyyymmdd` of a date: year first, day first (`31/12/1980`), or with the name of the month.

    Day and month may be out of range: a date with a typing error must still be close to the true
    one. A time of day after the date is dropped.
    """
    text = raw.strip().lower()
    if match := re.fullmatch(r"(\d{4})[-/. ]?(\d{2})[-/. ]?(\d{2})(?:[t ].*|\.0)?", text):
        return "".join(match.groups())
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text):
        year, month, day = match.groups()
    elif match := re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})(?: .*)?", text):
        day, month, year = match.groups()
    elif match := re.fullmatch(r"(\d{1,2})[-. ]*([a-z]{3})[a-z]*[-., ]*(\d{4})", text):
        day, name, year = match.groups()
        month = str(_MONTHS.get(name, 0))
    else:
        return None
    return f"{year}{int(month):02}{int(day):02}"


def email_text(raw: str) -> str | None:
    """The address in lower case; null unless it has text around one `@`."""
    text = "".join(raw.lower().split())
    local, _, domain = text.partition("@")
    return text if local and domain and "@" not in domain else None


def phone_digits(raw: str) -> str | None:
    """The digits, without leading zeros of a prefix; null below five digits."""
    digits = re.sub(r"\D", "", raw).lstrip("0")
    return digits if len(digits) >= 5 else None


NORMALISERS: dict[Kind, Callable[[str], str | None]] = {
    Kind.GIVEN_NAME: name_text,
    Kind.SURNAME: plain_text,
    Kind.FULL_NAME: plain_text,
    Kind.BIRTH_DATE: date_digits,
    Kind.POSTCODE: compact_text,
    Kind.PLACE: plain_text,
    Kind.ADDRESS: plain_text,
    Kind.HOUSE_NUMBER: compact_text,
    Kind.PHONE: phone_digits,
    Kind.EMAIL: email_text,
    Kind.GENDER: plain_text,
    Kind.TEXT: plain_text,
    Kind.CODE: compact_text,
}


def normalised(kind: Kind, values: Sequence[str | None]) -> list[str | None]:
    """The normalised values. Each distinct value is normalised once."""
    rule = NORMALISERS[kind]
    known: dict[str | None, str | None] = {None: None}
    for value in values:
        if value not in known:
            assert value is not None
            known[value] = rule(value)
    return [known[value] for value in values]


@lru_cache(maxsize=200_000)
def sound(word: str) -> str:
    """Six letters of the metaphone of a word, or its first four letters if it has none."""
    return jellyfish.metaphone(word)[:6] or word[:4]


def sector(postcode: str) -> str:
    """A postcode without its last two characters, or the first three characters of a short one."""
    return postcode[:-2] if len(postcode) > 4 else postcode[:3]
