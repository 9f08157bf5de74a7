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
    "quality": [{"table_name": "silver.events", "rules": 9, "rules_met": 9, "rows_checked": 1_989}],
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
                "card": "On average 99.00 spent ever (everyone: 33.00).",
                "members": 75,
                "share": 0.25,
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
    return summary | nothing | {"stages": [], "rejections": []}
