"""Schema documents: the subschemas of each, and where a `$ref` of it leads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

ID_PREFIX = "kinfold:"
REFERENCES = ("$ref", "$dynamicRef")
IN_PLACE = frozenset(
    {"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then", *REFERENCES}
)
"""Keywords that hold a schema for the same value. Every other one goes on to a part of it."""

_ONE = (
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
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


class SchemaLocation(NamedTuple):
    """A schema inside a document: the document's schema id and a JSON pointer, "" for all of it."""

    document: str
    pointer: str

    def below(self, *segments: str | int) -> "SchemaLocation":
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
    _anchors: dict[tuple[SchemaLocation, str], SchemaLocation] = field(
        default_factory=dict, repr=False
    )
    _resource_of: dict[SchemaLocation, SchemaLocation] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for document in self.by_id:
            root = SchemaLocation(document, "")
            self._resources[ID_PREFIX + document] = root
            self._index(root, resource=root)

    def _index(self, place: SchemaLocation, *, resource: SchemaLocation) -> None:
        schema = self.at(place)
        if isinstance(schema, dict):
            own_id = schema.get("$id")
            if isinstance(own_id, str) and place.pointer:
                resource = self._resources[own_id.rstrip("#")] = place
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(schema.get(keyword), str):
                    self._anchors[resource, schema[keyword]] = place
        self._resource_of[place] = resource
        for _, part in self.parts(place):
            self._index(part, resource=resource)

    def at(self, place: SchemaLocation) -> Any:
        """The schema at a place.

        Raises:
            LookupError: there is nothing.
        """
        node: Any = self.by_id[place.document]
        for segment in place.pointer.split("/")[1:]:
            name = segment.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = node[int(name)] if name.isdecimal() else _nothing(name)
            else:
                node = node[name] if isinstance(node, dict) else _nothing(name)
        return node

    def parts(self, place: SchemaLocation) -> Iterator[tuple[str, SchemaLocation]]:
        """(keyword, place) of each schema that stands directly in the schema at a place."""
        schema = self.at(place)
        if not isinstance(schema, dict):
            return
        for keyword in _ONE:
            if isinstance(schema.get(keyword), dict | bool):
                yield keyword, place.below(keyword)
        for keyword in _LISTED:
            if isinstance(schema.get(keyword), list):
                for index in range(len(schema[keyword])):
                    yield keyword, place.below(keyword, index)
        for keyword in _NAMED:
            if isinstance(schema.get(keyword), dict):
                for name in schema[keyword]:
                    yield keyword, place.below(keyword, name)

    def places(self, document: str) -> Iterator[SchemaLocation]:
        """Every schema in a document, itself first."""
        waiting = [SchemaLocation(document, "")]
        while waiting:
            place = waiting.pop()
            yield place
            waiting += [part for _, part in self.parts(place)]

    def references(self, place: SchemaLocation) -> Iterator[tuple[str, SchemaLocation | None]]:
        """(text, target) of each reference of the schema at a place; None: it leads nowhere."""
        schema = self.at(place)
        for keyword in REFERENCES:
            text = schema.get(keyword) if isinstance(schema, dict) else None
            if isinstance(text, str):
                yield text, self._target(place, text)

    def _target(self, place: SchemaLocation, reference: str) -> SchemaLocation | None:
        name, _, fragment = reference.partition("#")
        fragment = unquote(fragment)
        own = self._resource_of.get(place, SchemaLocation(place.document, ""))
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
        """Every way back to a schema on which no step goes on to a part of the value.

        A validator that follows it never ends. Each way is given once, as the places passed.
        """
        found: dict[frozenset[SchemaLocation], list[SchemaLocation]] = {}
        finished: set[SchemaLocation] = set()

        def follow(place: SchemaLocation, path: list[SchemaLocation]) -> None:
            if place in path:
                way = path[path.index(place) :]
                found.setdefault(frozenset(way), way)
            elif place not in finished:
                for step in self._steps_in_place(place):
                    follow(step, [*path, place])
                finished.add(place)

        for document in self.by_id:
            for place in self.places(document):
                follow(place, [])
        return list(found.values())

    def _steps_in_place(self, place: SchemaLocation) -> Iterator[SchemaLocation]:
        yield from (part for keyword, part in self.parts(place) if keyword in IN_PLACE)
        yield from (target for _, target in self.references(place) if target is not None)


def json_pointer(*segments: str | int) -> str:
    """The JSON pointer made of some names and indexes; "" of none."""
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in segments)


def _nothing(name: str) -> Any:
    raise LookupError(name)
