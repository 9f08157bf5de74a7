"""Records of CSV files as columns by the names in each file's header, one Arrow batch at a time."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kinfold.bronze.sources.csv_files.format import CsvFormat
from kinfold.bronze.sources.csv_files.parser import CsvParser, CsvRecord

WRONG_COLUMNS = "/: row does not have the columns of the header"
NO_HEADER = "/: the header of the file cannot be read"
_ESCAPED_CONTROL = re.compile(rb"\\u00[01][0-9a-f]")
_CONTROL = r"[\x00-\x1f]"
_CONTROL_BESIDES_TAB = r"[\x00-\x08\x0a-\x1f]"
_LINES_AT_ONCE = 16_384


def column_names(header: Sequence[str], form: CsvFormat) -> list[str]:
    """The names of the columns, as Spark's CSV reader gives them.

    An empty name is `_c` and its number; the number also follows a name that is there twice.
    """
    if not form.has_header:
        return [f"_c{number}" for number in range(len(header))]
    folded = [name.lower() for name in header]
    return [
        f"_c{number}"
        if not name or name == form.null_value
        else f"{name}{number}"
        if folded.count(name.lower()) > 1
        else name
        for number, name in enumerate(header)
    ]


def csv_columns(
    form: CsvFormat, names: Sequence[str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function from the lines of one task to its records.

    Args:
        names: the columns to return, whatever their case in a file and wherever they are.

    Returns:
        From batches with source_partition (the file; its lines in their order) and value (a line
        without the line end, binary) to batches with source_partition, source_offset (number of
        the record in its file, from 0), value (the record as a JSON object with its nulls, in the
        order of the header; an unreadable one as received), unreadable (the reason; else null),
        and c0, c1, ... (the cells of `names`; null if the file does not have the column).
    """

    def columns(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        file: _File | None = None
        for partition, lines in _parts(batches):
            if file is None or file.partition != partition:
                if file is not None:
                    yield from file.last_batches()
                file = _File(partition, form, tuple(names))
            yield from file.batches(lines)
        if file is not None:
            yield from file.last_batches()

    return columns


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.Array]]:
    """(file, some of its lines), in their order."""
    for batch in batches:
        if batch.num_rows == 0:
            continue
        files = batch["source_partition"].dictionary_encode()
        codes = files.indices.to_numpy()
        bounds = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist(), len(codes)]
        for low, high in pairwise(bounds):
            for start in range(low, high, _LINES_AT_ONCE):
                count = min(_LINES_AT_ONCE, high - start)
                yield files.dictionary[int(codes[low])].as_py(), batch["value"].slice(start, count)


