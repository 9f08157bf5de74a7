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
from pyspark.sql import Column, DataFrame, SparkSession, functions as F
from pyspark.storagelevel import StorageLevel

from kinfold.core.arrays import Flags, Ints
from kinfold.core.errors import ContractError
from kinfold.core.log import say
from kinfold.runtime.arrow_frames import columns_of, local_frame, rows_with_values
from kinfold.silver.matching.blocking import (
    KEYS,
    BlockingReport,
    CandidatePairs,
    RecordKeys,
    all_pairs,
    blocking_keys,
    candidate_pairs,
)
from kinfold.silver.matching.clustering import OUTWEIGHED, TOO_LARGE, clusters, within_components
from kinfold.silver.matching.copies import EqualRecords, prior_of_copies
from kinfold.silver.matching.estimates import estimated_scores
from kinfold.silver.matching.model import em
from kinfold.silver.matching.model.comparisons import COMPARISONS, levels_of
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import (
    MatchModel,
    household_facts,
    learnt_model,
    probability,
    weight_at,
)
from kinfold.silver.matching.records import (
    PROFILE_ID,
    RECORD_KEY,
    RECORD_NO,
    Terms,
    comparable_records,
    counted_terms,
    distinct_records,
    value_name,
    value_names,
    with_frequencies,
)
from kinfold.silver.matching.scored_pairs import MatchMemory, ScoredPairs, positions_of
from kinfold.silver.matching.scoring import agreement_patterns
from kinfold.silver.matching.settings import (
    ClusteringConf,
    MatchingSettings,
    PersonMap,
    TrainingConf,
)


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
        record_keys: key of each record, ascending.
        labels: by record, its cluster: the smallest record in it.
        is_copy: by record, whether an earlier record has the same values.
        left, right, weights: records and match weight (bits) of every scored pair. Of records with
            equal values, only the first is compared with others, and each other one with it.
        pair_counts: number of pairs of records that a scored pair stands for.
        unknown_matches: expected number of matches among the pairs that were not compared because
            their block is crowded.
        seconds: duration by stage.
        memory: what a later run can use again.
        used_memory: the memory of the earlier run that was used; null = none.
        compared_pairs: number of pairs that this run compared, and no earlier one.
    """

    spark: SparkSession
    model: MatchModel
    settings: MatchingSettings
    blocking: BlockingReport
    record_keys: NDArray[Any]
    labels: Ints
    is_copy: Flags
    left: Ints
    right: Ints
    weights: NDArray[np.float64]
    pair_counts: NDArray[np.float64]
    unknown_matches: float
    seconds: dict[str, float]
    memory: MatchMemory | None = None
    used_memory: MatchMemory | None = None
    compared_pairs: int = 0

    @property
    def profile_ids(self) -> list[str]:
        """By record number, 32 hex digits from the key of the first record in its cluster."""
        firsts = self.record_keys[self.labels]
        return [hashlib.sha256(key.encode()).hexdigest()[:32] for key in firsts]

    def profiles(self) -> DataFrame:
        """One row per record: record_key, profile_id."""
        return self._frame({RECORD_KEY: self.record_keys, PROFILE_ID: self.profile_ids})

    def links(self, *, are_linked: bool = False) -> DataFrame:
        """Every scored pair with its outcome.

        Args:
            are_linked: only pairs of one profile.

        Returns:
            One row per pair: left_record_key, right_record_key, match_weight (bits),
            match_probability, status, reason (null unless refused). Status is `linked` if both
            records are in one profile. Otherwise it is `refused` above link_at, `review` above
            review_at, `unlinked` below.
        """
        columns = {"left": self.left, "right": self.right, "weight": self.weights}
        if are_linked:
            is_linked = self.labels[self.left] == self.labels[self.right]
            columns = {name: column[is_linked] for name, column in columns.items()}
        pairs = self._frame(columns)
        nodes = self._frame(
            {
                RECORD_NO: np.arange(len(self.labels)),
                RECORD_KEY: self.record_keys,
                "label": self.labels,
                "size": np.bincount(self.labels[~self.is_copy], minlength=len(self.labels))[
                    self.labels
                ],
            }
        )
        left, right = (
            nodes.select(*(F.col(name).alias(f"{side}_{name}") for name in nodes.columns))
            for side in ("left", "right")
        )
        weight = F.col("weight")
        status, reason = _outcome(weight, self.settings.clustering)
        return (
            pairs.join(left, on=F.col("left") == F.col(f"left_{RECORD_NO}"), how="inner")
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
            "distinct_records": int((~self.is_copy).sum()),
            "pairs_scored": len(self.left),
            "pairs_compared": self.compared_pairs,
            "profiles": len(sizes),
            "largest_profile": int(sizes.max()),
            "blocks_crowded": self.blocking.crowded,
            "largest_block": self.blocking.largest_block,
            "pairs_not_compared": self.blocking.pairs_not_compared,
            "prior_bits": self.model.prior,
        }
        scores = estimated_scores(
            self.labels,
            self.left,
            self.right,
            self.weights,
            pair_counts=self.pair_counts,
            unknown_matches=self.unknown_matches,
        )
        return {**counts, **scores}

    def _frame(self, columns: Mapping[str, Any]) -> DataFrame:
        return local_frame(self.spark, pa.table(dict(columns)))


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
    salt: str = "",
    memory: MatchMemory | None = None,
) -> Matching:
    """Match the records of a frame, for example to add `links()` to the identity graph.

    Args:
        records: one row per record, with the columns that `mapping` names. Its record_id, unique
            text, is the record key of the result.
        model, salt, memory: see `match`. `.model.version` of the result identifies the model.

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
        keyed,
        names=list(mapping.attributes),
        kinds=mapping.kinds,
        settings=settings,
        model=model,
        salt=salt,
        memory=memory,
    )


