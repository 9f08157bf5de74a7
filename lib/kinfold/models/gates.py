"""Gates: whether a candidate may become champion, as named checks of one metric each."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

MetricComparison = Literal["at least", "at most", "more than"]


@dataclass(frozen=True)
class Check:
    """One condition: the metric of a candidate compared with a limit."""

    name: str
    seen: float
    comparison: MetricComparison
    required: float

    @property
    def is_met(self) -> bool:
        """Whether the condition is met; never by a number that is not finite."""
        if not (math.isfinite(self.seen) and math.isfinite(self.required)):
            return False
        if self.comparison == "at most":
            return self.seen <= self.required
        if self.comparison == "more than":
            return self.seen > self.required
        return self.seen >= self.required

    @property
    def sentence(self) -> str:
        """The check as a sentence, with both numbers."""
        return f"{self.name} is {self.seen:.4g}, required {self.comparison} {self.required:.4g}"


@dataclass(frozen=True)
class GateVerdict:
    """All checks of one candidate."""

    checks: tuple[Check, ...]

    @property
    def is_passed(self) -> bool:
        return all(check.is_met for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The checks that are not met, as sentences; empty if the candidate may become champion."""
        return tuple(check.sentence for check in self.checks if not check.is_met)

    def as_dict(self) -> dict[str, Any]:
        checks = [
            {**asdict(check), "is_met": check.is_met, "sentence": check.sentence}
            for check in self.checks
        ]
        return {"is_passed": self.is_passed, "checks": checks}


@dataclass(frozen=True)
class Gate:
    """The conditions under which a candidate may become champion.

    Attributes:
        at_least, at_most: absolute limits by metric.
        beats_baseline_on: metrics that must be higher than those of the one-line rule.
        tolerance: by metric where more is better, by how much the metric may be below that of the
            champion on the same people.
    """

    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)
    beats_baseline_on: tuple[str, ...] = ()
    tolerance: Mapping[str, float] = field(default_factory=dict)

    def evaluate(
        self,
        metrics: Mapping[str, float],
        *,
        baseline: Mapping[str, float] | None = None,
        champion: Mapping[str, float] | None = None,
    ) -> GateVerdict:
        """The verdict on a candidate: every check of the gate. A missing metric fails its check.

        Args:
            metrics: of the candidate.
            baseline: metrics of the rule on the same people; None if there is no rule.
            champion: metrics of the current champion on the same people; None if there is none.
                The first candidate has only to meet the absolute limits and to beat the rule.
        """

        def seen(metric: str) -> float:
            return metrics.get(metric, math.nan)

        checks = [Check(m, seen(m), "at least", limit) for m, limit in self.at_least.items()]
        checks += [Check(m, seen(m), "at most", limit) for m, limit in self.at_most.items()]
        if baseline is not None:
            checks += [
                Check(f"{m} against the rule", seen(m), "more than", baseline.get(m, math.nan))
                for m in self.beats_baseline_on
            ]
        if champion is not None:
            checks += [
                Check(f"{m} against the champion", seen(m), "at least", champion[m] - slack)
                for m, slack in self.tolerance.items()
                if m in champion
            ]
        return GateVerdict(tuple(checks))
