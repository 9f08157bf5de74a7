"""Fuzzy matching from end to end: records in, scored links and people out."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F
from pyspark.storagelevel import StorageLevel

from kinfold.core.errors import ContractError
from kinfold.core.log import say
from kinfold.silver.matching.arrays import arrays_of, frame_of_arrays
from kinfold.silver.matching.blocking import BlockingReport, all_pairs, candidate_pairs
from kinfold.silver.matching.clustering import OUTWEIGHED, TOO_LARGE, clusters
from kinfold.silver.matching.estimates import estimated_scores
from kinfold.silver.matching.model import em
from kinfold.silver.matching.model.comparisons import COMPARISONS, levels_of
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import MatchModel, learnt_model, weight_at
from kinfold.silver.matching.records import (
    PROFILE_ID,
    RECORD_KEY,
    RECORD_NO,
    comparable_records,
    frequency_names,
    value_name,
    value_names,
    with_frequencies,
)
from kinfold.silver.matching.scoring import agreement_patterns
from kinfold.silver.matching.settings import MatchingSettings, PersonMap, TrainingConf


class LinkStatus(StrEnum):
    """What became of a scored pair."""

    LINKED = "linked"
    REFUSED = "refused"
    REVIEW = "review"
    UNLINKED = "unlinked"


@dataclass
class Matching:
    """What a run has found.

    Attributes:
        record_keys: by record number.
        labels: cluster of each record, named by its smallest record number.
        left, right, weights: every scored pair.
        patterns: the same as a frame: left, right, pattern, rarity.
        seconds: by stage.
    """

    model: MatchModel
    settings: MatchingSettings
    blocking: BlockingReport
    record_keys: NDArray[Any]
    labels: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weights: NDArray[np.float64]
    patterns: DataFrame
    seconds: dict[str, float]

    @property
    def profile_ids(self) -> list[str]:
        """32 hex digits by record number, from the key of the cluster's first record."""
        firsts = self.record_keys[self.labels]
        return [hashlib.sha256(key.encode()).hexdigest()[:32] for key in firsts]

    def profiles(self) -> DataFrame:
        """One row per record: record_key, profile_id."""
        columns = {RECORD_KEY: self.record_keys, PROFILE_ID: self.profile_ids}
        return frame_of_arrays(self.patterns.sparkSession, columns)

    def links(self) -> DataFrame:
        """Every scored pair with what became of it.

        Returns:
            One row per pair: left_record_key, right_record_key, match_weight (bits),
            match_probability, status (LinkStatus), reason (null unless refused).
        """
        spark, conf = self.patterns.sparkSession, self.settings.clustering
        distinct = np.sort(arrays_of(self.patterns.select("pattern").distinct())["pattern"])
        weighed = frame_of_arrays(
            spark, {"pattern": distinct, "base": self.model.pattern_weights(distinct)}
        )
        nodes = frame_of_arrays(
            spark,
            {
                RECORD_NO: np.arange(len(self.labels)),
                RECORD_KEY: self.record_keys,
                "label": self.labels,
                "size": np.bincount(self.labels, minlength=len(self.labels))[self.labels],
            },
        )
        left, right = (
            nodes.select(*(F.col(name).alias(f"{side}_{name}") for name in nodes.columns))
            for side in ("left", "right")
        )
        weight = F.col("base") + F.col("rarity")
        chance = 1 / (1 + F.pow(F.lit(2.0), -weight))
        is_linked = F.col("left_label") == F.col("right_label")
        would_link = weight > weight_at(conf.link_at)
        is_for_review = weight > weight_at(conf.review_at)
        is_too_large = F.col("left_size") + F.col("right_size") > conf.max_cluster_size
        status = (
            F.when(is_linked, F.lit(LinkStatus.LINKED))
            .when(would_link, F.lit(LinkStatus.REFUSED))
            .when(is_for_review, F.lit(LinkStatus.REVIEW))
            .otherwise(F.lit(LinkStatus.UNLINKED))
        )
        reason = F.when(
            ~is_linked & would_link,
            F.when(is_too_large, F.lit(TOO_LARGE)).otherwise(F.lit(OUTWEIGHED)),
        )
        return (
            self.patterns.join(F.broadcast(weighed), on="pattern", how="inner")
            .join(left, on=F.col("left") == F.col(f"left_{RECORD_NO}"), how="inner")
            .join(right, on=F.col("right") == F.col(f"right_{RECORD_NO}"), how="inner")
            .select(
                f"left_{RECORD_KEY}",
                f"right_{RECORD_KEY}",
                weight.alias("match_weight"),
                chance.alias("match_probability"),
                status.alias("status"),
                reason.alias("reason"),
            )
        )

    def metrics(self) -> dict[str, float]:
        """Plain numbers of the run, for a report or MLflow."""
        sizes = np.unique(self.labels, return_counts=True)[1]
        rows: dict[str, float] = {
            "records": len(self.labels),
            "pairs_scored": len(self.left),
            "profiles": len(sizes),
            "largest_profile": int(sizes.max()),
            "blocks_dropped": self.blocking.dropped,
            "largest_block": self.blocking.largest_block,
            "prior_bits": self.model.prior,
        }
        return {**rows, **estimated_scores(self.labels, self.left, self.right, self.weights)}


