"""Where in its file a record stood."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa


@dataclass
class Positions:
    """Numbers the records of one scan task, batch after batch, in the order they are read.

    Spark tells where the part of a file begins that a task reads (`block_start`, in bytes), not
    which line a record is. A part holds at most one record per byte, so the part's first byte plus
    the record's number within it never meets a position of another part. A file read in one part
    gets its plain line numbers, from 0. Parquet knows its row numbers and brings them
    (`row_index`).
    """

    _file: str = ""
    _block_start: int = -1
    _next: int = 0

    def placed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with source_offset in place of block_start and row_index."""
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
        is_new = (codes[1:] != codes[:-1]) | (starts[1:] != starts[:-1])
        bounds = [0, *(np.flatnonzero(is_new) + 1).tolist(), batch.num_rows]
        offsets = np.empty(batch.num_rows, dtype=np.int64)
        for low, high in pairwise(bounds):
            file, block_start = files.dictionary[int(codes[low])].as_py(), int(starts[low])
            if (file, block_start) != (self._file, self._block_start):
                # A later part begins inside a line, which the part before it reads: hence the 1.
                self._file, self._block_start = file, block_start
                self._next = block_start + (1 if block_start else 0)
            offsets[low:high] = np.arange(self._next, self._next + high - low)
            self._next += high - low
        return pa.array(offsets, pa.int64())
