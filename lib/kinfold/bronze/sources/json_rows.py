"""JSON lines as rows with the columns that a source's expressions use."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, functions as F, types as T
from pyspark.sql.pandas.functions import arrow_udf

from kinfold.bronze.schemas.kinds import kind_of
from kinfold.bronze.sources.declaration import DataSource
from kinfold.bronze.sources.expressions import unknown_column
from kinfold.bronze.sources.json_columns import (
    Leaf,
    Place,
    Reading,
    Use,
    distinct_names,
    missing_paths,
    record_columns,
    sampled_place,
    shape_of,
    spark_type,
)
from kinfold.bronze.sources.used_columns import UsedColumns, used_columns
from kinfold.core.errors import ConfError
from kinfold.core.log import say

LINE = "_line"
"""The column with the text of a record."""
_SAMPLED_LINES = 1_000


def json_rows(
    lines: DataFrame, sample: DataFrame, source: DataSource, *, reason: str, may_lack: bool
) -> tuple[DataFrame, Sequence[str]]:
    """The records of some lines as columns.

    Args:
        lines: the lines to read, in a column `value`, and further columns.
        sample: lines of the source that exist already; only the first are read, unless these lack
            a member that an expression uses.
        reason: name of the column that says why a line is not a record.
        may_lack: a member that an expression uses and no record has is only reported.

    Returns:
        The rows (`LINE`, the further columns, those of the records, and the reason), and the names
        of the columns of the sample, sorted.

    Raises:
        ConfError: no line of the sample is a JSON object, or no line has a member that an
            expression uses.
    """
    place = _sampled(sample, source, may_lack=may_lack)
    used = {k: used_columns(lines.sparkSession, e.text) for k, e in source.expressions().items()}
    _check_names(sample, place, used, source, may_lack=may_lack)
    shape = _record_shape(place, used, source)
    members = [T.StructField(name, spark_type(one)) for name, one in shape.items()]
    kind = T.StructType([*members, T.StructField(reason, T.StringType())])

    def read(values: pa.Array) -> pa.Array:
        return record_columns(values, shape, reason=reason)

    # Python, because from_json gives up the whole record if one member is of another type.
    columns = arrow_udf(read, kind)  # type: ignore[call-overload]  # stub without structs

    others = [name for name in lines.columns if name != "value"]
    others = others if "_metadata" in others else [*others, "_metadata"]
    parsed = columns(F.col("value").cast("binary")).alias("_parsed")
    frame = lines.select(F.col("value").alias(LINE), *others, parsed)
    return frame.select(LINE, *others, "_parsed.*"), distinct_names(place)


def _record_shape(
    place: Place, used: Mapping[str, UsedColumns], source: DataSource
) -> dict[str, Reading]:
    expressions = source.expressions()
    everything = not used or any(one.has_star for one in used.values())
    use = Use(is_whole=everything)
    for key, one in used.items():
        for path, leaf in one.paths:
            is_text = expressions[key].is_text and one.is_path
            use.add(path, Leaf.TEXT if is_text and leaf is None else leaf)
    if everything and not use.members:
        use = Use(members={name: Use(is_whole=True) for name in distinct_names(place)})
    shape = shape_of(Place(objects=1, members=place.members), use) if use.members else {}
    assert isinstance(shape, dict)
    return shape


def _sampled(sample: DataFrame, source: DataSource, *, may_lack: bool) -> Place:
    values = sample.select(F.col("value").cast("binary")).take(_SAMPLED_LINES)
    lines = [bytes(row[0]) for row in values if row[0] is not None]
    place = sampled_place(lines)
    if lines and not place.objects and not may_lack:
        first = next((line for line in lines if line.strip()), b"")
        raise ConfError(
            f"{source.display_path}: format: json: none of the first {len(lines):,} lines of "
            f"{source.input} is a JSON object. {json_hint(first)}"
        )
    return place


def json_hint(line: bytes) -> str:
    """What a file may be whose first line is not a JSON object, and what to do."""
    text = line.decode(errors="replace").strip()
    if line.startswith((b"PAR1", b"PK", b"\x1f\x8b")):
        kinds = {b"PA": "Parquet", b"PK": "a ZIP or Excel file", b"\x1f\x8b": "compressed"}
        return f"It looks like {kinds[line[:2]]}. Check `format` in the source file."
    if text.startswith(("{", "[")):
        return "It looks like JSON over several lines, or a list. Write one object per line."
    if any(separator in text for separator in ",;\t|"):
        return "It looks like CSV. Write `format: csv` (and `options: {sep: ...}` if needed)."
    return f"The first line is {kind_of(text)}. Check `format` in the source file."


def _check_names(
    sample: DataFrame,
    place: Place,
    used: Mapping[str, UsedColumns],
    source: DataSource,
    *,
    may_lack: bool,
) -> None:
    """Search all lines for the members that the sample lacks; they may be rare."""
    for key, one in used.items():
        use = Use()
        for path, leaf in one.paths:
            use.add(path, leaf)
        for path in missing_paths(place, use):
            name = F.lit(f'"{path[-1]}"'), F.lit(json.dumps(path[-1]))
            if sample.where(F.contains("value", name[0]) | F.contains("value", name[1])).take(1):
                continue
            error = unknown_column(
                ".".join(path),
                expression=source.expressions()[key].text,
                columns=distinct_names(_parent(place, path)) or distinct_names(place),
                where=f"{source.display_path}: {key}",
            )
            if not may_lack:
                raise error
            say(f"    {error}")


def _parent(place: Place, path: Sequence[str]) -> Place:
    for name in path[:-1]:
        place = place.members.get(name) or Place()
        if place.item is not None and not place.members:
            place = place.item
    return place
