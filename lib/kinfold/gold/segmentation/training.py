"""Training of segments: fit, name, register, and promote the new version if its gate passes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, functions as F

from kinfold.gold.segmentation.clustering import (
    CLUSTERED_COLUMNS,
    Clustering,
    SegmentSearch,
    find_segments,
    silhouette_of,
)
from kinfold.gold.segmentation.naming import segment_cards
from kinfold.gold.segmentation.projection import SegmentMap, segment_map
from kinfold.models import plots, registry
from kinfold.models.gates import Gate
from kinfold.models.tracking import Tracking, TrainingRun, training_run
from kinfold.tables import gold
from kinfold.tables.collected import first_row

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Segment:
    """A trained segment: id, name, description, number of people and means of their features."""

    segment_id: int
    name: str
    card: str
    size: int
    means: Mapping[str, float]


@dataclass(frozen=True)
class SegmentTraining:
    """The result of one training.

    Attributes:
        promoted: whether the version is now the champion.
        reasons: the failed checks of the gate, as sentences; empty if promoted.
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
    search: SegmentSearch,
    currency: str | None = None,
    partitions: int = 2,
) -> SegmentTraining:
    """Fits and names segments, registers the model, and promotes it if the gate passes.

    Args:
        features: gold.features of one moment, `as_of`.
        name: registered model name.
        search: the numbers of segments to try, and how to choose one.
        currency: of the amounts of the features; null = unknown.
        partitions: number of partitions of the training rows; use few for few people.

    Raises:
        ModelDataError: there are fewer people than `search.min_people`, or all behave alike.
    """
    people = (
        features.repartition(partitions, "profile_id").sortWithinPartitions("profile_id").cache()
    )
    try:
        with training_run(tracking, name=name, input_versions=input_versions) as run:
            run.log(params={**asdict(search), "features": CLUSTERED_COLUMNS})
            clustering = find_segments(people, search=search)
            segments = named_segments(clustering, currency=currency)
            metrics = _metrics(clustering)
            run.log(metrics=metrics)
            champion = registry.champion_metrics(
                tracking,
                people,
                name=name,
                # Scaled like the candidate, so that the two silhouettes are comparable.
                evaluate=lambda model: {
                    "silhouette": silhouette_of(people, model=model, scaled_by=clustering.model)
                },
            )
            verdict = gate.evaluate(metrics, champion=champion)
            sample_map = segment_map(people, model=clustering.model, seed=search.seed)
            _keep(run, clustering, segments, sample_map, champion, search=search)
            version = registry.register_candidate(
                run,
                clustering.model,
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


def reporting_currency(orders: DataFrame) -> str | None:
    """The currency of `spend_cents` and of all amounts that are sums; null without orders.

    Args:
        orders: silver.orders.
    """
    row = first_row(orders.agg(F.max("reporting_currency").alias("currency")))
    return row["currency"] if row else None


def named_segments(clustering: Clustering, *, currency: str | None) -> tuple[Segment, ...]:
    """Segments with names and descriptions, one per centroid."""
    centroids = clustering.centroids
    cards = segment_cards(centroids, medians=clustering.medians, currency=currency)
    return tuple(
        Segment(c.segment_id, card.name, card.text, c.size, c.means)
        for c, card in zip(centroids, cards, strict=True)
    )


def segment_rows(segments: Sequence[Segment], *, model_version: int) -> list[dict[str, Any]]:
    """Rows of gold.segments for one model version."""
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


def clustering_figures(
    clustering: Clustering,
    segments: Sequence[Segment],
    sample_map: SegmentMap,
    *,
    search: SegmentSearch,
) -> "dict[str, Figure]":
    """The figures of a clustering, by file name."""
    limit = search.smallest_share
    trials = [(t.k, t.silhouette, t.smallest_share < limit) for t in clustering.trials]
    return {
        "silhouette_by_k": plots.plot_silhouette_by_k(
            trials, chosen=clustering.chosen.k, smallest_share=limit
        ),
        "segment_map": segment_map_figure(sample_map, {s.segment_id: s.name for s in segments}),
    }


def segment_map_figure(sample_map: SegmentMap, names: Mapping[int, str]) -> "Figure":
    """A scatter plot of the sample; the axis labels name the strongest features of each axis."""

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


def _keep(
    run: TrainingRun,
    clustering: Clustering,
    segments: Sequence[Segment],
    sample_map: SegmentMap,
    champion: Mapping[str, float] | None,
    *,
    search: SegmentSearch,
) -> None:
    """Stores the figures and the documents of a training in its MLflow run."""
    run.log_files(
        figures=clustering_figures(clustering, segments, sample_map, search=search),
        documents={
            "segments": [asdict(segment) for segment in segments],
            "trials": [asdict(trial) for trial in clustering.trials],
            "segment_map": sample_map.as_dict(),
            "champion_metrics": champion,
        },
    )


def _metrics(clustering: Clustering) -> dict[str, float]:
    sizes = [centroid.size for centroid in clustering.centroids]
    return {
        "silhouette": clustering.chosen.silhouette,
        "segments": float(len(sizes)),
        "smallest_share": min(sizes) / sum(sizes),
        "people": float(sum(sizes)),
    }
