"""Scores against the truth that a generated world leaves beside its data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kinfold.core.errors import ConfError
from kinfold.core.pair_scores import pair_scores


@dataclass(frozen=True)
class Truth:
    """The true owner of each identifier, and the people who will buy.

    Attributes:
        identifiers: namespace, value, person_id; a shared identifier has a row per person.
        buyers: person_id, buys.
    """

    identifiers: pd.DataFrame
    buyers: pd.DataFrame


@dataclass(frozen=True)
class IdentityResult:
    """Scores of identity resolution over pairs of identifiers.

    An identifier that several people share has no single owner, so its pairs are not counted.
    """

    identifiers: int
    shared_identifiers: int
    people: int
    profiles: int
    pure_profiles: int
    """Profiles whose identifiers belong to one person."""
    whole_people: int
    """People whose identifiers are all in one profile."""
    precision: float
    recall: float
    f1: float


def load_truth(folder: Path) -> Truth:
    """The truth files of a generated world.

    Raises:
        ConfError: a file is missing or cannot be read.
    """
    try:
        return Truth(
            pd.read_json(folder / "identifiers.jsonl", lines=True, dtype=False),
            pd.read_json(folder / "buyers.jsonl", lines=True, dtype=False),
        )
    except (OSError, ValueError) as error:
        raise ConfError(
            f"--truth {folder}: identifiers.jsonl and buyers.jsonl cannot be read there. Name the "
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
    people, profiles = (pd.factorize(known[name])[0] for name in ("person_id", "profile_id"))
    scores = pair_scores(people, profiles)
    combinations = known[["profile_id", "person_id"]].drop_duplicates()
    people_per_profile = combinations.groupby("profile_id").size()
    profiles_per_person = combinations.groupby("person_id").size()
    return IdentityResult(
        identifiers=len(known),
        shared_identifiers=len(owners[is_shared][["namespace", "value"]].drop_duplicates()),
        people=len(profiles_per_person),
        profiles=len(people_per_profile),
        pure_profiles=int((people_per_profile == 1).sum()),
        whole_people=int((profiles_per_person == 1).sum()),
        precision=scores.precision,
        recall=scores.recall,
        f1=scores.f1,
    )


def future_buyers(
    scores: pd.DataFrame, identity_map: pd.DataFrame, truth: Truth
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted probability and true label of each profile, as two arrays in one order.

    A profile is a buyer if an identifier of it belongs to a person who buys. Profiles without a
    known identifier are absent.

    Args:
        scores: profile_id, probability.
        identity_map: namespace, value, profile_id.
    """
    owned = identity_map.merge(truth.identifiers, on=["namespace", "value"], how="inner")
    buys = owned.merge(truth.buyers[["person_id", "buys"]], on="person_id", how="inner")
    by_profile = buys.groupby("profile_id")["buys"].any().rename("label").reset_index()
    labelled = scores.merge(by_profile, on="profile_id").sort_values("profile_id")
    return labelled["probability"].to_numpy(float), labelled["label"].to_numpy(float)
