"""The matching model: its parameters, its weights, and its JSON file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.comparisons import COMPARISONS
from kinfold.silver.matching.model.em import Mixture, Numbers, levels_of_patterns
from kinfold.silver.matching.model.kinds import HOUSEHOLD_FACTS, PERSONAL_FACTS, Kind

FORMAT = "kinfold matching model 2"


@dataclass(frozen=True)
class AttributeModel:
    """The parameters of one attribute.

    Attributes:
        name: the attribute's name in the map.
        m_probabilities: probability of each level, from disagreement to equality, among matches.
        u_probabilities: the same among random pairs.
        chance_of_equal: probability that two random known values are equal. Agreement on a value
            that is rarer adds weight, on a more common one takes weight.
        household_probabilities: the probability of each level among two members of one household;
            empty if the model does not know households.
    """

    name: str
    kind: Kind
    m_probabilities: tuple[float, ...]
    u_probabilities: tuple[float, ...]
    chance_of_equal: float
    household_probabilities: tuple[float, ...] = ()

    @property
    def weights(self) -> NDArray[np.float64]:
        """Match weight of each level, in bits: log2(m / u)."""
        return _bits(self.m_probabilities, self.u_probabilities)

    @property
    def household_weights(self) -> NDArray[np.float64]:
        """Weight of each level for one household against random people, in bits."""
        return _bits(self.household_probabilities, self.u_probabilities)


def _bits(some: Sequence[float], others: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(np.log2(np.maximum(some, 1e-9) / np.maximum(others, 1e-9)))


class Evidence(NamedTuple):
    """Evidence of pairs (rows) by attribute (columns), in bits.

    Attributes:
        match: weight for one person against random people; 0 if not known.
        household: weight for one household against random people; no columns if the model does not
            know households.
        known: whether both records have a value.
    """

    match: NDArray[np.float32]
    household: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class MatchModel:
    """A Fellegi-Sunter model with two kinds of non-matches: random pairs of records, and pairs of
    two members of one household.

    Attributes:
        prior: match weight of two random records before any comparison, in bits.
        pairs: number of candidate pairs that the model was learnt from; 0 if unknown.
        household_prior: the same weight for one household; null = the model does not know
            households.
    """

    prior: float
    attributes: tuple[AttributeModel, ...]
    pairs: int
    household_prior: float | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(attribute.kind for attribute in self.attributes)

    @property
    def level_counts(self) -> list[int]:
        return [COMPARISONS[kind].level_count for kind in self.kinds]

    @property
    def version(self) -> str:
        """Twelve hex digits, equal for equal models."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def pair_weights(self, patterns: NDArray[np.int64], rarity: Numbers) -> Numbers:
        """Match weight of pairs in bits: the odds of one person against two.

        Two people are a random pair, or members of one household. All odds are against a random
        pair, so the weight is log2(match odds / (1 + household odds)): facts of a household say
        much about one person against random people, and little about one person against two of
        that household.

        Args:
            patterns: agreement pattern of each pair.
            rarity: weight in bits of its equal or close values because they are rare. It is the
                same for one person and for one household.
        """
        distinct, of_pair = np.unique(patterns, return_inverse=True)
        levels = levels_of_patterns(distinct, self.level_counts)
        match = _columns([one.weights for one in self.attributes], levels).sum(axis=1)
        weights = self.prior + match[of_pair] + rarity
        if self.household_prior is None:
            return np.asarray(weights)
        household = _columns([one.household_weights for one in self.attributes], levels).sum(axis=1)
        odds = self.household_prior + household[of_pair] + rarity
        return np.asarray(weights - np.logaddexp2(0, odds))

    def pair_evidence(self, patterns: NDArray[np.int64], rarity: NDArray[Any]) -> Evidence:
        """The evidence of each pair by attribute. Rarity counts as one more attribute, which every
        pair has.

        Args:
            patterns, rarity: see `pair_weights`.
        """
        distinct, of_pair = np.unique(patterns, return_inverse=True)
        levels = levels_of_patterns(distinct, self.level_counts)
        rarity = rarity.astype(np.float32)  # there can be millions of pairs

        def with_rarity(weights: Sequence[Numbers]) -> NDArray[np.float32]:
            bits = _columns(weights, levels).astype(np.float32)
            return np.column_stack([bits[of_pair], rarity])

        known = np.stack([of_attribute >= 0 for of_attribute in levels], axis=1)
        return Evidence(
            with_rarity([one.weights for one in self.attributes]),
            np.empty((len(patterns), 0), dtype=np.float32)
            if self.household_prior is None
            else with_rarity([one.household_weights for one in self.attributes]),
            np.column_stack([known[of_pair], np.ones(len(patterns), dtype=bool)]),
        )

    def to_json(self) -> str:
        """The model as text. `version` is its hash, so keys and their order must not change."""
        attributes = [
            {
                "name": one.name,
                "kind": one.kind,
                "matched": one.m_probabilities,
                "strangers": one.u_probabilities,
                "chance_of_equal": one.chance_of_equal,
                "household": one.household_probabilities,
            }
            for one in self.attributes
        ]
        content = {
            "prior": self.prior,
            "household_prior": self.household_prior,
            "attributes": attributes,
            "pairs": self.pairs,
        }
        return json.dumps({"format": FORMAT, **content}, indent=2)

    @classmethod
    def from_json(cls, text: str, *, where: str = "matching model") -> "MatchModel":
        """The model in the JSON that `to_json` writes.

        Args:
            where: the beginning of an error message: where the text is from.

        Raises:
            ContractError: the text is not such a model, or is of another version.
        """
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise KeyError("format")
            attributes = tuple(_attribute(one) for one in content["attributes"])
            household_prior = content["household_prior"]
            if any(
                bool(one.household_probabilities) == (household_prior is None) for one in attributes
            ):
                raise ValueError("household_prior and the household probabilities do not fit")
            return cls(content["prior"], attributes, content["pairs"], household_prior)
        except (ValueError, KeyError, TypeError) as error:
            raise ContractError(
                f"{where}: is not a '{FORMAT}' (problem: {error}). Name a model.json that this "
                "version of match_people wrote; a model of Splink needs --import-splink."
            ) from error


