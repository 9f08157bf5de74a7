"""Finds the identifiers that a user names on a command line in the stored graph."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from pyspark.sql import functions as F

from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.cleansing.identifiers import Spelling, normalised_value
from kinfold.silver.cleansing.texts import visible
from kinfold.silver.identity.graph.nodes import RECORD
from kinfold.silver.identity.links.operator_decisions import parsed_identifier
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import silver
from kinfold.tables.collected import collected

IDENTIFIER_HELP = (
    "Identifiers are written NAMESPACE:VALUE, e.g. email:ann@example.org, user_id:42, or "
    "record:crm:42 for a record of a source."
)


@dataclass(frozen=True)
class StoredIdentifier:
    """An identifier as silver.identifiers has it."""

    node_id: int
    namespace: str
    value: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.namespace, self.value


@dataclass(frozen=True)
class IdentifierAssignment:
    """The person of an identifier today.

    Attributes:
        identifier: namespace and value.
        profile_id, since: the person, and since when; both null = it belongs to no person.
        shared_because: why it belongs to no person, if it is a shared identifier.
    """

    identifier: tuple[str, str]
    profile_id: str | None
    since: datetime | None
    shared_because: str | None


def spellings(namespace: str, value: str, *, phone_region: str) -> list[str]:
    """The values that a user may mean, the literal one first, then the normalised ones."""
    variants = [value, value.strip(), visible(value)]
    if normalised := normalised_value(namespace, value, Spelling(phone_region=phone_region)):
        variants.append(normalised)
    source, colon, record_id = value.partition(":")
    if namespace == RECORD and colon and not value.startswith("["):
        variants.append(json.dumps([source, record_id], separators=(",", ":"), ensure_ascii=False))
    return list(dict.fromkeys(variants))


def find_identifiers(
    lake: Lake, text_by_option: Mapping[str, str], *, conf: IdentityConf
) -> list[StoredIdentifier]:
    """The identifiers that options name, in the order of the options.

    Args:
        text_by_option: `NAMESPACE:VALUE` by option; may be empty.

    Raises:
        ConfError: an identifier has another form, is unknown, or is named twice.
        LakeError: identities have not been resolved yet.
    """
    if not text_by_option:
        return []
    wanted = {option: parsed_identifier(text, option) for option, text in text_by_option.items()}
    variants = {
        option: spellings(namespace, value, phone_region=conf.phone_region)
        for option, (namespace, value) in wanted.items()
    }
    conditions = [
        (F.col("namespace") == namespace) & F.col("value").isin(*variants[option])
        for option, (namespace, _) in wanted.items()
    ]
    nodes = lake.read(silver.IDENTIFIERS).where(reduce(or_, conditions))
    rows = collected(nodes.select("node_id", "namespace", "value"))
    node_of = {(row["namespace"], row["value"]): row["node_id"] for row in rows}
    identifiers, problems = [], []
    for option, (namespace, value) in wanted.items():
        pairs = [(namespace, one) for one in variants[option] if (namespace, one) in node_of]
        if pairs:
            identifiers.append(StoredIdentifier(node_of[pairs[0]], *pairs[0]))
        else:
            problems.append(_unknown(lake, option, namespace, value, conf))
    if problems:
        raise ConfError("\n".join(problems))
    if len({one.node_id for one in identifiers}) < len(identifiers):
        raise ConfError(f"{' and '.join(text_by_option)} name the same identifier. Name two.")
    return identifiers


def _unknown(lake: Lake, option: str, namespace: str, value: str, conf: IdentityConf) -> str:
    rows = collected(lake.read(silver.IDENTIFIERS).select("namespace").distinct())
    known = sorted({row[0] for row in rows})
    if namespace in known:
        return (
            f"{option} {namespace}:{value}: no event or record has this identifier. Check the "
            "value: it is compared with silver.identifiers."
        )
    hint = did_you_mean(namespace, [*known, *conf.namespaces])
    return (
        f"{option} {namespace}:{value}: no event or record has an identifier of the namespace "
        f"'{namespace}'.{hint} Known namespaces: {', '.join(known)}."
    )


def assignments_of(lake: Lake, identifiers: list[StoredIdentifier]) -> list[IdentifierAssignment]:
    """The person of each identifier today, in the order of the identifiers."""
    nodes = [one.node_id for one in identifiers]
    today = current(lake.read(silver.IDENTITY_MAP)).where(F.col("node_id").isin(*nodes))
    row_of = {row["node_id"]: row for row in collected(today)}
    shared = lake.read_or_empty(silver.BAD_VALUES).where(F.col("node_id").isin(*nodes))
    reason_of = {
        row["node_id"]: f"shared identifier: {row['shared_by']} {row['evidence']} have it, "
        f"{row['most']} may"
        for row in collected(shared.where(F.col("status") == "set_aside"))
    }
    return [
        IdentifierAssignment(
            identifier=one.pair,
            profile_id=row_of[one.node_id]["profile_id"] if one.node_id in row_of else None,
            since=row_of[one.node_id]["valid_from"] if one.node_id in row_of else None,
            shared_because=None if one.node_id in row_of else reason_of.get(one.node_id),
        )
        for one in identifiers
    ]
