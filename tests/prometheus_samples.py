"""Reading what is published to Prometheus, and settings for publishing it."""

from prometheus_client.parser import text_string_to_metric_families

from kinfold.core.settings.models import MetricsConf

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def metrics_conf(**changes: object) -> MetricsConf:
    """Settings that publish nothing, with some changes."""
    usual = dict(host="127.0.0.1", port=None, textfile_folder=None, push_gateway=None)
    return MetricsConf(**{**usual, **changes})


def samples(text: str) -> Samples:
    """Every sample of an exposition by name and labels, as a strict parser reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(among: Samples, name: str, **labels: str) -> float:
    """The value of one sample."""
    return among[name, tuple(sorted(labels.items()))]
