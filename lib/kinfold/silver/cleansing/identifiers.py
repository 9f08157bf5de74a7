"""Normalised identifiers: equal values mean the same thing, whichever source sent them."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from urllib.parse import unquote

import phonenumbers
import pyarrow as pa
from pyspark.sql import Column, types as T
from pyspark.sql.pandas.types import to_arrow_type

from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.arrow_frames import python_column, small_slices
from kinfold.silver.cleansing.texts import visible
from kinfold.tables.silver import IDENTIFIER

PREVIOUS_ACCOUNT = "previous_user_id"
"""Namespace in which an alias sends the old account: a map cannot have the key user_id twice."""

Pair = tuple[str, str]
"""Namespace and value."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_GMAIL = ("gmail.com", "googlemail.com")
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
_WORD = re.compile(r"[^\W_]+")
_OPENING = re.compile(r"[{\[(<%*]")
# Texts of templates that nobody filled in, and of objects that became text.
_TEMPLATE = re.compile(
    r"""\{\{.*\}\} | \$\{.*\} | \#\{.*\} | <%.*%> | \*\|.*\|\* | \[\[.*\]\] | %%.*%%
    | \[object\ \w+\]""",
    re.VERBOSE | re.DOTALL,
)
# Without digits, because some systems write ids in brackets: {6B29FC40-...}.
_BRACKETED_NAME = re.compile(r"\{[^\d{}]*\}|\[[^\d\[\]]*\]|\([^\d()]*\)|<[^\d<>]*>|%[^\d%]*%")
_ZEROS = re.compile(r"0[0\-.:_ ]*")
_ONE_CHARACTER = re.compile(r"(\w)(?:[\-.:_ ]*\1){7,}")


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
        return frozenset(_bare(visible(text)) for text in self.placeholders) | {""}


def mailbox(email: str) -> str:
    """The main address of the mailbox that a lower-case e-mail address belongs to.

    Gmail ignores dots and the text after a plus sign, and googlemail.com is gmail.com. Addresses of
    other providers stay as they are.
    """
    local, _, domain = email.rpartition("@")
    plain = local.partition("+")[0].replace(".", "")
    return f"{plain}@gmail.com" if domain in _GMAIL and plain else email


def normalised_value(namespace: str, sent: str, spelling: Spelling) -> str | None:
    """The value of an identifier in comparable form; null if it cannot identify anyone.

    White space at the ends and invisible characters are removed, and accented letters get one
    spelling. E-mail addresses are converted to lower case and must look like an address. Phone
    numbers are converted to E.164 and must be valid. Other values are converted to lower case in
    namespaces that fold case. Empty values and placeholders are null.
    """
    value = visible(sent)
    if namespace == "email":
        value = unicodedata.normalize(
            "NFKC", value
        ).lower()  # full-width letters of an input method
        if not _EMAIL.fullmatch(value):
            return None
        value = mailbox(value) if spelling.has_provider_rules else value
        return None if is_placeholder(value, spelling) or _is_example(value, spelling) else value
    if is_placeholder(value, spelling):
        return None
    if namespace == "phone":
        number = parsed_phone(value, spelling.phone_region)
        return None if number is None or is_placeholder(number, spelling) else number
    return value.lower() if namespace in spelling.folding else value


def is_placeholder(value: str, spelling: Spelling) -> bool:
    """Whether a value stands for an unknown one, and so identifies nobody.

    These are: the placeholders of the settings, in any case, also in quotes or brackets and if all
    words are placeholders (`null null`); texts without a letter or digit; only zeros, or one
    character eight times or more; and templates (`{{user.id}}`, `%USER_ID%`, `[object Object]`);
    all of them also in the encoding of URLs.

    Args:
        value: visible text, see `visible`.
    """
    if _means_unknown(value, spelling):
        return True
    return "%" in value and _means_unknown(unquote(value), spelling)


