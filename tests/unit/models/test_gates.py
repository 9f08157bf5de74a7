"""Gates: whether a candidate may become champion."""

import math

import pytest

from kinfold.models.gates import Check, Gate

GATE = Gate(
    at_least={"auc_roc": 0.6},
    at_most={"ece": 0.05},
    beats_baseline_on=("auc_roc",),
    tolerance={"auc_roc": 0.01},
)
GOOD = {"auc_roc": 0.75, "ece": 0.02}


def test_a_good_candidate_passes_without_a_champion():
    verdict = GATE.evaluate(GOOD, baseline={"auc_roc": 0.7})
    assert verdict.is_passed
    assert verdict.reasons == ()
    assert [check.name for check in verdict.checks] == [
        "auc_roc",
        "ece",
        "auc_roc against the rule",
    ]


@pytest.mark.parametrize(
    ("metrics", "baseline", "champion", "reason"),
    [
        ({**GOOD, "auc_roc": 0.59}, 0.5, None, "auc_roc is 0.59, required at least 0.6"),
        ({**GOOD, "ece": 0.051}, 0.5, None, "ece is 0.051, required at most 0.05"),
        (GOOD, 0.75, None, "auc_roc against the rule is 0.75, required more than 0.75"),
        (GOOD, 0.5, 0.77, "auc_roc against the champion is 0.75, required at least 0.76"),
        ({"auc_roc": 0.75}, 0.5, None, "ece is nan, required at most 0.05"),
        ({**GOOD, "auc_roc": math.nan}, 0.5, None, "auc_roc is nan, required at least 0.6"),
    ],
)
def test_each_check_can_fail_and_names_its_reason(metrics, baseline, champion, reason):
    verdict = GATE.evaluate(
        metrics,
        baseline={"auc_roc": baseline},
        champion=None if champion is None else {"auc_roc": champion},
    )
    assert not verdict.is_passed
    assert reason in verdict.reasons


def test_a_value_equal_to_its_limit_meets_it():
    verdict = GATE.evaluate(
        {"auc_roc": 0.6, "ece": 0.05}, baseline={"auc_roc": 0.5}, champion={"auc_roc": 0.61}
    )
    assert verdict.is_passed


def test_all_failing_checks_are_named():
    verdict = GATE.evaluate({"auc_roc": 0.5, "ece": 0.9}, baseline={"auc_roc": 0.6})
    assert len(verdict.reasons) == 3


def test_a_rule_without_metrics_is_not_beaten():
    assert not GATE.evaluate(GOOD, baseline={}).is_passed


def test_a_verdict_is_plain_data_with_every_number():
    plain = GATE.evaluate(GOOD, baseline={"auc_roc": 0.7}).as_dict()
    assert plain["is_passed"] is True
    assert plain["checks"][1] == {
        "name": "ece",
        "seen": 0.02,
        "comparison": "at most",
        "required": 0.05,
        "is_met": True,
        "sentence": "ece is 0.02, required at most 0.05",
    }


def test_a_limit_that_is_not_a_number_is_never_met():
    assert not Check("x", 1.0, "at least", math.nan).is_met
