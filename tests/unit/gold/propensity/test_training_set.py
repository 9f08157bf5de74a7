"""Training set: the snapshots to train on, and labelled features."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from frames import assert_rows, at
from kinfold.core.settings.loading import load_settings
from kinfold.gold.propensity.training_set import Snapshots, labelled_features, snapshot_times
from project import HOME


def test_the_last_two_moments_are_one_horizon_apart_and_earlier_ones_one_step():
    snapshots = snapshot_times(at("2026-04-30"), horizon_days=30, train_count=3, step_days=7)
    assert snapshots.holdout == at("2026-03-31")
    assert snapshots.train == (at("2026-02-15"), at("2026-02-22"), at("2026-03-01"))
    assert snapshots.all == (*snapshots.train, snapshots.holdout)


def test_the_snapshots_of_the_settings():
    overrides = {
        "propensity.horizon_days": 10,
        "propensity.train_snapshots": 2,
        "propensity.step_days": 5,
    }
    conf = load_settings(HOME, "local", overrides).propensity
    assert Snapshots.of(conf, as_of=at("2026-03-31")) == Snapshots(
        train=(at("2026-03-06"), at("2026-03-11")), holdout=at("2026-03-21"), horizon_days=10
    )


@given(horizon=st.integers(1, 400), count=st.integers(1, 20), step=st.integers(1, 100))
def test_training_labels_are_complete_before_the_hold_out_starts(horizon, count, step):
    as_of = at("2026-04-30")
    snapshots = snapshot_times(as_of, horizon_days=horizon, train_count=count, step_days=step)
    assert all(moment + timedelta(days=horizon) <= snapshots.holdout for moment in snapshots.train)
    assert snapshots.holdout + timedelta(days=horizon) <= as_of
    assert list(snapshots.train) == sorted(set(snapshots.train))
    assert len(snapshots.train) == count


def test_the_error_names_every_wrong_number():
    with pytest.raises(ValueError, match="train_count is 0, step_days is -1"):
        snapshot_times(at("2026-04-30"), horizon_days=30, train_count=0, step_days=-1)


def test_a_moment_without_a_time_zone_is_rejected():
    with pytest.raises(ValueError, match="has no time zone"):
        snapshot_times(datetime(2026, 4, 30), horizon_days=30, train_count=1, step_days=1)


def test_a_person_without_a_purchase_in_the_horizon_has_label_zero(spark):
    march, april = at("2026-03-01"), at("2026-04-01")
    schema = "profile_id string, as_of timestamp"
    features = spark.createDataFrame([("a", march), ("a", april), ("b", march)], schema)
    purchases = spark.createDataFrame(
        [("a", april, True), ("a stranger", april, True)], f"{schema}, buys boolean"
    )
    assert_rows(
        labelled_features(features, purchases),
        ["profile_id", "as_of", "label"],
        [("a", march, 0.0), ("a", april, 1.0), ("b", march, 0.0)],
    )
