"""Why two identifiers are one person, or are not: the links between them, the strongest way."""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from kinfold.core.arrays import Ints
from kinfold.core.jit import compiled
from kinfold.silver.identity.graph.components import checked_ends, component_labels, dense
from kinfold.silver.identity.links.observed import links_at
from kinfold.silver.identity.resolution.stored_graph import StoredGraph, affected_components

Identifier = tuple[str, str]
"""Namespace and value."""

_STEP = 10.0
"""More than any trust: an active link is stronger than any blocked one, that than any withdrawn."""
_LEVELS = {"active": 2 * _STEP, "blocked": _STEP, "withdrawn": 0.0}


@dataclass(frozen=True)
class PathLink:
    """A row of silver.identity_links as evidence, its left end being where the path comes from."""

    link_id: int
    left: Identifier
    right: Identifier
    rule: str
    rule_version: str
    trust: float
    source: str | None
    source_event_id: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    status: str
    reason: str | None


@dataclass(frozen=True)
class IdentifierAssignment:
    """Whose an identifier is today: the person and since when; both null = nobody's."""

    identifier: Identifier
    profile_id: str | None
    since: datetime | None
    set_aside: str | None
    """Why it is nobody's, if it was set aside."""


@dataclass(frozen=True)
class Explanation:
    """Why two identifiers are one person, or are not.

    Attributes:
        path: links from `a` to `b`; of one person all are active, else the best there are of any
            status. Empty = nothing links them.
        parting: places in `path` of the links each of which, taken away, would part them.
    """

    a: IdentifierAssignment
    b: IdentifierAssignment
    path: tuple[PathLink, ...]
    parting: tuple[int, ...]

    @property
    def is_one_person(self) -> bool:
        return self.a.profile_id is not None and self.a.profile_id == self.b.profile_id


def widest_path(
    left: Ints, right: Ints, strength: NDArray[Any], *, tie: Ints, source: int, target: int
) -> list[int] | None:
    """The path whose weakest edge is the strongest; of those, one with the fewest edges.

    Among equals the one whose ties, read from `source`, come first: the order of edges plays no
    part as long as ties differ.

    Args:
        left, right: the ends of each edge, any numbers.

    Returns:
        Places of the edges from `source` to `target`; null if nothing joins them.
    """
    if source == target:
        return []
    weakest = _bottleneck(left, right, strength, source, target)
    if weakest is None:
        return None
    near: dict[int, list[tuple[int, int, int]]] = {}
    for edge in np.flatnonzero(strength >= weakest).tolist():
        a, b = int(left[edge]), int(right[edge])
        near.setdefault(a, []).append((int(tie[edge]), edge, b))
        near.setdefault(b, []).append((int(tie[edge]), edge, a))
    hops = {target: 0}
    queue = deque([target])
    while queue:
        node = queue.popleft()
        for _, _, other in near.get(node, []):
            if other not in hops:
                hops[other] = hops[node] + 1
                queue.append(other)
    path, node = [], source
    while node != target:
        _, edge, node = min(step for step in near[node] if hops[step[2]] == hops[node] - 1)
        path.append(edge)
    return path


def _bottleneck(
    left: Ints, right: Ints, strength: NDArray[Any], source: int, target: int
) -> float | None:
    """The strength at which edges, taken from the strongest down, first join two nodes."""
    parent: dict[int, int] = {source: source, target: target}

    def root(node: int) -> int:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for edge in np.argsort(-strength, kind="stable").tolist():
        parent[root(int(left[edge]))] = root(int(right[edge]))
        if root(source) == root(target):
            return float(strength[edge])
    return None


def bridges(left: Ints, right: Ints) -> Ints:
    """Of each edge, how many nodes are on the smaller side once it is taken away; 0 = no bridge.

    Depth-first search in compiled code: one pass over the edges.

    Args:
        left, right: the ends of each edge, any numbers; two edges between the same nodes are no
            bridges.
    """
    nodes, a, b = dense(left, right)
    a, b = checked_ends(len(nodes), a, b)
    ends = np.concatenate([a, b])
    order = np.argsort(ends, kind="stable")
    starts = np.zeros(len(nodes) + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=len(nodes)), out=starts[1:])
    edge_of = order % max(len(a), 1)
    below = np.zeros(len(a), np.int64)
    _bridges(starts, np.concatenate([b, a])[order], edge_of, below)
    labels = component_labels(len(nodes), a, b)
    whole = np.bincount(labels, minlength=len(nodes))[labels[a]] if len(a) else below
    return np.where(below > 0, np.minimum(below, whole - below), 0)


@compiled
def _bridges(starts, neighbours, edge_of, below):  # type: ignore[no-untyped-def]
    """Writes the nodes below each bridge to `below` (Tarjan's low links, without recursion)."""
    count = len(starts) - 1
    found = np.full(count, -1, dtype=np.int64)
    low = np.zeros(count, dtype=np.int64)
    size = np.ones(count, dtype=np.int64)
    came_by = np.full(count, -1, dtype=np.int64)
    cursor = starts[:-1].copy()
    stack = np.empty(count, dtype=np.int64)
    clock = 0
    for root in range(count):
        if found[root] >= 0:
            continue
        found[root] = low[root] = clock
        clock += 1
        stack[0] = root
        top = 0
        while top >= 0:
            node = stack[top]
            if cursor[node] < starts[node + 1]:
                edge, other = edge_of[cursor[node]], neighbours[cursor[node]]
                cursor[node] += 1
                if edge == came_by[node]:
                    continue
                if found[other] < 0:
                    found[other] = low[other] = clock
                    clock += 1
                    came_by[other] = edge
                    top += 1
                    stack[top] = other
                else:
                    low[node] = min(low[node], found[other])
            else:
                top -= 1
                if top >= 0:
                    above = stack[top]
                    low[above] = min(low[above], low[node])
                    size[above] += size[node]
                    if low[node] > found[above]:
                        below[came_by[node]] = size[node]


