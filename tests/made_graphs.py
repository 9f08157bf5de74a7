"""Identity graphs in plain Python, grown in steps or made at once, for tests of the laws."""

from dataclasses import dataclass, field

import numpy as np

from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import GuardRules
from kinfold.silver.identity.resolution.assignment import ResolvedGraph, resolved_graph
from kinfold.silver.identity.resolution.stored_graph import graph_of

USER, EMAIL, COOKIE = 0, 1, 2
NAMESPACES = Namespaces(("user_id", "email", "cookie_id"), {})
TRUST = {USER: 0.9, EMAIL: 0.8, COOKIE: 0.5}


def rules(**changes):
    """One user_id per person; a cookie seen with more than three is nobody's."""
    given = dict(limits={USER: 1}, shared_by={(COOKIE, USER): 3}, max_person_size=50)
    return GuardRules(**{**given, **changes})


@dataclass
class MadeGraph:
    """The tables of a lake as dictionaries.

    A sighting is (moment, node, node, ...); the kind of a node is its number modulo 3. Links are
    stars around the smallest kind, as silver.identity_links has them.
    """

    rules: GuardRules = field(default_factory=rules)
    first_seen: dict[int, int] = field(default_factory=dict)
    links: dict[tuple[int, int], int] = field(default_factory=dict)
    withdrawn: set[tuple[int, int]] = field(default_factory=set)
    blocked: set[tuple[int, int]] = field(default_factory=set)
    person: dict[int, int] = field(default_factory=dict)
    component: dict[int, int] = field(default_factory=dict)
    births: dict[int, int] = field(default_factory=dict)
    set_aside: set[int] = field(default_factory=set)

    def see(self, *sightings, is_rebuild=False):
        """Land sightings and work on what they touch; on everything for a rebuild."""
        touched = set()
        for moment, *nodes in sightings:
            star = sorted(set(nodes), key=lambda n: (n % 3, n))
            for node in star:
                self.first_seen[node] = min(moment, self.first_seen.get(node, moment))
                touched.add(node)
            for other in star[1:]:
                link = (star[0], other)
                self.links[link] = min(moment, self.links.get(link, moment))
        self._work(None if is_rebuild else touched, torn=set())

    def withdraw(self, *links):
        """Take links away, as an operator would."""
        self.withdrawn.update(links)
        ends = {end for link in links for end in link}
        self._work(ends, torn=ends)

    def forget(self, *nodes):
        """Identifiers that are no more: they go with their links."""
        gone = [link for link in self.links if set(link) & set(nodes)]
        ends = {end for link in gone for end in link}
        for link in gone:
            del self.links[link]
        for node in nodes:
            self.first_seen.pop(node, None)
        self._work(ends | set(nodes), torn=ends - set(nodes))

    def rebuild(self):
        """Everything anew in the same lake."""
        self._work(None, torn=set())

    def _components(self, touched):
        components = {self.component[n] for n in touched if n in self.component}
        return {n for n, c in self.component.items() if c in components} | touched

    def resolved_graph(self, within=None, torn=frozenset()) -> ResolvedGraph:
        links = [
            link for link in self.links if within is None or link[0] in within or link[1] in within
        ]
        seen = None if within is None else within | {end for link in links for end in link}
        nodes = [n for n in self.first_seen if seen is None or n in seen]
        there = [link for link in links if link not in self.withdrawn]
        known = [n for n in self.person if seen is None or n in seen]
        found = resolved_graph(
            graph_of(
                _columns(
                    node_id=nodes,
                    namespace=[n % 3 for n in nodes],
                    first_seen=[self.first_seen[n] for n in nodes],
                ),
                _columns(
                    link_id=[a * 1_000 + b for a, b in there],
                    left_node=[a for a, _ in there],
                    right_node=[b for _, b in there],
                    trust=[min(TRUST[a % 3], TRUST[b % 3]) for a, b in there],
                    seen=[self.links[link] for link in there],
                    is_alias=[a % 3 == b % 3 for a, b in there],
                    is_sighting=[True for _ in there],
                    is_blocked=[link in self.blocked for link in there],
                ),
                _columns(
                    node_id=known,
                    person_key=[self.person[n] for n in known],
                    component_id=[self.component[n] for n in known],
                ),
                _columns(node_id=list(self.births), birth_key=list(self.births.values())),
                inside=None if within is None else np.array(sorted(within), np.int64),
            ),
            self.rules,
            NAMESPACES,
            torn=np.array(sorted(torn), np.int64),
            set_aside=np.array(sorted(self.set_aside), np.int64),
        )
        self._links_worked_on = there
        return found

    def _work(self, touched, torn):
        within = None
        if touched is not None:
            again = self.set_aside & torn
            near = {end for link in self.links if set(link) & again for end in link}
            within = self._components((touched - self.set_aside) | again | near)
        found = self.resolution(within, torn)
        changes = found.changes(np.array(sorted(self.set_aside), np.int64))
        self.set_aside -= set(changes.no_more_shared.tolist())
        self.set_aside |= set(changes.shared["node_id"].to_pylist())
        self.births |= changes.births
        for row in changes.nodes.to_pylist():
            node = row["node_id"]
            if row["person_key"] is None:
                self.person.pop(node, None)
                self.component.pop(node, None)
                continue
            if row["is_move"]:
                self.person[node] = row["person_key"]
            self.component[node] = row["component_id"]
        for node in changes.gone_nodes.tolist():
            self.person.pop(node)
            self.component.pop(node)
        ids = {a * 1_000 + b: (a, b) for a, b in self._links_worked_on}
        for row in changes.links.to_pylist():
            link = ids[row["link_id"]]
            if row["reason"] is None:
                self.blocked.discard(link)
            else:
                self.blocked.add(link)

    def state(self):
        """What a rebuild must give again: who is who, by which ids, and which links join nobody."""
        return self.person, self.component, self.blocked - self.withdrawn, self.set_aside


def _columns(**columns):
    types = {"trust": np.float32, "is_alias": np.bool_, "is_sighting": np.bool_}
    types |= {"is_blocked": np.bool_, "namespace": np.int16}
    return {name: np.array(values, types.get(name, np.int64)) for name, values in columns.items()}
