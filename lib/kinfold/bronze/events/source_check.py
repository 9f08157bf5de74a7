"""Check of a source: what its first records would become; nothing is written."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from pyspark.sql import SparkSession, functions as F

from kinfold.bronze.events.landed_rows import Shape, landed_events
from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.records.mapping import mapped_records
from kinfold.bronze.schemas.kinds import SEEN, kind_of
from kinfold.bronze.schemas.reasons import SHOWN_MEMBERS
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import DataSource, Source
from kinfold.bronze.sources.files import (
    file_rows,
    first_records,
    mapping_session,
    require_input,
)
from kinfold.bronze.sources.used_columns import mapping_inputs
from kinfold.core.errors import ConfError
from kinfold.tables.bronze import ACCEPTED
from kinfold.tables.collected import collected

_SHOWN_REASONS = 20
_TIMES = ("/occurred_at", "/received_at", "/changed_at")
_Judged = tuple[Sequence[str], Mapping[str, Any]]
"""The reasons of a rejection (none: accepted), and the members of the event or record."""


def checked_events(
    spark: SparkSession, source: Source, registry: SchemaRegistry, *, count: int, now: datetime
) -> list[str]:
    """What the first records of a source of events would become, in lines for people.

    Raises:
        ConfError: there is no input, or the mapping does not fit it.
    """
    if source.format == "kafka":
        raise ConfError(
            f"{source.display_path}: a topic is not checked. Save some of its records as JSON "
            "lines, and check these with a source file of `format: json`."
        )
    registry.require_envelope()
    require_input(spark, source, is_first=True)
    session = mapping_session(spark, source)
    shape: Shape = "mapped" if source.event else source.shape
    landed = landed_events(
        first_records(session, source, count=count),
        registry=registry,
        shape=shape,
        ingested_before=now,
        inputs=mapping_inputs(session, source),
    )
    event = F.coalesce("event", "raw")
    is_accepted = F.col("verdict") == ACCEPTED
    rows = collected(landed.select("errors", F.when(is_accepted, event).alias("event")))
    judged = ((row["errors"], orjson.loads(row["event"] or "{}")) for row in rows)
    return _lines(source, judged, what="events")


def checked_records(
    spark: SparkSession, source: RecordSource, *, count: int, now: datetime
) -> list[str]:
    """What the first rows of a batch source would become, in lines for people.

    Raises:
        ConfError: there is no input, or the mapping does not fit it.
    """
    session = mapping_session(spark, source)
    rows = file_rows(session, source, path=str(source.input))
    records = mapped_records(rows, source, landed_at=now).limit(count)
    names = ("record_id", "changed_at", "identifiers", "traits")
    found = collected(records.select("errors", F.to_json(F.struct(*names)).alias("record")))
    judged = ((row["errors"], orjson.loads(row["record"])) for row in found)
    return _lines(source, judged, what="records")


def _lines(source: DataSource, judged: Iterable[_Judged], *, what: str) -> list[str]:
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    accepted: list[Mapping[str, Any]] = []
    total = 0
    for errors, members in judged:
        total += 1
        if not errors:
            accepted.append(members)
        for reason in errors:
            rule = reason.partition(SEEN)[0]
            reasons[rule] += 1
            examples.setdefault(rule, f"{reason} (first: row {total})")
    lines = [
        f"{source.display_path}: the first {total:,} records of {source.input}",
        f"  accepted {what}: {len(accepted):,}, rejected records: {total - len(accepted):,}",
    ]
    most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:_SHOWN_REASONS]
    lines += [f"    {n:>5,} x {examples[rule]}" for rule, n in most]
    if accepted:
        lines.append("  the first accepted one, by the kinds of its values:")
        lines += [f"    {path}: {kind}" for path, kind in _kinds(accepted[0])]
    return lines


def _kinds(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The kind of each value in an event, by its JSON pointer."""
    if isinstance(value, Mapping) and value:
        for name, member in value.items():
            yield from _kinds(member, f"{path}/{name}")
    elif path in _TIMES:  # accepted, so it is a time
        yield path, str(value)
    else:
        yield path or "/", kind_of(value, is_shown=path.rpartition("/")[2] in SHOWN_MEMBERS)
