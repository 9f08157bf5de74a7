"""A summary of a small lake, written by hand."""

import copy
from typing import Any

import pytest

SUMMARY: dict[str, Any] = {
    "run_id": "r7",
    "lake": "var/lake",
    "as_of": "2026-03-01T00:00:00+00:00",
    "stages": [{"job": "silver/clean_events", "seconds": 1.25, "counts": {"new_events": 1_234}}],
    "sources": [
        {"source": "shop", "records_in": 2_000, "accepted": 1_990, "rejected": 10, "batches": 3}
    ],
    "ledger": [
        {"name": "landed = accepted + rejected", "left": 2_000, "right": 2_000, "is_kept": True},
        {"name": "accepted = added", "left": 1_990, "right": 1_989, "is_kept": False},
    ],
    "rejections": [{"reason": "order_id: missing", "records": 8}],
    "event_types": [{"event_type": "purchase", "events": 1_990}],
    "tables": {"silver.events": 1_989},
    "quality": [{"table_name": "silver.events", "rules": 9, "rules_met": 9, "rows_checked": 51}],
    "weeks": [
        {
            "start": "2026-02-22T00:00:00+00:00",
            "events": 400,
            "new_people": 30,
            "orders": 20,
            "revenue_cents": 123_450.0,
            "currency": "GBP",
        }
    ],
    "orders": {
        "bought": 20,
        "sent_twice": 2,
        "cancelled": 0,
        "unknown": 0,
        "contested": 0,
        "foreign_refunds": 0,
        "revenue_cents": 742_500.0,
        "currency": "GBP",
        "unconverted": {},
    },
    "no_segments": None,
    "no_propensity": None,
    "identity": {
        "profiles": 300,
        "identifiers": 900,
        "largest_profile": 12,
        "anonymous_events": 40,
        "sizes": [[1, 200], [3, 100]],
    },
    "identity_quality": {
        "links": [],
        "reasons": [],
        "bad_values": [],
        "churn": [],
        "structure": None,
    },
    "identity_truth": {
        "precision": 0.99,
        "recall": 0.8,
        "f1": 0.885,
        "people": 310,
        "profiles": 300,
        "pure_profiles": 290,
        "whole_people": 280,
    },
    "segments": {
        "model_version": 2,
        "cards": [
            {
                "segment_id": 0,
                "name": "Big spenders",
                "card": "Typically 99.00 GBP spent ever (everyone: nothing).",
                "members": 75,
                "share": 0.25,
                "buyers": 60,
                "revenue_cents": 742_500.0,
                "currency": "GBP",
                "consent": {"email": 45},
            }
        ],
        "run_id": "m1",
        "metrics": {},
    },
    "propensity": {
        "model_version": 4,
        "run_id": "m2",
        "scored": 300,
        "mean_probability": 0.125,
        "evaluation": {
            "metrics": {
                "auc_roc": 0.8125,
                "average_precision": 0.4,
                "base_rate": 0.15,
                "lift_top_decile": 3.0,
                "brier": 0.1,
                "ece": 0.02,
            },
            "baseline_metrics": {
                "auc_roc": 0.75,
                "average_precision": 0.3,
                "lift_top_decile": 2.0,
            },
        },
        "verdict": {"is_passed": True, "checks": []},
    },
    "propensity_truth": {
        "profiles": 290,
        "buyers": 50,
        "auc_roc": 0.7,
        "average_precision": 0.35,
        "lift_top_decile": 2.5,
        "mean_probability": 0.12,
        "base_rate": 0.172,
    },
}


@pytest.fixture
def summary() -> dict[str, Any]:
    return copy.deepcopy(SUMMARY)


@pytest.fixture
def untrained(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary of a lake without models, jobs, rejections or known truth."""
    nothing = dict.fromkeys(("identity_truth", "segments", "propensity", "propensity_truth"))
    why = {
        "no_segments": "none yet: 4 people with events, and segments need at least 50",
        "no_propensity": "none: no version has passed its gate",
    }
    return summary | nothing | why | {"stages": [], "rejections": [], "weeks": []}
