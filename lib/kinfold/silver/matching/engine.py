"""Fuzzy matching from records to scored links and profiles."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, functions as F
from pyspark.storagelevel import StorageLevel

from kinfold.core.errors import ContractError
from kinfold.core.log import say
from kinfold.runtime.arrow_frames import columns_of, local_frame
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
from kinfold.silver.matching.settings import (
    ClusteringConf,
    MatchingSettings,
    PersonMap,
    TrainingConf,
)
from kinfold.tables.collected import first_row


class LinkStatus(StrEnum):
    """The outcome of a scored pair. `Matching.links` defines each value."""

    LINKED = "linked"
    REFUSED = "refused"
    REVIEW = "review"
    UNLINKED = "unlinked"


@dataclass
class Matching:
    """The result of one run.

    Attributes:
        record_keys: by record number.
        labels: by record number, the cluster of the record: the smallest record number in it.
        left, right, weights: record numbers and match weight (bits) of every scored pair.
        patterns: the scored pairs as a frame: left, right, pattern, rarity.
        seconds: duration by stage.
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
        """By record number, 32 hex digits from the key of the first record in its cluster."""
        firsts = self.record_keys[self.labels]
        return [hashlib.sha256(key.encode()).hexdigest()[:32] for key in firsts]

    def profiles(self) -> DataFrame:
        """One row per record: record_key, profile_id."""
        return self._frame({RECORD_KEY: self.record_keys, PROFILE_ID: self.profile_ids})

    def links(self) -> DataFrame:
        """Every scored pair with its outcome.

        Returns:
            One row per pair: left_record_key, right_record_key, match_weight (bits),
            match_probability, status, reason (null unless refused). Status is `linked` if both
            records are in one profile. Otherwise it is `refused` above link_at, `review` above
            review_at, `unlinked` below.
        """
        distinct = np.sort(columns_of(self.patterns.select("pattern").distinct())["pattern"])
        pattern_weights = self._frame(
            {"pattern": distinct, "base": self.model.pattern_weights(distinct)}
        )
        nodes = self._frame(
            {
                RECORD_NO: np.arange(len(self.labels)),
                RECORD_KEY: self.record_keys,
                "label": self.labels,
                "size": np.bincount(self.labels, minlength=len(self.labels))[self.labels],
            }
        )
        left, right = (
            nodes.select(*(F.col(name).alias(f"{side}_{name}") for name in nodes.columns))
            for side in ("left", "right")
        )
        weight = F.col("base") + F.col("rarity")
        status, reason = _outcome(weight, self.settings.clustering)
        return (
            self.patterns.join(F.broadcast(pattern_weights), on="pattern", how="inner")
            .join(left, on=F.col("left") == F.col(f"left_{RECORD_NO}"), how="inner")
            .join(right, on=F.col("right") == F.col(f"right_{RECORD_NO}"), how="inner")
            .select(
                f"left_{RECORD_KEY}",
                f"right_{RECORD_KEY}",
                weight.alias("match_weight"),
                (1 / (1 + F.pow(F.lit(2.0), -weight))).alias("match_probability"),
                status.alias("status"),
                reason.alias("reason"),
            )
        )

    def metrics(self) -> dict[str, float]:
        """Counts and estimated scores of the run, for a report or MLflow."""
        sizes = np.unique(self.labels, return_counts=True)[1]
        counts: dict[str, float] = {
            "records": len(self.labels),
            "pairs_scored": len(self.left),
            "profiles": len(sizes),
            "largest_profile": int(sizes.max()),
            "blocks_dropped": self.blocking.dropped,
            "largest_block": self.blocking.largest_block,
            "prior_bits": self.model.prior,
        }
        return {**counts, **estimated_scores(self.labels, self.left, self.right, self.weights)}

    def _frame(self, columns: Mapping[str, Any]) -> DataFrame:
        return local_frame(self.patterns.sparkSession, pa.table(dict(columns)))


def _outcome(weight: Column, conf: ClusteringConf) -> tuple[Column, Column]:
    """Status and reason of a scored pair, from the clusters of its two records."""
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
    return status, reason


