"""Expectation-maximisation on counted agreement patterns.

Millions of pairs show a few thousand patterns of agreement levels. Spark counts them once; EM then
runs here, on the counts. Two classes of pairs, matches and non-matches; within a class the
attributes agree independently (Fellegi and Sunter 1969; Winkler 1988).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.silver.matching.comparisons import MISSING

Numbers = NDArray[np.float64]
_TINY = 1e-12


@dataclass(frozen=True)
class Mixture:
    """What EM has learnt.

    Attributes:
        match_share: of the pairs counted.
        matched: for each attribute, the probability of each level among matches.
        unmatched: the same among the other candidate pairs. They were candidates because they
            agree on something, so they agree more often than strangers do.
        rounds: until nothing moved.
    """

    match_share: float
    matched: tuple[Numbers, ...]
    unmatched: tuple[Numbers, ...]
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
        (patterns // size) % (count + 1) - 1
        for size, count in zip(sizes, level_counts, strict=True)
    ]


def first_guess(level_count: int) -> Numbers:
    """Matches mostly agree: 0.9 on equality, the rest spread evenly."""
    guess = np.full(level_count, 0.1 / max(level_count - 1, 1))
    guess[-1] = 0.9
    return guess / guess.sum()


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
    guesses = [first_guess(count) for count in level_counts]
    matched, unmatched, share = list(guesses), list(strangers), 0.1
    rounds = 0
    for rounds in range(1, max_rounds + 1):  # noqa: B007 - the last round is the answer
        probability = match_probabilities(levels, share, matched, unmatched)
        is_match, is_other = probability * weights, (1 - probability) * weights
        new_share = (is_match.sum() + 0.1 * prior_pairs) / (weights.sum() + prior_pairs)
        moved = abs(new_share - share)
        for number, of_attribute in enumerate(levels):
            new = _shares(of_attribute, is_match, prior_pairs * guesses[number])
            moved = max(moved, float(np.abs(new - matched[number]).max()))
            matched[number] = new
            unmatched[number] = _shares(of_attribute, is_other, prior_pairs * strangers[number])
        share = float(new_share)
        if moved < tolerance:
            break
    return Mixture(share, tuple(matched), tuple(unmatched), rounds)


def match_probabilities(
    levels: Sequence[NDArray[Any]],
    share: float,
    matched: Sequence[Numbers],
    unmatched: Sequence[Numbers],
) -> Numbers:
    """Probability of a match for each row of levels."""
    odds = np.full(len(levels[0]), np.log(share / (1 - share)))
    for of_attribute, m, u in zip(levels, matched, unmatched, strict=True):
        ratio = np.append(np.log(np.maximum(m, _TINY) / np.maximum(u, _TINY)), 0.0)
        odds += ratio[of_attribute]  # a missing value is level -1: the 0 at the end
    return np.asarray(1 / (1 + np.exp(-odds)))


def _shares(levels: NDArray[Any], weights: Numbers, prior: Numbers) -> Numbers:
    is_known = levels != MISSING
    seen = np.bincount(levels[is_known], weights[is_known], minlength=len(prior)) + prior
    return np.asarray(seen / seen.sum())
