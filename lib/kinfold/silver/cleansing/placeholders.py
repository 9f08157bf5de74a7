"""Placeholders: values that stand for an unknown one, and so identify nobody."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from html import unescape
from urllib.parse import unquote

_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
_WORD = re.compile(r"[^\W_]+")
_NO_WORD = re.compile(r"[\W_]+")
_ZEROS = re.compile(r"0x0+|0[0\-.:_ ]*")
_ONE_CHARACTER = re.compile(r"(\w)(?:[\-.:_ ]*\1){7,} | x(?:[\-.:_ ]*x){2,}", re.VERBOSE)
_DIGITS_IN_ORDER = ("0123456789" * 3, "9876543210" * 3)
_IN_ORDER_AT_LEAST = 9
_LONGEST = 24  # ids are longer, placeholders of several words are not
_FILLED_WITH_NINES = re.compile(r"-9{2,}")

# Texts of templates that nobody filled in, and what programs write for an object, a function or an
# error in place of a value.
_HAS_MARK = re.compile(r"[{\[(<%*\\#=$]|@[0-9a-fA-F]+\Z|\A(?:system|optional)\.", re.IGNORECASE)
_TEMPLATE = re.compile(
    r"""\{\{.*\}\} | \$\{.*\} | \#\{.*\} | <%.*%> | \*\|.*\|\* | \[\[.*\]\] | %%.*%%
    | \[object\ \w+\]""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_OF_A_PROGRAM = re.compile(
    r"""\\N                                                      # null of MySQL and PostgreSQL
    | \#(?:N/A|NULL|REF|VALUE|NAME|NUM|DIV/0|SPILL|CALC)[!?]?    # errors of spreadsheets
    | \[(?:object|function|class|circular|getter|symbol)\b.*\](?:\ \{\})?  # JavaScript
    | (?:async\ )?function\b.*\{.*\} | \(.*\)\ *=>.* | symbol\(.*\)
    | <.*\bat\ 0x[0-9a-f]+> | <(?:class|function|module)\b.*>    # Python
    | \#<.*> | (?:HASH|ARRAY|SCALAR|CODE|REF|GLOB)\(0x[0-9a-f]+\)  # Ruby, Perl
    | \[{1,2}[A-Z](?:[\w.]*;)?@[0-9a-f]+                         # Java, .NET
    | [a-z_]\w*(?:\.\w+)*\$?[A-Z]\w*@[0-9a-f]{5,8} | Optional\.empty
    | %[a-z] | \$\d | \{\d\}                                     # formats of printf and shells
    | System\.(?:Object|DBNull|Guid|String|Collections\b.*)(?:\[\])?
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# Without digits, because some systems write ids in brackets: {6B29FC40-...}.
_BRACKETED_NAME = re.compile(r"\{[^\d{}]*\}|\[[^\d\[\]]*\]|\([^\d()]*\)|<[^\d<>]*>|%[^\d%]*%")


def bare(value: str) -> str:
    """Lower case, without quotes, brackets and other punctuation at the ends."""
    lower = value.lower()
    text = lower.strip(_PUNCTUATION)
    # A minus sign belongs to a number: the placeholder -1 does not mean the value 1.
    return f"-{text}" if lower.startswith("-") and text.isdecimal() else text


def placeholder_words(texts: Iterable[str]) -> frozenset[str]:
    """The placeholders of the settings in the forms in which values are compared with them."""
    known = [bare(text) for text in texts]
    return frozenset(known) | {_joined(text) for text in known if " " in text}


def _joined(text: str) -> str:
    """Without what separates its words: `not_logged-in` is `not logged in`."""
    return _NO_WORD.sub("", text)


def is_placeholder(value: str, words: Collection[str]) -> bool:
    """Whether a value stands for an unknown one.

    These are: placeholders of the settings, in any case, also in quotes or brackets and if all
    words are placeholders (`null null`); texts without a letter or digit; only zeros, one character
    eight times or more, or nine digits in order (`1234567890`); templates (`{{user.id}}`); and what
    programs write for an object or an error (`[object Object]`, `#N/A`, `\\N`); all of them also in
    the encoding of URLs or HTML. An address is one if its name and its domain are
    (`none@none.com`).

    Args:
        value: visible text, see `texts.visible`.
        words: see `placeholder_words`.
    """
    if _means_unknown(value, words):
        return True
    if "%" in value:
        return _means_unknown(unquote(value), words)
    return "&" in value and ";" in value and _means_unknown(unescape(value), words)


def _means_unknown(value: str, words: Collection[str]) -> bool:
    text = bare(value)
    first_word = _WORD.search(text)
    if first_word is None:  # a picture may be a name, punctuation is not
        return not any(unicodedata.category(c) == "So" for c in value)
    if first_word[0] in words and all(word in words for word in _WORD.findall(text)):
        return True
    return (
        text in words
        or ("@" in text and _is_example(text, words))
        or (len(text) <= _LONGEST and not text.isalnum() and _joined(text) in words)
        or _ONE_CHARACTER.fullmatch(text) is not None
        or (text[0] == "0" and _ZEROS.fullmatch(text) is not None)
        or (text[0] == "-" and _FILLED_WITH_NINES.fullmatch(text) is not None)
        or (text.isdecimal() and _is_in_order(text))
        or (_HAS_MARK.search(value) is not None and _is_of_a_program(value))
    )


def _is_example(address: str, words: Collection[str]) -> bool:
    """Whether the name of an address and its domain are both placeholders: none@none.com."""
    name, _, domain = address.rpartition("@")
    label = domain.partition(".")[0]
    return name in words and (label in words or label == "example")


def _is_in_order(digits: str) -> bool:
    return len(digits) >= _IN_ORDER_AT_LEAST and any(digits in order for order in _DIGITS_IN_ORDER)


def _is_of_a_program(value: str) -> bool:
    return bool(
        _TEMPLATE.search(value)
        or _OF_A_PROGRAM.fullmatch(value)
        or _BRACKETED_NAME.fullmatch(value)
    )
