"""The orders whose events, or people, have changed since the last run of a job.

Only their rows are computed again; the result equals that for all orders.
"""

from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.caching import cached
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.change_feed import CHANGE_TYPE
from kinfold.silver.orders.events import order_events, usable_order_ids
from kinfold.silver.profiles.attribution import (
    current_identity_map,
    identifier_ranking,
    with_person,
)
from kinfold.tables import silver

_IDENTIFIER = ("namespace", "value")


def changed_order_events(run: JobRun) -> DataFrame:
    """All events of the orders that a run must compute, with profile_id (null = names nobody)."""
    placeholders = run.settings.identity.placeholders
    ranking = identifier_ranking(run.lake, run.settings.identity)
    events, identity_map = order_events(run.read(silver.EVENTS)), current_identity_map(run)
    if run.is_rebuild:
        return with_person(
            usable_order_ids(events, placeholders=placeholders), identity_map, ranking
        )
    moved = events_with_any(events, _moved_identifiers(run))
    new = order_events(run.inserted(silver.EVENTS))
    changed = new.unionByName(moved).dropDuplicates(["event_id"])
    events = cached(events_of_orders(events, usable_order_ids(changed, placeholders=placeholders)))
    return with_person(events, _identifiers_of(events, identity_map), ranking)


def events_of_orders(events: DataFrame, changed: DataFrame) -> DataFrame:
    """The events with an order id of the changed ones, and the changed ones without an order id.

    Args:
        events, changed: order events. Those that changed have usable order ids.
    """
    changed = cached(changed)
    order_ids = changed.select("order_id").where(F.col("order_id").isNotNull()).distinct()
    of_orders = events.join(order_ids, "order_id", how="semi")
    return of_orders.unionByName(changed.where(F.col("order_id").isNull()))


def events_with_any(events: DataFrame, identifiers: DataFrame) -> DataFrame:
    """The events that have one of some identifiers.

    Args:
        identifiers: namespace and value, distinct.
    """
    found = (
        events.select("event_id", F.explode("identifiers").alias("one"))
        .select("event_id", "one.*")
        .join(identifiers, list(_IDENTIFIER), how="semi")
    )
    return events.join(found.select("event_id").distinct(), "event_id", how="semi")


def _moved_identifiers(run: JobRun) -> DataFrame:
    """The identifiers whose person has changed, and those that are or were shared."""
    moved = run.changes(silver.IDENTITY_MAP).where(F.col(CHANGE_TYPE).isNotNull())
    moved = moved.select(*_IDENTIFIER)
    if silver.BAD_VALUES.name in run.inputs:
        # Another identifier of their events now determines the person.
        moved = moved.unionByName(run.changes(silver.BAD_VALUES).select(*_IDENTIFIER))
    return moved.distinct()


def _identifiers_of(events: DataFrame, identity_map: DataFrame) -> DataFrame:
    """The rows of identity_map of the identifiers of a few events."""
    ends = events.select(F.explode("identifiers").alias("one")).select("one.*").distinct()
    return identity_map.join(F.broadcast(ends), list(_IDENTIFIER), how="semi")
