"""Compares today's people with the people that other settings would give; writes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Flags, Ints
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.arrow_frames import rows_with_values
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import Graph, People, people_of, shared_identifiers
from kinfold.silver.identity.links.matched_records import MATCHED
from kinfold.silver.identity.links.observed import (
    ALIAS,
    SEEN_BESIDE,
    SEEN_TOGETHER,
    seen_beside_shared,
    sightings,
)
from kinfold.silver.identity.links.operator_decisions import OPERATOR, active_decisions
from kinfold.silver.identity.operators.lookup import StoredIdentifier
from kinfold.silver.identity.resolution.assignment import guard_rules
from kinfold.silver.identity.resolution.history import comparison_hashes
from kinfold.silver.identity.resolution.stored_graph import StoredGraph, read_graph, stored_graph
from kinfold.tables import silver
from kinfold.tables.collected import collected

RULES = (SEEN_TOGETHER, SEEN_BESIDE, ALIAS, MATCHED, OPERATOR)
_NEED_REBUILD = ("placeholders", "phone_region", "email_provider_rules")


@dataclass(frozen=True)
class PersonChange:
    """A merge of several people or a split of one.

    Attributes:
        person: id of today's person that is split; for a merge, of the merged person that has the
            most identifiers.
        parts: the number of identifiers of each part, the largest first.
        people: ids of today's people that are merged, in the order of `parts`; empty for a split.
    """

    person: str
    parts: tuple[int, ...]
    people: tuple[str, ...] = ()

    @property
    def identifiers(self) -> int:
        return sum(self.parts)


@dataclass(frozen=True)
class WhatIfResult:
    """Today's people compared with the people under other settings. The names of the attributes
    are the keys of `--json`.

    Attributes:
        people_today, people_then: the number of people.
        merges, splits: the largest first.
        to_nobody, from_nobody: identifiers that would lose their person, and that would get one.
        set_aside: node_id of values that would become shared.
        blocked_today, blocked_then: links that join no people.
    """

    people_today: int
    people_then: int
    merges: tuple[PersonChange, ...]
    splits: tuple[PersonChange, ...]
    to_nobody: int
    from_nobody: int
    set_aside: tuple[int, ...]
    blocked_today: int
    blocked_then: int


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuse settings that decide how identifiers are normalised: they need a rebuild.

    Args:
        overrides: the `--set` arguments, NAME=VALUE.

    Raises:
        ConfError: one of these settings is overridden.
    """
    refused = [
        key
        for text in overrides
        if (key := text.partition("=")[0]).removeprefix("identity.") in _NEED_REBUILD
    ]
    if refused:
        raise ConfError(
            f"--set {', '.join(refused)}: decides which identifiers events have, so only a rebuild "
            "shows its effect. Try it on another lake (--set lake.root=DIR)."
        )


def check_rule(rule: str | None) -> None:
    """Refuse the name of a rule that does not exist.

    Raises:
        ConfError: the rule is unknown.
    """
    if rule is not None and rule not in RULES:
        raise ConfError(
            f"--without-rule {rule}: is not a rule.{did_you_mean(rule, RULES)} Rules: "
            f"{', '.join(RULES)}."
        )


def what_if(
    lake: Lake,
    conf: IdentityConf,
    *,
    more_shared: Sequence[StoredIdentifier],
    without_rule: str | None,
) -> WhatIfResult:
    """Today's people compared with the people under other settings.

    Args:
        conf: the other settings.
        more_shared: values to treat as shared.
        without_rule: a rule whose links to leave out.
    """
    namespaces, stored = Namespaces.of(conf), stored_graph(lake)
    decided = lake.read_or_empty(silver.IDENTITY_DECISIONS)
    decisions = active_decisions(decided, lake.keyed_hash)
    rules = guard_rules(conf, decisions)
    links = with_current_trust(stored.links, namespaces)
    if without_rule is not None:
        links = links.where(F.col("rule") != without_rule)

    def people(links: DataFrame) -> tuple[Graph, People, Ints]:
        changed = StoredGraph(stored.identifiers, links, stored.current, stored.id_reassignments)
        graph = read_graph(changed, namespaces, part=None)
        chosen = graph.indices_of(np.array([one.node_id for one in more_shared], np.int64))
        shared = np.union1d(shared_identifiers(graph, rules).node, chosen)
        return graph, people_of(graph, shared, rules), shared

    graph, then, shared = people(links)
    known = lake.read_or_empty(silver.BAD_VALUES).where(F.col("status") == "set_aside")
    shared_today = {row["node_id"] for row in collected(known.select("node_id"))}
    newly_shared = tuple(n for n in graph.node_id[shared].tolist() if n not in shared_today)
    if newly_shared and without_rule != SEEN_BESIDE:
        beside = _beside(lake, namespaces, graph.node_id[shared].tolist())
        beside = beside.join(stored.links.select("link_id"), "link_id", how="anti")
        graph, then, _ = people(links.unionByName(beside))
    blocked_today = stored.links.where(F.col("status") == "blocked").count()
    return compared_people(graph, then, newly_shared=newly_shared, blocked_today=blocked_today)


