"""The matching model: what was learnt, as numbers that go to JSON and back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    """What agreement on one attribute is worth.

    Attributes:
        name: the attribute's, in the map.
        matched: probability of each level, from disagreement to equality, among matches.
        strangers: the same among random pairs.
        chance_of_equal: that two random known values are equal; agreement on a value rarer than
            that weighs more, on a more common one less.
    """

    name: str
    kind: Kind
    matched: tuple[float, ...]
    strangers: tuple[float, ...]
    chance_of_equal: float

    @property
    def weights(self) -> NDArray[np.float64]:
        """Bits each level speaks for a match."""
        return np.log2(np.maximum(self.matched, 1e-9) / np.maximum(self.strangers, 1e-9))


@dataclass(frozen=True)
class MatchModel:
    """Fellegi-Sunter weights.

    Attributes:
        prior: bits for or against a match before anything is compared, of two random records.
        pairs: candidate pairs it was learnt from.
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
        """Twelve hex digits; equal for equal models."""
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
        """Bits of each attribute (columns) of each pattern (rows), and whether it was known."""
        levels = levels_of_patterns(patterns, self.level_counts)
        bits = [
            np.append(attribute.weights, 0.0)[of_attribute]
            for attribute, of_attribute in zip(self.attributes, levels, strict=True)
        ]
        known = [of_attribute >= 0 for of_attribute in levels]
        return np.stack(bits, axis=1).astype(np.float32), np.stack(known, axis=1)

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "MatchModel":
        """The model `to_json` wrote.

        Raises:
            ContractError: the text is something else.
        """
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise KeyError("format")
            attributes = tuple(
                AttributeModel(
                    name=one["name"],
                    kind=Kind(one["kind"]),
                    matched=tuple(one["matched"]),
                    strangers=tuple(one["strangers"]),
                    chance_of_equal=one["chance_of_equal"],
                )
                for one in content["attributes"]
            )
            return cls(content["prior"], attributes, content["pairs"])
        except (ValueError, KeyError, TypeError) as error:
            raise ContractError(
                f"matching model: the text is no '{FORMAT}' (problem: {error}). Give a model.json "
                "that match_people wrote."
            ) from error


def learnt_model(
    mixture: Mixture,
    *,
    names: Sequence[str],
    kinds: Sequence[Kind],
    strangers: Sequence[NDArray[np.float64]],
    chances_of_equal: Sequence[float],
    pairs: int,
    records: int,
) -> MatchModel:
    """The model of what EM has learnt.

    Agreement is weighed against strangers, not against the other candidates: those agree on what
    made them candidates. The prior is that of any two records, so both speak of the same pairs.
    """
    share = mixture.match_share * pairs / max(records * (records - 1) / 2, 1)
    share = min(max(share, 1e-12), 0.5)
    attributes = tuple(
        AttributeModel(name, kind, tuple(map(float, m)), tuple(map(float, s)), float(chance))
        for name, kind, m, s, chance in zip(
            names, kinds, mixture.matched, strangers, chances_of_equal, strict=True
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


def as_record(model: MatchModel) -> dict[str, Any]:
    """What a reader of a report wants to see of it."""
    return {
        attribute.name: dict(
            zip(
                COMPARISONS[attribute.kind].labels,
                [round(float(w), 2) for w in attribute.weights],
                strict=True,
            )
        )
        for attribute in model.attributes
    }
