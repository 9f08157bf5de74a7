"""Every record of a file gets an offset of its own."""

import pyarrow as pa
import pytest

from kinfold.bronze.sources.positions import Positions


def batch(*rows: tuple[str, int], row_index: int | None = None) -> pa.RecordBatch:
    """(file, block_start) of each row; row_index counts from a number, or is null."""
    count = len(rows)
    numbers = [None] * count if row_index is None else range(row_index, row_index + count)
    return pa.RecordBatch.from_pydict(
        {
            "source_partition": pa.array([file for file, _ in rows], pa.string()),
            "block_start": pa.array([start for _, start in rows], pa.int64()),
            "row_index": pa.array(numbers, pa.int64()),
        }
    )


def offsets(positions: Positions, *rows: tuple[str, int]) -> list[int]:
    return positions.numbered(batch(*rows))["source_offset"].to_pylist()


def test_the_records_of_a_file_in_one_part_get_their_line_numbers():
    positions = Positions()
    assert offsets(positions, ("a", 0), ("a", 0)) == [0, 1]
    assert offsets(positions, ("a", 0)) == [2], "the next batch continues"


def test_each_file_starts_at_zero():
    assert offsets(Positions(), ("a", 0), ("a", 0), ("b", 0), ("c", 0)) == [0, 1, 0, 0]


def test_a_later_part_starts_after_its_first_byte_so_its_offsets_are_not_used_before():
    assert offsets(Positions(), ("a", 0), ("a", 100), ("a", 100), ("a", 200)) == [0, 101, 102, 201]


def test_the_row_numbers_of_parquet_are_used_unchanged():
    numbered = Positions().numbered(batch(("a", 4), ("a", 4), row_index=7))
    assert numbered["source_offset"].to_pylist() == [7, 8]


@pytest.mark.parametrize("rows", [[], [("a", 0)]])
def test_columns_of_the_file_part_are_replaced_by_the_offset(rows):
    numbered = Positions().numbered(batch(*rows))
    assert numbered.schema.names == ["source_partition", "source_offset"]
