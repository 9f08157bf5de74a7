"""Training of segments: fit, name, register, and promote if the gate passes."""

import pytest

from frames import assert_rows, at
from kinfold.gold.segmentation.clustering import SegmentSearch
from kinfold.gold.segmentation.membership import segment_members
from kinfold.gold.segmentation.training import train_segments
from kinfold.models import registry
from kinfold.models.gates import Gate
from kinfold.models.tracking import client_of
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("segmentation")  # on one worker, to share its fixtures
NOW = at("2026-03-31")


def train(tracking, people, *, gate, **more):
    settings = dict(
        as_of=NOW,
        tracking=tracking,
        name="segments",
        input_versions={"gold.features": 5},
        search=SegmentSearch(k_min=2, k_max=3),
        partitions=1,
    )
    return train_segments(people, gate=gate, **{**settings, **more})


@pytest.fixture(scope="module")
def first(tracking, people):
    return train(tracking, people, gate=Gate(at_least={"silhouette": 0.2}))


def test_segments_are_fitted_named_and_promoted(tracking, first):
    assert (first.version, first.promoted, first.reasons) == (1, True, ())
    assert [s.size for s in first.segments] == [100, 100, 100]
    assert [s.name for s in first.segments] == [
        "Active regular buyers",
        "Lapsed regular buyers",
        "Window shoppers",
    ]
    assert registry.get_champion(tracking, name="segments").version == 1


def test_the_result_has_the_rows_of_gold_segments(spark, first):
    table = gold.SEGMENTS.frame(spark, *first.rows)
    columns = ["model_version", "segment_id", "trained_size"]
    assert_rows(table, columns, [(1, 0, 100), (1, 1, 100), (1, 2, 100)])
    assert gold.SEGMENTS.conform(table).first()["centroid"]["order_count"] > 5


def test_the_run_records_segments_trials_and_figures(tracking, first):
    metrics = client_of(tracking).get_run(first.run_id).data.metrics
    assert metrics["segments"] == 3
    assert metrics["silhouette"] == first.metrics["silhouette"]
    document = registry.read_document(tracking, run_id=first.run_id, document="segments")
    assert [segment["name"] for segment in document] == [s.name for s in first.segments]
    trials = registry.read_document(tracking, run_id=first.run_id, document="trials")
    assert [trial["k"] for trial in trials] == [2, 3]
    for figure in ("silhouette_by_k", "segment_map"):
        assert registry.read_figure(tracking, run_id=first.run_id, name=figure)


def test_a_loaded_champion_assigns_people_as_in_training(tracking, people, first):
    champion = registry.get_champion(tracking, name="segments")
    model = registry.load_model(tracking, champion)
    members = segment_members(people, model=model, version=champion.version)
    sizes = members.groupBy("segment_id").count()
    assert_rows(sizes, ["segment_id", "count"], [(0, 100), (1, 100), (2, 100)])


def test_segments_worse_than_the_champions_are_not_promoted(tracking, people, first):
    gate = Gate(tolerance={"silhouette": 0.01})
    worse = train(tracking, people, gate=gate, search=SegmentSearch(k_min=2, k_max=2))
    assert not worse.promoted
    assert worse.reasons[0].startswith("silhouette against the champion is ")
    assert registry.get_champion(tracking, name="segments").version == 1
