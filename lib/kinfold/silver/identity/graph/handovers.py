"""Values that pass from one person to another: a phone number or an address that is used again.

A value has an *owner* in a namespace of which a person has only one identifier (user_id, crm_id).
A link to an old owner ends when the value is first seen with another owner, at least so many days
after it was last seen with the old one. This is a function of the times of the links alone, so it
does not depend on the order in which they arrive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Flags, Ints
from kinfold.core.jit import compiled

PASSED_ON = "the value passed to another person"
"""Why a link that has ended does not join people."""

MICROSECONDS_PER_DAY = 86_400_000_000
_NOBODY = -1
_NEVER = np.iinfo(np.int32).min
Days = NDArray[np.int32]


@dataclass(frozen=True)
class ObservedLinks:
    """Links between identifiers, as arrays of equal length.

    Attributes:
        left, right: the ends, as indices of nodes.
        seen, last_day: when they were first seen, in microseconds, and last, in days since 1970.
        is_usable: observed in events or records, between two namespaces; not a decision.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    seen: Ints
    last_day: Days
    is_usable: Flags


@dataclass(frozen=True)
class Handovers:
    """The links that have ended.

    Attributes:
        is_ended: per link.
        value: per ended link at its value: the node of the value, and
        edge: the link. A link between two values that both passed on is here twice.
    """

    is_ended: Flags
    value: Ints
    edge: Ints


