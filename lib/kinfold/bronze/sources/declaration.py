"""Source files: where a user's data is, and how it maps to native events.

`conf/sources/<name>.yaml` names a format. Unless the records already are native events, it also has
one Spark SQL expression for each part of the event. The expressions are settings, never data.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.bronze.sources.expressions import checked_column, identifier_text
from kinfold.bronze.sources.partial_dates import dated_text
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.files import read_yaml, resolve_path
from kinfold.core.settings.models import Conf
from kinfold.core.settings.problems import readable_problems
from kinfold.governance.freshness import FreshnessTarget

_LITERAL = re.compile(r"^\s*'([^']*)'\s*$")

_HIDING_OPTIONS = {
    "cleansource": "To move files that have landed, write `archive: FOLDER` instead.",
    "filenameonly": "Remove it: files of one name in two folders are two files.",
    "ignorecorruptfiles": "Remove it, and replace a file that cannot be read.",
    "ignoremissingfiles": "Remove it.",
    "maxfileage": "Remove it: files of any age are read. `modifiedAfter` selects them by time.",
}
"""Options of Spark's readers that are refused, in lower case, with what to do."""


class EventMapping(Conf):
    """One Spark SQL expression over the columns of the data for each part of a native event."""

    event_type: str
    occurred_at: str
    event_id: str | None = None
    """Null: the id is a hash of the whole record, so exact copies of a record are one event."""
    received_at: str | None = None
    identifiers: dict[str, str] = Field(min_length=1)
    properties: dict[str, str] = Field(default_factory=dict)

    def expressions(self) -> "dict[str, Expression]":
        """The expressions by their key in the source file."""
        texts = {
            name: getattr(self, name)
            for name in ("event_id", "event_type", "occurred_at", "received_at")
            if getattr(self, name) is not None
        }
        texts |= {f"identifiers.{name}": text for name, text in self.identifiers.items()}
        values = {f"properties.{name}": text for name, text in self.properties.items()}
        return {
            f"event.{key}": Expression(text, is_text=key in texts)
            for key, text in (texts | values).items()
        }


class Expression(NamedTuple):
    """A Spark SQL expression of a source file.

    Attributes:
        is_text: its value becomes a text, so an object or a list is no value.
    """

    text: str
    is_text: bool


class DataSource(Conf):
    """What every source declares, of events or of records."""

    name: str
    display_path: str
    """Path of the source file, as messages show it."""
    format: str
    input: str | None = None
    """File, folder, URI or topic to read if there is no `--input`."""
    options: dict[str, str | bool | int] = Field(default_factory=dict)
    """Options of the reader, with the names of Spark's: `sep`, `encoding`, `pathGlobFilter`; for
    Kafka also options of the client, as `kafka.<option>`."""
    timezone: str = "UTC"
    """Time zone of times without one."""

    def expressions(self) -> dict[str, Expression]:
        """The expressions by their key in the source file; none without a mapping."""
        return {}

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
    """What records without a mapping are: native events, or messages of the Segment spec."""
    event: EventMapping | None = None
    """Null: the records already are events of the `shape` (JSON lines and Kafka only)."""
    archive: str | None = None
    """Folder or URI to which files move after their records have landed, on the file system of
    `input` but outside it. Null: files do not move."""
    freshness: FreshnessTarget | None = None
    """How fresh the source has to be. Null: its freshness is measured, but never an error."""

    def expressions(self) -> dict[str, Expression]:
        return self.event.expressions() if self.event else {}

    def constant_type(self) -> str | None:
        """The source's only event type, if its mapping is a literal; otherwise null."""
        match = _LITERAL.match(self.event.event_type) if self.event else None
        return match.group(1) if match else None


def load_source(
    path: Path, *, home: Path, given_input: str | None = None, needs_input: bool = True
) -> Source:
    """The source that a file declares, named after the file.

    Args:
        given_input: replaces the file's `input`.
        needs_input: false = the source may name no input.

    Raises:
        ConfError: the file is missing, is not YAML, or has keys or values that are not allowed.
    """
    inner = [
        *(f"event.{k}" for k in EventMapping.model_fields),
        *(f"freshness.{k}" for k in FreshnessTarget.model_fields),
    ]
    source = declared_source(Source, path, home=home, folder="sources", inner_keys=inner)
    where = source.display_path
    if source.event is not None and source.format == "kafka":
        raise ConfError(
            f"{where}: key 'event': records of a topic must be native events. Map them in their "
            "producer, or land them as files."
        )
    if source.event is None and source.format not in ("json", "kafka"):
        raise ConfError(
            f"{where}: key 'event' is missing: a {source.format} source needs a mapping of its "
            "columns to events. See README, 'Your own data'."
        )
    if source.archive is not None:
        source = source.model_copy(update={"archive": resolve_path(source.archive, home)})
    if needs_input or given_input or source.input:
        source = with_input(source, given_input, home=home)
    if source.archive is not None and source.format == "kafka":
        raise ConfError(f"{where}: key 'archive': a topic has no files. Remove the key.")
    if source.archive is not None and f"{source.archive}/".startswith(f"{source.input}/"):
        raise ConfError(
            f"{where}: key 'archive': {source.archive} is inside the input {source.input}, so "
            "archived files would be read again. Name a folder outside it."
        )
    return source


