"""Values of metrics in memory."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from kinfold.runtime.metrics.declarations import Metric


class MetricValues:
    """Current values of metrics by label values; thread-safe.

    A null value is stored as NaN: it was measured, and there is no number.
    """

    def __init__(self) -> None:
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {}
        self._lock = threading.Lock()

    def set(self, metric: Metric, value: float | None, **labels: str) -> None:
        """Set the value of one series.

        Raises:
            ValueError: the labels differ from the metric's labels.
        """
        key = _label_values(metric, labels)
        with self._lock:
            self._values.setdefault(metric, {})[key] = math.nan if value is None else float(value)

    def add(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to one series; it starts at 0."""
        key = _label_values(metric, labels)
        with self._lock:
            series = self._values.setdefault(metric, {})
            series[key] = series.get(key, 0.0) + value

    def get(self, metric: Metric, **labels: str) -> float | None:
        """The value of one series; null if it is not set."""
        with self._lock:
            return self._values.get(metric, {}).get(_label_values(metric, labels))

    def families(self, **constant: str) -> list[prometheus.Metric]:
        """All values as families of the Prometheus client; each series also has `constant`
        labels."""
        with self._lock:
            values = {metric: dict(series) for metric, series in self._values.items()}
        families: list[prometheus.Metric] = []
        for metric, series in values.items():
            kind = CounterMetricFamily if metric.name.endswith("_total") else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=[*constant, *metric.labels])
            for label_values, value in series.items():
                family.add_metric([*constant.values(), *label_values], value)
            families.append(family)
        return families


def _label_values(metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
    if set(labels) != set(metric.labels):
        raise ValueError(f"{metric.name}: labels are {tuple(labels)}, expected {metric.labels}.")
    return tuple(labels[name] for name in metric.labels)


def collector_registry(families: Callable[[], Iterable[prometheus.Metric]]) -> CollectorRegistry:
    """A Prometheus registry that calls `families` at each collection."""

    class Families(Collector):
        def collect(self) -> Iterable[prometheus.Metric]:
            return families()

    registry = CollectorRegistry()
    registry.register(Families())
    return registry
