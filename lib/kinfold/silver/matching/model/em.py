"""Expectation-maximisation on counted agreement patterns.

Millions of pairs show a few thousand patterns of agreement levels. Spark counts them once; EM then
runs here, on the counts. Within a class of pairs the attributes agree independently (Fellegi and
Sunter 1969; Winkler 1988).

There is one class of matches and several of non-matches, one for each attribute: pairs that became
candidates because they agree on the place, on the surname, and so on. With a single class of
non-matches, and few true matches among the candidates, EM takes the next best split (same year and
same trade, say) for the matches; measured on people without any duplicate, it joined 43 into one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.silver.matching.model.comparisons import MISSING

Numbers = NDArray[np.float64]
_TINY, _TINY_COUNT = 1e-12, 1e-3
FIRST_MATCH_SHARE = 0.05
MATCH_PULL = 0.1
"""Share of the matches' evidence that the first guess counts for. Keeps the class on pairs that
mostly agree where the data could be split in another way too."""


@dataclass(frozen=True)
class Mixture:
    """What EM has learnt.

    Attributes:
        match_share: of the pairs counted.
        matched: for each attribute, the probability of each level among matches.
        rounds: until nothing moved.
    """

    match_share: float
    matched: tuple[Numbers, ...]
    rounds: int


def pattern_sizes(level_counts: Sequence[int]) -> list[int]:
    """Place value of each attribute in a pattern number; level -1 (missing) is digit 0."""
    sizes = [1]
    for count in level_counts[:-1]:
        sizes.append(sizes[-1] * (count + 1))
    return sizes


def levels_of_patterns(
    patterns: NDArray[np.int64], level_counts: Sequence[int]
) -> list[NDArray[Any]]:
    """The level of each attribute in each pattern."""
    sizes = pattern_sizes(level_counts)
    return [
        (patterns.astype(np.int64) // size) % (count + 1) - 1
        for size, count in zip(sizes, level_counts, strict=True)
    ]


def first_guess(level_count: int) -> Numbers:
    """Matches mostly agree: 0.9 on equality, the rest spread evenly."""
    guess = np.full(level_count, 0.1 / max(level_count - 1, 1))
    guess[-1] = 0.9
    return np.asarray(guess / guess.sum())


def fit(
    patterns: NDArray[np.int64],
    counts: NDArray[Any],
    *,
    strangers: Sequence[Numbers],
    prior_pairs: float,
    max_rounds: int,
    tolerance: float,
) -> Mixture:
    """Level probabilities of matches and of other candidates, without labels.

    Args:
        patterns: distinct agreement patterns of candidate pairs.
        counts: how many pairs show each.
        strangers: for each attribute the level probabilities of random pairs; EM starts there for
            non-matches, and `prior_pairs` pull towards them.
        prior_pairs: weight of the first guesses, in pairs.
    """
    order = np.argsort(patterns)
    level_counts = [len(one) for one in strangers]
    levels = levels_of_patterns(patterns[order], level_counts)
    weights = counts[order].astype(np.float64)
    first = _first_classes([first_guess(count) for count in level_counts], strangers)
    classes, shares = first, np.full(len(first), (1 - FIRST_MATCH_SHARE) / max(len(first) - 1, 1))
    shares[0] = FIRST_MATCH_SHARE
    rounds = 0
    for rounds in range(1, max_rounds + 1):  # noqa: B007 - the last round is the answer
        members = class_probabilities(levels, shares, classes) * weights
        sizes = members.sum(axis=1)
        new_shares = (sizes + _TINY_COUNT) / (sizes + _TINY_COUNT).sum()
        learnt = [
            [
                _shares(of_attribute, members[c], (prior_pairs + pull(c, sizes[c])) * belief)
                for of_attribute, belief in zip(levels, first[c], strict=True)
            ]
            for c in range(len(first))
        ]
        moved = max(
            abs(float(new_shares[0] - shares[0])),
            *(
                float(np.abs(new - old).max())
                for new, old in zip(learnt[0], classes[0], strict=True)
            ),
        )
        classes, shares = learnt, new_shares
        if moved < tolerance:
            break
    return Mixture(float(shares[0]), tuple(classes[0]), rounds)


def pull(class_no: int, size: float) -> float:
    """How many pairs the first belief about a class counts for, beside those it holds."""
    return MATCH_PULL * size if class_no == 0 else 0.0


def class_probabilities(
    levels: Sequence[NDArray[Any]], shares: Numbers, classes: Sequence[Sequence[Numbers]]
) -> Numbers:
    """Probability of each class (rows) for each row of levels (columns)."""
    logs = np.repeat(np.log(shares)[:, None], len(levels[0]), axis=1)
    for row, of_class in zip(logs, classes, strict=True):
        for of_attribute, chances in zip(levels, of_class, strict=True):
            # A missing value is level -1, which picks the 0 at the end.
            row += np.append(np.log(np.maximum(chances, _TINY)), 0.0)[of_attribute]
    odds = np.exp(logs - logs.max(axis=0))
    return np.asarray(odds / odds.sum(axis=0))


def _first_classes(guesses: Sequence[Numbers], strangers: Sequence[Numbers]) -> list[list[Numbers]]:
    """Matches, then for each attribute the strangers who agree on it."""
    others = [
        [guesses[n] if n == agreeing else strangers[n] for n in range(len(guesses))]
        for agreeing in range(len(guesses))
    ]
    return [list(guesses), *others]


def _shares(levels: NDArray[Any], weights: Numbers, prior: Numbers) -> Numbers:
    is_known = levels != MISSING
    seen = np.bincount(levels[is_known], weights[is_known], minlength=len(prior)) + prior
    return np.asarray(seen / seen.sum())
