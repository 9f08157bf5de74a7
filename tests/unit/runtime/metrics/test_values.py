"""Values of metrics in memory."""

import math

import pytest
from prometheus_client import generate_latest

from kinfold.runtime.metrics.declarations import Metric
from kinfold.runtime.metrics.values import MetricValues, collector_registry
from prometheus_samples import samples

LEVEL = Metric("kinfold_level", "A level.", ("source",))
TOTAL = Metric("kinfold_seen_total", "A count.")


def test_a_value_is_set_per_series_and_is_null_before():
    values = MetricValues()
    assert values.get(LEVEL, source="web") is None
    values.set(LEVEL, 1, source="web")
    values.set(LEVEL, 2, source="crm")
    values.set(LEVEL, 3, source="web")
    assert (values.get(LEVEL, source="web"), values.get(LEVEL, source="crm")) == (3, 2)


def test_adding_starts_at_zero():
    values = MetricValues()
    values.add(TOTAL, 2)
    values.add(TOTAL, 5)
    assert values.get(TOTAL) == 7


def test_a_null_value_is_not_a_number():
    values = MetricValues()
    values.set(LEVEL, None, source="web")
    assert math.isnan(values.get(LEVEL, source="web"))


@pytest.mark.parametrize("labels", [{"person": "p"}, {}, {"source": "web", "person": "p"}])
def test_labels_that_are_not_those_of_the_metric_are_refused(labels):
    with pytest.raises(ValueError, match=r"kinfold_level: labels are .*, expected \('source',\)"):
        MetricValues().set(LEVEL, 1, **labels)


def test_every_series_is_published_with_the_constant_labels_as_gauge_or_counter():
    values = MetricValues()
    values.set(LEVEL, 4, source="web")
    values.add(TOTAL, 3)
    text = generate_latest(collector_registry(lambda: values.families(job_name="a/b"))).decode()
    assert "# TYPE kinfold_level gauge" in text
    assert "# TYPE kinfold_seen_total counter" in text
    assert samples(text) == {
        ("kinfold_level", (("job_name", "a/b"), ("source", "web"))): 4,
        ("kinfold_seen_total", (("job_name", "a/b"),)): 3,
    }
