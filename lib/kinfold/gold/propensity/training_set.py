"""Training set: the snapshots to train on, and their features with labels."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, functions as F

from kinfold.core.settings.models import PropensityConf


@dataclass(frozen=True)
class Snapshots:
    """The moments of the training rows, and the later moment of the hold-out.

    The horizon of every training moment ends at or before `holdout`, so training labels and
    hold-out labels do not overlap.
    """

    train: tuple[datetime, ...]
    holdout: datetime
    horizon_days: int

    @classmethod
    def of(cls, conf: PropensityConf, *, as_of: datetime) -> "Snapshots":
        """The snapshots of the settings (see `snapshot_times`)."""
        return snapshot_times(
            as_of,
            horizon_days=conf.horizon_days,
            train_count=conf.train_snapshots,
            step_days=conf.step_days,
        )

    @property
    def all(self) -> tuple[datetime, ...]:
        return (*self.train, self.holdout)


def snapshot_times(
    as_of: datetime, *, horizon_days: int, train_count: int, step_days: int
) -> Snapshots:
    """Training moments, oldest first, and the moment of the hold-out.

    The hold-out lies one horizon before `as_of`, so its labels are complete at `as_of`. The latest
    training moment lies one horizon before the hold-out, and each earlier one `step_days` before
    the next.

    Raises:
        ValueError: a number is below 1 or `as_of` has no time zone.
    """
    numbers = {"horizon_days": horizon_days, "train_count": train_count, "step_days": step_days}
    wrong = [f"{name} is {value}" for name, value in numbers.items() if value < 1]
    if wrong:
        raise ValueError(f"snapshot_times: {', '.join(wrong)}, expected 1 or more.")
    if as_of.tzinfo is None:
        raise ValueError(
            f"snapshot_times: as_of {as_of.isoformat()} has no time zone, expected one. "
            "Write datetime(..., tzinfo=UTC)."
        )
    holdout = as_of - timedelta(days=horizon_days)
    latest = holdout - timedelta(days=horizon_days)
    train = tuple(latest - timedelta(days=step_days * i) for i in reversed(range(train_count)))
    return Snapshots(train=train, holdout=holdout, horizon_days=horizon_days)


def labelled_features(features: DataFrame, purchases: DataFrame) -> DataFrame:
    """Features with `label`: 1.0 if the person bought within the horizon, else 0.0.

    Args:
        features: gold.features.
        purchases: `purchases_within` of the same moments. Buyers without a row in `features` are
            ignored: nothing was known about them at that moment, so no model could score them.

    Returns:
        One row per row of `features`.
    """
    buyers = purchases.select("profile_id", "as_of", F.col("buys").cast("double").alias("label"))
    joined = features.join(buyers, on=["profile_id", "as_of"], how="left")
    return joined.withColumn("label", F.coalesce(F.col("label"), F.lit(0.0)))
