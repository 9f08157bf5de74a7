"""Identifiers that people name on a command line, found in the graph."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

from pyspark.sql import functions as F

from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.lake.tables import Lake
from kinfold.silver.cleansing.identifiers import parsed_phone
from kinfold.silver.identity.graph.nodes import RECORD
from kinfold.silver.identity.links.operator_decisions import parsed_identifier
from kinfold.silver.identity.operators.explanation import IdentifierAssignment
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import silver

IDENTIFIER_HELP = (
    "Identifiers are written NAMESPACE:VALUE, e.g. email:ann@example.org, user_id:42, or "
    "record:crm:42 for a record of a source."
)


@dataclass(frozen=True)
class StoredIdentifier:
    """An identifier of the graph, as silver.identifiers has it."""

    node_id: int
    namespace: str
    value: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.namespace, self.value


def spellings(namespace: str, value: str, *, phone_region: str) -> list[str]:
    """How a value may be written in the lake, the way it was given first."""
    found = [value, value.strip()]
    if namespace == "email":
        found.append(value.strip().lower())
    if namespace == "phone" and (phone := parsed_phone(value, phone_region)):
        found.append(phone)
    source, colon, record_id = value.partition(":")
    if namespace == RECORD and colon and not value.startswith("["):
        found.append(json.dumps([source, record_id], separators=(",", ":"), ensure_ascii=False))
    return list(dict.fromkeys(found))


def find_identifiers(
    lake: Lake, given: Mapping[str, str], *, conf: IdentityConf
) -> list[StoredIdentifier]:
    """The identifiers that options name, in their order.

    Args:
        given: `NAMESPACE:VALUE` by option.

    Raises:
        ConfError: one has another form, was never seen, or is named twice.
        LakeError: nobody has been resolved yet.
    """
    wanted = {option: parsed_identifier(text, option) for option, text in given.items()}
    ways = {
        option: spellings(namespace, value, phone_region=conf.phone_region)
        for option, (namespace, value) in wanted.items()
    }
    conditions = [
        (F.col("namespace") == namespace) & F.col("value").isin(*ways[option])
        for option, (namespace, _) in wanted.items()
    ]
    nodes = lake.read(silver.IDENTIFIERS).where(reduce(or_, conditions))
    rows = nodes.select("node_id", "namespace", "value").collect()
    there = {(row["namespace"], row["value"]): row["node_id"] for row in rows}
    found, problems = [], []
    for option, (namespace, value) in wanted.items():
        pairs = [(namespace, way) for way in ways[option] if (namespace, way) in there]
        if pairs:
            found.append(StoredIdentifier(there[pairs[0]], *pairs[0]))
        else:
            problems.append(_unknown(lake, option, namespace, value, conf))
    if problems:
        raise ConfError("\n".join(problems))
    if len({one.node_id for one in found}) < len(found):
        raise ConfError(f"{' and '.join(given)} name the same identifier. Name two.")
    return found


def _unknown(lake: Lake, option: str, namespace: str, value: str, conf: IdentityConf) -> str:
    kinds = lake.read(silver.IDENTIFIERS).select("namespace").distinct().collect()
    names = sorted({row[0] for row in kinds})
    if namespace in names:
        return (
            f"{option} {namespace}:{value}: no event or record with it has been resolved. Check "
            "the value; it is compared as silver.identifiers has it."
        )
    hint = did_you_mean(namespace, [*names, *conf.namespaces])
    return (
        f"{option} {namespace}:{value}: no identifier of the kind '{namespace}' has been "
        f"resolved.{hint} There is: {', '.join(names)}."
    )


def assignments_of(lake: Lake, identifiers: list[StoredIdentifier]) -> list[IdentifierAssignment]:
    """Whose the identifiers are today, in their order."""
    nodes = [one.node_id for one in identifiers]
    today = current(lake.read(silver.IDENTITY_MAP)).where(F.col("node_id").isin(*nodes))
    whose = {row["node_id"]: row for row in today.collect()}
    bad = lake.read_or_empty(silver.BAD_VALUES).where(F.col("node_id").isin(*nodes))
    told = {
        row["node_id"]: f"set aside: shared by {row['shared_by']} {row['evidence']}, {row['most']} "
        "may"
        for row in bad.where(F.col("status") == "set_aside").collect()
    }
    return [
        IdentifierAssignment(
            identifier=one.pair,
            profile_id=whose[one.node_id]["profile_id"] if one.node_id in whose else None,
            since=whose[one.node_id]["valid_from"] if one.node_id in whose else None,
            set_aside=None if one.node_id in whose else told.get(one.node_id),
        )
        for one in identifiers
    ]
