"""Parses CSV by RFC 4180, from lines of bytes to records with their raw text."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kinfold.bronze.sources.csv_files.format import CsvFormat

NOT_CLOSED = "/: a quote is not closed"
NOT_DOUBLED = "/: a quote inside quotes is not doubled"
TOO_LONG = "/: part of a record of more than 8 million characters"
MAX_CHARACTERS = 8_000_000

_PIECES = re.compile(r"[^\r]*\r\n?|[^\r]+")
_WIDE_LINES = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
csv.field_size_limit(MAX_CHARACTERS + 1)


class CsvRecord(NamedTuple):
    """A record of a CSV file.

    Attributes:
        cells: null if the record cannot be read.
        raw: of an unreadable record the text as received, without the line end: in UTF-8, or the
            file's own bytes if they are not text in the declared encoding.
        reason: why it cannot be read; null if it can.
    """

    cells: list[str] | None
    raw: bytes = b""
    reason: str | None = None


@dataclass
class CsvParser:
    """Parser of one file, which gets the file's lines in parts.

    A line break inside quotes belongs to the record. A record that cannot be read is one record
    with a reason; the parser continues at the next line that can start a record. Never raises.

    Attributes:
        width: number of cells of the header. It decides whether the line after an unreadable
            record is a record of its own.
    """

    format: CsvFormat
    width: int | None = None
    _texts: list[str] = field(default_factory=list)
    _bytes: dict[int, bytes] = field(default_factory=dict)
    _tail: bytes = b""
    _is_inside: bool = False
    _has_started: bool = False
    _encoding: str = ""

    @property
    def is_between_records(self) -> bool:
        """Whether all lines so far belong to complete records."""
        return not self._texts and not self._is_inside and not self._tail

    def records(self, lines: Sequence[bytes]) -> Iterator[CsvRecord]:
        """The records that are complete with these lines, which lack their line ends."""
        self._add(lines)
        yield from self._complete(is_end=False)

    def last_records(self) -> Iterator[CsvRecord]:
        """The records that the end of the file completes."""
        rest = self._tail.removesuffix(b"\n")  # which `_add` has added to the last line
        self._tail = b""
        if rest:
            try:
                self._texts.append(rest.decode(self._encoding))
            except UnicodeDecodeError:
                self._append(rest.decode(self._encoding, "replace"), rest)
        yield from self._complete(is_end=True)

    def all_records(self, data: bytes) -> Iterator[CsvRecord]:
        """The records of a whole file."""
        lines = data.split(b"\n")
        yield from self.records(lines if lines[-1] else lines[:-1])
        yield from self.last_records()

    def rows(self, texts: Sequence[str]) -> list[list[str]] | None:
        """The cells of lines that form complete records; null if they do not."""
        try:
            return list(self._reader(iter(texts)))
        except csv.Error:
            return None

    # Lines ---------------------------------------------------------------------------------------

    def _add(self, lines: Sequence[bytes]) -> None:
        if self.format.is_wide:
            self._add_wide(b"".join(line + b"\n" for line in lines))
            return
        encoding = self.format.encoding
        if not self._has_started and lines:
            self._has_started = True
            lines = [lines[0].removeprefix(codecs.BOM_UTF8), *lines[1:]]
        for line in lines:
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError:
                self._append(line.decode(encoding, "replace") + "\n", line + b"\n")
                continue
            if "\r" not in text:
                self._texts.append(text + "\n")
            else:
                self._texts += _PIECES.findall(text + "\n")

    def _add_wide(self, data: bytes) -> None:
        """Lines of UTF-16 or UTF-32, which the reader has split at single bytes."""
        data = self._tail + data
        if not self._encoding:
            self._encoding, data = _wide_encoding(self.format.encoding, data)
        unit = 2 if "16" in self._encoding else 4
        whole = data[: len(data) // unit * unit]
        text = whole.decode(self._encoding, "surrogatepass" if unit == 2 else "replace")
        complete, line_end, _ = text.rpartition("\n")
        complete += line_end
        self._tail = data[len(complete.encode(self._encoding, "surrogatepass")) :]
        for line in _WIDE_LINES.findall(complete):
            if _SURROGATE.search(line):
                self._append(line, line.encode(self._encoding, "surrogatepass"))
            else:
                self._texts.append(line)

    def _append(self, text: str, original: bytes) -> None:
        """Add a line that is not text in the declared encoding."""
        self._bytes[len(self._texts)] = original
        self._texts.append(text)

    # Records -------------------------------------------------------------------------------------

    def _complete(self, *, is_end: bool) -> Iterator[CsvRecord]:
        start, count = self._skip_unclosed(), len(self._texts)
        if start:
            yield self._unreadable(0, start, TOO_LONG)
        position = start

        def source() -> Iterator[str]:
            nonlocal position
            while position < count:
                position += 1
                yield self._unescaped(self._texts[position - 1])

        reader = self._reader(source())
        while start < count:
            if self._is_skipped(self._texts[start]):
                start = position = start + 1
                continue
            try:
                cells = next(reader)
                yield self._readable(start, position, cells)
            except csv.Error as error:
                reason = _reason(error)
                position = self._end_of_unreadable(start, position, reason, is_end=is_end)
                if position == start:  # more lines are needed
                    break
                self._is_inside = reason == NOT_CLOSED and not is_end
                yield self._unreadable(start, position, TOO_LONG if self._is_inside else reason)
                reader = self._reader(source())
            start = position
        self._forget(start)

    def _reader(self, texts: Iterator[str]) -> "Iterator[list[str]]":
        form = self.format
        return csv.reader(
            texts,
            delimiter=form.separator,
            quotechar=form.quote or None,
            quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
            strict=True,
        )

    def _unescaped(self, text: str) -> str:
        """The line with doubled quotes instead of escaped ones."""
        escape, quote = self.format.escape, self.format.quote
        if escape is None or escape not in text:
            return text
        pairs = re.compile(f"{re.escape(escape)}([{re.escape(escape + quote)}])")
        return pairs.sub(lambda pair: quote * 2 if pair[1] == quote else escape, text)

    def _is_skipped(self, text: str) -> bool:
        comment = self.format.comment
        is_comment = comment is not None and text.startswith(comment)
        return is_comment or not text.strip(" \r\n")

    def _skip_unclosed(self) -> int:
        """The number of lines until the quote of a record that is too long closes."""
        if not self._is_inside:
            return 0
        for number, text in enumerate(self._texts, start=1):
            if self._quotes(text) % 2:
                self._is_inside = False
                return number
        return len(self._texts)

    def _end_of_unreadable(self, start: int, end: int, reason: str, *, is_end: bool) -> int:
        """The line after an unreadable record; `start` if that needs more lines.

        If the quotes of the record do not pair, it may have further lines: until they pair, or
        until a line that is a record of its own.
        """
        count = len(self._texts)
        if reason != NOT_CLOSED:
            if not self._is_open(start, end):
                return end
            for number in range(end, count):
                if self._quotes(self._texts[number]) % 2:
                    return number + 1
                if self._is_record(self._texts[number]):
                    return number
        is_long = sum(map(len, self._texts[start:])) > MAX_CHARACTERS
        return count if is_end or is_long else start

    def _is_record(self, text: str) -> bool:
        try:
            return len(next(self._reader(iter([self._unescaped(text)])))) == self.width
        except (csv.Error, StopIteration):
            return False

    def _is_open(self, start: int, end: int) -> bool:
        return bool(sum(self._quotes(text) for text in self._texts[start:end]) % 2)

    def _quotes(self, text: str) -> int:
        return self._unescaped(text).count(self.format.quote) if self.format.quote else 0

    def _readable(self, start: int, end: int, cells: list[str]) -> CsvRecord:
        if self._bytes and any(number in self._bytes for number in range(start, end)):
            return self._unreadable(start, end, "")
        if self.format.trims_start:
            cells = [cell.lstrip() for cell in cells]
        if self.format.trims_end:
            cells = [cell.rstrip() for cell in cells]
        return CsvRecord(cells)

    def _unreadable(self, start: int, end: int, reason: str) -> CsvRecord:
        if self._bytes and any(number in self._bytes for number in range(start, end)):
            encoding = self._encoding or self.format.encoding
            raw = b"".join(
                self._bytes.get(number) or self._texts[number].encode(encoding)
                for number in range(start, end)
            )
            reason = f"/: not {self.format.encoding.upper()}"
        else:
            raw = "".join(self._texts[start:end]).encode()
        return CsvRecord(None, raw.rstrip(b"\r\n"), reason)

    def _forget(self, count: int) -> None:
        del self._texts[:count]
        if self._bytes:
            self._bytes = {n - count: data for n, data in self._bytes.items() if n >= count}


def _reason(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return NOT_CLOSED
    return TOO_LONG if "field limit" in str(error) else NOT_DOUBLED


def _wide_encoding(declared: str, data: bytes) -> tuple[str, bytes]:
    """The encoding with its byte order, and the data without the byte order mark."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark) and encoding.startswith(declared[:6]):
            return encoding, data[len(mark) :]
    return (declared if declared.endswith(("le", "be")) else f"{declared}-be"), data