def day_of(microseconds: Ints) -> Days:
    """Days since 1970 of instants in microseconds since 1970."""
    return (microseconds // MICROSECONDS_PER_DAY).astype(np.int32)


def handovers(
    links: ObservedLinks,
    namespace: NDArray[np.uint8],
    is_assigned: Flags,
    *,
    after_days: Mapping[int, int],
    owners: Sequence[int],
) -> Handovers:
    """The links that have ended because their value passed to another person.

    The owner of a link is its other end, if that is of a namespace of owners; otherwise (an e-mail
    address, a record) the only owner that this other end is linked with. A link without an owner
    ends with the last one that it was seen before.

    Args:
        links: all links of the values that may have passed on.
        namespace: the code of each node.
        is_assigned: per node, whether it may belong to a person; shared identifiers do not.
        after_days: by the code of values that can pass on, after how many days without the old
            owner.
        owners: codes of namespaces of which a person has only one identifier.
    """
    after = np.zeros(256, np.int32)
    for code, days in after_days.items():
        after[code] = days
    none = Handovers(
        np.zeros(len(links.left), np.bool_), np.empty(0, np.int64), np.empty(0, np.int64)
    )
    is_candidate = _have_gaps(links, after[namespace], is_assigned) if after_days else None
    if is_candidate is None or not is_candidate.any():
        return none
    found = is_candidate[links.left] | is_candidate[links.right]
    edges = np.flatnonzero(found & links.is_usable)
    value, other, edge = _directed(links, edges, is_candidate)
    first, last = day_of(links.seen[edge]), links.last_day[edge]
    gap = after[namespace[value]]
    is_ended = np.zeros(len(edge), np.bool_)
    has_owner = np.zeros(len(edge), np.bool_)
    last_owned = np.full(len(namespace), _NEVER, np.int32)
    for code in sorted(set(owners) - set(after_days)):
        owner = _owners(links, other, namespace, is_assigned, code)
        newest = _newest_of_another_owner(value, owner, first, is_assigned[other])
        ends = (owner != _NOBODY) & (newest != _NEVER) & (newest.astype(np.int64) - last >= gap)
        np.maximum.at(last_owned, value[ends], last[ends])
        passed = np.zeros(len(namespace), np.bool_)
        passed[value[ends]] = True
        has_owner |= (owner != _NOBODY) & passed[value]
        is_ended |= ends
    is_ended |= ~has_owner & is_assigned[other] & (last <= last_owned[value])
    none.is_ended[edge[is_ended]] = True
    return Handovers(none.is_ended, value[is_ended].astype(np.int64), edge[is_ended])


def _have_gaps(links: ObservedLinks, after: Days, is_assigned: Flags) -> Flags:
    """The values that one link was not seen with for long enough before another one began."""
    oldest = np.full(len(after), np.iinfo(np.int32).max, np.int32)
    newest = np.full(len(after), _NEVER, np.int32)
    _widen(
        links.left,
        links.right,
        links.seen,
        links.last_day,
        links.is_usable,
        after > 0,
        oldest,
        newest,
    )
    has_gap: Flags = newest.astype(np.int64) - oldest >= after
    return has_gap & (after > 0) & is_assigned


@compiled
def _widen(  # type: ignore[no-untyped-def]  # compiled: types are inferred
    left, right, seen, last_day, is_usable, is_value, oldest, newest
):
    """Lowers `oldest` to the earliest last day, and raises `newest` to the latest first day."""
    for edge in range(len(left)):
        if is_usable[edge]:
            for node in (left[edge], right[edge]):
                if is_value[node]:
                    oldest[node] = min(oldest[node], last_day[edge])
                    newest[node] = max(newest[node], seen[edge] // MICROSECONDS_PER_DAY)


def _directed(links: ObservedLinks, edges: Ints, is_value: Flags) -> tuple[Ints, Ints, Ints]:
    """The links from each value: value, other end, index of the link."""
    left, right = links.left[edges], links.right[edges]
    at_left, at_right = is_value[left], is_value[right]
    return (
        np.concatenate([left[at_left], right[at_right]]),
        np.concatenate([right[at_left], left[at_right]]),
        np.concatenate([edges[at_left], edges[at_right]]),
    )


def _owners(
    links: ObservedLinks,
    nodes: Ints,
    namespace: NDArray[np.uint8],
    is_assigned: Flags,
    code: int,
) -> Ints:
    """The owner of each node in one namespace: itself, or the only one that it is linked with."""
    is_asked = np.zeros(len(namespace), np.bool_)
    is_asked[nodes] = True
    is_owner = namespace == code
    left, right = links.left, links.right
    finds = links.is_usable & (
        (is_asked[left] & is_owner[right]) | (is_owner[left] & is_asked[right])
    )
    left, right = left[finds], right[finds]
    node, owner = np.where(is_owner[right], left, right), np.where(is_owner[right], right, left)
    both = is_assigned[node] & is_assigned[owner]
    size = len(namespace)
    # One number per pair: NumPy sorts numbers many times faster than rows.
    pairs = np.unique(node[both].astype(np.int64) * size + owner[both])
    known, first, count = np.unique(pairs // size, return_index=True, return_counts=True)
    owner_of = np.full(size, _NOBODY, np.int32)
    owner_of[known[count == 1]] = pairs[first[count == 1]] % size
    itself = is_owner & is_asked
    owner_of[itself] = np.flatnonzero(itself)
    return owner_of[nodes].astype(np.int64)


def _newest_of_another_owner(value: Ints, owner: Ints, first: Days, counts: Flags) -> Days:
    """Per link, when its value was first seen with the latest of the other owners."""
    used = np.flatnonzero((owner != _NOBODY) & counts)
    used = used[np.lexsort((-first[used], value[used]))]
    newest = np.full((2, int(value.max(initial=0)) + 1), _NEVER, np.int32)
    top = np.full(newest.shape[1], _NOBODY, np.int64)
    values, start = np.unique(value[used], return_index=True)
    top[values], newest[0, values] = owner[used[start]], first[used[start]]
    rest = used[owner[used] != top[value[used]]]
    values, start = np.unique(value[rest], return_index=True)
    newest[1, values] = first[rest[start]]
    latest: Days = np.where(owner == top[value], newest[1, value], newest[0, value])
    return latest


def most_at_once(node: Ints, first_day: Days, last_day: Days, *, after: int) -> Ints:
    """The highest number of links that a node has at the same time.

    A link counts from its first day until so many days after its last one.

    Args:
        node: the node of each link.
        after: in days.

    Returns:
        One number per distinct node, in ascending order of nodes.
    """
    nodes, index = np.unique(node, return_inverse=True)
    day = np.concatenate([first_day.astype(np.int64), last_day.astype(np.int64) + after])
    step = np.repeat(np.array([1, -1], np.int64), len(node))
    owner = np.concatenate([index, index])
    order = np.lexsort((step, day, owner))  # one that ends makes room for one that begins
    open_links = np.cumsum(step[order])  # every node starts at 0, because all its links end
    most = np.zeros(len(nodes), np.int64)
    np.maximum.at(most, owner[order], open_links)
    return most
