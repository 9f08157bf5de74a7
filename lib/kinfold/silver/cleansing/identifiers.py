"""Normalised identifiers: equal values mean the same thing, whichever source sent them."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise
from urllib.parse import unquote

import numpy as np
import phonenumbers
import pyarrow as pa
from pyspark.sql import Column, types as T
from pyspark.sql.pandas.types import to_arrow_type

from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.arrow_frames import python_column, small_slices
from kinfold.silver.cleansing.placeholders import is_placeholder, placeholder_words
from kinfold.silver.cleansing.texts import visible
from kinfold.tables.silver import DROPPED_IDENTIFIER, IDENTIFIER

PREVIOUS_ACCOUNT = "previous_user_id"
"""Namespace in which an alias sends the old account: a map cannot have the key user_id twice."""

Pair = tuple[str, str]
"""Namespace and value."""

_EMAIL = re.compile(r"""[^@\s<>"]+@[^@\s<>()\[\]",;:]+\.[^@\s.<>()\[\]",;:]{2,}""")
_NAMED_ADDRESS = re.compile(r".*<([^<>@\s]+@[^<>@\s]+)")  # Ann Lee <ann@example.org, unwrapped
_GMAIL = ("gmail.com", "googlemail.com")
_WRAPPING = (
    "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a<>,; \t\r\n"
)
"""Quotes, angle brackets and separators that stand around a value, not in it."""
_SCHEMES = ("mailto:", "tel:")


class DropReason(StrEnum):
    """Why an identifier that was sent identifies nobody."""

    PLACEHOLDER = "placeholder"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_PHONE = "not_a_phone"
    NOT_A_PHONE_OF_REGION = "not_a_phone_of_region"


@dataclass(frozen=True)
class Spelling:
    """How identifiers are normalised.

    Its repr is part of the settings hash of jobs: a renamed attribute would cause a rebuild.

    Attributes:
        placeholders: values, lower case, that mean "unknown" in any namespace.
        phone_region: ISO 3166 country of phone numbers without a country code.
        folding: namespaces, besides e-mail, in which upper and lower case are equal.
        has_provider_rules: whether the e-mail addresses of one mailbox are one value (see
            `mailbox`).
    """

    placeholders: Sequence[str] = ()
    phone_region: str = "GB"
    folding: Sequence[str] = ()
    has_provider_rules: bool = False

    @classmethod
    def of(cls, conf: IdentityConf) -> "Spelling":
        folding = tuple(name for name, kind in conf.namespaces.items() if kind.folds_case)
        return cls(conf.placeholders, conf.phone_region, folding, conf.email_provider_rules)

    @cached_property
    def placeholder_texts(self) -> frozenset[str]:
        """The placeholders in the form in which values are compared with them."""
        return placeholder_words(map(visible, self.placeholders))


def mailbox(email: str) -> str:
    """The main address of the mailbox that a lower-case e-mail address belongs to.

    Gmail ignores dots and the text after a plus sign, and googlemail.com is gmail.com. Addresses of
    other providers stay as they are.
    """
    local, _, domain = email.rpartition("@")
    plain = local.partition("+")[0].replace(".", "")
    return f"{plain}@gmail.com" if domain in _GMAIL and plain else email


def normalised_value(namespace: str, sent: str, spelling: Spelling) -> str | None:
    """The value of an identifier in comparable form; null if it cannot identify anyone."""
    return value_or_reason(namespace, sent, spelling)[0]


def value_or_reason(
    namespace: str, sent: str, spelling: Spelling
) -> tuple[str | None, DropReason | None]:
    """The value of an identifier in comparable form, or why there is none; both null for an empty
    text.

    White space, quotes, angle brackets, commas and semicolons at the ends, invisible characters,
    and `mailto:` or `tel:` are removed; accented letters get one spelling. E-mail addresses are
    converted to lower case and must look like an address. Phone numbers are converted to E.164 and
    must be valid. Other values are converted to lower case in namespaces that fold case.
    """
    seen = visible(sent)
    if not seen:
        return None, None
    value = _unwrapped(seen)
    if namespace == "email":
        return _email(value, spelling)
    words = spelling.placeholder_texts
    # With what stands around it too: <user_id> is a template.
    if is_placeholder(value, words) or (value != seen and is_placeholder(seen, words)):
        return None, DropReason.PLACEHOLDER
    if namespace == "phone":
        return _phone(value, spelling)
    return value.lower() if namespace in spelling.folding else value, None


def _unwrapped(text: str) -> str:
    """The value without what stands around it."""
    value = text.strip(_WRAPPING)
    scheme = value[:7].lower()
    for name in _SCHEMES:
        if scheme.startswith(name):
            return value[len(name) :].strip(_WRAPPING)
    return value