@dataclass
class _File:
    """One file while it is read: its header, and how many records it has had."""

    partition: str
    form: CsvFormat
    names: tuple[str, ...]
    header: list[str] | None = None
    is_headless: bool = False
    count: int = 0
    parser: CsvParser = field(init=False)
    positions: list[int | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parser = CsvParser(self.form)

    def batches(self, lines: pa.Array) -> Iterator[pa.RecordBatch]:
        plain = self._plain_columns(lines)
        if plain is not None:
            yield plain
            return
        yield from self._batch(self.parser.records(lines.to_pylist()))

    def last_batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._batch(self.parser.last_records())

    def _batch(self, records: Iterator[CsvRecord]) -> Iterator[pa.RecordBatch]:
        rows = [self._row(record) for record in self._below_header(records)]
        if rows:
            values, reasons, cells = zip(*rows, strict=True)
            columns = [
                pa.array(column, pa.string())
                for column in (zip(*cells, strict=True) if self.names else ())
            ]
            yield self._numbered(
                pa.array(values, pa.binary()), pa.array(reasons, pa.string()), columns
            )

    def _below_header(self, records: Iterator[CsvRecord]) -> Iterator[CsvRecord]:
        for record in records:
            if self.header is not None or self.is_headless:
                yield record
                continue
            if record.cells is None:
                self.is_headless = self.form.has_header
                yield record
                continue
            self.header = column_names(record.cells, self.form)
            self.parser.width = len(self.header)
            places = {name.lower(): place for place, name in enumerate(self.header)}
            self.positions = [places.get(name.lower()) for name in self.names]
            if not self.form.has_header:
                yield record

    def _row(self, record: CsvRecord) -> tuple[bytes, str | None, Sequence[str | None]]:
        nothing = (None,) * len(self.names)
        if record.cells is None:
            return record.raw, record.reason, nothing
        null = self.form.null_value
        cells = [cell if cell and cell != null else None for cell in record.cells]
        if self.header is None:
            return orjson.dumps(record.cells), NO_HEADER, nothing
        if len(cells) != len(self.header):
            return self._text(record.cells), WRONG_COLUMNS, nothing
        value = orjson.dumps(dict(zip(self.header, cells, strict=True)))
        if b"\\u00" in value:  # the event id of a row is a hash of this text, once Spark's
            value = _ESCAPED_CONTROL.sub(lambda found: found[0][:2] + found[0][2:].upper(), value)
        return value, None, [None if p is None else cells[p] for p in self.positions]

    def _text(self, cells: Sequence[str]) -> bytes:
        """The row as CSV again: cells are quoted only where it is necessary."""
        quote, separator = self.form.quote, self.form.separator
        special = {quote, separator, "\n", "\r"} - {""}
        return separator.join(
            f"{quote}{cell.replace(quote, quote * 2)}{quote}"
            if quote and special & set(cell)
            else cell
            for cell in cells
        ).encode()

    @property
    def is_plain(self) -> bool:
        """Whether only separators, quotes and line ends have a meaning."""
        return self.form == CsvFormat(separator=self.form.separator, quote=self.form.quote)

    def _plain_columns(self, lines: pa.Array) -> pa.RecordBatch | None:
        """The records of lines that are one readable record each; null for other lines.

        Several times as fast as one record after the other.
        """
        header = self.header
        if header is None or not self.is_plain or not self.parser.is_between_records:
            return None
        try:
            texts = pc.ascii_rtrim(lines.cast(pa.string()), characters="\r")
        except pa.ArrowInvalid:  # not UTF-8
            return None
        control = _CONTROL if self.form.separator != "\t" else _CONTROL_BESIDES_TAB
        if pc.any(pc.match_substring_regex(texts, control)).as_py():
            return None
        texts = texts.filter(pc.greater(pc.binary_length(pc.ascii_trim(texts, " ")), 0))
        columns = self._plain_cells(texts, len(header))
        if columns is None:
            return None
        has_special = pc.any(pc.match_substring_regex(texts, r'["\\]')).as_py()
        pieces, values = [], []
        for number, (name, column) in enumerate(zip(header, columns, strict=True)):
            is_empty = pc.equal(column, "")
            text = _escaped(column) if has_special else column
            quoted = pc.binary_join_element_wise('"', text, '"', "")
            pieces += [
                f"{',' if number else '{'}{orjson.dumps(name).decode()}:",
                pc.if_else(is_empty, "null", quoted),
            ]
            values.append(pc.if_else(is_empty, None, column))
        nothing = pa.nulls(len(texts), pa.string())
        return self._numbered(
            pc.binary_join_element_wise(*pieces, "}", "").cast(pa.binary()),
            nothing,
            [nothing if place is None else values[place] for place in self.positions],
        )

    def _plain_cells(self, texts: pa.Array, width: int) -> list[pa.Array] | None:
        """The columns of lines, if each has `width` cells and ends its record; else null."""
        quote = self.form.quote
        if quote and pc.any(pc.match_substring(texts, quote)).as_py():
            rows = self.parser.rows(texts.to_pylist())
            if rows is None or len(rows) != len(texts) or any(len(row) != width for row in rows):
                return None
            return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        cells = pc.split_pattern(texts, self.form.separator)
        if not len(texts) or pc.any(pc.not_equal(pc.list_value_length(cells), width)).as_py():
            return None
        flat = pc.list_flatten(cells)
        return [flat.take(pa.array(np.arange(n, len(flat), width))) for n in range(width)]

    def _numbered(
        self, values: pa.Array, reasons: pa.Array, columns: Sequence[pa.Array]
    ) -> pa.RecordBatch:
        offsets = pa.array(np.arange(self.count, self.count + len(values), dtype=np.int64))
        self.count += len(values)
        fixed = {
            "source_partition": pa.repeat(self.partition, len(values)),
            "source_offset": offsets,
            "value": values,
            "unreadable": reasons,
        }
        named = {f"c{number}": column for number, column in enumerate(columns)}
        return pa.RecordBatch.from_pydict({**fixed, **named})


def _escaped(texts: pa.Array) -> pa.Array:
    """Texts without control characters, as they are written in JSON."""
    texts = pc.replace_substring(texts, "\\", "\\\\")
    return pc.replace_substring(texts, '"', '\\"')
