"""The MLflow tracking of a lake."""

from kinfold.core.errors import ConfError
from kinfold.core.settings.models import Settings
from kinfold.models.relocation import LAKE_FOLDER
from kinfold.models.tracking import Tracking, open_tracking
from kinfold.runtime.lake.roots import local_path


def tracking_of(settings: Settings) -> Tracking:
    """The tracking that the settings name; without it, SQLite and files inside the lake.

    So each lake has its own models: a champion trained on the people of one company must not score
    those of another.

    Raises:
        ConfError: the lake is not local and no tracking URI is set.
    """
    conf = settings.tracking
    if conf.uri is not None:
        return open_tracking(conf.uri, experiment=conf.experiment)
    local = local_path(settings.lake.root)
    if local is None:
        raise ConfError(
            f"tracking.uri is not set and lake.root {settings.lake.root} is not a local folder, "
            "where MLflow's database could be. Set it: --set tracking.uri=http://HOST:PORT."
        )
    folder = local / LAKE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return open_tracking(f"sqlite:///{folder / 'mlflow.db'}", experiment=conf.experiment)
