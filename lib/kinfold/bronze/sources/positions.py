"""Positions of records in their files."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa


@dataclass
class Positions:
    """Numbers the records of one scan task, batch by batch, in reading order.

    Spark reports the byte at which a task's part of a file starts (`block_start`), but no line
    numbers. A part holds at most one record per byte. So the part's first byte plus the record's
    number within the part is unique in the file, and a file read in one part gets its plain line
    numbers, from 0. Parquet has row numbers of its own (`row_index`).
    """

    _file: str = ""
    _block_start: int = -1
    _next: int = 0

    def numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with source_offset instead of block_start and row_index."""
        row_index = batch.column("row_index")
        offsets = row_index if row_index.null_count == 0 else self._counted(batch)
        names = [n for n in batch.schema.names if n not in ("block_start", "row_index")]
        columns = [batch.column(name) for name in names]
        return pa.RecordBatch.from_arrays([*columns, offsets], [*names, "source_offset"])

    def _counted(self, batch: pa.RecordBatch) -> pa.Array:
        if batch.num_rows == 0:
            return pa.array([], pa.int64())
        files = batch.column("source_partition").dictionary_encode()
        codes = files.indices.to_numpy()
        starts = batch.column("block_start").to_numpy()
        is_new_part = (codes[1:] != codes[:-1]) | (starts[1:] != starts[:-1])
        bounds = [0, *(np.flatnonzero(is_new_part) + 1).tolist(), batch.num_rows]
        offsets = np.empty(batch.num_rows, dtype=np.int64)
        for low, high in pairwise(bounds):
            file, block_start = files.dictionary[int(codes[low])].as_py(), int(starts[low])
            if (file, block_start) != (self._file, self._block_start):
                # A later part starts inside a line that the part before it reads: hence the 1.
                self._file, self._block_start = file, block_start
                self._next = block_start + (1 if block_start else 0)
            offsets[low:high] = np.arange(self._next, self._next + high - low)
            self._next += high - low
        return pa.array(offsets, pa.int64())
