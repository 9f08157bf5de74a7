"""Ops: what every job did, and the laws it was held to. No row of a person, at most its key."""

from pyspark.sql import types as T

from kinfold.tables.spec import Field, Privacy, Table, at_least, one_of

BATCHES = Table(
    name="ops.batches",
    comment=(
        "The ledger: one row per batch that landed. At bronze `records_in` + `unpacked` "
        "= `accepted` + `rejected`; at silver `accepted` = `added` + `duplicates` + `quarantined`; "
        "at records both. Rows that landed are counted in the tables after the commit, never "
        "taken from the writer's word."
    ),
    fields=(
        Field(
            "stage", T.StringType(), "`bronze`, `replay`, `silver` or `records`.", nullable=False
        ),
        Field("source", T.StringType(), "Source; `all` at silver.", nullable=False),
        Field(
            "batch_id",
            T.LongType(),
            "Stream batch, extract, or the last bronze version read.",
            False,
        ),
        Field("records_in", T.LongType(), "Records the reader handed over.", nullable=False),
        Field(
            "unpacked",
            T.LongType(),
            "Further rows: of records that held several events, or at records of those that a "
            "snapshot left out; 0 at silver.",
            nullable=False,
        ),
        Field("accepted", T.LongType(), "Records that kept their schema.", nullable=False),
        Field("rejected", T.LongType(), "Records that did not; 0 at silver.", nullable=False),
        Field("added", T.LongType(), "Rows that are new in the stage's table.", nullable=False),
        Field(
            "late",
            T.LongType(),
            "Of the rows added those that came late (`is_late`); null elsewhere than at silver.",
        ),
        Field("duplicates", T.LongType(), "Accepted records that were known.", False),
        Field(
            "quarantined",
            T.LongType(),
            "Accepted records whose row was set aside in ops.quarantine; null at bronze.",
        ),
        Field("table_version", T.LongType(), "Version of the stage's table after it.", False),
        Field("run_id", T.StringType(), "Run that wrote this row.", nullable=False),
        Field("recorded_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field(
            "landed_at",
            T.TimestampType(),
            "When its rows were known to be readable, after the commit (UTC); null at silver.",
        ),
        Field(
            "extract",
            T.StringType(),
            "At records: path, time of modification and size of what was read; it is not read "
            "again. Null elsewhere.",
        ),
    ),
    key=("stage", "source", "batch_id"),
    written_by="every job that lands batches",
    expectations=(
        one_of("stage", "bronze", "replay", "silver", "records"),
        at_least("records_in", 0),
    ),
)

GAPS = Table(
    name="ops.gaps",
    comment=(
        "One row per range of records that was gone before it was read: the broker's retention "
        "passed it, or its topic was deleted. Nothing fills it; it says what is not in bronze."
    ),
    fields=(
        Field("source", T.StringType(), "Source.", nullable=False),
        Field("source_partition", T.StringType(), "As in bronze.events.", nullable=False),
        Field("first_offset", T.LongType(), "First offset that was not read.", nullable=False),
        Field("last_offset", T.LongType(), "Last one; null when nobody can know it."),
        Field("reason", T.StringType(), "`retention` or `topic made anew`.", nullable=False),
        Field("found_at", T.TimestampType(), "When the gap was found (UTC).", nullable=False),
        Field("run_id", T.StringType(), "Run that found it.", nullable=False),
        Field("is_accepted", T.BooleanType(), "Whether the stream may go on behind it.", False),
    ),
    key=("source", "source_partition", "first_offset"),
    written_by="bronze/ingest_events.py",
    expectations=(one_of("reason", "retention", "topic made anew"),),
)

