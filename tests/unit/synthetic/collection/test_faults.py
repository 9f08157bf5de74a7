"""Faults of collection: kinds and rates."""

import pytest

from kinfold.synthetic import FaultRates, World
from synthetic_worlds import MANY_FAULTS, raw_lines, readable_events

pytestmark = pytest.mark.xdist_group("synthetic")


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_rate_outside_zero_to_one_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"late is .*, expected rates in \[0, 1\]"):
        FaultRates(late=rate)


def test_timing_faults_of_more_than_all_events_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to more than 1"):
        FaultRates(late=0.6, out_of_order=0.5)


def test_a_world_without_faults_has_none(clean_longer_world: World) -> None:
    clean = clean_longer_world
    counts = clean.counts
    assert counts["lines"] == counts["events"] == len(list(readable_events(clean))) > 0
    faults = ("duplicates", "rejected", "late", "out_of_order", "clock_skew", "placeholders")
    assert [counts[name] for name in faults] == [0, 0, 0, 0, 0, 0]
    assert counts["crm_typos"] == counts["shared_identifiers"] == 0


def test_faults_happen_about_as_often_as_configured(world: World) -> None:
    for name in ("duplicates", "late", "out_of_order", "malformed", "schema_breaking"):
        ratio = world.counts[name] / world.counts["events"]
        assert ratio == pytest.approx(getattr(MANY_FAULTS, name), rel=0.4), name


def test_no_line_of_a_malformed_kind_is_an_event(world: World) -> None:
    assert sum(line == "" for line in raw_lines(world)) == world.counts["malformed_empty"]
    assert all(world.counts[f"malformed_{kind}"] > 0 for kind in ("truncated", "not_json"))