def explanation_of(
    a: IdentifierAssignment,
    b: IdentifierAssignment,
    node_a: int,
    node_b: int,
    links: Sequence[Mapping[str, Any]],
) -> Explanation:
    """The explanation of two identifiers by the links around them.

    Args:
        links: rows of silver.identity_links, at least all those within both components.
    """
    is_one = a.profile_id is not None and a.profile_id == b.profile_id
    rows = [row for row in links if row["status"] == "active"] if is_one else list(links)
    left = np.array([row["left_node"] for row in rows], np.int64)
    right = np.array([row["right_node"] for row in rows], np.int64)
    tie = np.array([row["link_id"] for row in rows], np.int64)
    strength = np.array([_LEVELS[row["status"]] + row["trust"] for row in rows], np.float64)
    path = widest_path(left, right, strength, tie=tie, source=node_a, target=node_b) or []
    sides = bridges(left, right) if is_one and path else np.zeros(len(rows), np.int64)
    parting = tuple(place for place, edge in enumerate(path) if sides[edge])
    steps, node = [], node_a
    for edge in path:
        forward = int(left[edge]) == node
        steps.append(_link(rows[edge], forward=forward))
        node = int(right[edge] if forward else left[edge])
    return Explanation(a, b, tuple(steps), parting)


def _link(row: Mapping[str, Any], *, forward: bool) -> PathLink:
    left = (row["left_namespace"], row["left_value"])
    right = (row["right_namespace"], row["right_value"])
    ends = (left, right) if forward else (right, left)
    return PathLink(left=ends[0], right=ends[1], **{name: row[name] for name in _EVIDENCE})


_EVIDENCE = tuple(one.name for one in fields(PathLink) if one.name not in ("left", "right"))


def links_around(known: StoredGraph, nodes: Ints) -> DataFrame:
    """The links, of any status, that end in the components of some nodes."""
    return links_at(known.links, affected_components(known, nodes).nodes)


def short_hash(text: str) -> str:
    """Eight hex digits that stand for a value which is not shown."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def explanation_text(found: Explanation, *, shows_values: bool) -> str:
    """The explanation for a terminal. Values but the two asked about are hashed unless wanted."""
    asked = {found.a.identifier, found.b.identifier}

    def named(identifier: Identifier) -> str:
        namespace, value = identifier
        is_shown = shows_values or identifier in asked
        return f"{namespace}:{value}" if is_shown else f"{namespace}:#{short_hash(value)}"

    a, b = named(found.a.identifier), named(found.b.identifier)
    lines = [f"{a} and {b} are {'one person' if found.is_one_person else 'not one person'}."]
    lines += [f"  {named(place.identifier)}: {_whose(place)}" for place in (found.a, found.b)]
    if not found.path:
        return "\n".join([*lines, "Nothing links them."])
    weakest = min(link.trust for link in found.path)
    many = f"{len(found.path)} link{'s' if len(found.path) > 1 else ''}"
    if found.is_one_person:
        lines.append(f"The strongest path has {many}, the weakest with trust {weakest:.2f}:")
    else:
        lines.append(f"The nearest to a path has {many}, of which not all count:")
    for number, link in enumerate(found.path, start=1):
        lines.append(f"  {number}. {named(link.left)} -- {named(link.right)}")
        lines += [f"     {text}" for text in _evidence(link, shows_values=shows_values)]
    if found.is_one_person:
        lines.append(_parting(found))
    return "\n".join(lines)


def _whose(place: IdentifierAssignment) -> str:
    if place.profile_id is None or place.since is None:
        return f"nobody's{f' ({place.set_aside})' if place.set_aside else ''}"
    return f"person {place.profile_id} since {_moment(place.since)}"


def _evidence(link: PathLink, *, shows_values: bool) -> list[str]:
    status = link.status + (f": {link.reason}" if link.reason else "")
    lines = [f"{status}; rule {link.rule} (version {link.rule_version}), trust {link.trust:.2f}"]
    event = link.source_event_id
    if event is not None:
        shown = event if shows_values else f"#{short_hash(event)}"
        what = "decision" if link.rule == "operator" else "event or record"
        shown = event if link.rule == "operator" else shown
        lines.append(f"first by {what} {shown} of {link.source}")
    lines.append(f"seen {_moment(link.first_seen_at)} to {_moment(link.last_seen_at)}")
    return lines


def _parting(found: Explanation) -> str:
    places = [str(place + 1) for place in found.parting]
    if not places:
        return "No single link holds them together: each may go and they stay one person."
    if len(places) == 1:
        return f"Taking away link {places[0]} alone would part them."
    return f"Taking away any one of links {', '.join(places)} would part them."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
