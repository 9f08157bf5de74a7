"""All tables, in the order of the data flow."""

from kinfold.tables import bronze, gold, ops, silver
from kinfold.tables.spec import Table

ALL: tuple[Table, ...] = (
    bronze.EVENTS,
    bronze.RECORDS,
    silver.EVENTS,
    silver.RECORDS,
    silver.IDENTIFIERS,
    silver.IDENTITY_LINKS,
    silver.IDENTITY_MAP,
    silver.IDENTITY_CHANGES,
    silver.IDENTITY_BIRTHS,
    silver.MATCH_MODELS,
    silver.MATCH_PAIRS,
    silver.BAD_VALUES,
    silver.IDENTITY_DECISIONS,
    silver.ORDERS,
    silver.ORDER_LINES,
    silver.PROFILES,
    gold.FEATURES,
    gold.SEGMENTS,
    gold.SEGMENT_MEMBERS,
    gold.PROPENSITY_SCORES,
    ops.BATCHES,
    ops.GAPS,
    ops.REPLAYS,
    ops.JOB_RUNS,
    ops.QUALITY_RESULTS,
    ops.QUARANTINE,
    ops.FRESHNESS,
)

PUBLISHED: tuple[Table, ...] = tuple(table for table in ALL if table.layer != "ops")
"""The tables with data; the ops tables describe the runs that wrote it."""
