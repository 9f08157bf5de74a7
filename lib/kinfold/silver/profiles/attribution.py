"""Events and records by person."""

from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.job import JobRun
from kinfold.silver.identity.graph.nodes import RECORD, Namespaces
from kinfold.silver.identity.resolution.history import current, shared_nodes
from kinfold.tables import silver


@dataclass(frozen=True)
class SourceRanking:
    """Which identifier of an event says whose it is.

    Attributes:
        namespaces: the strongest kind first.
        set_aside: nodes that are nobody's (silver.bad_values).
    """

    namespaces: Namespaces = field(default_factory=lambda: Namespaces((RECORD,), {}))
    set_aside: tuple[int, ...] = ()

    def strongest(self) -> Column:
        """The strongest of `identifiers` that is somebody's, as a struct; null if there is none."""
        ranked = self.namespaces.ranked(F.col("identifiers"), without=self.set_aside)
        return F.try_element_at(ranked, F.lit(1))


def source_ranking(run: JobRun) -> SourceRanking:
    """The ranking of the settings and of the values set aside in the lake."""
    shared = shared_nodes(run.lake.read_or_empty(silver.BAD_VALUES))
    return SourceRanking(Namespaces.of(run.settings.identity), tuple(sorted(shared)))


def people_of_today(run: JobRun) -> DataFrame:
    """Today's rows of silver.identity_map, of the version the run has pinned."""
    return current(run.read(silver.IDENTITY_MAP))


def attributed_events(
    events: DataFrame, identity_map: DataFrame, ranking: SourceRanking | None = None
) -> DataFrame:
    """Events with the person they belong to; anonymous events (no usable identifier) are left out.

    The strongest identifier names the person: on a shared device an account says more than the
    device. The same holds for records.

    Args:
        events: silver.events, or silver.records.
        identity_map: namespace, value, profile_id; one row per identifier.

    Returns:
        The columns of `events` and profile_id; one row per event.
    """
    people = identity_map.select(
        F.col("namespace").alias("_namespace"), F.col("value").alias("_value"), "profile_id"
    )
    strongest = (ranking or SourceRanking()).strongest()
    return (
        events.where(F.size("identifiers") > 0)
        .withColumn("_one", strongest)
        .withColumns({"_namespace": F.col("_one.namespace"), "_value": F.col("_one.value")})
        .join(people, ["_namespace", "_value"], how="inner")
        .drop("_namespace", "_value", "_one")
    )