def scored_links(
    records: DataFrame,
    *,
    mapping: PersonMap,
    settings: MatchingSettings,
    model: MatchModel | None = None,
) -> Matching:
    """Match the records of a frame, for example to add `links()` to the identity graph.

    Args:
        records: one row per record, with the columns that `mapping` names. Its record_id, unique
            text, is the record key of the result.
        model: a model from an earlier run; null = learn one from these records. `.model.version`
            of the result identifies it.

    Raises:
        ContractError: there is nothing to match, or there are more candidate pairs than allowed.
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
        keyed: one row per record: record_key (unique text), v0, v1, ... (raw text).
        names, kinds: of the attributes v0, v1, ...
        model: a model from an earlier run; null = learn one from these records.

    Raises:
        ContractError: there is nothing to match, or there are more candidate pairs than allowed.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "prepare"):
        plain = comparable_records(keyed, kinds=kinds).persist(StorageLevel.MEMORY_AND_DISK)
        records = with_frequencies(plain, kinds=kinds).persist(StorageLevel.MEMORY_AND_DISK)
        statistics = _statistics(records, kinds)
    _require_values(statistics, names)
    with _timed(seconds, "block"):
        pairs, blocking = _candidates(plain, statistics.records, kinds=kinds, settings=settings)
        pairs = pairs.persist(StorageLevel.MEMORY_AND_DISK)
        pair_count = pairs.count()
        _require_affordable(pair_count, statistics.records, settings)
    with _timed(seconds, "compare"):
        patterns = agreement_patterns(
            pairs, records, kinds=kinds, chances_of_equal=statistics.chances_of_equal
        ).persist(StorageLevel.MEMORY_AND_DISK)
        pattern_counts = columns_of(patterns.groupBy("pattern").count())
    with _timed(seconds, "learn"):
        if model is None:
            model = _learn(records, pattern_counts, statistics, names, kinds, settings.training)
    with _timed(seconds, "cluster"):
        keys = _keys_by_number(plain)
        pair_columns = columns_of(patterns)
        labels, weights = _clustered(
            pair_columns, model=model, record_count=len(keys), conf=settings.clustering
        )
    return Matching(
        model=model,
        settings=settings,
        blocking=blocking,
        record_keys=keys,
        labels=labels,
        left=pair_columns["left"],
        right=pair_columns["right"],
        weights=weights,
        patterns=patterns,
        seconds=seconds,
    )


_DISAGREEING_PAIRS = 20.0
"""Pairs that disagree, added to the random pairs. Without them, all random pairs of four equal rows
agree, and agreement is no evidence. Among a thousand pairs they do not matter."""


@dataclass(frozen=True)
class _Statistics:
    """Counts over all records.

    Attributes:
        records: number of records.
        known: for each attribute, the number of records with a value.
        chances_of_equal: for each attribute, the probability that two random values are equal.
    """

    records: int
    known: tuple[int, ...]
    chances_of_equal: tuple[float, ...]


def _statistics(records: DataFrame, kinds: Sequence[Kind]) -> _Statistics:
    row = first_row(
        records.agg(
            F.count("*").alias("records"),
            *(F.count(name).alias(name) for name in value_names(kinds)),
            *(F.coalesce(F.avg(name), F.lit(0.0)).alias(name) for name in frequency_names(kinds)),
        )
    )
    assert row is not None
    return _Statistics(
        records=int(row["records"]),
        known=tuple(int(row[name]) for name in value_names(kinds)),
        chances_of_equal=tuple(float(row[name]) for name in frequency_names(kinds)),
    )


def _candidates(
    records: DataFrame, record_count: int, *, kinds: Sequence[Kind], settings: MatchingSettings
) -> tuple[DataFrame, BlockingReport]:
    """All pairs of a small file, or the pairs that share a block."""
    if record_count <= settings.blocking.compare_all_up_to:
        return all_pairs(records), BlockingReport()
    return candidate_pairs(records, kinds=kinds, max_block_size=settings.blocking.max_block_size)


def _keys_by_number(records: DataFrame) -> NDArray[Any]:
    """The record keys in the order of the record numbers."""
    numbered = columns_of(records.select(RECORD_NO, RECORD_KEY))
    return numbered[RECORD_KEY][np.argsort(numbered[RECORD_NO])]


def _clustered(
    pairs: Mapping[str, NDArray[Any]],
    *,
    model: MatchModel,
    record_count: int,
    conf: ClusteringConf,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The cluster of each record, and the match weight of each pair.

    Args:
        pairs: left, right, pattern, rarity of each pair.
    """
    rarity = pairs["rarity"]
    distinct, of_pair = np.unique(pairs["pattern"], return_inverse=True)
    weights = model.pattern_weights(distinct)[of_pair] + rarity.astype(np.float64)
    evidence, known = model.pattern_evidence(distinct)
    labels = clusters(
        record_count,
        pairs["left"],
        pairs["right"],
        # Rarity counts as one more attribute, which every pair has.
        np.column_stack([evidence[of_pair], rarity]),
        np.column_stack([known[of_pair], np.ones(len(rarity), dtype=bool)]),
        prior=model.prior,
        threshold=weight_at(conf.link_at),
        corroboration=conf.corroboration,
        unseen_weight=conf.unseen_weight,
        max_cluster_size=conf.max_cluster_size,
    )
    return labels, weights


