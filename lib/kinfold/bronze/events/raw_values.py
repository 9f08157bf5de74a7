"""The bytes of a record as they arrived, and as text where they are UTF-8."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def are_utf8(values: pa.Array) -> pa.Array:
    """Whether each value of a binary column is UTF-8; true for null."""
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:  # the error does not say which value it is about
        return pa.array([_is_utf8(value) for value in values.to_pylist()], pa.bool_())
    return pa.array(np.ones(len(values), np.bool_))


def _is_utf8(value: bytes | None) -> bool:
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False


def raw_columns(values: pa.Array, is_text: pa.Array) -> dict[str, pa.Array]:
    """`raw` has the values that are text, `raw_bytes` the others; each is null in the other's rows.

    Args:
        is_text: which values are UTF-8.
    """
    if is_text.true_count == len(values):
        return {"raw": values.view(pa.string()), "raw_bytes": pa.nulls(len(values), values.type)}
    nothing = pa.scalar(None, values.type)
    return {
        "raw": pc.if_else(is_text, values, nothing).cast(pa.string()),
        "raw_bytes": pc.if_else(is_text, nothing, values),
    }
