"""Verdicts of mapped events: with casts, and with the columns behind a missing member."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinfold.bronze.events.casts import cast_event
from kinfold.bronze.events.raw_values import are_utf8
from kinfold.bronze.events.verdicts import verdict_columns
from kinfold.bronze.fast_path.fast_path import FastPath
from kinfold.bronze.schemas.kinds import SEEN, kind_of
from kinfold.bronze.schemas.reasons import SHOWN_MEMBERS
from kinfold.bronze.schemas.validation import CompiledSchemas
from kinfold.bronze.sources.json_columns import Path, json_record
from kinfold.tables.bronze import ACCEPTED, REJECTED

Inputs = Mapping[str, Sequence[Path]]
"""The columns that the expression of each part of an event uses, by JSON pointer of the part."""

_MISSING = re.compile(r"^(/[^:]*): '([^']+)' is missing$")
_MAX_COLUMNS = 3
_RETURN, _AMOUNT = "return", "amount_cents"


def mapped_verdicts(
    columns: Mapping[str, pa.Array],
    *,
    inputs: Inputs,
    schemas: CompiledSchemas,
    fast_path: FastPath | None = None,
    ingested_before: datetime | None = None,
) -> dict[str, pa.Array]:
    """`verdict_columns` of mapped events, and `event` with the casts that made events valid.

    Args:
        columns: value (the record), event, and unreadable.
        inputs: see `Inputs`.
    """
    events = columns["event"].cast(pa.binary())
    unreadable = columns.get("unreadable")

    def judged(texts: pa.Array, reasons: pa.Array | None) -> dict[str, pa.Array]:
        return verdict_columns(
            texts,
            is_text=are_utf8(texts),
            schemas=schemas,
            fast_path=fast_path,
            ingested_before=ingested_before,
            unreadable=reasons,
        )

    first = judged(events, unreadable)
    is_readable = pc.is_valid(events)
    if unreadable is not None:
        is_readable = pc.and_(is_readable, pc.is_null(unreadable))
    rejected = _rows(pc.and_(is_readable, pc.equal(first["verdict"], REJECTED)))
    casts = {int(row): cast_event(events[int(row)].as_py(), schemas) for row in rejected}
    changed = [row for row, text in casts.items() if text is not None]
    result = {**first, "event": columns["event"]}
    if changed:
        texts = pa.array([casts[row] for row in changed], pa.binary())
        result = _replaced(
            result, {**judged(texts, None), "event": texts.cast(pa.string())}, changed
        )
    result = _without_unknown_refunds(result, columns["value"], inputs)
    still_rejected = _rows(pc.and_(is_readable, pc.equal(result["verdict"], REJECTED)))
    if len(still_rejected):
        result["errors"] = _explained(result["errors"], columns["value"], still_rejected, inputs)
    return result


def _rows(condition: pa.Array) -> Sequence[int]:
    flags = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return [int(row) for row in np.flatnonzero(flags)]


def _replaced(
    columns: Mapping[str, pa.Array], others: Mapping[str, pa.Array], rows: Sequence[int]
) -> dict[str, pa.Array]:
    """The columns, with those of `others` in the given rows."""
    count = len(columns["event"])
    order = np.arange(count)
    order[rows] = np.arange(count, count + len(rows))
    return {
        name: pa.concat_arrays([column, others[name]]).take(pa.array(order))
        for name, column in columns.items()
    }


def _without_unknown_refunds(
    result: dict[str, pa.Array], values: pa.Array, inputs: Inputs
) -> dict[str, pa.Array]:
    """The verdicts, with returns rejected whose amount was not readable in columns with a value.

    Without an amount they would be refunds of whole orders.
    """
    paths = inputs.get(f"/properties/{_AMOUNT}")
    if not paths:
        return result
    is_return = pc.and_(
        pc.equal(result["event_type"], _RETURN), pc.equal(result["verdict"], ACCEPTED)
    )
    has_no_amount = pc.invert(pc.match_substring(result["event"], f'"{_AMOUNT}"'))
    unknown = []
    for row in _rows(pc.and_(is_return, has_no_amount)):
        record, _ = json_record(values[row].as_py())
        if any(_has_value(_at(record, path)) for path in paths):
            unknown.append(row)
    if not unknown:
        return result
    verdicts, errors = result["verdict"].to_pylist(), result["errors"].to_pylist()
    for row in unknown:
        verdicts[row], errors[row] = REJECTED, [f"/properties: '{_AMOUNT}' is missing"]
    return {
        **result,
        "verdict": pa.array(verdicts, result["verdict"].type),
        "errors": pa.array(errors, result["errors"].type),
    }


def _has_value(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def _explained(errors: pa.Array, values: pa.Array, rows: Sequence[int], inputs: Inputs) -> pa.Array:
    """The errors; those about a missing member with what its expression has read."""
    lists = errors.to_pylist()
    for row in rows:
        if any(_MISSING.match(reason) for reason in lists[row]):
            record, _ = json_record(values[row].as_py())
            lists[row] = sorted(_with_inputs(reason, record, inputs) for reason in lists[row])
    return pa.array(lists, errors.type)


def _with_inputs(reason: str, record: Mapping[str, Any], inputs: Inputs) -> str:
    missing = _MISSING.match(reason)
    if missing is None:
        return reason
    pointer = f"{missing[1].rstrip('/')}/{missing[2]}"
    if pointer not in inputs:
        return f"{reason}: the mapping does not have it"
    is_shown = missing[2] in SHOWN_MEMBERS
    seen = [
        f"{'.'.join(str(step) for step in path)}: {kind_of(_at(record, path), is_shown=is_shown)}"
        for path in inputs[pointer][:_MAX_COLUMNS]
    ]
    rule = f"{missing[1]}: '{missing[2]}' is missing: its expression gives no value"
    return rule + (SEEN + "; ".join(seen) if seen else "")


def _at(record: Any, path: Path) -> Any:
    """The value at a path; names may differ in case, as those of columns do."""
    value = record
    for step in path:
        if isinstance(step, int):
            value = value[0] if isinstance(value, list) and value else None
        elif isinstance(value, Mapping):
            same = [name for name in value if name.lower() == step.lower()]
            value = value[step] if step in value else value[same[0]] if same else None
        else:
            return None
    return value
