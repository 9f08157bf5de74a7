"""What other settings would make of the people there are, without writing anything."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Flags, Ints
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.lake.tables import Lake
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import Graph, People, people_of, shared_values
from kinfold.silver.identity.links.observed import SEEN_BESIDE, SEEN_TOGETHER, sightings
from kinfold.silver.identity.links.operator_decisions import active_decisions
from kinfold.silver.identity.operators.lookup import StoredIdentifier
from kinfold.silver.identity.resolution.assignment import guard_rules
from kinfold.silver.identity.resolution.link_changes import seen_beside_shared
from kinfold.silver.identity.resolution.stored_graph import StoredGraph, read_graph, stored_graph
from kinfold.tables import silver

RULES = ("seen_together", "seen_beside", "alias", "matched", "operator")
_OUT_OF_REACH = ("placeholders", "phone_region", "email_provider_rules")


@dataclass(frozen=True)
class PersonChange:
    """A merge or a split: the people of one side, and how many identifiers each brings or gets.

    Attributes:
        person: id of today's person that is split, or of the one that would hold the most of the
            merged.
        parts: identifiers of each part, the largest first.
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
    """Today's people against those that would be.

    Attributes:
        people_today, people_then: how many.
        merges, splits: the largest first.
        to_nobody, from_nobody: identifiers that would be nobody's, and that would be somebody's.
        set_aside: values newly set aside; node_id.
        blocked_today, blocked_then: links that join nobody.
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
    """Refuse settings that decide what identifiers look like: they need the events read anew.

    Raises:
        ConfError: one of them is set.
    """
    wrong = [
        key
        for text in overrides
        if (key := text.partition("=")[0]).removeprefix("identity.") in _OUT_OF_REACH
    ]
    if wrong:
        raise ConfError(
            f"--set {', '.join(wrong)}: decides which identifiers events have, so it takes a "
            "rebuild to see what it does. Try it on another lake (--set lake.root=DIR)."
        )


def check_rule(rule: str | None) -> None:
    """Refuse the name of a rule that does not exist.

    Raises:
        ConfError: it is none.
    """
    if rule is not None and rule not in RULES:
        raise ConfError(
            f"--without-rule {rule}: is no rule.{did_you_mean(rule, RULES)} There is: "
            f"{', '.join(RULES)}."
        )


def what_if(
    lake: Lake,
    conf: IdentityConf,
    *,
    set_aside: Sequence[StoredIdentifier],
    without_rule: str | None,
) -> WhatIfResult:
    """What settings would make of the graph as the tables have it.

    Args:
        set_aside: values that would be nobody's.
        without_rule: a rule whose links would not be there.
    """
    namespaces, known = Namespaces.of(conf), stored_graph(lake)
    decisions = active_decisions(lake.read_or_empty(silver.IDENTITY_DECISIONS))
    rules = guard_rules(conf, decisions)
    links = with_current_trust(known.links, namespaces)
    if without_rule is not None:
        links = links.where(F.col("rule") != without_rule)

    def people(links: DataFrame) -> tuple[Graph, People, Ints]:
        there = StoredGraph(known.identifiers, links, known.current, known.births)
        graph = read_graph(there, namespaces, near=None)
        chosen = graph.places(np.array([one.node_id for one in set_aside], np.int64))
        shared = np.union1d(shared_values(graph, rules).node, chosen)
        return graph, people_of(graph, shared, rules), shared

    graph, found, shared = people(links)
    bad = lake.read_or_empty(silver.BAD_VALUES).where(F.col("status") == "set_aside")
    before = {row["node_id"] for row in bad.select("node_id").collect()}
    new = tuple(n for n in graph.node_id[shared].tolist() if n not in before)
    if new and without_rule != SEEN_BESIDE:
        beside = _beside(lake, namespaces, graph.node_id[shared].tolist())
        beside = beside.join(known.links.select("link_id"), "link_id", how="anti")
        graph, found, _ = people(links.unionByName(beside))
    return compared_people(graph, found, set_aside=new, blocked_today=_blocked(known.links))


def with_current_trust(links: DataFrame, namespaces: Namespaces) -> DataFrame:
    """Links with the trust that settings give to what was seen; what else says it stays."""
    ends = [namespaces.trust(F.col(f"{side}_namespace")) for side in ("left", "right")]
    is_seen = F.col("rule").isin(SEEN_TOGETHER, SEEN_BESIDE)
    return links.withColumn("trust", F.when(is_seen, F.least(*ends)).otherwise(F.col("trust")))


def _beside(lake: Lake, namespaces: Namespaces, set_aside: Sequence[int]) -> DataFrame:
    records = lake.read(silver.RECORDS) if lake.exists(silver.RECORDS) else None
    seen = seen_beside_shared(sightings(lake.read(silver.EVENTS), records), namespaces, set_aside)
    return seen.withColumns(
        {
            "valid_from": F.current_timestamp(),
            "valid_to": F.lit(None).cast("timestamp"),
            "status": F.lit("active"),
            "reason": F.lit(None).cast("string"),
        }
    )


def _blocked(links: DataFrame) -> int:
    return links.where(F.col("status") == "blocked").count()


def compared_people(
    graph: Graph, then: People, *, set_aside: tuple[int, ...], blocked_today: int
) -> WhatIfResult:
    """Today's people, as the graph knows them, against others of the same nodes."""
    stays = graph.is_known & then.belongs
    today, later = graph.person_key[stays], then.person[stays].astype(np.int64)
    return WhatIfResult(
        people_today=len(np.unique(graph.person_key[graph.is_known])),
        people_then=len(np.unique(then.person[then.belongs])),
        merges=_shifts(later, today, is_merge=True),
        splits=_shifts(today, later, is_merge=False),
        to_nobody=_count(graph.is_known & ~then.belongs),
        from_nobody=_count(~graph.is_known & then.belongs),
        set_aside=set_aside,
        blocked_today=blocked_today,
        blocked_then=_count(then.is_blocked),
    )