def _email(text: str, spelling: Spelling) -> tuple[str | None, DropReason | None]:
    # Full-width letters come from input methods.
    value = unicodedata.normalize("NFKC", text).lower()
    if "<" in value and (named := _NAMED_ADDRESS.fullmatch(value)):
        value = named[1]
    if "%40" in value and "@" not in value:
        value = unquote(value)
    address, _, options = value.partition("?")  # mailto:ann@example.org?subject=...
    value = (address if "=" in options else value).rstrip(".")
    words = spelling.placeholder_texts
    if not _EMAIL.fullmatch(value):
        is_unknown = is_placeholder(text, words)
        return None, DropReason.PLACEHOLDER if is_unknown else DropReason.NOT_AN_EMAIL
    value = mailbox(value) if spelling.has_provider_rules else value
    if is_placeholder(value, words):
        return None, DropReason.PLACEHOLDER
    return value, None


def _phone(text: str, spelling: Spelling) -> tuple[str | None, DropReason | None]:
    number = parsed_phone(text, spelling.phone_region)
    if number is None:
        has_country = text.lstrip("( ").startswith("+")
        reason = DropReason.NOT_A_PHONE if has_country else DropReason.NOT_A_PHONE_OF_REGION
        return None, reason
    if is_placeholder(number, spelling.placeholder_texts):
        return None, DropReason.PLACEHOLDER
    return number, None


@lru_cache(maxsize=100_000)
def parsed_phone(text: str | None, region: str) -> str | None:
    """`text` in E.164 (`+442071838750`); null if it is not a valid phone number.

    Args:
        region: the country of numbers without a country code.
    """
    if text is None:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True)
class Normaliser:
    """Normalises the identifiers of many events or records; remembers values that repeat.

    Attributes:
        value: namespace and value as sent to the normalised value, see `value_or_reason`.
    """

    value: Callable[[str, str], tuple[str | None, DropReason | None]]

    @classmethod
    def of(cls, spelling: Spelling) -> "Normaliser":
        @lru_cache(maxsize=100_000)
        def value(namespace: str, sent: str) -> tuple[str | None, DropReason | None]:
            return value_or_reason(namespace, sent, spelling)

        return cls(value)

    def read(self, sent: Iterable[tuple[str, str | None]]) -> "ReadIdentifiers":
        """The identifiers of one event or record."""
        pairs, dropped = set[Pair](), set[Pair]()
        previous = None
        for key, text in sent:
            if text is None:
                continue
            namespace = key.strip()
            is_previous = namespace == PREVIOUS_ACCOUNT
            if is_previous:
                namespace = "user_id"
            value, reason = self.value(namespace, text)
            if value:
                pairs.add((namespace, value))
                previous = value if is_previous else previous
            elif reason:
                dropped.add((namespace, reason.value))
        return ReadIdentifiers(sorted(pairs), previous, sorted(dropped))

    def columns(self, sent: pa.MapArray) -> dict[str, pa.Array]:
        """`read` of each map, as columns of silver.events."""
        names, values = sent.keys.to_pylist(), sent.items.to_pylist()
        rows = []
        # A null map has no entries between its offsets.
        for start, end in pairwise(sent.offsets.to_pylist()):
            rows.append(self.read(zip(names[start:end], values[start:end], strict=True)))
        dropped = [row.dropped for row in rows]
        return {
            "identifiers": _lists(IDENTIFIER, [row.pairs for row in rows]),
            "previous_account": pa.array([row.previous for row in rows], pa.string()),
            "dropped_identifiers": _lists(DROPPED_IDENTIFIER, dropped, is_null_if_empty=True),
        }


@dataclass(frozen=True, slots=True)
class ReadIdentifiers:
    """The identifiers of one event or record.

    Attributes:
        pairs: the usable ones, distinct, by namespace and value.
        previous: the old account of an alias, which is one of `pairs`.
        dropped: namespace and `DropReason` of the others, distinct.
    """

    pairs: list[Pair]
    previous: str | None
    dropped: list[Pair]


def _lists(
    kind: T.StructType, rows: Sequence[Sequence[Pair]], *, is_null_if_empty: bool = False
) -> pa.Array:
    """An array of lists of two texts each."""
    list_type = to_arrow_type(T.ArrayType(kind))
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    structs = pa.StructArray.from_arrays(
        [pa.array([pair[part] for row in rows for pair in row], pa.string()) for part in (0, 1)],
        fields=list(list_type.value_type),
    )
    mask = pa.array([not row for row in rows], pa.bool_()) if is_null_if_empty else None
    return pa.ListArray.from_arrays(pa.array(ends), structs, list_type, mask=mask)


def read_identifiers(sent: Column, spelling: Spelling) -> Column:
    """The identifiers of a record: a struct of identifiers (array<struct<namespace, value>>,
    distinct, ordered; empty for null) and dropped_identifiers (null if there are none).

    Args:
        sent: map of namespace to value, as sent.
    """
    result = T.StructType(
        [
            T.StructField("identifiers", T.ArrayType(IDENTIFIER)),
            T.StructField("dropped_identifiers", T.ArrayType(DROPPED_IDENTIFIER)),
        ]
    )

    # Python, because no built-in function has numbering plans or the normal forms of Unicode.
    def read(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        fields, normaliser = list(to_arrow_type(result)), Normaliser.of(spelling)
        for batch in batches:
            for part in small_slices(batch):
                columns = normaliser.columns(part)
                yield pa.StructArray.from_arrays([columns[f.name] for f in fields], fields=fields)

    return python_column(read, result)(sent)
