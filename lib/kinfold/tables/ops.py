"""Ops: job runs, the ledger, quality results and freshness. No personal data except row keys."""

from pyspark.sql import types as T

from kinfold.tables.spec import Field, Privacy, Table, at_least, one_of

BATCHES = Table(
    name="ops.batches",
    comment=(
        "The ledger: one row per batch that landed. At bronze `records_in` + `unpacked` "
        "= `accepted` + `rejected`; at silver `accepted` = `added` + `duplicates` + `quarantined`; "
        "at records both; at expired `records_in` rows were deleted. Landed rows are counted in "
        "the tables after the commit; the ledger does not trust the writer's own counts."
    ),
    fields=(
        Field(
            "stage", T.StringType(), "`bronze`, `replay`, `silver`, `records` or `expired`.", False
        ),
        Field("source", T.StringType(), "Name of the source; `all` at silver.", nullable=False),
        Field(
            "batch_id",
            T.LongType(),
            "Batch of the stream, extract, or last bronze version read; at expired the version of "
            "bronze.records before the deletion.",
            False,
        ),
        Field("records_in", T.LongType(), "Records that the reader returned.", nullable=False),
        Field(
            "unpacked",
            T.LongType(),
            "Further rows: from records with several events; at records for those missing in a "
            "snapshot; 0 at silver.",
            nullable=False,
        ),
        Field(
            "accepted", T.LongType(), "Records that are valid under their schema.", nullable=False
        ),
        Field("rejected", T.LongType(), "Records that are not; 0 at silver.", nullable=False),
        Field("added", T.LongType(), "New rows in the stage's table.", nullable=False),
        Field(
            "late",
            T.LongType(),
            "Late rows (`is_late`) among those added; null except at silver.",
        ),
        Field("duplicates", T.LongType(), "Accepted records that already existed.", False),
        Field(
            "conflicting",
            T.LongType(),
            "Those of the duplicates whose event type, properties or identifiers differ from the "
            "existing event; null except at silver.",
        ),
        Field(
            "quarantined",
            T.LongType(),
            "Accepted records whose rows were quarantined in ops.quarantine; null at bronze.",
        ),
        Field(
            "table_version", T.LongType(), "Version of the stage's table after the batch.", False
        ),
        Field("run_id", T.StringType(), "Run that wrote this row.", nullable=False),
        Field("recorded_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field(
            "landed_at",
            T.TimestampType(),
            "When its rows were readable, after the commit (UTC); null at silver.",
        ),
        Field(
            "extract",
            T.StringType(),
            "At records: path, time of modification and size of the extract, so that it is not "
            "read again. Null elsewhere.",
        ),
    ),
    key=("stage", "source", "batch_id"),
    written_by="every job that lands batches",
    expectations=(
        one_of("stage", "bronze", "replay", "silver", "records", "expired"),
        at_least("records_in", 0),
    ),
)

GAPS = Table(
    name="ops.gaps",
    comment=(
        "One row per range of records that was deleted before it was read: by the broker's "
        "retention, or with its topic. These records are not in bronze; rows here are permanent."
    ),
    fields=(
        Field("source", T.StringType(), "Name of the source.", nullable=False),
        Field("source_partition", T.StringType(), "As in bronze.events.", nullable=False),
        Field("first_offset", T.LongType(), "First offset that was not read.", nullable=False),
        Field("last_offset", T.LongType(), "Last one; null if unknown."),
        Field("reason", T.StringType(), "`retention` or `topic made anew`.", nullable=False),
        Field("found_at", T.TimestampType(), "When the gap was detected (UTC).", nullable=False),
        Field("run_id", T.StringType(), "Run that detected it.", nullable=False),
        Field("is_accepted", T.BooleanType(), "Whether the stream may continue after it.", False),
    ),
    key=("source", "source_partition", "first_offset"),
    written_by="bronze/ingest_events.py",
    expectations=(one_of("reason", "retention", "topic made anew"),),
)

