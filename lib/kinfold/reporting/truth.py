"""Results against the truth, where a generated world left one beside its data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kinfold.core.errors import ConfError


@dataclass(frozen=True)
class Truth:
    """Who is who, and who will buy.

    Attributes:
        identifiers: namespace, value, person_id; a shared identifier has a row per person.
        buyers: person_id, buys.
    """

    identifiers: pd.DataFrame
    buyers: pd.DataFrame


@dataclass(frozen=True)
class IdentityResult:
    """Identity resolution over all pairs of identifiers that belong to one person in truth.

    Identifiers that several people share have no single owner and are left out of the pairs.
    """

    identifiers: int
    shared_identifiers: int
    people: int
    profiles: int
    pure_profiles: int
    """Profiles with identifiers of one person only."""
    whole_people: int
    """People whose identifiers are all in one profile."""
    precision: float
    recall: float
    f1: float


def load_truth(folder: Path) -> Truth:
    """The truth files of a generated world.

    Raises:
        ConfError: they are not there.
    """
    try:
        return Truth(
            pd.read_json(folder / "identifiers.jsonl", lines=True, dtype=False),
            pd.read_json(folder / "buyers.jsonl", lines=True, dtype=False),
        )
    except (OSError, ValueError) as error:
        raise ConfError(
            f"--truth {folder}: identifiers.jsonl and buyers.jsonl cannot be read there. Give the "
            "truth folder of a generated world, or leave --truth out."
        ) from error


def identity_result(identity_map: pd.DataFrame, truth: Truth) -> IdentityResult:
    """Pairwise precision, recall and F1 of the identity map.

    Args:
        identity_map: namespace, value, profile_id.
    """
    owners = truth.identifiers.drop_duplicates()
    is_shared = owners.duplicated(["namespace", "value"], keep=False)
    owned = owners[~is_shared]
    known = identity_map.merge(owned, on=["namespace", "value"], how="inner")
    cells = known.groupby(["profile_id", "person_id"]).size()
    by_profile, by_person = known.groupby("profile_id").size(), known.groupby("person_id").size()
    together, placed, true = (_pairs(c.to_numpy()) for c in (cells, by_profile, by_person))
    precision = together / placed if placed else 1.0
    recall = together / true if true else 1.0
    people_per_profile = cells.reset_index().groupby("profile_id").size()
    profiles_per_person = cells.reset_index().groupby("person_id").size()
    return IdentityResult(
        identifiers=len(known),
        shared_identifiers=int(
            owners[is_shared][["namespace", "value"]].drop_duplicates().shape[0]
        ),
        people=len(by_person),
        profiles=len(by_profile),
        pure_profiles=int((people_per_profile == 1).sum()),
        whole_people=int((profiles_per_person == 1).sum()),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if together else 0.0,
    )


def future_buyers(
    scores: pd.DataFrame, identity_map: pd.DataFrame, truth: Truth
) -> tuple[np.ndarray, np.ndarray]:
    """The scores and what really came: arrays of probability and label, one entry per profile.

    A profile buys when any person it holds an identifier of buys.

    Args:
        scores: profile_id, probability.
        identity_map: namespace, value, profile_id.
    """
    owned = identity_map.merge(truth.identifiers, on=["namespace", "value"], how="inner")
    buys = owned.merge(truth.buyers[["person_id", "buys"]], on="person_id", how="inner")
    by_profile = buys.groupby("profile_id")["buys"].any().rename("label").reset_index()
    judged = scores.merge(by_profile, on="profile_id").sort_values("profile_id")
    return judged["probability"].to_numpy(float), judged["label"].to_numpy(float)


def _pairs(sizes: np.ndarray) -> float:
    sizes = sizes.astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())