def with_current_trust(links: DataFrame, namespaces: Namespaces) -> DataFrame:
    """Links with the trust that the settings give to sightings; that of other rules stays."""
    ends = [namespaces.trust(F.col(f"{side}_namespace")) for side in ("left", "right")]
    is_seen = F.col("rule").isin(SEEN_TOGETHER, SEEN_BESIDE)
    return links.withColumn("trust", F.when(is_seen, F.least(*ends)).otherwise(F.col("trust")))


def _beside(lake: Lake, namespaces: Namespaces, shared: Sequence[int]) -> DataFrame:
    """The active links that sightings around shared identifiers would get."""
    records = lake.read(silver.RECORDS) if lake.exists(silver.RECORDS) else None
    seen = sightings(lake.read_or_empty(silver.EVENTS), records)
    nodes = np.array(shared, np.int64)
    hashes = comparison_hashes(rows_with_values(lake.read(silver.IDENTIFIERS), "node_id", nodes))
    links = seen_beside_shared(seen, namespaces, lake.keyed_hash, hashes)
    return links.withColumns(
        {
            "valid_from": F.current_timestamp(),
            "valid_to": F.lit(None).cast("timestamp"),
            "status": F.lit("active"),
            "reason": F.lit(None).cast("string"),
        }
    )


def compared_people(
    graph: Graph, then: People, *, newly_shared: tuple[int, ...], blocked_today: int
) -> WhatIfResult:
    """Today's people, as the graph stores them, compared with other people of the same nodes."""
    stays = graph.is_known & then.is_assigned
    today, later = graph.person_key[stays], then.person[stays].astype(np.int64)
    return WhatIfResult(
        people_today=len(np.unique(graph.person_key[graph.is_known])),
        people_then=len(np.unique(then.person[then.is_assigned])),
        merges=_person_changes(later, today, is_merge=True),
        splits=_person_changes(today, later, is_merge=False),
        to_nobody=_count(graph.is_known & ~then.is_assigned),
        from_nobody=_count(~graph.is_known & then.is_assigned),
        set_aside=newly_shared,
        blocked_today=blocked_today,
        blocked_then=_count(then.is_blocked),
    )


def _person_changes(whole: Ints, part: Ints, *, is_merge: bool) -> tuple[PersonChange, ...]:
    """The people of one side that have more than one person of the other side."""
    pairs, counts = np.unique(np.stack([whole, part]), axis=1, return_counts=True)
    names, start, parts = np.unique(pairs[0], return_index=True, return_counts=True)
    changes = []
    for index in np.flatnonzero(parts > 1).tolist():
        own = slice(start[index], start[index] + parts[index])
        sized = sorted(
            zip(counts[own].tolist(), pairs[1][own].tolist(), strict=True),
            key=lambda one: (-one[0], one[1]),
        )
        people = tuple(_profile_id(key) for _, key in sized) if is_merge else ()
        person = people[0] if is_merge else _profile_id(int(names[index]))
        changes.append(PersonChange(person, tuple(size for size, _ in sized), people))
    return tuple(sorted(changes, key=lambda one: (-one.identifiers, one.person)))


def _profile_id(key: int) -> str:
    """`nodes.profile_id` of a Python integer."""
    return hashlib.md5(str(key).encode()).hexdigest()


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def what_if_json(result: WhatIfResult, *, top: int) -> dict[str, Any]:
    """The result as data that JSON can represent, with the largest merges and splits only."""
    data = asdict(result)
    for kind in ("merges", "splits"):
        data[f"{kind}_count"] = len(data[kind])
        data[kind] = data[kind][:top]
    return data


def what_if_text(result: WhatIfResult, *, top: int) -> str:
    """The result for a terminal; it shows no identifier values."""
    lines = [
        f"people          {result.people_today:>12,} today {result.people_then:>12,} then",
        f"blocked links   {result.blocked_today:>12,} today {result.blocked_then:>12,} then",
        f"identifiers that would lose their person {result.to_nobody:,}, get one "
        f"{result.from_nobody:,}; newly shared identifiers {len(result.set_aside):,}",
        f"merges {len(result.merges):,}, splits {len(result.splits):,}",
    ]
    for title, changes in (("merge of people", result.merges), ("split of person", result.splits)):
        if changes:
            lines.append(f"\n{'identifiers':>11}  {title}")
        lines += [f"{one.identifiers:>11,}  {_change_text(one)}" for one in changes[:top]]
        if len(changes) > top:
            lines.append(f"{'':>11}  and {len(changes) - top:,} smaller ones")
    if not result.merges and not result.splits:
        lines.append("no person would merge or split")
    return "\n".join([*lines, "\nNothing was written."])


def _change_text(change: PersonChange) -> str:
    if change.people:
        shown = ", ".join(change.people[:3])
        return shown + (f" and {len(change.people) - 3} more" if len(change.people) > 3 else "")
    parts = ", ".join(f"{size}" for size in change.parts[:8])
    more = f" and {len(change.parts) - 8} more" if len(change.parts) > 8 else ""
    return f"{change.person} into {len(change.parts)} with {parts}{more} identifiers"