AnySource = TypeVar("AnySource", bound=DataSource)


def declared_source(
    kind: type[AnySource], path: Path, *, home: Path, folder: str, inner_keys: Sequence[str] = ()
) -> AnySource:
    """The source that a file declares, as an object of class `kind`, named after the file.

    Args:
        folder: the folder of conf/ that holds files of this kind, for messages.
        inner_keys: keys of the file's sections, for "did you mean".

    Raises:
        ConfError: the file is missing, is not YAML, or has keys or values that are not allowed.
    """
    display_path = str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
    if not path.is_file():
        known = sorted(f.name for f in (home / "conf" / folder).glob("*.yaml"))
        raise ConfError(
            f"{display_path}: there is no such source file.{did_you_mean(path.name, known)} "
            f"conf/{folder}/ has: {', '.join(known) or 'no file'}."
        )
    content = read_yaml(path, display_path)
    keys = [*(k for k in kind.model_fields if k not in ("name", "display_path")), *inner_keys]
    try:
        source = kind.model_validate({**content, "name": path.stem, "display_path": display_path})
    except ValidationError as error:
        raise ConfError(readable_problems(error, {}, keys, display_path)) from error
    for name in source.options:
        if name.lower() in _HIDING_OPTIONS:
            raise ConfError(
                f"{display_path}: options.{name}: leaves out files or rows without a message. "
                f"{_HIDING_OPTIONS[name.lower()]}"
            )
    return source


def with_input(source: AnySource, given_input: str | None, *, home: Path) -> AnySource:
    """The source with an absolute input: `given_input`, or else the source file's own.

    Raises:
        ConfError: there is neither.
    """
    where, base = (source.input, home) if given_input is None else (given_input, Path.cwd())
    if where is None:
        raise ConfError(f"{source.display_path}: names no input. Name one with --input.")
    if source.format != "kafka":
        where = resolve_path(where, base)
    return source.model_copy(update={"input": where})


def mapped_event(rows: DataFrame, source: Source, *, columns: Sequence[str], raw: Column) -> Column:
    """The native event of each row, as JSON text.

    Args:
        rows: the frame that the expressions read.
        columns: the columns of the data, which the message about an unknown column lists.
        raw: the record's text. Its hash is the event_id if the mapping has none; without a mapping
            it is the event.

    Raises:
        ConfError: an expression is not valid, or names a column that the data does not have. Only
            the schema is used; no data is read.
    """
    mapping = source.event
    if mapping is None:
        return raw

    def column(key: str, expression: str) -> Column:
        where = f"{source.display_path}: event.{key}"
        return checked_column(rows, expression, columns=columns, where=where)

    def instant(key: str, expression: str) -> Column:
        return dated_text(
            rows, column(key, expression), where=f"{source.display_path}: event.{key}"
        )

    def members(part: str, expressions: Mapping[str, str], *, is_text: bool) -> Column:
        if not expressions:
            return F.from_json(F.lit("{}"), "struct<none:string>")
        parts = {name: column(f"{part}.{name}", text) for name, text in expressions.items()}
        return F.struct(
            *((identifier_text(rows, c) if is_text else c).alias(name) for name, c in parts.items())
        )

    parts = {
        "event_id": (
            identifier_text(rows, column("event_id", mapping.event_id))
            if mapping.event_id
            else F.substring(F.sha2(F.concat(F.lit(f"{source.name}\n"), raw), 256), 1, 32)
        ),
        "event_type": column("event_type", mapping.event_type).cast("string"),
        "occurred_at": instant("occurred_at", mapping.occurred_at),
        "identifiers": members("identifiers", mapping.identifiers, is_text=True),
        "properties": members("properties", mapping.properties, is_text=False),
    }
    if mapping.received_at:
        parts["received_at"] = instant("received_at", mapping.received_at)
    return F.to_json(F.struct(*(part.alias(name) for name, part in parts.items())))
