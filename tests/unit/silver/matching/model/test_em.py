"""em: level probabilities from counted patterns."""

import math

import numpy as np
import pytest

from kinfold.silver.matching.model import em

STRANGERS = [np.array([0.9, 0.1]), np.array([0.8, 0.15, 0.05])]


def fitted(patterns, counts, **given):
    options = dict(strangers=STRANGERS, prior_pairs=2.0, max_rounds=30, tolerance=1e-12) | given
    return em.fit(np.array(patterns), np.array(counts), **options)


def test_a_pattern_number_holds_every_level():
    # Levels (1, -1): digit 2 in base 3, digit 0 in base 4.
    assert em.pattern_sizes([2, 3]) == [1, 3]
    levels = em.levels_of_patterns(np.array([2, 2 + 3 * 3]), [2, 3])
    assert [list(one) for one in levels] == [[1, 1], [-1, 2]]


def plain_fit(patterns, counts, rounds):
    """The same, pattern by pattern in plain Python."""
    bases, classes = [3, 4], []
    rows = [(p % 3 - 1, p // 3 - 1) for p in patterns]
    guesses = [[0.1, 0.9], [0.05, 0.05, 0.9]]
    strangers = [[0.9, 0.1], [0.8, 0.15, 0.05]]
    first = [guesses, [guesses[0], strangers[1]], [strangers[0], guesses[1]]]
    classes = [[list(a) for a in c] for c in first]
    shares = [0.05, 0.475, 0.475]
    for _ in range(rounds):
        sizes = [0.0] * 3
        sums = [[[0.0] * (base - 1) for base in bases] for _ in range(3)]
        for row, count in zip(rows, counts, strict=True):
            chances = []
            for share, one in zip(shares, classes, strict=True):
                chance = share
                for attribute, level in enumerate(row):
                    if level >= 0:
                        chance *= one[attribute][level]
                chances.append(chance)
            for c, chance in enumerate(chances):
                part = chance / sum(chances) * count
                sizes[c] += part
                for attribute, level in enumerate(row):
                    if level >= 0:
                        sums[c][attribute][level] += part
        total = sum(size + 1e-3 for size in sizes)
        shares = [(size + 1e-3) / total for size in sizes]
        for c, size in enumerate(sizes):
            pull = 2.0 + (em.MATCH_PULL * size if c == 0 else 0)
            for attribute in range(2):
                raw = [
                    seen + pull * belief
                    for seen, belief in zip(sums[c][attribute], first[c][attribute], strict=True)
                ]
                classes[c][attribute] = [value / sum(raw) for value in raw]
    return shares[0], classes[0]


def test_it_does_what_a_plain_loop_over_the_patterns_does():
    patterns, counts = [0, 4, 8, 5, 11, 9, 2], [5, 700, 40, 60, 90, 30, 12]
    found = fitted(patterns, counts)
    share, matched = plain_fit(patterns, counts, found.rounds)
    assert math.isclose(found.match_share, share, rel_tol=1e-9)
    for mine, theirs in zip(found.matched, matched, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9)


def test_the_order_of_patterns_changes_nothing():
    patterns, counts = [4, 8, 5, 11], [700, 40, 60, 90]
    one, other = fitted(patterns, counts), fitted(patterns[::-1], counts[::-1])
    assert one.match_share == other.match_share


def test_without_pairs_only_the_first_guess_is_left():
    found = fitted([], [])
    assert found.matched[0] == pytest.approx([0.1, 0.9])
