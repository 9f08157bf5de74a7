"""Gates: whether a candidate may become champion, as named checks of a number each."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

MetricComparison = Literal["at least", "at most", "more than"]


@dataclass(frozen=True)
class Check:
    """One condition: a number seen against the number required."""

    name: str
    seen: float
    comparison: MetricComparison
    required: float

    @property
    def is_met(self) -> bool:
        """A number that is not finite never meets anything."""
        if not (math.isfinite(self.seen) and math.isfinite(self.required)):
            return False
        if self.comparison == "at most":
            return self.seen <= self.required
        if self.comparison == "more than":
            return self.seen > self.required
        return self.seen >= self.required

    @property
    def sentence(self) -> str:
        """The check as people read it, with both numbers."""
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
        """Why the candidate may not become champion; empty when it may."""
        return tuple(check.sentence for check in self.checks if not check.is_met)

    def as_dict(self) -> dict[str, Any]:
        checks = [
            {**asdict(check), "is_met": check.is_met, "sentence": check.sentence}
            for check in self.checks
        ]
        return {"is_passed": self.is_passed, "checks": checks}


@dataclass(frozen=True)
class Gate:
    """What a candidate must show before it may become champion.

    Attributes:
        at_least, at_most: absolute limits by metric.
        beats_baseline_on: metrics on which it must be better than the one-line rule.
        tolerance: by metric where more is better, how much worse than the champion, judged on the
            same people, it may be.
    """

    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)
    beats_baseline_on: tuple[str, ...] = ()
    tolerance: Mapping[str, float] = field(default_factory=dict)

    def judge(
        self,
        metrics: Mapping[str, float],
        *,
        baseline: Mapping[str, float] | None = None,
        champion: Mapping[str, float] | None = None,
    ) -> GateVerdict:
        """Every check of the gate; a metric that was not measured fails its check.

        Args:
            baseline: metrics of the rule on the same people; None when there is no rule.
            champion: metrics of the current champion on the same people; None when there is none,
                so that the first candidate is held to the absolute limits and the rule only.
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