def match(
    keyed: DataFrame,
    *,
    names: Sequence[str],
    kinds: Sequence[Kind],
    settings: MatchingSettings,
    model: MatchModel | None = None,
    salt: str = "",
    memory: MatchMemory | None = None,
) -> Matching:
    """Match records.

    Args:
        keyed: one row per record: record_key (unique text), v0, v1, ... (raw text).
        names, kinds: of the attributes v0, v1, ...
        model: a model from an earlier run; null = learn one from these records.
        salt: secret text for hashes that are stored.
        memory: model, terms and scored pairs of an earlier run with the same salt: only other pairs
            are compared. Null = compare all candidate pairs. It is ignored if it does not fit the
            number of records (`relearn_at`).

    Raises:
        ContractError: there is nothing to match, or there are more candidate pairs than allowed.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "prepare"):
        records = comparable_records(keyed, kinds=kinds, salt=salt)
        records = records.persist(StorageLevel.MEMORY_AND_DISK)
        distinct = distinct_records(records, kinds=kinds).persist(StorageLevel.MEMORY_AND_DISK)
        equal = EqualRecords.of(records)
        if memory is not None and not memory.fits(len(equal.numbers), settings):
            memory = None
        terms = counted_terms(distinct, kinds=kinds) if memory is None else memory.terms
    _require_values(distinct, equal, names, kinds)
    with _timed(seconds, "block"):
        pairs = _candidates(distinct, equal, kinds=kinds, settings=settings)
        _require_affordable(len(pairs.left), len(equal.numbers), settings)
    with _timed(seconds, "compare"):
        known = ScoredPairs.none() if memory is None else memory.pairs_of(equal.numbers)
        scored, known = _compared(pairs, equal, distinct, kinds, terms, known)
    with _timed(seconds, "learn"):
        model = model if memory is None else memory.model
        if model is None:
            model = _learn(distinct, scored, equal, terms, names, kinds, settings.training)
    with _timed(seconds, "cluster"):
        result = _matching(
            distinct.sparkSession, scored, pairs, equal, model=model, settings=settings
        )
    result.seconds = seconds
    learnt_from = len(equal.numbers) if memory is None else memory.records
    result.used_memory = memory
    result.compared_pairs = len(scored.left) - len(known.left)
    result.memory = MatchMemory.of(model, terms, learnt_from, scored, equal.numbers)
    return result


def _compared(
    pairs: CandidatePairs,
    equal: EqualRecords,
    distinct: DataFrame,
    kinds: Sequence[Kind],
    terms: Terms,
    known: ScoredPairs,
) -> tuple[ScoredPairs, ScoredPairs]:
    """The candidate pairs, and each distinct record with copies against itself, compared.

    Sorted, so that sums of numbers do not depend on Spark's order.

    Args:
        known: pairs that were compared before, sorted.

    Returns:
        All of them, and those that were known.
    """
    copied = equal.copied
    wanted = np.concatenate([(pairs.left << 32) | pairs.right, (copied << 32) | copied])
    wanted.sort()
    at = positions_of(known.codes, wanted) if len(known.left) else np.full(len(wanted), -1)
    kept, new = known.where(at[at >= 0]), wanted[at < 0]
    ends = pa.table({"left": equal.numbers[new >> 32], "right": equal.numbers[new & 0xFFFFFFFF]})
    wide = with_frequencies(distinct, kinds=kinds, terms=terms)
    if len(known.left):
        involved = np.unique(np.concatenate([new >> 32, new & 0xFFFFFFFF]))
        rows = rows_with_values(distinct, RECORD_NO, equal.numbers[involved])
        wide = with_frequencies(rows, kinds=kinds, terms=terms)
    compared = columns_of(
        agreement_patterns(
            local_frame(distinct.sparkSession, ends),
            wide.persist(StorageLevel.MEMORY_AND_DISK),
            kinds=kinds,
            chances_of_equal=terms.chances_of_equal,
        )
    )
    wide.unpersist()
    left, right = (np.searchsorted(equal.numbers, compared[end]) for end in ("left", "right"))
    left, right = np.concatenate([kept.left, left]), np.concatenate([kept.right, right])
    order = np.argsort((left << 32) | right)
    scored = ScoredPairs(
        left[order],
        right[order],
        np.concatenate([kept.pattern, compared["pattern"]])[order],
        np.concatenate([kept.rarity, compared["rarity"]])[order],
    )
    return scored, kept


def _matching(
    spark: SparkSession,
    scored: ScoredPairs,
    pairs: CandidatePairs,
    equal: EqualRecords,
    *,
    model: MatchModel,
    settings: MatchingSettings,
) -> Matching:
    """Clusters, and the result, from compared pairs."""
    is_self = scored.left == scored.right
    of_copies, others = scored.where(is_self), scored.where(~is_self)
    weights = others.weights(model)
    clusters_of_distinct = clustered(
        others,
        weights,
        model=model,
        is_crowded=pairs.is_crowded,
        conf=settings.clustering,
    )
    counts = equal.counts[others.left] * equal.counts[others.right].astype(np.float64)
    matched = float((probability(weights) * counts).sum())
    copy_weights = weights_of_copies(of_copies, equal, model=model, matched_pairs=matched)
    are_one_person = np.zeros(len(equal.numbers), dtype=bool)
    are_one_person[of_copies.left] = copy_weights > weight_at(settings.clustering.link_at)
    first, copy, place = equal.star(of_copies.left)
    ends = np.sort(np.stack([equal.firsts[others.left], equal.firsts[others.right]]), axis=0)
    is_copy = np.ones(len(equal.keys), dtype=bool)
    is_copy[equal.firsts] = False
    labels = equal.labels(clusters_of_distinct, are_one_person)
    return Matching(
        spark=spark,
        model=model,
        settings=settings,
        blocking=pairs.report,
        record_keys=equal.keys,
        labels=labels,
        is_copy=is_copy,
        left=np.concatenate([ends[0], first]),
        right=np.concatenate([ends[1], copy]),
        weights=np.concatenate([weights, copy_weights[place]]),
        # c copies have c (c - 1) / 2 pairs, and c - 1 of them are scored.
        pair_counts=np.concatenate([counts, equal.counts[of_copies.left][place] / 2]),
        unknown_matches=_unknown_matches(pairs, others, weights, clusters_of_distinct),
        seconds={},
    )


def weights_of_copies(
    of_copies: ScoredPairs, equal: EqualRecords, *, model: MatchModel, matched_pairs: float
) -> NDArray[np.float64]:
    """Match weight of two records with equal values, for each distinct record that has copies.

    Args:
        of_copies: these distinct records, each against itself.
        matched_pairs: expected number of matches among pairs of records that differ.
    """
    evidence = of_copies.weights(model) - model.prior
    prior = prior_of_copies(
        evidence,
        equal.counts[of_copies.left],
        matched_pairs=matched_pairs,
        records=len(equal.keys),
    )
    # Records without any value (pattern 0) are unknown, not equal.
    return np.where(of_copies.pattern == 0, -np.inf, evidence + prior)


def _unknown_matches(
    pairs: CandidatePairs, scored: ScoredPairs, weights: NDArray[np.float64], clusters: Ints
) -> float:
    """Expected number of matches among the pairs of crowded blocks that were not compared.

    They are as likely to be matches as the compared pairs of crowded records outside clusters.
    """
    is_like_them = pairs.is_crowded[scored.left] & pairs.is_crowded[scored.right]
    is_like_them &= clusters[scored.left] != clusters[scored.right]
    if not is_like_them.any():
        return 0.0
    return pairs.report.pairs_not_compared * float(probability(weights[is_like_them]).mean())


_DISAGREEING_PAIRS = 20.0
"""Pairs that disagree, added to the random pairs. Without them, all random pairs of four equal rows
agree, and agreement is no evidence. Among a thousand pairs they do not matter."""


def _candidates(
    distinct: DataFrame, equal: EqualRecords, *, kinds: Sequence[Kind], settings: MatchingSettings
) -> CandidatePairs:
    """All pairs of few distinct records, or the pairs that share a block."""
    conf, count = settings.blocking, len(equal.numbers)
    if count <= conf.compare_all_up_to:
        return all_pairs(count)
    keys = record_keys(blocking_keys(distinct, kinds=kinds), equal.numbers)
    return candidate_pairs(
        keys,
        record_count=count,
        max_block_size=conf.max_block_size,
        most_pairs=most_pairs(count, settings),
    )


def record_keys(keys: DataFrame, numbers: Ints) -> RecordKeys:
    """The blocking keys of distinct records as arrays.

    Args:
        keys: see `blocking_keys`.
        numbers: the record numbers, ascending.
    """
    table = keys.select(RECORD_NO, KEYS).toArrow().combine_chunks()
    lists = table[KEYS].combine_chunks()
    counts = np.diff(np.asarray(lists.offsets))
    record = np.repeat(np.searchsorted(numbers, np.asarray(table[RECORD_NO])), counts)
    order = np.argsort(record, kind="stable")
    return RecordKeys(record[order], np.asarray(lists.flatten())[order])


def clustered(
    scored: ScoredPairs,
    weights: NDArray[np.float64],
    *,
    model: MatchModel,
    is_crowded: Flags,
    conf: ClusteringConf,
) -> Ints:
    """The cluster of each distinct record, named by the smallest one."""
    connects = weights > weight_at(conf.review_at)
    within = scored.where(within_components(len(is_crowded), scored.left, scored.right, connects))
    return clusters(
        len(is_crowded),
        within.left,
        within.right,
        model.pair_evidence(within.pattern, within.rarity.astype(np.float64)),
        is_crowded=is_crowded,
        prior=model.prior,
        household_prior=model.household_prior,
        threshold=weight_at(conf.link_at),
        corroboration=conf.corroboration,
        unseen_weight=conf.unseen_weight,
        max_cluster_size=conf.max_cluster_size,
    )


def _require_values(
    distinct: DataFrame, equal: EqualRecords, names: Sequence[str], kinds: Sequence[Kind]
) -> None:
    if not len(equal.keys):
        raise ContractError("match_people: the input has no records, expected at least one.")
    # One distinct record without any value is all that such a file has.
    is_known = F.coalesce(*value_names(kinds)).isNotNull()
    if len(equal.numbers) == 1 and distinct.where(is_known).isEmpty():
        raise ContractError(
            f"match_people: none of the {len(equal.keys)} records has a value in any of the "
            f"attributes {', '.join(names)}. Check the columns and kinds of the map."
        )


def most_pairs(records: int, settings: MatchingSettings) -> int:
    """How many candidate pairs of distinct records are allowed."""
    return min(settings.blocking.max_pairs_per_record * records, settings.clustering.max_links)


def _require_affordable(pairs: int, records: int, settings: MatchingSettings) -> None:
    limit = most_pairs(records, settings)
    if pairs > limit:
        raise ContractError(
            f"match_people: blocking gave {pairs:,} candidate pairs for {records:,} records, "
            f"allowed are {limit:,}. Lower blocking.max_block_size (now "
            f"{settings.blocking.max_block_size}), or raise blocking.max_pairs_per_record and "
            "clustering.max_links."
        )


def _learn(
    records: DataFrame,
    scored: ScoredPairs,
    equal: EqualRecords,
    terms: Terms,
    names: Sequence[str],
    kinds: Sequence[Kind],
    conf: TrainingConf,
) -> MatchModel:
    """A model from the records alone.

    A copy counts as one pair, with the first of its equals: it is one record that was repeated
    without an error, however many others were.
    """
    is_self = scored.left == scored.right
    others = equal.counts[scored.left] - 1
    pair_counts = np.where(is_self, np.where(scored.pattern == 0, 0, others), 1)
    patterns, of_pair = np.unique(scored.pattern, return_inverse=True)
    counts = np.bincount(of_pair, weights=pair_counts, minlength=len(patterns))
    copies = float(pair_counts[is_self].sum())
    u_probabilities = random_pair_levels(records, kinds=kinds, conf=conf)
    mixture = em.fit(
        patterns,
        counts,
        u_probabilities=u_probabilities,
        household_facts=household_facts(kinds),
        prior_pairs=conf.prior_pairs,
        max_rounds=conf.max_rounds,
        tolerance=conf.tolerance,
        first_match_share=min(copies / counts.sum(), em.FIRST_MATCH_SHARE)
        if copies
        else em.FIRST_MATCH_SHARE,
    )
    return learnt_model(
        mixture,
        names=names,
        kinds=kinds,
        u_probabilities=u_probabilities,
        chances_of_equal=terms.chances_of_equal,
        pairs=int(counts.sum()),
        records=len(equal.numbers),
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
