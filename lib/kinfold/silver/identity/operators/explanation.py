"""Explains why two identifiers are one person or not: the strongest path of links between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np

from kinfold.core.arrays import Flags, Ints
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.paths import bridges, widest_path
from kinfold.silver.identity.links.observed import links_at
from kinfold.silver.identity.operators.lookup import (
    IdentifierAssignment,
    StoredIdentifier,
    assignments_of,
)
from kinfold.silver.identity.resolution.stored_graph import affected_components, stored_graph
from kinfold.tables.collected import collected

Identifier = tuple[str, str]
"""Namespace and value."""

_STEP = 10.0
"""More than any trust, so every active link is stronger than every blocked one, and every blocked
one stronger than every withdrawn one."""
_LEVELS = {"active": 2 * _STEP, "blocked": _STEP, "withdrawn": 0.0}


@dataclass(frozen=True)
class PathLink:
    """A row of silver.identity_links in a path that goes from its `left` to its `right` end."""

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


_EVIDENCE = tuple(one.name for one in fields(PathLink) if one.name not in ("left", "right"))


@dataclass(frozen=True)
class Explanation:
    """Why two identifiers are one person or not.

    Attributes:
        path: links from `a` to `b`. If they are one person, all are active; otherwise it is the
            strongest path of links of any status. Empty = no links connect them.
        direct: the links between `a` and `b` themselves that do not join them, the strongest first;
            empty if they are one person.
        separating: indices in `path` of the links of which each alone, if removed, would separate
            the two.
    """

    a: IdentifierAssignment
    b: IdentifierAssignment
    path: tuple[PathLink, ...]
    direct: tuple[PathLink, ...]
    separating: tuple[int, ...]

    @property
    def is_one_person(self) -> bool:
        return self.a.profile_id is not None and self.a.profile_id == self.b.profile_id


def explain(lake: Lake, a: StoredIdentifier, b: StoredIdentifier) -> Explanation:
    """The explanation of two identifiers, from the tables of a lake.

    Raises:
        LakeError: identities have not been resolved yet.
    """
    stored = stored_graph(lake)
    components = affected_components(stored, np.unique([a.node_id, b.node_id]))
    rows = [row.asDict() for row in collected(links_at(stored.links, components.nodes))]
    of_a, of_b = assignments_of(lake, [a, b])
    return explanation_of(of_a, of_b, a.node_id, b.node_id, rows)


def explanation_of(
    a: IdentifierAssignment,
    b: IdentifierAssignment,
    node_a: int,
    node_b: int,
    links: Sequence[Mapping[str, Any]],
) -> Explanation:
    """The explanation of two identifiers by the links around them.

    Args:
        links: rows of silver.identity_links, at least all within the components of both.
    """
    is_one = a.profile_id is not None and a.profile_id == b.profile_id
    rows = [row for row in links if row["status"] == "active"] if is_one else list(links)
    left = np.array([row["left_node"] for row in rows], np.int64)
    right = np.array([row["right_node"] for row in rows], np.int64)
    tie = np.array([row["link_id"] for row in rows], np.int64)
    strength = np.array([_LEVELS[row["status"]] + row["trust"] for row in rows], np.float64)
    path = widest_path(left, right, strength, tie=tie, source=node_a, target=node_b) or []
    sides = bridges(left, right) if is_one and path else np.zeros(len(rows), np.int64)
    separating = tuple(index for index, edge in enumerate(path) if sides[edge])
    steps, node = [], node_a
    for edge in path:
        forward = int(left[edge]) == node
        steps.append(_path_link(rows[edge], forward=forward))
        node = int(right[edge] if forward else left[edge])
    between = [] if is_one else np.flatnonzero(_connects(left, right, node_a, node_b)).tolist()
    between.sort(key=lambda edge: (-strength[edge], tie[edge]))
    direct = [_path_link(rows[edge], forward=bool(left[edge] == node_a)) for edge in between]
    return Explanation(a, b, tuple(steps), tuple(direct), separating)


def _connects(left: Ints, right: Ints, a: int, b: int) -> Flags:
    """Whether each link has the two ends."""
    connects: Flags = ((left == a) & (right == b)) | ((left == b) & (right == a))
    return connects


def _path_link(row: Mapping[str, Any], *, forward: bool) -> PathLink:
    left = (row["left_namespace"], row["left_value"])
    right = (row["right_namespace"], row["right_value"])
    ends = (left, right) if forward else (right, left)
    return PathLink(left=ends[0], right=ends[1], **{name: row[name] for name in _EVIDENCE})


def explanation_text(
    explanation: Explanation, *, hashed: Callable[[str], str], shows_values: bool
) -> str:
    """The explanation for a terminal.

    Args:
        hashed: the keyed hash of a text.
        shows_values: show all identifiers and event ids; otherwise those that the user did not name
            are shown as eight digits of their keyed hash.
    """
    named_by_user = {explanation.a.identifier, explanation.b.identifier}

    def shown(identifier: Identifier) -> str:
        namespace, value = identifier
        is_shown = shows_values or identifier in named_by_user
        return f"{namespace}:{value}" if is_shown else f"{namespace}:#{hashed(value)[:8]}"

    a, b = shown(explanation.a.identifier), shown(explanation.b.identifier)
    verdict = "one person" if explanation.is_one_person else "not one person"
    lines = [f"{a} and {b} are {verdict}."]
    lines += [
        f"  {shown(side.identifier)}: {_person(side)}" for side in (explanation.a, explanation.b)
    ]
    if not explanation.path:
        return "\n".join([*lines, "No links connect them."])

    def numbered(links: Sequence[PathLink]) -> list[str]:
        return [
            text
            for number, link in enumerate(links, start=1)
            for text in (
                f"  {number}. {shown(link.left)} -- {shown(link.right)}",
                *(f"     {text}" for text in _evidence(link, None if shows_values else hashed)),
            )
        ]

    if explanation.direct:
        one = len(explanation.direct) == 1
        lines.append(
            f"{'A link' if one else 'Links'} between them that {'does' if one else 'do'} "
            "not join them:"
        )
        lines += numbered(explanation.direct)
    if set(explanation.path) <= set(explanation.direct):
        return "\n".join(lines)
    weakest = min(link.trust for link in explanation.path)
    count = f"{len(explanation.path)} link{'s' if len(explanation.path) > 1 else ''}"
    if explanation.is_one_person:
        lines.append(f"The strongest path has {count}, the weakest with trust {weakest:.2f}:")
    else:
        lines.append(f"The strongest path has {count}, of which not all are active:")
    lines += numbered(explanation.path)
    if explanation.is_one_person:
        lines.append(_separating_links(explanation))
    return "\n".join(lines)


def _person(assignment: IdentifierAssignment) -> str:
    if assignment.profile_id is None or assignment.since is None:
        reason = f" ({assignment.shared_because})" if assignment.shared_because else ""
        return f"no person{reason}"
    return f"person {assignment.profile_id} since {_moment(assignment.since)}"


def _evidence(link: PathLink, hashed: Callable[[str], str] | None) -> list[str]:
    status = link.status + (f": {link.reason}" if link.reason else "")
    lines = [f"{status}; rule {link.rule} (version {link.rule_version}), trust {link.trust:.2f}"]
    event = link.source_event_id
    if event is not None:
        shown = event if hashed is None else f"#{hashed(event)[:8]}"
        what = "decision" if link.rule == "operator" else "event or record"
        shown = event if link.rule == "operator" else shown
        lines.append(f"first by {what} {shown} of {link.source}")
    lines.append(f"seen {_moment(link.first_seen_at)} to {_moment(link.last_seen_at)}")
    return lines


def _separating_links(explanation: Explanation) -> str:
    numbers = [str(index + 1) for index in explanation.separating]
    if not numbers:
        return "No single link connects them: without any one link they stay one person."
    if len(numbers) == 1:
        return f"Removing link {numbers[0]} would separate them."
    return f"Removing any one of links {', '.join(numbers)} would separate them."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
