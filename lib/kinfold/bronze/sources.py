"""Source files: how a user's own data maps to native events.

`conf/sources/<name>.yaml` names a format and, unless the records already are native events, gives
one Spark SQL expression per part of the event. The expressions are settings, never data.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.conf import Conf, read_yaml, readable_problems, resolve_path
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.governance.freshness import FreshnessTarget

_LITERAL = re.compile(r"^\s*'([^']*)'\s*$")
_UNKNOWN_COLUMN = re.compile(r"with name `?([^`]+(?:`\.`[^`]+)*)`? cannot be resolved")


class EventMapping(Conf):
    """One Spark SQL expression per part of a native event, over the columns of the data."""

    event_type: str
    occurred_at: str
    event_id: str | None = None
    """Null: a hash of the whole record, so exact copies of a record are one event."""
    received_at: str | None = None
    identifiers: dict[str, str] = Field(min_length=1)
    properties: dict[str, str] = Field(default_factory=dict)


class Source(Conf):
    """One source of events."""

    name: str
    shown: str
    """The source file as messages name it."""
    format: Literal["json", "csv", "parquet", "kafka"]
    input: str | None = None
    """File, folder or URI, or topic, that is read when no `--input` is given."""
    options: dict[str, str | bool | int] = Field(default_factory=dict)
    """Reader options of Spark for the format, e.g. `sep`, `encoding`, `multiLine`, `cleanSource`;
    for Kafka also the client's, as `kafka.<option>`."""
    shape: Literal["native", "segment"] = "native"
    """Without a mapping: native events, or messages of the Segment and RudderStack specs."""
    timezone: str = "UTC"
    """Zone of times that name none."""
    event: EventMapping | None = None
    """Null: the records are events already, of the `shape` (JSON lines and Kafka only)."""
    freshness: FreshnessTarget | None = None
    """How fresh the source has to be; null: measured and not judged."""

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("a time zone like Europe/London or UTC") from error
        return value

    def constant_type(self) -> str | None:
        """The one event type of the source, when its mapping names it literally."""
        match = _LITERAL.match(self.event.event_type) if self.event else None
        return match.group(1) if match else None


def load_source(path: Path, *, home: Path, given_input: str | None = None) -> Source:
    """The source that a file declares; its name is the file's.

    Raises:
        ConfError: the file is missing, is not YAML, or declares something impossible.
    """
    shown = str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
    if not path.is_file():
        known = sorted(f.name for f in (home / "conf" / "sources").glob("*.yaml"))
        raise ConfError(
            f"{shown}: there is no such source file.{did_you_mean(path.name, known)} "
            f"conf/sources/ has: {', '.join(known)}."
        )
    content = read_yaml(path, shown)
    keys = [
        *(k for k in Source.model_fields if k not in ("name", "shown")),
        *(f"event.{k}" for k in EventMapping.model_fields),
        *(f"freshness.{k}" for k in FreshnessTarget.model_fields),
    ]
    try:
        source = Source.model_validate({**content, "name": path.stem, "shown": shown})
    except ValidationError as error:
        raise ConfError(readable_problems(error, {}, keys, shown)) from error
    if source.event is not None and source.format == "kafka":
        raise ConfError(
            f"{shown}: key 'event': records of a topic must be native events. Map them where they "
            "are produced, or land them as files."
        )
    if source.event is None and source.format not in ("json", "kafka"):
        raise ConfError(
            f"{shown}: key 'event' is missing: a {source.format} source must say how its columns "
            "map to events. See README, 'Your own data'."
        )
    where, base = (source.input, home) if given_input is None else (given_input, Path.cwd())
    if where is None:
        raise ConfError(f"{shown}: names no input. Give one with --input.")
    if source.format != "kafka":
        where = resolve_path(where, base)
    return source.model_copy(update={"input": where})


def native_event(rows: DataFrame, source: Source, *, columns: Sequence[str], raw: Column) -> Column:
    """The JSON text of the native event that each row maps to.

    Each expression is tried against the frame's schema alone, before any data is read.

    Args:
        rows: a frame the expressions are for.
        columns: the columns of the data, for the message about one that it lacks.
        raw: the record's text, hashed where the source names no event_id.

    Raises:
        ConfError: an expression is not valid, or names a column the data lacks.
    """
    mapping = source.event
    if mapping is None:
        return raw

    def column(key: str, expression: str) -> Column:
        return _checked(rows, expression, columns=columns, where=f"{source.shown}: event.{key}")

    def members(part: str, expressions: Mapping[str, str], type_name: str | None) -> Column:
        if not expressions:
            return F.from_json(F.lit("{}"), "struct<none:string>")
        parts = {name: column(f"{part}.{name}", text) for name, text in expressions.items()}
        return F.struct(
            *((c.cast(type_name) if type_name else c).alias(name) for name, c in parts.items())
        )

    parts = {
        "event_id": (
            column("event_id", mapping.event_id).cast("string")
            if mapping.event_id
            else F.substring(F.sha2(F.concat(F.lit(f"{source.name}\n"), raw), 256), 1, 32)
        ),
        "event_type": column("event_type", mapping.event_type).cast("string"),
        "occurred_at": _instant(column("occurred_at", mapping.occurred_at)),
        "identifiers": members("identifiers", mapping.identifiers, "string"),
        "properties": members("properties", mapping.properties, None),
    }
    if mapping.received_at:
        parts["received_at"] = _instant(column("received_at", mapping.received_at))
    return F.to_json(F.struct(*(part.alias(name) for name, part in parts.items())))


def _instant(time: Column) -> Column:
    # Always with its offset; a session in the source's zone has read a time that names none.
    return F.date_format(time.cast("timestamp"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")


def _checked(rows: DataFrame, expression: str, *, columns: Sequence[str], where: str) -> Column:
    try:
        column = F.expr(expression)
        rows.select(column)
    except PySparkException as error:
        unknown = _UNKNOWN_COLUMN.search(str(error))
        if unknown:
            name = unknown.group(1).replace("`", "")
            raise ConfError(
                f"{where}: the data has no column '{name}'.{did_you_mean(name, columns)} "
                f"It has: {', '.join(columns)}."
            ) from error
        reason = str(error).splitlines()[0].strip()
        raise ConfError(
            f"{where}: '{expression}' is not a valid Spark SQL expression: {reason[:200]}"
        ) from error
    return column