def _require_values(statistics: _Statistics, names: Sequence[str]) -> None:
    if not statistics.records:
        raise ContractError("match_people: the input has no records, expected at least one.")
    if not any(statistics.known):
        raise ContractError(
            f"match_people: none of the {statistics.records} records has a value in any of the "
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
    pattern_counts: Mapping[str, NDArray[Any]],
    statistics: _Statistics,
    names: Sequence[str],
    kinds: Sequence[Kind],
    conf: TrainingConf,
) -> MatchModel:
    """A model from the records alone.

    Args:
        pattern_counts: each agreement pattern of the candidate pairs, and how many pairs have it.
    """
    u_probabilities = random_pair_levels(records, kinds=kinds, conf=conf)
    mixture = em.fit(
        pattern_counts["pattern"],
        pattern_counts["count"],
        u_probabilities=u_probabilities,
        prior_pairs=conf.prior_pairs,
        max_rounds=conf.max_rounds,
        tolerance=conf.tolerance,
    )
    return learnt_model(
        mixture,
        names=names,
        kinds=kinds,
        u_probabilities=u_probabilities,
        chances_of_equal=statistics.chances_of_equal,
        pairs=int(pattern_counts["count"].sum()),
        records=statistics.records,
    )


def random_pair_levels(
    records: DataFrame, *, kinds: Sequence[Kind], conf: TrainingConf
) -> list[NDArray[np.float64]]:
    """Level probabilities of random pairs of records (u), for each attribute."""
    sample = columns_of(
        records.orderBy(F.xxhash64(F.col(RECORD_KEY), F.lit(conf.seed)), RECORD_NO)
        .limit(conf.sample_size)
        .select(*value_names(kinds))
    )
    return levels_of_random_pairs([sample[name] for name in value_names(kinds)], kinds, conf)


def levels_of_random_pairs(
    columns: Sequence[NDArray[Any]], kinds: Sequence[Kind], conf: TrainingConf
) -> list[NDArray[np.float64]]:
    """Level probabilities (u) of random pairs of the rows, for each attribute.

    Random pairs of many records are different people. In a file of a few records many of them are
    one person, so the probabilities start from pairs that disagree.
    """
    generator = np.random.default_rng(conf.seed)
    count = len(columns[0])
    pair_count = min(conf.random_pairs, count * count)
    left = generator.integers(0, count, pair_count)
    right = generator.integers(0, count, pair_count)
    left, right = left[left != right], right[left != right]
    probabilities = []
    for number, kind in enumerate(kinds):
        values = columns[number]
        levels = levels_of(kind, values[left], values[right])
        level_count = COMPARISONS[kind].level_count
        # Half a pair is added to each level, so that no probability is 0.
        counts = np.bincount(levels[levels >= 0], minlength=level_count) + 0.5
        counts[0] += _DISAGREEING_PAIRS
        probabilities.append(counts / counts.sum())
    return probabilities


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = monotonic()
    yield
    seconds[stage] = monotonic() - started
    say(f"    {stage}: {seconds[stage]:.1f} s")
