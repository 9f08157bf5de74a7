"""Identity graphs in plain Python, resolved incrementally or at once, for tests of the laws."""

from dataclasses import dataclass, field

import numpy as np

from kinfold.silver.identity.graph.handovers import MICROSECONDS_PER_DAY as DAY, PASSED_ON
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import GuardRules
from kinfold.silver.identity.resolution.assignment import ResolvedGraph, resolved_graph
from kinfold.silver.identity.resolution.stored_graph import graph_of

USER, EMAIL, COOKIE = 0, 1, 2
NAMESPACES = Namespaces(("user_id", "email", "cookie_id"), {})
TRUST = {USER: 0.9, EMAIL: 0.8, COOKIE: 0.5}


def rules(**changes):
    """One user_id per person. Shared are a cookie that is seen with more than three, and a user_id
    that more than two others have as their previous one."""
    shared_by = {(COOKIE, USER): 3, (USER, USER): 2}
    usual = dict(limits={USER: 1}, shared_by=shared_by, max_person_size=50)
    return GuardRules(**{**usual, **changes})


@dataclass
class MadeGraph:
    """The tables of a lake as dictionaries.

    A sighting is (moment, node, node, ...); the namespace of a node is its number modulo 3. Links
    are stars around the strongest namespace, as in silver.identity_links.
    """

    rules: GuardRules = field(default_factory=rules)
    first_seen: dict[int, int] = field(default_factory=dict)
    links: dict[tuple[int, int], int] = field(default_factory=dict)
    last_seen: dict[tuple[int, int], int] = field(default_factory=dict)
    withdrawn: set[tuple[int, int]] = field(default_factory=set)
    blocked: set[tuple[int, int]] = field(default_factory=set)
    ended: set[tuple[int, int]] = field(default_factory=set)
    person: dict[int, int] = field(default_factory=dict)
    component: dict[int, int] = field(default_factory=dict)
    id_reassignments: dict[int, int] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)

    def see(self, *sightings, is_rebuild=False):
        """Add sightings and resolve what they affect; everything in a rebuild.

        A link that is only seen again affects nothing, unless it has ended.
        """
        affected = set()
        for moment, *nodes in sightings:
            star = sorted(set(nodes), key=lambda n: (n % 3, n))
            for node in star:
                if moment < self.first_seen.get(node, moment + 1):
                    affected.add(node)
                self.first_seen[node] = min(moment, self.first_seen.get(node, moment))
            for other in star[1:]:
                link = (star[0], other)
                if moment < self.links.get(link, moment + 1) or (
                    link in self.ended and moment > self.last_seen[link]
                ):
                    affected |= set(link)
                if link not in self.links and set(link) <= self.shared:
                    self.blocked.add(link)
                self.links[link] = min(moment, self.links.get(link, moment))
                self.last_seen[link] = max(moment, self.last_seen.get(link, moment))
        self._resolve(None if is_rebuild else affected, split_candidates=set())

    def alias(self, account, *, previous, at):
        """Add an event in which an account names its previous id, and resolve what it affects."""
        for node in (account, previous):
            self.first_seen[node] = min(at, self.first_seen.get(node, at))
        self.links[account, previous] = min(at, self.links.get((account, previous), at))
        self._resolve({account, previous}, split_candidates=set())

    def withdraw(self, *links):
        """Withdraw links, as an operator would."""
        self.withdrawn.update(links)
        ends = {end for link in links for end in link}
        self._resolve(ends, split_candidates=ends)

    def forget(self, *nodes):
        """Delete identifiers with their links."""
        deleted = [link for link in self.links if set(link) & set(nodes)]
        ends = {end for link in deleted for end in link}
        for link in deleted:
            del self.links[link]
        for node in nodes:
            self.first_seen.pop(node, None)
        self._resolve(ends | set(nodes), split_candidates=ends)

    def rebuild(self):
        """Resolve everything again in the same lake."""
        self._resolve(None, split_candidates=set())

    def _components(self, affected):
        components = {self.component[n] for n in affected if n in self.component}
        return {n for n, c in self.component.items() if c in components} | affected

    def resolution(self, within=None, split_candidates=frozenset()) -> ResolvedGraph:
        links = [
            link for link in self.links if within is None or link[0] in within or link[1] in within
        ]
        seen = None if within is None else within | {end for link in links for end in link}
        nodes = [n for n in self.first_seen if seen is None or n in seen]
        used = [link for link in links if link not in self.withdrawn]
        known = [n for n in self.person if seen is None or n in seen]
        result = resolved_graph(
            graph_of(
                _columns(
                    node_id=nodes,
                    namespace=[n % 3 for n in nodes],
                    first_seen=[self.first_seen[n] for n in nodes],
                ),
                _columns(
                    link_id=[a * 1_000 + b for a, b in used],
                    left_node=[a for a, _ in used],
                    right_node=[b for _, b in used],
                    trust=[min(TRUST[a % 3], TRUST[b % 3]) for a, b in used],
                    seen=[self.links[link] for link in used],
                    is_alias=[a % 3 == b % 3 for a, b in used],
                    last_day=[self.last_seen.get(link, 0) // DAY for link in used],
                    is_sighting=[True for _ in used],
                    is_observed=[True for _ in used],
                    is_blocked=[link in self.blocked for link in used],
                    is_ended=[link in self.ended for link in used],
                ),
                _columns(
                    node_id=known,
                    person_key=[self.person[n] for n in known],
                    component_id=[self.component[n] for n in known],
                ),
                _columns(
                    node_id=list(self.id_reassignments),
                    birth_key=list(self.id_reassignments.values()),
                ),
                inside=None if within is None else np.array(sorted(within), np.int64),
            ),
            self.rules,
            NAMESPACES,
            split_candidates=np.array(sorted(split_candidates), np.int64),
            known_shared=np.array(sorted(self.shared), np.int64),
        )
        self._resolved_links = used
        return result

    def _resolve(self, affected, split_candidates):
        within = None
        if affected is not None:
            recheck = self.shared & split_candidates
            neighbours = {end for link in self.links if set(link) & recheck for end in link}
            within = self._components((affected - self.shared) | recheck | neighbours)
        result = self.resolution(within, split_candidates)
        changes = result.changes(np.array(sorted(self.shared), np.int64))
        self.shared -= set(changes.no_longer_shared.tolist())
        self.shared |= set(changes.shared["node_id"].to_pylist())
        self.id_reassignments |= changes.id_reassignments
        for row in changes.nodes.to_pylist():
            node = row["node_id"]
            if row["person_key"] is None:
                self.person.pop(node, None)
                self.component.pop(node, None)
                continue
            if row["is_move"]:
                self.person[node] = row["person_key"]
            self.component[node] = row["component_id"]
        for node in changes.deleted_nodes.tolist():
            self.person.pop(node)
            self.component.pop(node)
        ids = {a * 1_000 + b: (a, b) for a, b in self._resolved_links}
        for row in changes.links.to_pylist():
            link = ids[row["link_id"]]
            self.blocked.discard(link)
            self.ended.discard(link)
            if row["reason"] is not None:
                self.blocked.add(link)
            if row["reason"] == PASSED_ON:
                self.ended.add(link)

    def state(self):
        """What a rebuild must reproduce: people with their ids, and the links that join none."""
        blocked = self.blocked - self.withdrawn
        return self.person, self.component, blocked, self.shared, self.ended & blocked


def _columns(**columns):
    types = {"trust": np.float32, "is_alias": np.bool_, "is_sighting": np.bool_}
    types |= {"is_blocked": np.bool_, "namespace": np.int16, "last_day": np.int32}
    types |= {"is_observed": np.bool_, "is_ended": np.bool_}
    return {name: np.array(values, types.get(name, np.int64)) for name, values in columns.items()}
