"""Training: from features to named segments in the registry, judged and, if they pass, in use."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from kinfold.gold.segmentation.clustering import (
    CLUSTERED_COLUMNS,
    Centroid,
    Clustering,
    find_segments,
    silhouette_of,
)
from kinfold.gold.segmentation.naming import segment_cards
from kinfold.gold.segmentation.projection import SegmentMap, segment_map
from kinfold.models import plots, registry
from kinfold.models.gates import Gate
from kinfold.models.tracking import Tracking, training_run
from kinfold.tables import gold

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Segment:
    """A segment as it was trained: number, name, card, size and average member."""

    segment_id: int
    name: str
    card: str
    size: int
    means: Mapping[str, float]


@dataclass(frozen=True)
class SegmentTraining:
    """What one training led to.

    Attributes:
        promoted: whether the version is the champion now.
        reasons: the checks it failed, as sentences; empty when promoted.
    """

    name: str
    version: int
    run_id: str
    promoted: bool
    reasons: tuple[str, ...]
    metrics: Mapping[str, float]
    segments: tuple[Segment, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of gold.segments."""
        return segment_rows(self.segments, model_version=self.version)


def train_segments(
    features: DataFrame,
    *,
    as_of: datetime,
    tracking: Tracking,
    name: str,
    gate: Gate,
    input_versions: Mapping[str, int],
    k_min: int = 4,
    k_max: int = 7,
    sample_size: int = 10_000,
    smallest_share: float = 0.02,
    seed: int = 7,
    partitions: int = 2,
) -> SegmentTraining:
    """Find segments, name them, register the model, and promote it if the gate passes.

    Args:
        features: gold.features of one moment, `as_of`.
        name: registered model name.
        sample_size: about how many people the number of segments is chosen on.
        smallest_share: a number of segments that leaves one smaller than this is avoided.
        partitions: pieces the people are cut into; few for few people.

    Raises:
        ModelDataError: there are no two people who differ.
    """
    people = (
        features.repartition(partitions, "profile_id").sortWithinPartitions("profile_id").cache()
    )
    try:
        with training_run(tracking, name=name, input_versions=input_versions) as run:
            run.describe(
                params={
                    "k_min": k_min,
                    "k_max": k_max,
                    "sample_size": sample_size,
                    "smallest_share": smallest_share,
                    "seed": seed,
                    "features": CLUSTERED_COLUMNS,
                }
            )
            found = find_segments(
                people,
                k_min=k_min,
                k_max=k_max,
                sample_size=sample_size,
                smallest_share=smallest_share,
                seed=seed,
            )
            segments = named_segments(found.centroids)
            metrics = _metrics(found)
            run.describe(metrics=metrics)
            champion = registry.champion_metrics(
                tracking,
                people,
                name=name,
                # In the candidate's space, so that the two silhouettes can be compared.
                evaluate=lambda model: {
                    "silhouette": silhouette_of(people, model=model, judged_in=found.model)
                },
            )
            verdict = gate.judge(metrics, champion=champion)
            sample_map = segment_map(people, model=found.model, seed=seed)
            run.keep(
                figures=figures_of(found, segments, sample_map, smallest_share=smallest_share),
                documents={
                    "segments": [asdict(segment) for segment in segments],
                    "trials": [asdict(trial) for trial in found.trials],
                    "segment_map": sample_map.as_dict(),
                    "champion_metrics": champion,
                },
            )
            version = registry.register_candidate(
                run,
                found.model,
                people,
                name=name,
                columns=CLUSTERED_COLUMNS,
                declared=gold.FEATURES.schema,
                prediction_type="long",
                as_of=as_of,
            )
            promoted = registry.apply_verdict(run, name=name, version=version, verdict=verdict)
    finally:
        people.unpersist()
    return SegmentTraining(name, version, run.run_id, promoted, verdict.reasons, metrics, segments)


def named_segments(centroids: Sequence[Centroid]) -> tuple[Segment, ...]:
    """Centroids with their names and cards."""
    return tuple(
        Segment(c.segment_id, card.name, card.text, c.size, c.means)
        for c, card in zip(centroids, segment_cards(centroids), strict=True)
    )


def segment_rows(segments: Sequence[Segment], *, model_version: int) -> list[dict[str, Any]]:
    """Rows of gold.segments for one version of the model."""
    return [
        {
            "model_version": model_version,
            "segment_id": segment.segment_id,
            "name": segment.name,
            "card": segment.card,
            "trained_size": segment.size,
            "centroid": dict(segment.means),
        }
        for segment in segments
    ]


def figures_of(
    found: Clustering,
    segments: Sequence[Segment],
    sample_map: SegmentMap,
    *,
    smallest_share: float,
) -> "dict[str, Figure]":
    """The pictures of a clustering, by file name."""
    trials = [(t.k, t.silhouette, t.smallest_share < smallest_share) for t in found.trials]
    return {
        "silhouette_by_k": plots.plot_silhouette_by_k(
            trials, chosen=found.chosen.k, smallest_share=smallest_share
        ),
        "segment_map": map_figure(sample_map, {s.segment_id: s.name for s in segments}),
    }


def map_figure(sample_map: SegmentMap, names: Mapping[int, str]) -> "Figure":
    """The map as a picture, its axes labelled with the features that change most along them."""

    def label(axis: int) -> str:
        part = sample_map.axes[axis]
        terms = [
            f"{'more' if weight > 0 else 'less'} {plots.feature_label(feature)}"
            for feature, weight in part.loadings[:2]
        ]
        return f"{' and '.join(terms)} →\n({part.variance_ratio:.0%} of the differences)"

    return plots.plot_segment_map(
        sample_map.points, names=names, x_label=label(0), y_label=label(1)
    )


def _metrics(found: Clustering) -> dict[str, float]:
    sizes = [centroid.size for centroid in found.centroids]
    return {
        "silhouette": found.chosen.silhouette,
        "segments": float(len(sizes)),
        "smallest_share": min(sizes) / sum(sizes),
        "people": float(sum(sizes)),
    }
