"""placement: the MLflow tracking of a lake."""

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.loading import load_settings
from kinfold.models.placement import tracking_of
from project import HOME

pytestmark = pytest.mark.xdist_group("propensity")  # on the worker that has MLflow open


def settings(root, **overrides):
    return load_settings(HOME, "local", {"lake.root": str(root), **overrides})


def test_models_of_a_local_lake_are_tracked_inside_the_lake(tmp_path):
    tracking = tracking_of(settings(tmp_path))
    assert tracking.uri == f"sqlite:///{tmp_path}/_mlflow/mlflow.db"
    assert (tmp_path / "_mlflow" / "mlflow.db").is_file()


def test_a_tracking_uri_in_the_settings_is_used(tmp_path):
    uri = f"sqlite:///{tmp_path}/elsewhere.db"
    assert tracking_of(settings(tmp_path / "lake", **{"tracking.uri": uri})).uri == uri
    assert not (tmp_path / "lake").exists()


def test_a_lake_elsewhere_needs_a_tracking_uri():
    with pytest.raises(ConfError, match=r"lake\.root s3://bucket/lake is not a local folder"):
        tracking_of(settings("s3://bucket/lake"))
