"""Source files: how a user's own data maps to native events.

`conf/sources/<name>.yaml` names a format and, unless the records already are native events, gives
one Spark SQL expression per part of the event. The expressions are settings, never data.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.bronze.sources.expressions import checked_column, instant_text
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.files import read_yaml, readable_problems, resolve_path
from kinfold.core.settings.models import Conf
from kinfold.governance.freshness import FreshnessTarget

_LITERAL = re.compile(r"^\s*'([^']*)'\s*$")


class EventMapping(Conf):
    """One Spark SQL expression per part of a native event, over the columns of the data."""

    event_type: str
    occurred_at: str
    event_id: str | None = None
    """Null: a hash of the whole record, so exact copies of a record are one event."""
    received_at: str | None = None
    identifiers: dict[str, str] = Field(min_length=1)
    properties: dict[str, str] = Field(default_factory=dict)


class DataSource(Conf):
    """What sources of events and of records both declare."""

    name: str
    shown: str
    """The source file as messages name it."""
    format: str
    input: str | None = None
    """File, folder or URI, or topic, that is read when no `--input` is given."""
    options: dict[str, str | bool | int] = Field(default_factory=dict)
    """Reader options of Spark for the format, e.g. `sep`, `encoding`, `multiLine`, `cleanSource`;
    for Kafka also the client's, as `kafka.<option>`."""
    timezone: str = "UTC"
    """Zone of times that name none."""

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("a time zone like Europe/London or UTC") from error
        return value


class Source(DataSource):
    """One source of events."""

    format: Literal["json", "csv", "parquet", "kafka"]
    shape: Literal["native", "segment"] = "native"
    """Without a mapping: native events, or messages of the Segment and RudderStack specs."""
    event: EventMapping | None = None
    """Null: the records are events already, of the `shape` (JSON lines and Kafka only)."""
    archive: str | None = None
    """Folder or URI, on the same file system as `input` and outside of it, into which files move
    once their records have landed. Null: they stay where they are."""
    freshness: FreshnessTarget | None = None
    """How fresh the source has to be; null: measured and not judged."""

    def constant_type(self) -> str | None:
        """The one event type of the source, when its mapping names it literally."""
        match = _LITERAL.match(self.event.event_type) if self.event else None
        return match.group(1) if match else None


def load_source(path: Path, *, home: Path, given_input: str | None = None) -> Source:
    """The source that a file declares; its name is the file's.

    Raises:
        ConfError: the file is missing, is not YAML, or declares something impossible.
    """
    inner = [
        *(f"event.{k}" for k in EventMapping.model_fields),
        *(f"freshness.{k}" for k in FreshnessTarget.model_fields),
    ]
    source = declared_source(Source, path, home=home, folder="sources", inner_keys=inner)
    shown = source.shown
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
    if source.archive is not None:
        source = source.model_copy(update={"archive": resolve_path(source.archive, home)})
    source = with_input(source, given_input, home=home)
    if source.archive is not None and source.format == "kafka":
        raise ConfError(f"{shown}: key 'archive': a topic has no files. Remove it.")
    if source.archive is not None and f"{source.archive}/".startswith(f"{source.input}/"):
        raise ConfError(
            f"{shown}: key 'archive': {source.archive} lies in the input {source.input}, so what "
            "was moved would be read again. Name a folder outside of it."
        )
    return source


AnySource = TypeVar("AnySource", bound=DataSource)


def declared_source(
    kind: type[AnySource], path: Path, *, home: Path, folder: str, inner_keys: Sequence[str] = ()
) -> AnySource:
    """What a source file declares, as the given kind of source; its name is the file's.

    Args:
        folder: of conf/ where files of this kind lie.
        inner_keys: keys of its sections, for "did you mean".

    Raises:
        ConfError: the file is missing, is not YAML, or has unknown, missing or impossible keys.
    """
    shown = str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
    if not path.is_file():
        known = sorted(f.name for f in (home / "conf" / folder).glob("*.yaml"))
        there = ", ".join(known) or "no file"
        raise ConfError(
            f"{shown}: there is no such source file.{did_you_mean(path.name, known)} "
            f"conf/{folder}/ has: {there}."
        )
    content = read_yaml(path, shown)
    keys = [*(k for k in kind.model_fields if k not in ("name", "shown")), *inner_keys]
    try:
        return kind.model_validate({**content, "name": path.stem, "shown": shown})
    except ValidationError as error:
        raise ConfError(readable_problems(error, {}, keys, shown)) from error


def with_input(source: AnySource, given_input: str | None, *, home: Path) -> AnySource:
    """The source with its input made absolute: the one given, else the source file's own.

    Raises:
        ConfError: there is neither.
    """
    where, base = (source.input, home) if given_input is None else (given_input, Path.cwd())
    if where is None:
        raise ConfError(f"{source.shown}: names no input. Give one with --input.")
    if source.format != "kafka":
        where = resolve_path(where, base)
    return source.model_copy(update={"input": where})


def mapped_event(rows: DataFrame, source: Source, *, columns: Sequence[str], raw: Column) -> Column:
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
        where = f"{source.shown}: event.{key}"
        return checked_column(rows, expression, columns=columns, where=where)

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
        "occurred_at": instant_text(column("occurred_at", mapping.occurred_at)),
        "identifiers": members("identifiers", mapping.identifiers, "string"),
        "properties": members("properties", mapping.properties, None),
    }
    if mapping.received_at:
        parts["received_at"] = instant_text(column("received_at", mapping.received_at))
    return F.to_json(F.struct(*(part.alias(name) for name, part in parts.items())))
