"""Expectation-maximisation (EM) on counted agreement patterns.

Millions of pairs have only a few thousand distinct patterns of agreement levels. Spark counts the
patterns; EM runs on the driver, on the counts. Within a class of pairs the attributes agree
independently (Fellegi and Sunter 1969; Winkler 1988).

There is one class of matches, and one class of non-matches per attribute: pairs that are candidates
because they agree on the place, on the surname, and so on. With a single class of non-matches and
few true matches, EM takes another split of the candidates (same year and same occupation, for
example) for the matches. Measured on people without any duplicate, that joined 43 people into one.

One more class of non-matches has the pairs of two members of one household (after Larsen and Rubin
2001). They agree on surname, address and land line *together*, so independent attributes would take
them for one person. What else they agree on is learnt: some have the same birth date (twins), some
the same name (father and son).
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
"""Weight of the first guess about matches, as a share of the pairs in the class. It keeps the class
on pairs that agree on most attributes where the data could also be split in another way."""
HOUSEHOLD_PULL = 3.0
"""The same for members of one household, in the attributes that are not facts of a household: the
first guess is that they agree as two random people do. With 0.1 the class took matches whose given
names differ (febrl3: 807 of 6,538); 3 to 10 give equal results."""


@dataclass(frozen=True)
class Mixture:
    """The result of EM.

    Attributes:
        match_share: share of matches among the counted pairs.
        m_probabilities: for each attribute, the probability of each level among matches.
        rounds: number of rounds until convergence.
        household_share: share of pairs of two members of one household; 0 without that class.
        household_probabilities: for each attribute, the probability of each level among them; empty
            without that class.
    """

    match_share: float
    m_probabilities: tuple[Numbers, ...]
    rounds: int
    household_share: float = 0.0
    household_probabilities: tuple[Numbers, ...] = ()


def pattern_sizes(level_counts: Sequence[int]) -> list[int]:
    """The factor of each attribute's digit in a pattern number; level -1 (missing) is digit 0."""
    sizes = [1]
    for count in level_counts[:-1]:
        sizes.append(sizes[-1] * (count + 1))
    return sizes


def levels_of_patterns(
    patterns: NDArray[np.int64], level_counts: Sequence[int]
) -> list[NDArray[Any]]:
    """For each attribute, its level in each pattern."""
    sizes = pattern_sizes(level_counts)
    return [
        (patterns.astype(np.int64) // size) % (count + 1) - 1
        for size, count in zip(sizes, level_counts, strict=True)
    ]


def first_guess(level_count: int) -> Numbers:
    """Initial m-probabilities: 0.9 for equality, the rest in equal parts."""
    guess = np.full(level_count, 0.1 / max(level_count - 1, 1))
    guess[-1] = 0.9
    return np.asarray(guess / guess.sum())


def fit(
    patterns: NDArray[np.int64],
    counts: NDArray[Any],
    *,
    u_probabilities: Sequence[Numbers],
    household_facts: Sequence[bool] = (),
    prior_pairs: float,
    max_rounds: int,
    tolerance: float,
    first_match_share: float = FIRST_MATCH_SHARE,
) -> Mixture:
    """Level probabilities of the matches among the candidate pairs, without labels.

    Args:
        patterns: distinct agreement patterns of candidate pairs.
        counts: number of pairs with each pattern.
        u_probabilities: for each attribute, the level probabilities of random pairs. They are the
            initial probabilities of non-matches, and their prior.
        household_facts: for each attribute, whether the members of one household mostly agree on
            it; empty = there is no class of households.
        prior_pairs: weight of the initial probabilities, in pairs.
        tolerance: EM stops when no m-probability and not the match share changes by more.
        first_match_share: initial share of matches. Where some matches are known, their share is
            better than the default: among few matches and many pairs, EM that starts with too many
            matches stays with pairs that agree by another cause, such as a name and the e-mail
            address that is made of it.
    """
    order = np.argsort(patterns)
    level_counts = [len(probabilities) for probabilities in u_probabilities]
    levels = levels_of_patterns(patterns[order], level_counts)
    weights = counts[order].astype(np.float64)
    first, pulls = _first_classes(
        [first_guess(count) for count in level_counts], u_probabilities, household_facts
    )
    classes, shares = first, np.full(len(first), (1 - first_match_share) / max(len(first) - 1, 1))
    shares[0] = first_match_share
    rounds = 0
    for rounds in range(1, max_rounds + 1):  # noqa: B007  # the last round is part of the result
        # E-step: the expected number of pairs of each class with each pattern.
        members = class_probabilities(levels, shares, classes) * weights
        sizes = members.sum(axis=1)
        # M-step.
        new_shares = (sizes + _TINY_COUNT) / (sizes + _TINY_COUNT).sum()
        new_classes = [
            [
                _level_probabilities(
                    of_attribute, members[c], (prior_pairs + pull * sizes[c]) * prior
                )
                for of_attribute, prior, pull in zip(levels, first[c], pulls[c], strict=True)
            ]
            for c in range(len(first))
        ]
        of_matches = zip(new_classes[0], classes[0], strict=True)
        change = max(float(np.abs(new - old).max()) for new, old in of_matches)
        change = max(change, abs(float(new_shares[0] - shares[0])))
        classes, shares = new_classes, new_shares
        if change < tolerance:
            break
    household = (float(shares[-1]), tuple(classes[-1])) if household_facts else ()
    return Mixture(float(shares[0]), tuple(classes[0]), rounds, *household)


def class_probabilities(
    levels: Sequence[NDArray[Any]], shares: Numbers, classes: Sequence[Sequence[Numbers]]
) -> Numbers:
    """The probability of each class (rows) given each pattern of levels (columns)."""
    logs = np.repeat(np.log(shares)[:, None], len(levels[0]), axis=1)
    for row, of_class in zip(logs, classes, strict=True):
        for of_attribute, probabilities in zip(levels, of_class, strict=True):
            # A missing value is level -1, which picks the 0 at the end.
            row += np.append(np.log(np.maximum(probabilities, _TINY)), 0.0)[of_attribute]
    odds = np.exp(logs - logs.max(axis=0))
    return np.asarray(odds / odds.sum(axis=0))


def _first_classes(
    guesses: Sequence[Numbers],
    u_probabilities: Sequence[Numbers],
    household_facts: Sequence[bool],
) -> tuple[list[list[Numbers]], list[list[float]]]:
    """The classes: matches, for each attribute the non-matches that agree on it, members of one
    household.

    Returns:
        For each class and attribute: the first guess, and its further weight as a share of the
        pairs in the class.
    """
    non_matches = [
        [guesses[n] if n == agreeing else u_probabilities[n] for n in range(len(guesses))]
        for agreeing in range(len(guesses))
    ]
    classes, pulls = [list(guesses), *non_matches], [[MATCH_PULL] * len(guesses)]
    pulls += [[0.0] * len(guesses)] * len(non_matches)
    if household_facts:
        chosen = zip(guesses, u_probabilities, household_facts, strict=True)
        classes.append([guess if is_shared else u for guess, u, is_shared in chosen])
        pulls.append([MATCH_PULL if shared else HOUSEHOLD_PULL for shared in household_facts])
    return classes, pulls


def _level_probabilities(levels: NDArray[Any], weights: Numbers, prior: Numbers) -> Numbers:
    is_known = levels != MISSING
    counts = np.bincount(levels[is_known], weights[is_known], minlength=len(prior)) + prior
    return np.asarray(counts / counts.sum())
