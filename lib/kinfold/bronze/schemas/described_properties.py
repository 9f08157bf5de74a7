"""Which properties the schema of an event describes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kinfold.bronze.schemas.references import (
    IN_PLACE_APPLICATORS,
    SchemaDocuments,
    SchemaLocation,
)
from kinfold.bronze.schemas.registry import SchemaRegistry

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DescribedProperties:
    """The names of the properties that schemas describe; other members of an event are free.

    Attributes:
        by_schema: the names by schema id.
        newest: the newest schema id of each event type.
    """

    by_schema: Mapping[str, frozenset[str]]
    newest: Mapping[str, str]

    @classmethod
    def of(cls, registry: SchemaRegistry) -> "DescribedProperties":
        """The properties that the schemas of a registry describe, also through references."""
        schemas = SchemaDocuments(registry.documents)
        names = {
            schema_id: frozenset(_described(schemas, schema_id)) for schema_id, _ in registry.texts
        }
        return cls(names, registry.newest)

    def names(self, event_type: str | None, schema_id: str | None) -> frozenset[str]:
        """The names for an event; for a schema that no longer exists those of the newest one."""
        names = self.by_schema.get(schema_id or "")
        if names is None:
            names = self.by_schema.get(self.newest.get(event_type or "", ""))
        return _NOTHING if names is None else names


def _described(schemas: SchemaDocuments, schema_id: str) -> Iterator[str]:
    for location in _of_properties(schemas, schema_id):
        yield from _declared(schemas, location)


def _of_properties(schemas: SchemaDocuments, schema_id: str) -> Iterator[SchemaLocation]:
    """The schemas of the event's member `properties`."""
    for location in _in_place(schemas, SchemaLocation(schema_id, "")):
        if "properties" in _declared(schemas, location):
            yield from _in_place(schemas, location.below("properties", "properties"))


def _declared(schemas: SchemaDocuments, location: SchemaLocation) -> Mapping[str, object]:
    schema = schemas.at(location)
    declared = schema.get("properties") if isinstance(schema, dict) else None
    return declared if isinstance(declared, dict) else {}


def _in_place(schemas: SchemaDocuments, location: SchemaLocation) -> Iterator[SchemaLocation]:
    """The schemas that apply to the same value: this one and those it refers to or combines."""
    waiting, reached = [location], set[SchemaLocation]()
    while waiting:
        here = waiting.pop()
        if here in reached:
            continue
        reached.add(here)
        yield here
        waiting += [target for _, target in schemas.references(here) if target is not None]
        waiting += [
            part
            for keyword, part in schemas.subschemas(here)
            if keyword in IN_PLACE_APPLICATORS and keyword != "not"
        ]