def _shifts(whole: Ints, part: Ints, *, is_merge: bool) -> tuple[PersonChange, ...]:
    """The wholes that have more than one part."""
    pairs, counts = np.unique(np.stack([whole, part]), axis=1, return_counts=True)
    names, start, parts = np.unique(pairs[0], return_index=True, return_counts=True)
    found = []
    for place in np.flatnonzero(parts > 1).tolist():
        own = slice(start[place], start[place] + parts[place])
        sized = sorted(
            zip(counts[own].tolist(), pairs[1][own].tolist(), strict=True),
            key=lambda one: (-one[0], one[1]),
        )
        people = tuple(_profile(key) for _, key in sized) if is_merge else ()
        person = people[0] if is_merge else _profile(int(names[place]))
        found.append(PersonChange(person, tuple(size for size, _ in sized), people))
    return tuple(sorted(found, key=lambda one: (-one.identifiers, one.person)))


def _profile(key: int) -> str:
    """`nodes.profile_id` of a plain number."""
    return hashlib.md5(str(key).encode()).hexdigest()


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def what_if_json(found: WhatIfResult, *, top: int) -> dict[str, Any]:
    """The outlook as data that JSON can hold; of merges and splits the largest."""
    data = asdict(found)
    for kind in ("merges", "splits"):
        data[f"{kind}_count"] = len(data[kind])
        data[kind] = data[kind][:top]
    return data


def what_if_text(found: WhatIfResult, *, top: int) -> str:
    """The outlook for a terminal; values are not shown."""
    lines = [
        f"people          {found.people_today:>12,} today {found.people_then:>12,} then",
        f"blocked links   {found.blocked_today:>12,} today {found.blocked_then:>12,} then",
        f"identifiers that would be nobody's {found.to_nobody:,}, somebody's again "
        f"{found.from_nobody:,}; values newly set aside {len(found.set_aside):,}",
        f"merges {len(found.merges):,}, splits {len(found.splits):,}",
    ]
    for title, shifts in (("merge of people", found.merges), ("split of person", found.splits)):
        if shifts:
            lines.append(f"\n{'identifiers':>11}  {title}")
        lines += [f"{one.identifiers:>11,}  {_shift(one)}" for one in shifts[:top]]
        if len(shifts) > top:
            lines.append(f"{'':>11}  and {len(shifts) - top:,} smaller ones")
    if not found.merges and not found.splits:
        lines.append("nobody would merge or split")
    return "\n".join([*lines, "\nNothing was written."])


def _shift(one: PersonChange) -> str:
    if one.people:
        shown = ", ".join(one.people[:3])
        return shown + (f" and {len(one.people) - 3} more" if len(one.people) > 3 else "")
    parts = ", ".join(f"{size}" for size in one.parts[:8])
    more = f" and {len(one.parts) - 8} more" if len(one.parts) > 8 else ""
    return f"{one.person} into {len(one.parts)} with {parts}{more} identifiers"
