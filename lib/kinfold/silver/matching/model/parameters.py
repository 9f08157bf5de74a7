"""The matching model: its parameters, its weights, and its JSON file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.comparisons import COMPARISONS
from kinfold.silver.matching.model.em import Mixture, levels_of_patterns
from kinfold.silver.matching.model.kinds import Kind

FORMAT = "kinfold matching model 1"


@dataclass(frozen=True)
class AttributeModel:
    """The parameters of one attribute.

    Attributes:
        name: the attribute's name in the map.
        m_probabilities: probability of each level, from disagreement to equality, among matches.
        u_probabilities: the same among random pairs.
        chance_of_equal: probability that two random known values are equal. Agreement on a value
            that is rarer adds weight, on a more common one takes weight.
    """

    name: str
    kind: Kind
    m_probabilities: tuple[float, ...]
    u_probabilities: tuple[float, ...]
    chance_of_equal: float

    @property
    def weights(self) -> NDArray[np.float64]:
        """Match weight of each level, in bits: log2(m / u)."""
        m, u = np.maximum(self.m_probabilities, 1e-9), np.maximum(self.u_probabilities, 1e-9)
        return np.log2(m / u)


@dataclass(frozen=True)
class MatchModel:
    """A Fellegi-Sunter model.

    Attributes:
        prior: match weight of two random records before any comparison, in bits.
        pairs: number of candidate pairs that the model was learnt from; 0 if unknown.
    """

    prior: float
    attributes: tuple[AttributeModel, ...]
    pairs: int

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

    def pattern_weights(self, patterns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Match weight of each pattern in bits, before term frequencies."""
        total = np.full(len(patterns), self.prior)
        levels = levels_of_patterns(patterns, self.level_counts)
        for attribute, of_attribute in zip(self.attributes, levels, strict=True):
            total += np.append(attribute.weights, 0.0)[of_attribute]
        return total

    def pattern_evidence(
        self, patterns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Weight in bits of each attribute (columns) in each pattern (rows), and whether both
        records have a value."""
        levels = levels_of_patterns(patterns, self.level_counts)
        bits = [
            np.append(attribute.weights, 0.0)[of_attribute]
            for attribute, of_attribute in zip(self.attributes, levels, strict=True)
        ]
        known = [of_attribute >= 0 for of_attribute in levels]
        return np.stack(bits, axis=1).astype(np.float32), np.stack(known, axis=1)

    def to_json(self) -> str:
        """The model as text. `version` is its hash, so keys and their order must not change."""
        attributes = [
            {
                "name": one.name,
                "kind": one.kind,
                "matched": one.m_probabilities,
                "strangers": one.u_probabilities,
                "chance_of_equal": one.chance_of_equal,
            }
            for one in self.attributes
        ]
        content = {"prior": self.prior, "attributes": attributes, "pairs": self.pairs}
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
            return cls(content["prior"], attributes, content["pairs"])
        except (ValueError, KeyError, TypeError) as error:
            raise ContractError(
                f"{where}: is not a '{FORMAT}' (problem: {error}). Name a model.json that this "
                "version of match_people wrote; a model of Splink needs --import-splink."
            ) from error


def _attribute(content: dict[str, Any]) -> AttributeModel:
    attribute = AttributeModel(
        name=content["name"],
        kind=Kind(content["kind"]),
        m_probabilities=tuple(content["matched"]),
        u_probabilities=tuple(content["strangers"]),
        chance_of_equal=content["chance_of_equal"],
    )
    expected = COMPARISONS[attribute.kind].level_count
    counts = {len(attribute.m_probabilities), len(attribute.u_probabilities)}
    if counts != {expected}:
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
    share = mixture.match_share * pairs / max(records * (records - 1) / 2, 1)
    share = min(max(share, 1e-12), 0.5)
    attributes = tuple(
        AttributeModel(name, kind, tuple(map(float, m)), tuple(map(float, u)), float(chance))
        for name, kind, m, u, chance in zip(
            names, kinds, mixture.m_probabilities, u_probabilities, chances_of_equal, strict=True
        )
    )
    return MatchModel(float(np.log2(share / (1 - share))), attributes, pairs)


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
    return {
        attribute.name: dict(
            zip(
                COMPARISONS[attribute.kind].labels,
                [round(float(weight), 2) for weight in attribute.weights],
                strict=True,
            )
        )
        for attribute in model.attributes
    }
