"""JSON records as columns, for the expressions of a mapping.

The names that the expressions use decide which columns there are. A sample of the records decides
only what a place usually holds: text, an object or a list. A record that has something else there
has null, so no record decides about others. Numbers stay texts, as they are spelled.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import pyarrow as pa
from pyspark.sql import types as T

from kinfold.bronze.schemas.kinds import SEEN, kind_of
from kinfold.bronze.schemas.spelled_json import NOT_AN_OBJECT, Number, json_text, json_value

NOT_UTF8 = "/: not UTF-8"
EMPTY_LINE = "/: empty"
NOT_UNICODE = "/: text that is not Unicode"
_MAX_DEPTH = 32
_MAX_NAMES = 1_000

Path = tuple[str | int, ...]
"""Names of members, and 0 for the items of a list: `items[1].price` is ("items", 0, "price")."""


class Leaf(StrEnum):
    """How a value without columns of its own is read."""

    TEXT = "text"
    """A text, number or boolean as text; null for objects and lists."""
    JSON = "json"
    """The same; an object or a list as JSON text."""


Reading = Leaf | dict[str, Any] | list[Any]
"""What is read at one place: a leaf, the members of an object, or the only item of a list."""


@dataclass
class Place:
    """What a sample has at one place of its records.

    Attributes:
        texts, objects, lists: how often; null, empty texts, objects and lists do not count.
    """

    texts: int = 0
    objects: int = 0
    lists: int = 0
    members: "dict[str, Place]" = field(default_factory=dict)
    item: "Place | None" = None

    def add(self, value: Any, depth: int = 0) -> None:
        """Count one value, and those inside."""
        if isinstance(value, dict) and value:
            self.objects += 1
            for name, member in value.items() if depth < _MAX_DEPTH else ():
                if name in self.members or len(self.members) < _MAX_NAMES:
                    self.members.setdefault(name, Place()).add(member, depth + 1)
        elif isinstance(value, list) and value:
            self.lists += 1
            self.item = self.item or Place()
            for item in value if depth < _MAX_DEPTH else ():
                self.item.add(item, depth + 1)
        elif isinstance(value, bool) or (isinstance(value, str) and value):
            self.texts += 1
            if isinstance(value, str) and _is_packed(value):
                self._add_packed(value, depth)

    def _add_packed(self, text: str, depth: int) -> None:
        """Count what is inside of JSON text: its members can be used like those of an object."""
        unpacked, _ = json_value(text)
        for name, member in unpacked.items() if isinstance(unpacked, dict) else ():
            if name in self.members or len(self.members) < _MAX_NAMES:
                self.members.setdefault(name, Place()).add(member, depth + 1)


@dataclass
class Use:
    """How expressions use one place of the records.

    Attributes:
        is_whole: an expression reads all of it.
        leaf: an expression needs a text, or JSON text.
    """

    is_whole: bool = False
    leaf: Leaf | None = None
    members: "dict[str, Use]" = field(default_factory=dict)
    item: "Use | None" = None

    def add(self, path: Path, leaf: Leaf | None = None) -> None:
        """Add one path that an expression uses."""
        use = self
        for step in path:
            if isinstance(step, int):
                use.item = use.item or Use()
                use = use.item
            else:
                use = use.members.setdefault(step, Use())
        use.is_whole |= leaf is None
        use.leaf = Leaf.JSON if Leaf.JSON in (leaf, use.leaf) else leaf or use.leaf


def sampled_place(lines: Iterable[bytes | None]) -> Place:
    """What the records among some lines have; lines that are no records are left out."""
    place = Place()
    for line in lines:
        value, reason = json_record(line)
        if reason is None:
            place.add(value)
    return place


def shape_of(place: Place, use: Use, *, depth: int = 0) -> Reading:
    """What is read at a place, by its uses and, where these leave it open, by the sample."""
    if use.leaf is Leaf.JSON:
        return Leaf.JSON
    if use.item is not None:
        item = replace(use.item, is_whole=use.item.is_whole or use.is_whole)
        return [shape_of(place.item or Place(), item, depth=depth + 1)]
    if use.members:
        is_list = place.lists > place.objects
        if is_list:
            item = Use(is_whole=use.is_whole, members=use.members)
            return [shape_of(place.item or Place(), item, depth=depth + 1)]
        names = _names(place, use)
        return {
            name: shape_of(place.members.get(name, Place()), used, depth=depth + 1)
            for name, used in sorted(names.items())
        }
    most = max(place.texts, place.objects, place.lists)
    if use.leaf or not most or place.texts == most:
        return Leaf.TEXT
    if depth >= _MAX_DEPTH:
        return Leaf.JSON
    if place.lists == most:
        return [shape_of(place.item or Place(), Use(is_whole=True), depth=depth + 1)]
    everything = Use(members={name: Use(is_whole=True) for name in distinct_names(place)})
    return shape_of(place, everything, depth=depth + 1)


def _names(place: Place, use: Use) -> dict[str, Use]:
    """The members to read: those used, as the records spell them, and all if it is read whole."""
    names: dict[str, Use] = {}
    for name, used in use.members.items():
        names[spelled(name, place)] = used
    if use.is_whole:
        taken = {name.lower() for name in names}
        others = [name for name in distinct_names(place) if name.lower() not in taken]
        names |= {name: Use(is_whole=True) for name in others}
    return names


def spelled(name: str, place: Place) -> str:
    """The member that a name means: itself or, if there is none, the one that differs in case."""
    if name in place.members:
        return name
    return next((n for n in distinct_names(place) if n.lower() == name.lower()), name)


def distinct_names(place: Place) -> list[str]:
    """The names of members; of names that differ only in case, the most frequent one."""
    counts = {name: one.texts + one.objects + one.lists for name, one in place.members.items()}
    chosen: dict[str, str] = {}
    for name in sorted(counts, key=lambda n: (-counts[n], n)):
        chosen.setdefault(name.lower(), name)
    return sorted(chosen.values())


def missing_paths(
    place: Place, use: Use, *, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The names of members that expressions use and the sample does not have."""
    for name, used in use.members.items():
        path = (*above, name)
        member = place.members.get(spelled(name, place))
        if member is None and place.lists and place.item is not None:
            member = place.item.members.get(spelled(name, place.item))
        if member is None:
            yield path
        else:
            yield from missing_paths(member, used, above=path)
    if use.item is not None and place.item is not None:
        yield from missing_paths(place.item, use.item, above=above)


