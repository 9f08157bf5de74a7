"""How the CSV files of a source are written: separator, quotes, encoding."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from kinfold.core.errors import ConfError, did_you_mean

_NAMES = {
    "charset": "encoding",
    "comment": "comment",
    "delimiter": "sep",
    "emptyvalue": "",
    "encoding": "encoding",
    "escape": "escape",
    "header": "header",
    "ignoreleadingwhitespace": "ignoreLeadingWhiteSpace",
    "ignoretrailingwhitespace": "ignoreTrailingWhiteSpace",
    "linesep": "",
    "mode": "",
    "multiline": "",
    "nullvalue": "nullValue",
    "quote": "quote",
    "sep": "sep",
}
"""Names of options in lower case, as Spark's reader has them. Those with an empty value change
nothing here: a cell may have line breaks, every line end is known, no row is dropped."""
FILE_OPTIONS = ("pathGlobFilter", "modifiedBefore", "modifiedAfter", "recursiveFileLookup")
_WRITTEN_TAB = "\\t"
_PROBE = '\n",'


@dataclass(frozen=True)
class CsvFormat:
    """How CSV files are written. The defaults are RFC 4180 in UTF-8.

    Attributes:
        quote: empty if there are no quotes.
        escape: the character before a quote inside quotes; null: the quote is doubled.
        comment: rows that start with it are skipped; null: none.
        null_value: a cell with this text is null, besides an empty one.
    """

    separator: str = ","
    quote: str = '"'
    escape: str | None = None
    has_header: bool = True
    encoding: str = "utf-8"
    comment: str | None = None
    null_value: str = ""
    trims_start: bool = False
    trims_end: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether every character takes two or four bytes, so that lines end in several bytes."""
        return self.encoding.startswith(("utf-16", "utf-32"))


def csv_format(options: Mapping[str, str | bool | int], *, where: str) -> CsvFormat:
    """The format that the options of a source file describe.

    Args:
        options: named like those of Spark's CSV reader; names of options about files are ignored.
        where: the source file, for messages.

    Raises:
        ConfError: an option is not known, or its value cannot be used.
    """
    values: dict[str, str] = {}
    for name, value in options.items():
        if name.lower() in map(str.lower, FILE_OPTIONS):
            continue
        if name.lower() not in _NAMES:
            known = sorted({name for name in _NAMES.values() if name} | set(FILE_OPTIONS))
            raise ConfError(
                f"{where}: options.{name}: is not an option of CSV files."
                f"{did_you_mean(name, known)} Known: {', '.join(known)}."
            )
        values[_NAMES[name.lower()]] = str(value)
    separator = values.get("sep", ",").replace(_WRITTEN_TAB, "\t")
    escape, quote = values.get("escape"), values.get("quote", '"')
    for name, text in {"sep": separator, "escape": escape, "quote": quote}.items():
        if (text is not None and len(text) > 1) or (name == "sep" and not text):
            raise ConfError(f"{where}: options.{name} is '{text}', expected one character.")
    return CsvFormat(
        separator=separator,
        quote=quote,
        escape=None if escape in (None, "", quote) else escape,
        has_header=_is_true(values.get("header", "true")),
        encoding=_encoding(values.get("encoding", "UTF-8"), where),
        comment=values.get("comment") or None,
        null_value=values.get("nullValue", ""),
        trims_start=_is_true(values.get("ignoreLeadingWhiteSpace", "false")),
        trims_end=_is_true(values.get("ignoreTrailingWhiteSpace", "false")),
    )


def _is_true(text: str) -> bool:
    return text.lower() == "true"


def _encoding(name: str, where: str) -> str:
    """Python's name of an encoding in which a line can be recognised.

    Raises:
        ConfError: it is not known, or not like ASCII for separators and line ends.
    """
    try:
        encoding = codecs.lookup(name).name
        is_usable = encoding.startswith(("utf-16", "utf-32")) or (
            _PROBE.encode(encoding) == _PROBE.encode("ascii")
        )
    except (LookupError, ValueError):
        is_usable = False
    if not is_usable:
        raise ConfError(
            f"{where}: options.encoding is '{name}', which is not known or cannot be read in "
            "lines. Write a name like UTF-8, UTF-16, ISO-8859-1, windows-1252 or Shift_JIS."
        )
    return "utf-8" if encoding == "utf-8-sig" else encoding