REPLAYS = Table(
    name="ops.replays",
    comment=(
        "One row per dead letter (rejected row of bronze.events) that was replayed: what became of "
        "it last. A letter without a row is open."
    ),
    fields=(
        Field("source", T.StringType(), "As in bronze.events.", nullable=False),
        Field("source_partition", T.StringType(), "As in bronze.events.", nullable=False),
        Field("source_offset", T.LongType(), "As in bronze.events.", nullable=False),
        Field("record_index", T.IntegerType(), "As in bronze.events.", nullable=False),
        Field("outcome", T.StringType(), "`replayed` or `failed again`.", nullable=False),
        Field("errors", T.ArrayType(T.StringType()), "Reasons it failed again; else empty.", False),
        Field("fixes", T.StringType(), "Fixes that were applied; empty without.", nullable=False),
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
        "One row per finished job run: which table versions went in, under which settings. The "
        "next run of the same job reads only what came after, and does nothing when nothing did."
    ),
    fields=(
        Field("job", T.StringType(), "Path below jobs/, without `.py`.", nullable=False),
        Field("run_id", T.StringType(), "Run.", nullable=False),
        Field("finished_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field("seconds", T.DoubleType(), "How long it took.", nullable=False),
        Field(
            "input_versions",
            T.MapType(T.StringType(), T.LongType()),
            "Version of each input table, by table name.",
            nullable=False,
        ),
        Field("settings_hash", T.StringType(), "Hash of the settings it depends on.", False),
        Field(
            "counts",
            T.MapType(T.StringType(), T.DoubleType()),
            "What it did, in numbers for the summary.",
            nullable=False,
        ),
    ),
    key=("job", "run_id"),
    written_by="every job",
)

QUALITY_RESULTS = Table(
    name="ops.quality_results",
    comment="One row per expectation judged: the verdict of the gate before a table is published.",
    fields=(
        Field("run_id", T.StringType(), "Run.", nullable=False),
        Field("table_name", T.StringType(), "Table that was to be published.", nullable=False),
        Field("rule", T.StringType(), "The expectation, as a sentence.", nullable=False),
        Field(
            "is_met",
            T.BooleanType(),
            "Whether every row kept it that was left to be published.",
            nullable=False,
        ),
        Field(
            "rows_checked",
            T.LongType(),
            "Rows that were judged, quarantined ones too.",
            nullable=False,
        ),
        Field(
            "rows_failing",
            T.LongType(),
            "Rows that broke it, so that nothing was published; null where it was met.",
        ),
        Field(
            "rows_quarantined",
            T.LongType(),
            "Rows that broke it and were set aside in ops.quarantine.",
            nullable=False,
        ),
        Field("judged_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field(
            "table_version",
            T.LongType(),
            "Version of the table with what the verdict let pass; null when nothing was published.",
        ),
        Field(
            "schema_version",
            T.StringType(),
            "Hash of the declaration it was judged by: fields, key and rules.",
            nullable=False,
        ),
    ),
    key=("run_id", "table_name", "rule", "judged_at"),
    written_by="every job that publishes",
)

QUARANTINE = Table(
    name="ops.quarantine",
    comment=(
        "One row per row and run that was not published because it broke a rule, while the rest of "
        "its batch was. Its content stays where it came from; a run that failed later may have "
        "rows here too."
    ),
    fields=(
        Field("table_name", T.StringType(), "Table that it was meant for.", nullable=False),
        Field("run_id", T.StringType(), "Run.", nullable=False),
        Field(
            "key",
            T.StringType(),
            "Key of the row, a JSON object by column; SHA-256 of what identifies a person.",
            False,
            Privacy.PSEUDONYM,
        ),
        Field(
            "reasons",
            T.ArrayType(T.StringType()),
            "The expectations that it broke, as sentences.",
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
        "One row per source and measurement: how long the records that landed since the "
        "measurement before took to be readable, and how fast the source spends its error budget. "
        "A measurement begins at the `bronze_version` where the one before ended."
    ),
    fields=(
        Field("source", T.StringType(), "Source, from its source file.", nullable=False),
        Field("measured_at", T.TimestampType(), "The moment judged (UTC).", nullable=False),
        Field("bronze_version", T.LongType(), "Up to which bronze.events was read.", False),
        Field("records", T.LongType(), "Records that landed since.", nullable=False),
        Field("judged", T.LongType(), "Records with a known lag and a target.", nullable=False),
        Field("late", T.LongType(), "Judged records over the target.", nullable=False),
        Field("late_ratio", T.DoubleType(), "`late` / `judged`; null when none was judged."),
        Field(
            "ahead", T.LongType(), "Records with times in the wrong order: a clock is wrong.", False
        ),
        *(
            Field(
                f"{leg}_{percentile}_seconds",
                T.DoubleType(),
                f"{percentile} of the time between {between_what}; null where unknown.",
            )
            for leg, between_what in _LAGS
            for percentile in ("p50", "p95", "p99")
        ),
        Field("target_seconds", T.DoubleType(), "The lag a record may have, if declared."),
        Field("objective_ratio", T.DoubleType(), "Share of records that are to keep the target."),
        *(
            Field(
                f"burn_rate_{window}",
                T.DoubleType(),
                f"Share of late records over the share allowed, of those landed in the {window} "
                "before; 1 spends exactly the budget. Null without a target or a judged record.",
            )
            for window in ("5m", "30m", "1h", "6h")
        ),
        Field("newest_received_at", T.TimestampType(), "Newest arrival ever seen, if known."),
        Field("newest_landed_at", T.TimestampType(), "Newest batch ever seen; null if none."),
        Field("is_stale", T.BooleanType(), "Nothing came for too long; null without a target."),
        Field(
            "landed_minutes",
            T.ArrayType(_MINUTE),
            "Judged and late records by the minute in which they landed, of the last six hours: "
            "what later measurements make their burn rates of.",
            nullable=False,
        ),
        Field("run_id", T.StringType(), "Run that measured.", nullable=False),
    ),
    key=("source", "measured_at"),
    written_by="governance/check_freshness.py",
)
