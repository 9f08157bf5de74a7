"""The fast path: well-formed events are validated and extracted from their bytes.

This is the only interface of the package. A compiled loop reads each text once, follows lookup
tables made from the newest schema of its event type, and notes where the row's values are; no
Python object is created. Every event that it takes would also be accepted by a JSON parser and the
schema, with the same members. It may leave out events that they accept - an escape in an
identifier, numbers with hundreds of digits - and these are then validated by the schema.
"""

from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from kinfold.bronze.fast_path.scanner import NO_INSTANT, scan
from kinfold.bronze.fast_path.schema_tables import SchemaTables
from kinfold.bronze.schemas.references import SchemaDocuments
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.core.arrays import Flags, Ints


@dataclass(frozen=True)
class WellFormedEvents:
    """Events that the fast path has taken.

    Attributes:
        rows: index of each event among the texts, ascending.
        schema_id, event_type, event_id: text columns.
        occurred_at, received_at: microseconds since 1970; see `has_received_at`.
        identifiers: those that have a value, by namespace.
    """

    rows: Ints
    schema_id: pa.Array
    event_type: pa.Array
    event_id: pa.Array
    occurred_at: Ints
    received_at: Ints
    identifiers: pa.MapArray

    @property
    def has_received_at(self) -> Flags:
        is_present: Flags = self.received_at != NO_INSTANT
        return is_present

    def only(self, wanted: Flags) -> "WellFormedEvents":
        """The events for which `wanted` is true."""
        mask = pa.array(wanted)
        return WellFormedEvents(
            rows=self.rows[wanted],
            schema_id=self.schema_id.filter(mask),
            event_type=self.event_type.filter(mask),
            event_id=self.event_id.filter(mask),
            occurred_at=self.occurred_at[wanted],
            received_at=self.received_at[wanted],
            identifiers=self.identifiers.filter(mask),
        )


@dataclass(frozen=True)
class FastPath:
    """The compiled schemas of a registry. Not picklable: make it in the worker."""

    tables: SchemaTables

    @classmethod
    def of(cls, registry: SchemaRegistry) -> "FastPath":
        """The fast path of a registry, compiled once per process."""
        return _fast_path(registry)

    def well_formed_events(self, texts: pa.Array, is_text: pa.Array) -> WellFormedEvents:
        """The events among some texts that are certainly valid; null is not an event.

        Args:
            texts: a binary column.
            is_text: which of the texts are UTF-8.
        """
        scanned = scan(texts, is_text, self.tables)
        schema_index = pa.array(scanned.schema_index)
        return WellFormedEvents(
            rows=scanned.rows,
            schema_id=pa.array(self.tables.schema_ids, pa.string()).take(schema_index),
            event_type=pa.array(self.tables.event_types, pa.string()).take(schema_index),
            event_id=scanned.event_id,
            occurred_at=scanned.occurred_at,
            received_at=scanned.received_at,
            identifiers=scanned.identifiers,
        )


@lru_cache(maxsize=8)
def _fast_path(registry: SchemaRegistry) -> FastPath:
    return FastPath(SchemaTables.of(SchemaDocuments(registry.documents), registry.newest))
