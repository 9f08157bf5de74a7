"""em: level probabilities from counted patterns."""

import numpy as np
import pytest

from kinfold.silver.matching.model import em

# The true parameters of generated pairs: four attributes with two to four levels.
M = ([0.1, 0.9], [0.06, 0.14, 0.8], [0.05, 0.05, 0.2, 0.7], [0.02, 0.03, 0.95])
U = ([0.95, 0.05], [0.9, 0.07, 0.03], [0.85, 0.1, 0.04, 0.01], [0.9, 0.08, 0.02])
# Level probabilities of an attribute that made a non-match a candidate: mostly equal.
BLOCKED = ([0.05, 0.95], [0.02, 0.03, 0.95], [0.01, 0.01, 0.03, 0.95], [0.02, 0.03, 0.95])
SIZES = (1, 3, 12, 60)  # the factor of each attribute's digit: 1, 3, 3 * 4, 3 * 4 * 5


def generated_levels(generator, count, probabilities):
    """Levels of `count` pairs; a tenth of the values is missing (-1)."""
    columns = [generator.choice(len(p), count, p=p) for p in probabilities]
    levels = np.stack(columns, axis=1)
    levels[generator.random(levels.shape) < 0.1] = -1
    return levels


def generated_patterns(*, match_share, seed, pairs=60_000):
    """Distinct patterns and counts. Non-matches follow U except in the attribute they agree on."""
    generator = np.random.default_rng(seed)
    matches = round(match_share * pairs)
    classes = [generated_levels(generator, matches, M)]
    for blocked_on in range(4):
        probabilities = [BLOCKED[n] if n == blocked_on else U[n] for n in range(4)]
        classes.append(generated_levels(generator, (pairs - matches) // 4, probabilities))
    return np.unique((np.concatenate(classes) + 1) @ SIZES, return_counts=True)


def fitted(patterns, counts, **changed):
    options = dict(
        u_probabilities=[np.array(u) for u in U], prior_pairs=2.0, max_rounds=500, tolerance=1e-6
    )
    return em.fit(np.array(patterns), np.array(counts), **(options | changed))


def test_a_pattern_number_encodes_every_level():
    # Levels (1, -1): digit 2 in base 3, digit 0 in base 4.
    assert em.pattern_sizes([2, 3]) == [1, 3]
    levels = em.levels_of_patterns(np.array([2, 2 + 3 * 3]), [2, 3])
    assert [list(one) for one in levels] == [[1, 1], [-1, 2]]


@pytest.mark.parametrize("match_share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_m_probabilities_and_match_share_are_recovered(match_share, seed):
    """Within 0.05 and 0.005: the first guess (0.9 for equality) weighs a tenth of the matches."""
    result = fitted(*generated_patterns(match_share=match_share, seed=seed))
    assert result.match_share == pytest.approx(match_share, abs=0.005)
    for estimated, true in zip(result.m_probabilities, M, strict=True):
        assert estimated == pytest.approx(true, abs=0.05)


def test_matches_are_found_among_few_pairs_too():
    """Of 600 pairs, 120 are matches: within 0.1 and 0.03."""
    result = fitted(*generated_patterns(match_share=0.2, seed=4, pairs=600))
    assert result.match_share == pytest.approx(0.2, abs=0.03)
    for estimated, true in zip(result.m_probabilities, M, strict=True):
        assert estimated == pytest.approx(true, abs=0.1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_duplicates_no_pair_becomes_a_match(seed):
    assert fitted(*generated_patterns(match_share=0, seed=seed)).match_share < 0.001


HOUSEHOLD = ([0.9, 0.1], [0.03, 0.07, 0.9], [0.02, 0.03, 0.05, 0.9], [0.9, 0.08, 0.02])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_of_one_household_are_no_matches(seed):
    """Members agree on the second and third attribute; the first and the last are personal. The
    first guess that they agree as random people do weighs three times the pairs: within 0.06."""
    generator = np.random.default_rng(seed)
    sizes = ((9_000, M), (6_000, HOUSEHOLD), (45_000, U))
    levels = np.concatenate([generated_levels(generator, size, of) for size, of in sizes])
    counted = np.unique((levels + 1) @ SIZES, return_counts=True)
    result = fitted(*counted, household_facts=[False, True, True, False])
    assert result.match_share == pytest.approx(0.15, abs=0.01)
    assert result.household_share == pytest.approx(0.10, abs=0.01)
    for estimated, true in zip(result.household_probabilities, HOUSEHOLD, strict=True):
        assert estimated == pytest.approx(true, abs=0.06)


def test_matches_of_a_person_who_shares_no_home_stay_matches():
    result = fitted(
        *generated_patterns(match_share=0.2, seed=1), household_facts=[False, True, True, False]
    )
    assert result.match_share == pytest.approx(0.2, abs=0.005)


def plain_fit(patterns, counts, rounds):
    """Thirty rounds of EM, pattern by pattern in plain Python, for two attributes."""
    bases = [3, 4]
    rows = [(p % 3 - 1, p // 3 - 1) for p in patterns]
    guesses = [[0.1, 0.9], [0.05, 0.05, 0.9]]
    random_pairs = [[0.9, 0.1], [0.8, 0.15, 0.05]]
    first = [guesses, [guesses[0], random_pairs[1]], [random_pairs[0], guesses[1]]]
    classes = [[list(a) for a in c] for c in first]
    shares = [0.05, 0.475, 0.475]
    for _ in range(rounds):
        sizes = [0.0] * 3
        sums = [[[0.0] * (base - 1) for base in bases] for _ in range(3)]
        for row, count in zip(rows, counts, strict=True):
            likelihoods = []
            for share, one in zip(shares, classes, strict=True):
                likelihood = share
                for attribute, level in enumerate(row):
                    if level >= 0:
                        likelihood *= one[attribute][level]
                likelihoods.append(likelihood)
            for c, likelihood in enumerate(likelihoods):
                part = likelihood / sum(likelihoods) * count
                sizes[c] += part
                for attribute, level in enumerate(row):
                    if level >= 0:
                        sums[c][attribute][level] += part
        total = sum(size + 1e-3 for size in sizes)
        shares = [(size + 1e-3) / total for size in sizes]
        for c, size in enumerate(sizes):
            pull = 2.0 + (0.1 * size if c == 0 else 0)
            for attribute in range(2):
                raw = [
                    seen + pull * prior
                    for seen, prior in zip(sums[c][attribute], first[c][attribute], strict=True)
                ]
                classes[c][attribute] = [value / sum(raw) for value in raw]
    return shares[0], classes[0]


def test_each_round_equals_a_plain_loop_over_the_patterns():
    patterns, counts = [0, 4, 8, 5, 11, 9, 2], [5, 700, 40, 60, 90, 30, 12]
    u_probabilities = [np.array([0.9, 0.1]), np.array([0.8, 0.15, 0.05])]
    for rounds in (1, 2, 30):
        result = fitted(
            patterns, counts, u_probabilities=u_probabilities, max_rounds=rounds, tolerance=0.0
        )
        share, m_probabilities = plain_fit(patterns, counts, rounds)
        assert result.rounds == rounds
        assert result.match_share == pytest.approx(share, rel=1e-9)
        for mine, theirs in zip(result.m_probabilities, m_probabilities, strict=True):
            assert mine == pytest.approx(theirs, rel=1e-9)


def test_the_order_of_patterns_does_not_matter():
    patterns, counts = generated_patterns(match_share=0.2, seed=1)
    one, other = fitted(patterns, counts), fitted(patterns[::-1], counts[::-1])
    assert one.match_share == other.match_share
    for mine, theirs in zip(one.m_probabilities, other.m_probabilities, strict=True):
        assert list(mine) == list(theirs)


def test_without_pairs_the_result_is_the_first_guess():
    assert fitted([], []).m_probabilities[0] == pytest.approx([0.1, 0.9])


def test_a_known_share_of_matches_is_where_it_starts():
    patterns, counts = generated_patterns(match_share=0.001, seed=1)
    first = [
        fitted(patterns, counts, max_rounds=1, first_match_share=share).match_share
        for share in (0.001, em.FIRST_MATCH_SHARE)
    ]
    assert first[0] < first[1] / 2
    known = fitted(patterns, counts, first_match_share=0.001)
    assert known.match_share == pytest.approx(fitted(patterns, counts).match_share, abs=1e-4)