def scored_links(
    records: DataFrame,
    *,
    mapping: PersonMap,
    settings: MatchingSettings,
    model: MatchModel | None = None,
) -> Matching:
    """Match the records of a frame, e.g. to turn `links()` into edges of the identity graph.

    Args:
        records: one row per record; the columns that `mapping` names. Its record_id, unique text,
            is the record key of the result.
        model: learnt before; null = learn one from these records. `.model.version` names it.

    Raises:
        ContractError: there is nothing to match.
        ValueError: the mapping has no record_id.
    """
    if mapping.record_id is None:
        raise ValueError("scored_links: the mapping has no record_id, expected a unique column.")
    numbers = {name: f"c{n}" for n, name in enumerate(records.columns)}
    keyed = records.toDF(*numbers.values()).select(
        F.col(numbers[mapping.record_id]).cast("string").alias(RECORD_KEY),
        *(
            F.col(numbers[column]).cast("string").alias(value_name(n))
            for n, column in enumerate(mapping.columns)
        ),
    )
    return match(
        keyed, names=list(mapping.attributes), kinds=mapping.kinds, settings=settings, model=model
    )


def match(
    keyed: DataFrame,
    *,
    names: Sequence[str],
    kinds: Sequence[Kind],
    settings: MatchingSettings,
    model: MatchModel | None = None,
) -> Matching:
    """Match records.

    Args:
        keyed: one row per record: record_key (unique text), v0, v1, ... as they came.
        names, kinds: of the attributes v0, v1, ...
        model: learnt before; null = learn one from these records.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "prepare"):
        plain = comparable_records(keyed, kinds=kinds).persist(StorageLevel.MEMORY_AND_DISK)
        records = with_frequencies(plain, kinds=kinds).persist(StorageLevel.MEMORY_AND_DISK)
        known, chances = _known(records, kinds)
    _require_something(known, names)
    with _timed(seconds, "block"):
        if known["records"] <= settings.blocking.compare_all_up_to:
            pairs, blocking = all_pairs(plain), BlockingReport()
        else:
            pairs, blocking = candidate_pairs(
                plain, kinds=kinds, max_block_size=settings.blocking.max_block_size
            )
        pairs = pairs.persist(StorageLevel.MEMORY_AND_DISK)
        pair_count = pairs.count()
        _require_affordable(pair_count, known["records"], settings)
    with _timed(seconds, "compare"):
        patterns = agreement_patterns(pairs, records, kinds=kinds, chances_of_equal=chances)
        patterns = patterns.persist(StorageLevel.MEMORY_AND_DISK)
        counted = arrays_of(patterns.groupBy("pattern").count())
    with _timed(seconds, "learn"):
        if model is None:
            model = _learn(
                records, counted, known["records"], pair_count, names, kinds, chances, settings
            )
    with _timed(seconds, "cluster"):
        collected = arrays_of(patterns)
        rarity = collected["rarity"]
        distinct, which = np.unique(collected["pattern"], return_inverse=True)
        weights = model.pattern_weights(distinct)[which] + rarity.astype(np.float64)
        evidence, known_levels = model.pattern_evidence(distinct)
        left, right = collected["left"], collected["right"]
        numbered = arrays_of(plain.select(RECORD_NO, RECORD_KEY))
        keys = numbered[RECORD_KEY][np.argsort(numbered[RECORD_NO])]
        conf = settings.clustering
        labels = clusters(
            len(keys),
            left,
            right,
            np.column_stack([evidence[which], rarity]),
            np.column_stack([known_levels[which], np.ones(len(rarity), dtype=bool)]),
            prior=model.prior,
            threshold=weight_at(conf.link_at),
            corroboration=conf.corroboration,
            unseen_weight=conf.unseen_weight,
            max_cluster_size=conf.max_cluster_size,
        )
    return Matching(
        model=model,
        settings=settings,
        blocking=blocking,
        record_keys=keys,
        labels=labels,
        left=left,
        right=right,
        weights=weights,
        patterns=patterns,
        seconds=seconds,
    )


def _known(records: DataFrame, kinds: Sequence[Kind]) -> tuple[dict[str, Any], list[float]]:
    """How many records know each attribute, and how often two known values are equal by chance."""
    row = records.agg(
        F.count("*").alias("records"),
        *(F.count(name).alias(name) for name in value_names(kinds)),
        *(F.coalesce(F.avg(name), F.lit(0.0)).alias(name) for name in frequency_names(kinds)),
    ).first()
    assert row is not None
    return row.asDict(), [float(row[name]) for name in frequency_names(kinds)]


def _require_something(known: dict[str, Any], names: Sequence[str]) -> None:
    if not known["records"]:
        raise ContractError("match_people: the input has no records, expected at least one.")
    if not any(known[f"v{number}"] for number in range(len(names))):
        raise ContractError(
            f"match_people: none of the {known['records']} records has a value in any of the "
            f"attributes {', '.join(names)}. Check the columns and kinds of the map."
        )


def _require_affordable(pairs: int, records: int, settings: MatchingSettings) -> None:
    limit = min(settings.blocking.max_pairs_per_record * records, settings.clustering.max_links)
    if pairs > limit:
        raise ContractError(
            f"match_people: blocking gave {pairs:,} candidate pairs for {records:,} records, "
            f"allowed are {limit:,}. Lower blocking.max_block_size (now "
            f"{settings.blocking.max_block_size}), or raise blocking.max_pairs_per_record and "
            "clustering.max_links."
        )


def _learn(
    records: DataFrame,
    counted: Mapping[str, NDArray[Any]],
    record_count: int,
    pair_count: int,
    names: Sequence[str],
    kinds: Sequence[Kind],
    chances: Sequence[float],
    settings: MatchingSettings,
) -> MatchModel:
    conf = settings.training
    strangers = stranger_levels(records, kinds=kinds, conf=conf)
    mixture = em.fit(
        counted["pattern"],
        counted["count"],
        strangers=strangers,
        prior_pairs=conf.prior_pairs,
        max_rounds=conf.max_rounds,
        tolerance=conf.tolerance,
    )
    return learnt_model(
        mixture,
        names=names,
        kinds=kinds,
        strangers=strangers,
        chances_of_equal=chances,
        pairs=pair_count,
        records=record_count,
    )


def stranger_levels(records: DataFrame, *, kinds: Sequence[Kind], conf: TrainingConf) -> list[Any]:
    """Level probabilities of random pairs of records, for each attribute."""
    drawn = arrays_of(
        records.orderBy(F.xxhash64(F.col(RECORD_KEY), F.lit(conf.seed)), RECORD_NO)
        .limit(conf.sample_size)
        .select(*value_names(kinds))
    )
    draws = np.random.default_rng(conf.seed)
    count = len(drawn[value_name(0)])
    pair_count = min(conf.random_pairs, count * count)
    left = draws.integers(0, count, pair_count)
    right = draws.integers(0, count, pair_count)
    left, right = left[left != right], right[left != right]
    found = []
    for number, kind in enumerate(kinds):
        values = drawn[value_name(number)]
        levels = levels_of(kind, values[left], values[right])
        seen = np.bincount(levels[levels >= 0], minlength=COMPARISONS[kind].level_count) + 0.5
        found.append(seen / seen.sum())
    return found


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begun = monotonic()
    yield
    seconds[stage] = monotonic() - begun
    say(f"    {stage}: {seconds[stage]:.1f} s")
