"""Training set: which moments to learn from."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from frames import assert_rows, at
from kinfold.gold.propensity.training_set import labelled_features, snapshot_times


def test_moments_lie_one_horizon_apart_at_the_end_and_one_step_before():
    found = snapshot_times(at("2026-04-30"), horizon_days=30, train_count=3, step_days=7)
    assert found.holdout == at("2026-03-31")
    assert found.train == (at("2026-02-15"), at("2026-02-22"), at("2026-03-01"))
    assert found.all == (*found.train, found.holdout)


@given(horizon=st.integers(1, 400), count=st.integers(1, 20), step=st.integers(1, 100))
def test_no_outcome_learnt_from_reaches_into_the_hold_out(horizon, count, step):
    as_of = at("2026-04-30")
    found = snapshot_times(as_of, horizon_days=horizon, train_count=count, step_days=step)
    assert all(moment + timedelta(days=horizon) <= found.holdout for moment in found.train)
    assert found.holdout + timedelta(days=horizon) <= as_of
    assert list(found.train) == sorted(set(found.train))
    assert len(found.train) == count


def test_every_wrong_number_is_named():
    with pytest.raises(ValueError, match="train_count is 0, step_days is -1"):
        snapshot_times(at("2026-04-30"), horizon_days=30, train_count=0, step_days=-1)


def test_a_moment_needs_a_time_zone():
    with pytest.raises(ValueError, match="has no time zone"):
        snapshot_times(datetime(2026, 4, 30), horizon_days=30, train_count=1, step_days=1)


def test_who_is_not_among_the_buyers_of_a_moment_did_not_buy(spark):
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