def _means_unknown(value: str, spelling: Spelling) -> bool:
    bare, known = _bare(value), spelling.placeholder_texts
    first_word = _WORD.search(bare)
    if first_word is None:  # a picture may be a name, punctuation is not
        return not any(unicodedata.category(c) == "So" for c in value)
    if first_word[0] in known and all(word in known for word in _WORD.findall(bare)):
        return True
    return (
        bare in known
        or _ONE_CHARACTER.fullmatch(bare) is not None
        or (bare[0] == "0" and _ZEROS.fullmatch(bare) is not None)
        or (_OPENING.search(value) is not None and _is_template(value))
    )


def _bare(value: str) -> str:
    """Lower case, without quotes, brackets and other punctuation at the ends."""
    lower = value.lower()
    bare = lower.strip(_PUNCTUATION)
    # A minus sign belongs to a number: the placeholder -1 does not mean the value 1.
    return f"-{bare}" if lower.startswith("-") and bare.isdecimal() else bare


def _is_template(value: str) -> bool:
    return bool(_TEMPLATE.search(value) or _BRACKETED_NAME.fullmatch(value))


def _is_example(email: str, spelling: Spelling) -> bool:
    """Whether the name of an address and its domain are both placeholders: none@none.com."""
    local, _, domain = email.rpartition("@")
    label, known = domain.partition(".")[0], spelling.placeholder_texts
    return local in known and (label in known or label == "example")


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
        value: namespace and value as sent to the normalised value, see `normalised_value`.
    """

    value: Callable[[str, str], str | None]

    @classmethod
    def of(cls, spelling: Spelling) -> "Normaliser":
        @lru_cache(maxsize=100_000)
        def value(namespace: str, sent: str) -> str | None:
            return normalised_value(namespace, sent, spelling)

        return cls(value)

    def pairs(self, sent: Iterable[tuple[str, str | None]]) -> tuple[list[Pair], str | None]:
        """The usable identifiers of one event or record, distinct, by namespace and value; and the
        old account of an alias, which is one of them."""
        pairs = set[Pair]()
        previous = None
        for key, text in sent:
            if text is None:
                continue
            namespace = key.strip()
            is_previous = namespace == PREVIOUS_ACCOUNT
            if is_previous:
                namespace = "user_id"
            value = self.value(namespace, text)
            if value:
                pairs.add((namespace, value))
                previous = value if is_previous else previous
        return sorted(pairs), previous

    def arrays(self, sent: pa.MapArray) -> tuple[pa.Array, pa.Array]:
        """`pairs` of each map: lists of (namespace, value), and the old accounts."""
        names, values = sent.keys.to_pylist(), sent.items.to_pylist()
        namespaces: list[str] = []
        normalised: list[str] = []
        ends = [0]
        previous_accounts = []
        # A null map has no entries between its offsets.
        for start, end in pairwise(sent.offsets.to_pylist()):
            entries = zip(names[start:end], values[start:end], strict=True)
            pairs, previous = self.pairs(entries)
            for namespace, value in pairs:
                namespaces.append(namespace)
                normalised.append(value)
            ends.append(len(normalised))
            previous_accounts.append(previous)
        list_type = to_arrow_type(T.ArrayType(IDENTIFIER))
        identifiers = pa.StructArray.from_arrays(
            [pa.array(namespaces, pa.string()), pa.array(normalised, pa.string())],
            fields=list(list_type.value_type),
        )
        lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), identifiers, list_type)
        return lists, pa.array(previous_accounts, pa.string())


def normalised_identifiers(sent: Column, spelling: Spelling) -> Column:
    """The usable identifiers of a record: array<struct<namespace, value>>, distinct, ordered by
    namespace and value; empty for null.

    Args:
        sent: map of namespace to value, as sent.
    """

    # Python, because no built-in function has numbering plans or the normal forms of Unicode.
    def normalised(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        normaliser = Normaliser.of(spelling)
        for batch in batches:
            for part in small_slices(batch):
                yield normaliser.arrays(part)[0]

    return python_column(normalised, T.ArrayType(IDENTIFIER))(sent)