REPLAYS = Table(
    name="ops.replays",
    comment=(
        "One row per replayed dead letter (rejected row of bronze.events), with its last "
        "outcome. A dead letter without a row is open."
    ),
    fields=(
        Field("source", T.StringType(), "As in bronze.events.", nullable=False),
        Field("source_partition", T.StringType(), "As in bronze.events.", nullable=False),
        Field("source_offset", T.LongType(), "As in bronze.events.", nullable=False),
        Field("record_index", T.IntegerType(), "As in bronze.events.", nullable=False),
        Field("outcome", T.StringType(), "`replayed` or `failed again`.", nullable=False),
        Field(
            "errors", T.ArrayType(T.StringType()), "Reasons why it failed again; else empty.", False
        ),
        Field("fixes", T.StringType(), "Applied fixes; empty if none.", nullable=False),
        Field("run_id", T.StringType(), "Run of this outcome.", nullable=False),
        Field("replayed_at", T.TimestampType(), "When (UTC).", nullable=False),
    ),
    key=("source", "source_partition", "source_offset", "record_index"),
    written_by="bronze/replay_dead_letters.py",
    expectations=(one_of("outcome", "replayed", "failed again"),),
)

JOB_RUNS = Table(
    name="ops.job_runs",
    comment=(
        "One row per finished job run, with its input versions and settings. The next run of the "
        "same job reads only what changed since, and does nothing if nothing did."
    ),
    fields=(
        Field("job", T.StringType(), "Path below jobs/, without `.py`.", nullable=False),
        Field("run_id", T.StringType(), "Run.", nullable=False),
        Field("finished_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field("seconds", T.DoubleType(), "Duration of the run.", nullable=False),
        Field(
            "input_versions",
            T.MapType(T.StringType(), T.LongType()),
            "Version of each input table, by table name.",
            nullable=False,
        ),
        Field(
            "output_versions",
            T.MapType(T.StringType(), T.LongType()),
            "Version of each written table of silver and gold, by table name; null for runs of "
            "older versions of kinfold.",
        ),
        Field(
            "table_ids",
            T.MapType(T.StringType(), T.StringType()),
            "Id of each of these input and output tables: a table that is created again has "
            "another one. Null for runs of older versions of kinfold.",
        ),
        Field(
            "settings_hash",
            T.StringType(),
            "Hash of the settings, files and rules that its outputs depend on.",
            False,
        ),
        Field(
            "counts",
            T.MapType(T.StringType(), T.DoubleType()),
            "Numbers about the work done, for the summary.",
            nullable=False,
        ),
    ),
    key=("job", "run_id"),
    written_by="every job",
)

QUALITY_RESULTS = Table(
    name="ops.quality_results",
    comment="One row per checked expectation: the verdict of the quality gate before a publish.",
    fields=(
        Field("run_id", T.StringType(), "Run.", nullable=False),
        Field("table_name", T.StringType(), "Table to be published.", nullable=False),
        Field("rule", T.StringType(), "The expectation, as a sentence.", nullable=False),
        Field(
            "is_met",
            T.BooleanType(),
            "Whether all rows met it that were not quarantined.",
            nullable=False,
        ),
        Field(
            "rows_checked",
            T.LongType(),
            "Number of checked rows, including quarantined ones.",
            nullable=False,
        ),
        Field(
            "rows_failing",
            T.LongType(),
            "Rows that broke it and prevented the publish; null if it was met.",
        ),
        Field(
            "rows_quarantined",
            T.LongType(),
            "Rows that broke it and were quarantined in ops.quarantine.",
            nullable=False,
        ),
        Field("judged_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field(
            "table_version",
            T.LongType(),
            "Version of the table after the publish; null if nothing was published.",
        ),
        Field(
            "schema_version",
            T.StringType(),
            "Hash of the table's declaration: fields, key and rules.",
            nullable=False,
        ),
    ),
    key=("run_id", "table_name", "rule", "judged_at"),
    written_by="every job that publishes",
)

QUARANTINE = Table(
    name="ops.quarantine",
    comment=(
        "One row per run and row that was not published because it broke a rule, while the rest "
        "of its batch was published. The row's content stays in the input table. A run that failed "
        "later may have rows here too."
    ),
    fields=(
        Field("table_name", T.StringType(), "Table to be published.", nullable=False),
        Field("run_id", T.StringType(), "Run.", nullable=False),
        Field(
            "key",
            T.StringType(),
            "Key of the row, a JSON object by column; of values that may identify a person their "
            "keyed hash.",
            False,
            Privacy.PSEUDONYM,
        ),
        Field(
            "reasons",
            T.ArrayType(T.StringType()),
            "Broken expectations, as sentences.",
            nullable=False,
        ),
        Field("quarantined_at", T.TimestampType(), "When (UTC).", nullable=False),
    ),
    key=("table_name", "run_id", "key"),
    written_by="every job that publishes",
    subject=("key",),
)

_LAGS = (
    ("occurred_to_received", "the event and the collector"),
    ("received_to_queryable", "the collector and the row in bronze"),
    ("occurred_to_queryable", "the event and the row in bronze"),
)
_MINUTE = T.StructType(
    [
        T.StructField("minute_at", T.TimestampType()),
        T.StructField("judged", T.LongType()),
        T.StructField("late", T.LongType()),
    ]
)

FRESHNESS = Table(
    name="ops.freshness",
    comment=(
        "One row per source and measurement: the lag of the records that landed since the "
        "previous measurement, and how fast the source spends its error budget. A measurement "
        "starts at the `bronze_version` where the previous one ended."
    ),
    fields=(
        Field(
            "source", T.StringType(), "Name of the source, from its source file.", nullable=False
        ),
        Field(
            "measured_at", T.TimestampType(), "The moment of the measurement (UTC).", nullable=False
        ),
        Field("bronze_version", T.LongType(), "Last version of bronze.events read.", False),
        Field("records", T.LongType(), "Records that landed since.", nullable=False),
        Field("judged", T.LongType(), "Records with a known lag and a target.", nullable=False),
        Field("late", T.LongType(), "Judged records with a lag over the target.", nullable=False),
        Field("late_ratio", T.DoubleType(), "`late` / `judged`; null if none was judged."),
        Field(
            "ahead",
            T.LongType(),
            "Records with times in the wrong order, because a clock is wrong.",
            False,
        ),
        *(
            Field(
                f"{leg}_{percentile}_seconds",
                T.DoubleType(),
                f"{percentile} of the time between {between_what}; null if unknown.",
            )
            for leg, between_what in _LAGS
            for percentile in ("p50", "p95", "p99")
        ),
        Field("target_seconds", T.DoubleType(), "Maximum lag of a record; null without a target."),
        Field("objective_ratio", T.DoubleType(), "Share of records that must keep the target."),
        *(
            Field(
                f"burn_rate_{window}",
                T.DoubleType(),
                f"Share of late records over the allowed share, of records that landed in the last "
                f"{window}; 1 spends exactly the budget. Null without a target or a judged record.",
            )
            for window in ("5m", "30m", "1h", "6h")
        ),
        Field("newest_received_at", T.TimestampType(), "Newest arrival so far; null if unknown."),
        Field("newest_landed_at", T.TimestampType(), "Newest batch so far; null if none."),
        Field(
            "is_stale",
            T.BooleanType(),
            "Whether no record arrived for too long; null without a target.",
        ),
        Field(
            "landed_minutes",
            T.ArrayType(_MINUTE),
            "Judged and late records by the minute in which they landed, for the last six hours. "
            "Later measurements compute their burn rates from it.",
            nullable=False,
        ),
        Field("run_id", T.StringType(), "Run that measured.", nullable=False),
    ),
    key=("source", "measured_at"),
    written_by="governance/check_freshness.py",
)