def _columns(weights: Sequence[Numbers], levels: Sequence[NDArray[Any]]) -> Numbers:
    """The weight of each level, one column per attribute; 0 if a value is missing (level -1)."""
    return np.stack(
        [
            np.append(of_level, 0.0)[of_attribute]
            for of_level, of_attribute in zip(weights, levels, strict=True)
        ],
        axis=1,
    )


def _attribute(content: dict[str, Any]) -> AttributeModel:
    attribute = AttributeModel(
        name=content["name"],
        kind=Kind(content["kind"]),
        m_probabilities=tuple(content["matched"]),
        u_probabilities=tuple(content["strangers"]),
        chance_of_equal=content["chance_of_equal"],
        household_probabilities=tuple(content["household"]),
    )
    expected = COMPARISONS[attribute.kind].level_count
    counts = {len(attribute.m_probabilities), len(attribute.u_probabilities)}
    if counts != {expected} or len(attribute.household_probabilities) not in (0, expected):
        raise ValueError(f"'{attribute.name}' does not have {expected} levels")
    return attribute


def learnt_model(
    mixture: Mixture,
    *,
    names: Sequence[str],
    kinds: Sequence[Kind],
    u_probabilities: Sequence[NDArray[np.float64]],
    chances_of_equal: Sequence[float],
    pairs: int,
    records: int,
) -> MatchModel:
    """The model with the m-probabilities of EM and the u-probabilities of random pairs.

    Other candidate pairs are not used for u: they agree on what made them candidates. The prior
    is that of two random records, because u is about random pairs too.
    """
    every = max(records * (records - 1) / 2, 1)
    prior, household_prior = (
        weight_at(min(max(share * pairs / every, 1e-12), 0.5))
        for share in (mixture.match_share, mixture.household_share)
    )
    households = mixture.household_probabilities
    attributes = tuple(
        AttributeModel(
            names[n],
            kinds[n],
            tuple(map(float, m)),
            tuple(map(float, u_probabilities[n])),
            float(chances_of_equal[n]),
            tuple(map(float, households[n])) if households else (),
        )
        for n, m in enumerate(mixture.m_probabilities)
    )
    return MatchModel(prior, attributes, pairs, household_prior if households else None)


def household_facts(kinds: Sequence[Kind]) -> list[bool]:
    """For each attribute, whether it is a fact of a household. Empty if the attributes cannot tell
    a household from a person: that needs two facts of a household and one of a person."""
    shared = [kind in HOUSEHOLD_FACTS for kind in kinds]
    return shared if sum(shared) >= 2 and PERSONAL_FACTS & set(kinds) else []


def probability(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Match probability of weights in bits."""
    return np.asarray(1 / (1 + np.exp2(-np.clip(weights, -1000, 1000))))


def weight_at(share: float) -> float:
    """The weight in bits of a probability; infinite at 0 and 1."""
    if share <= 0 or share >= 1:
        return float("-inf") if share <= 0 else float("inf")
    return float(np.log2(share / (1 - share)))


def weight_table(model: MatchModel) -> dict[str, dict[str, float]]:
    """Match weight in bits by attribute and level, rounded, for a report."""
    return {one.name: _by_level(one.kind, one.weights) for one in model.attributes}


def household_weight_table(model: MatchModel) -> dict[str, dict[str, float]]:
    """The same for one household; empty if the model does not know households."""
    if model.household_prior is None:
        return {}
    return {one.name: _by_level(one.kind, one.household_weights) for one in model.attributes}


def _by_level(kind: Kind, weights: Numbers) -> dict[str, float]:
    rounded = [round(float(weight), 2) for weight in weights]
    return dict(zip(COMPARISONS[kind].labels, rounded, strict=True))
