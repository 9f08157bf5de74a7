"""Schema documents: their subschemas, and the targets of their `$ref`s."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

ID_PREFIX = "kinfold:"
REFERENCES = ("$ref", "$dynamicRef")
IN_PLACE_APPLICATORS = frozenset(
    {"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then", *REFERENCES}
)
"""Keywords whose subschemas apply to the same value. Those of all others apply to a part of it."""

_HOLD_ONE_SCHEMA = (
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_HOLD_A_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_HOLD_AN_OBJECT = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


class SchemaLocation(NamedTuple):
    """Where a schema is: the schema id of its document, and a JSON pointer ("" = the root)."""

    document: str
    pointer: str

    def below(self, *segments: str | int) -> "SchemaLocation":
        """The location that the segments lead to from here."""
        return SchemaLocation(self.document, self.pointer + json_pointer(*segments))

    def __str__(self) -> str:
        return f"{self.document}#{self.pointer}"


@dataclass(frozen=True)
class SchemaDocuments:
    """Documents that may refer to each other.

    Attributes:
        by_id: each document, by its schema id such as "login/1-0-0".
    """

    by_id: Mapping[str, Mapping[str, Any]]
    _resources: dict[str, SchemaLocation] = field(default_factory=dict, repr=False)
    """Root of each schema resource, by its `$id`."""
    _anchors: dict[tuple[SchemaLocation, str], SchemaLocation] = field(
        default_factory=dict, repr=False
    )
    _resource_of: dict[SchemaLocation, SchemaLocation] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for document in self.by_id:
            root = SchemaLocation(document, "")
            self._resources[ID_PREFIX + document] = root
            self._index(root, resource=root)

    def _index(self, location: SchemaLocation, *, resource: SchemaLocation) -> None:
        schema = self.at(location)
        if isinstance(schema, dict):
            own_id = schema.get("$id")
            if isinstance(own_id, str) and location.pointer:
                resource = self._resources[own_id.rstrip("#")] = location
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(schema.get(keyword), str):
                    self._anchors[resource, schema[keyword]] = location
        self._resource_of[location] = resource
        for _, subschema in self.subschemas(location):
            self._index(subschema, resource=resource)

    def at(self, location: SchemaLocation) -> Any:
        """The schema at a location.

        Raises:
            LookupError: the location does not exist.
        """
        node: Any = self.by_id[location.document]
        for segment in location.pointer.split("/")[1:]:
            name = segment.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and name.isdecimal():
                node = node[int(name)]
            elif isinstance(node, dict):
                node = node[name]
            else:
                raise LookupError(name)
        return node

    def subschemas(self, location: SchemaLocation) -> Iterator[tuple[str, SchemaLocation]]:
        """(keyword, location) of each direct subschema of the schema at a location."""
        schema = self.at(location)
        if not isinstance(schema, dict):
            return
        for keyword in _HOLD_ONE_SCHEMA:
            if isinstance(schema.get(keyword), dict | bool):
                yield keyword, location.below(keyword)
        for keyword in _HOLD_A_LIST:
            if isinstance(schema.get(keyword), list):
                for index in range(len(schema[keyword])):
                    yield keyword, location.below(keyword, index)
        for keyword in _HOLD_AN_OBJECT:
            if isinstance(schema.get(keyword), dict):
                for name in schema[keyword]:
                    yield keyword, location.below(keyword, name)

    def locations(self, document: str) -> Iterator[SchemaLocation]:
        """The location of every schema in a document, the root first."""
        waiting = [SchemaLocation(document, "")]
        while waiting:
            location = waiting.pop()
            yield location
            waiting += [subschema for _, subschema in self.subschemas(location)]

    def references(self, location: SchemaLocation) -> Iterator[tuple[str, SchemaLocation | None]]:
        """(text, target) of each reference of the schema at a location; None: no such target."""
        schema = self.at(location)
        for keyword in REFERENCES:
            text = schema.get(keyword) if isinstance(schema, dict) else None
            if isinstance(text, str):
                yield text, self._target(location, text)

    def _target(self, location: SchemaLocation, reference: str) -> SchemaLocation | None:
        name, _, fragment = reference.partition("#")
        fragment = unquote(fragment)
        own = self._resource_of.get(location, SchemaLocation(location.document, ""))
        resource = self._resources.get(name) if name else own
        if resource is None:
            return None
        if fragment and not fragment.startswith("/"):
            return self._anchors.get((resource, fragment))
        target = SchemaLocation(resource.document, resource.pointer + fragment)
        try:
            return target if isinstance(self.at(target), dict | bool) else None
        except LookupError:
            return None

    def loops(self) -> list[list[SchemaLocation]]:
        """Every cycle of references that never moves on to a part of the value.

        A validator that follows such a cycle does not terminate. Each cycle is returned once, as
        the locations on it.
        """
        cycles: dict[frozenset[SchemaLocation], list[SchemaLocation]] = {}
        finished: set[SchemaLocation] = set()

        def follow(location: SchemaLocation, path: list[SchemaLocation]) -> None:
            if location in path:
                cycle = path[path.index(location) :]
                cycles.setdefault(frozenset(cycle), cycle)
            elif location not in finished:
                for step in self._steps_in_place(location):
                    follow(step, [*path, location])
                finished.add(location)

        for document in self.by_id:
            for location in self.locations(document):
                follow(location, [])
        return list(cycles.values())

    def _steps_in_place(self, location: SchemaLocation) -> Iterator[SchemaLocation]:
        """The schemas that the one at a location applies to the same value."""
        for keyword, subschema in self.subschemas(location):
            if keyword in IN_PLACE_APPLICATORS:
                yield subschema
        yield from (target for _, target in self.references(location) if target is not None)


def json_pointer(*segments: str | int) -> str:
    """The JSON pointer (RFC 6901) of names and indexes; "" if there are none."""
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in segments)
