"""The people whose events, records or identifiers have changed since the last run of a job.

Only their rows are computed again; the result equals that for all people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.caching import cached
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.change_feed import CHANGE_TYPE
from kinfold.silver.identity.graph.nodes import comparison_hash, with_record_node
from kinfold.silver.identity.resolution.history import comparison_hashes
from kinfold.silver.profiles.attribution import (
    IdentifierRanking,
    attributed_events,
    current_identity_map,
    events_of_identifiers,
    identifier_ranking,
)
from kinfold.tables import silver

RULE_MODULES = (
    "kinfold.core.json_text",
    "kinfold.runtime.sums",
    "kinfold.silver.cleansing.dates",
    "kinfold.silver.identity.graph.nodes",
    "kinfold.silver.orders",
    "kinfold.silver.profiles",
)
"""Code that decides what is computed for a person."""
_MAX_BROADCAST_ROWS = 500_000
_IDENTIFIER = ("namespace", "value")


@dataclass(frozen=True)
class TouchedPeople:
    """The people to compute, and what attributes events to them.

    Attributes:
        people: profile_id, distinct; null = all people.
        identity_map: today's rows of silver.identity_map, of these people.
        ranking: which identifier of an event determines its person.
    """

    people: DataFrame | None
    identity_map: DataFrame
    ranking: IdentifierRanking

    def attributed(self, rows: DataFrame) -> DataFrame:
        """The events, or records with their node, of these people, with profile_id."""
        if self.people is None:
            return attributed_events(rows, self.identity_map, self.ranking)
        return events_of_identifiers(rows, self.identity_map, self.ranking)

    def rows_of(self, rows: DataFrame) -> DataFrame:
        """The rows of these people, of rows with profile_id."""
        of_people = rows.where(F.col("profile_id").isNotNull())
        if self.people is None:
            return of_people
        return of_people.join(F.broadcast(self.people), "profile_id", how="semi")

    def count(self, *, default: int) -> int:
        """How many they are; `default` if they are all people."""
        return default if self.people is None else self.people.count()

    def outdated(self, stored: DataFrame, rows: DataFrame, *, key: Sequence[str]) -> DataFrame:
        """The keys of stored rows of these people that are not among their computed rows.

        Args:
            stored: the rows of a table, with profile_id.
            rows: all rows of these people as they are now.
        """
        keys = stored.select(*key)
        theirs = keys if self.people is None else keys.join(self.people, "profile_id", how="semi")
        return theirs.join(rows.select(*key), list(key), how="anti")


def touched_people(run: JobRun, *, is_all: bool) -> TouchedPeople:
    """The people whose rows a job must compute.

    Args:
        run: a run that reads silver.events, silver.identity_map and silver.orders, and
            silver.records and silver.bad_values if they exist.
        is_all: all people, whatever has changed.
    """
    identity_map = current_identity_map(run)
    ranking = identifier_ranking(run.lake, run.settings.identity)
    if is_all:
        return TouchedPeople(None, identity_map, ranking)
    has_records = silver.RECORDS.name in run.inputs
    people = affected_people(
        run.inserted(silver.EVENTS),
        run.changes(silver.IDENTITY_MAP),
        identity_map,
        record_changes=run.changes(silver.RECORDS) if has_records else None,
        order_changes=run.changes(silver.ORDERS) if silver.ORDERS.name in run.inputs else None,
        reranked=_reranked_events(run),
        ranking=ranking,
    )
    people = cached(people)
    theirs = cached(identity_map.join(F.broadcast(people), "profile_id", how="semi"))
    is_small = theirs.count() <= _MAX_BROADCAST_ROWS
    return TouchedPeople(people, F.broadcast(theirs) if is_small else theirs, ranking)


def affected_people(
    events: DataFrame,
    map_changes: DataFrame,
    identity_map: DataFrame,
    *,
    record_changes: DataFrame | None = None,
    order_changes: DataFrame | None = None,
    reranked: DataFrame | None = None,
    ranking: IdentifierRanking | None = None,
) -> DataFrame:
    """People whose rows may have changed, through events, records or changes of identifiers.

    Args:
        events: the new events (columns of silver.events).
        map_changes: change feed of silver.identity_map. Both images of an update count, so the
            person that an identifier moved away from is affected too.
        identity_map: today's rows of silver.identity_map.
        record_changes: change feed of silver.records; None for a lake without records. Both images
            of an update count.
        order_changes: change feed of silver.orders; None for a lake without orders. An order may
            change through an event that does not name its person.
        reranked: events that may belong to another person now, although none of their identifiers
            does; None if there are none.
        ranking: which identifier of an event determines its person.

    Returns:
        profile_id, distinct.
    """
    strongest = (ranking or IdentifierRanking()).strongest()
    identifiers = events.select(strongest.alias("one")).select("one.namespace", "one.value")
    if record_changes is not None:
        # All identifiers, because the strongest one may be deleted together with the record.
        identifiers = identifiers.unionByName(_identifiers(with_record_node(record_changes)))
    if reranked is not None:
        identifiers = identifiers.unionByName(_identifiers(reranked))
    active = (
        identifiers.distinct()
        .join(identity_map, list(_IDENTIFIER), how="inner")
        .select("profile_id")
    )
    affected = active.unionByName(map_changes.select("profile_id"))
    if order_changes is not None:
        buyers = order_changes.select("profile_id").where(F.col("profile_id").isNotNull())
        affected = affected.unionByName(buyers)
    return affected.distinct()


def _reranked_events(run: JobRun) -> DataFrame | None:
    """Events with an identifier that has become shared, or is no longer shared, since the last run.

    Another identifier of such an event now determines its person. This reads all events, so it is
    done only if there is such an identifier.
    """
    if silver.BAD_VALUES.name not in run.inputs:
        return None
    # Rows of shared values are updated in each run that sees them; the value stays shared.
    changed = run.changes(silver.BAD_VALUES).where(F.col(CHANGE_TYPE).isin("insert", "delete"))
    hashes = comparison_hashes(changed.select("namespace", "value").distinct())
    if not hashes:
        return None
    is_changed = F.exists(
        "identifiers", lambda one: comparison_hash(one["namespace"], one["value"]).isin(*hashes)
    )
    return run.read(silver.EVENTS).where(is_changed)


def _identifiers(rows: DataFrame) -> DataFrame:
    return rows.select(F.explode("identifiers").alias("one")).select("one.*")