def spark_type(shape: Reading) -> T.DataType:
    """The type of the column that holds what is read."""
    if isinstance(shape, Leaf):
        return T.StringType()
    if isinstance(shape, list):
        return T.ArrayType(spark_type(shape[0]))
    return T.StructType([T.StructField(name, spark_type(one)) for name, one in shape.items()])


def arrow_type(shape: Reading) -> pa.DataType:
    """`spark_type` as a type of Arrow."""
    if isinstance(shape, Leaf):
        return pa.string()
    if isinstance(shape, list):
        return pa.list_(arrow_type(shape[0]))
    return pa.struct([(name, arrow_type(one)) for name, one in shape.items()])


def json_record(line: bytes | None) -> tuple[dict[str, Any], str | None]:
    """The object in a line and null, or no members and why there is none. Never raises."""
    try:
        text = (line or b"").decode().removeprefix("\ufeff").strip()
    except UnicodeDecodeError:
        return {}, NOT_UTF8
    if not text:
        return {}, EMPTY_LINE
    value, reason = json_value(text)
    if reason is None and not isinstance(value, dict):
        return {}, f"{NOT_AN_OBJECT}{SEEN}{kind_of(value)}"
    return value or {}, reason


def fitted(value: Any, shape: Reading) -> Any:
    """The part of a value that a shape reads; null where the value is of another kind."""
    if value is None:
        return None
    if isinstance(shape, Leaf):
        return _leaf(value, shape)
    if isinstance(value, str) and _is_packed(value):
        value, _ = json_value(value)
    if isinstance(shape, list):
        return [fitted(item, shape[0]) for item in value] if isinstance(value, list) else None
    if not isinstance(value, dict):
        return None
    return {name: fitted(value.get(name), one) for name, one in shape.items()}


def _leaf(value: Any, leaf: Leaf) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text(value) if leaf is Leaf.JSON else None


def _is_packed(text: str) -> bool:
    """Whether a text may be JSON text of an object or a list."""
    return not isinstance(text, Number) and text.lstrip()[:1] in ("{", "[")


def record_columns(lines: pa.Array, shape: dict[str, Reading], *, reason: str) -> pa.StructArray:
    """The columns of some records.

    Args:
        lines: the records, binary.
        reason: name of the column that says why a line is not a record; null for records.
    """
    records, reasons = [], []
    for line in lines.to_pylist():
        record, problem = json_record(line)
        records.append(record)
        reasons.append(problem)
    try:
        columns = _arrays(records, shape)
    except UnicodeEncodeError:  # half of a surrogate pair; the error does not say where
        for index, record in enumerate(records):
            if not _is_unicode(record, shape):
                records[index], reasons[index] = {}, NOT_UNICODE
        columns = _arrays(records, shape)
    return pa.StructArray.from_arrays([*columns, pa.array(reasons, pa.string())], [*shape, reason])


def _arrays(records: Sequence[dict[str, Any]], shape: dict[str, Reading]) -> list[pa.Array]:
    return [
        pa.array([fitted(record.get(name), one) for record in records], arrow_type(one))
        for name, one in shape.items()
    ]


def _is_unicode(record: dict[str, Any], shape: dict[str, Reading]) -> bool:
    try:
        _arrays([record], shape)
    except UnicodeEncodeError:
        return False
    return True
