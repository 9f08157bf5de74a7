"""Attribution: the person of each event and record."""

from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.settings.loading import load_settings, project_home
from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.nodes import RECORD, Namespaces
from kinfold.silver.identity.resolution.history import current, shared_hashes
from kinfold.tables import silver


@dataclass(frozen=True)
class IdentifierRanking:
    """Which identifier of an event determines its person.

    Attributes:
        namespaces: the namespaces, the strongest first.
        shared: `comparison_hash` of the shared values (silver.bad_values), which belong to no
            person.
    """

    namespaces: Namespaces = field(default_factory=lambda: Namespaces((RECORD,), {}))
    shared: tuple[int, ...] = ()

    def strongest(self) -> Column:
        """The strongest of `identifiers` that is not shared, as a struct; null if there is none."""
        ranked = self.namespaces.ranked(F.col("identifiers"), without=self.shared)
        return F.try_element_at(ranked, F.lit(1))


def identifier_ranking(lake: Lake, conf: IdentityConf) -> IdentifierRanking:
    """The ranking by the settings, without the shared values of the lake. Runs a Spark job."""
    shared = shared_hashes(lake.read_or_empty(silver.BAD_VALUES))
    return IdentifierRanking(Namespaces.of(conf), tuple(shared))


def current_identity_map(run: JobRun) -> DataFrame:
    """Today's rows of silver.identity_map, at the version that the run has pinned."""
    return current(run.read(silver.IDENTITY_MAP))


def events_with_person(lake: Lake, *, identity: IdentityConf | None = None) -> DataFrame:
    """silver.events with the person of each event, for notebooks and exports.

    Args:
        identity: the `identity` settings that the jobs of the lake use. None: those of
            `conf/base.yaml` and `conf/local.yaml`.

    Returns:
        The columns of silver.events and `profile_id`, one row per event. `profile_id` is null if
        the event has no usable identifier (an anonymous event).
    """
    conf = identity or load_settings(project_home(), "local", {}).identity
    return with_person(
        lake.read_or_empty(silver.EVENTS),
        current(lake.read(silver.IDENTITY_MAP)),
        identifier_ranking(lake, conf),
    )


def attributed_events(
    events: DataFrame, identity_map: DataFrame, ranking: IdentifierRanking | None = None
) -> DataFrame:
    """`with_person` without the anonymous events (and records)."""
    has_identifiers = F.size("identifiers") > 0
    attributed = with_person(events.where(has_identifiers), identity_map, ranking)
    return attributed.where(F.col("profile_id").isNotNull())


def events_of_identifiers(
    events: DataFrame, identity_map: DataFrame, ranking: IdentifierRanking
) -> DataFrame:
    """`attributed_events` for the rows of identity_map that belong to a few people.

    Events without any of their identifiers are left out before the rest is ranked, which is most of
    the work.
    """
    ends = {"_namespace": F.col("_one.namespace"), "_value": F.col("_one.value")}
    people = identity_map.select(
        F.col("namespace").alias("_namespace"), F.col("value").alias("_value"), "profile_id"
    )
    found = (
        events.withColumn("_one", F.explode("identifiers"))
        .withColumns(ends)
        .join(people, list(ends), how="inner")
        .withColumn("_strongest", ranking.strongest())
    )
    # An event has each of its identifiers once, so at most one row is left of it.
    is_strongest = (F.col("_namespace") == F.col("_strongest.namespace")) & (
        F.col("_value") == F.col("_strongest.value")
    )
    return found.where(is_strongest).drop(*ends, "_one", "_strongest")


def with_person(
    events: DataFrame, identity_map: DataFrame, ranking: IdentifierRanking | None = None
) -> DataFrame:
    """Events with the person that their strongest identifier belongs to.

    Only the strongest identifier counts: on a shared device, the account identifies the person and
    the device does not.

    Args:
        events: silver.events, or silver.records.
        identity_map: namespace, value, profile_id; one row per identifier.

    Returns:
        The columns of `events` and profile_id (null without a usable identifier); one row per
        event.
    """
    people = identity_map.select(
        F.col("namespace").alias("_namespace"), F.col("value").alias("_value"), "profile_id"
    )
    strongest = (ranking or IdentifierRanking()).strongest()
    return (
        events.withColumn("_strongest", strongest)
        .withColumns(
            {
                "_namespace": F.col("_strongest.namespace"),
                "_value": F.col("_strongest.value"),
            }
        )
        .join(people, ["_namespace", "_value"], how="left")
        .drop("_namespace", "_value", "_strongest")
    )
