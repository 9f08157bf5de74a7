"""Kinds of attributes, and the form in which their values can be compared.

A value is normalised once, before blocking and comparing. What stands for "unknown" becomes null,
and null never speaks for or against a match.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache

import jellyfish


class Kind(StrEnum):
    """What a column holds; decides how it is normalised, blocked on and compared."""

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
    """Lower case ASCII letters and digits, words apart by one blank; null if nothing is left."""
    ascii_only = unicodedata.normalize("NFKD", raw).encode("ascii", "ignore").decode()
    if not ascii_only.strip() and raw.strip():
        # A script without a Latin form is compared as it is written.
        return " ".join(raw.casefold().split())
    text = ascii_only.lower().replace("'", "")
    text = re.sub(r"[^a-z0-9]+", " ", text).strip()
    return None if text in UNKNOWN else text


def name_text(raw: str) -> str | None:
    """Plain text without titles, unless nothing else is there."""
    text = plain_text(raw)
    if text is None:
        return None
    return " ".join(word for word in text.split() if word not in TITLES) or text


def compact_text(raw: str) -> str | None:
    """Plain text without blanks, for codes that people space as they like."""
    text = plain_text(raw)
    return text.replace(" ", "") if text else None


def date_digits(raw: str) -> str | None:
    """`yyyymmdd` of a date written year first, day first (`31/12/1980`), or with a month's name.

    Day and month are not checked: a typing error in them must still come close to the truth. A
    time of day behind the date is dropped.
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
    """Comparable values, each distinct input normalised once."""
    rule = NORMALISERS[kind]
    known: dict[str | None, str | None] = {None: None}
    for value in values:
        if value not in known:
            assert value is not None
            known[value] = rule(value)
    return [known[value] for value in values]


@lru_cache(maxsize=200_000)
def sound(word: str) -> str:
    """How a word sounds: its metaphone, or its beginning where it has none."""
    return jellyfish.metaphone(word)[:6] or word[:4]


def sector(postcode: str) -> str:
    """The larger area of a postcode: without its last two signs, or three signs of a short one."""
    return postcode[:-2] if len(postcode) > 4 else postcode[:3]
