"""Every metric with its labels.

Label values are declared or configured; no label contains an id of a run or of a person, so the
number of series is bounded.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric. If its name ends in `_total` it is a counter, which never decreases.

    Prometheus uses the label `job` for the scraped target, so a kinfold job is `job_name`.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()


JOB_SECONDS = Metric("kinfold_job_seconds", "Duration of the job's last run.")
JOB_RUN_AT = Metric("kinfold_job_last_run_timestamp_seconds", "When the last run ended.")
JOB_SUCCESS_AT = Metric(
    "kinfold_job_last_success_timestamp_seconds", "When the last successful run ended."
)
JOB_STATUS = Metric("kinfold_job_last_status", "1 when the last run succeeded, else 0.")
JOB_EXIT_CODE = Metric(
    "kinfold_job_last_exit_code", "Exit code of the last run, see lib/kinfold/core/errors.py."
)
JOB_COUNT = Metric("kinfold_job_last_counts", "Counts of the last run, by name.", ("name",))
QUALITY_FAILED = Metric(
    "kinfold_quality_rules_failed", "Expectations that failed at the last publish.", ("table",)
)
QUALITY_FAILING_ROWS = Metric(
    "kinfold_quality_rule_failing_rows", "Rows that broke an expectation.", ("table", "rule")
)
QUALITY_QUARANTINED = Metric(
    "kinfold_quality_quarantined_rows", "Rows that the last publish quarantined.", ("table",)
)
LEDGER_RECORDS = Metric(
    "kinfold_ledger_records_total",
    "Records in the ledger since the lake was created.",
    ("stage", "source", "outcome"),
)
LEDGER_VIOLATED = Metric(
    "kinfold_ledger_laws_violated",
    "Conservation laws that do not hold: records are lost or duplicated.",
)
GAPS_OPEN = Metric(
    "kinfold_gaps_open",
    "Ranges of records that were deleted before they were read, and not yet accepted as lost.",
    ("source",),
)
FRESHNESS_SECONDS = Metric(
    "kinfold_freshness_seconds",
    "Lag of the records that landed since the previous measurement.",
    ("source", "leg", "percentile"),
)
FRESHNESS_TARGET = Metric(
    "kinfold_freshness_target_seconds",
    "Maximum lag of a record, by the source's target.",
    ("source",),
)
FRESHNESS_LATE = Metric(
    "kinfold_freshness_late_ratio", "Share of records over the target.", ("source",)
)
FRESHNESS_BURN = Metric(
    "kinfold_freshness_burn_rate",
    "Share of late records over the allowed share; 1 spends exactly the error budget.",
    ("source", "window"),
)
SOURCE_STALE = Metric(
    "kinfold_source_is_stale", "1 when no record arrived for too long.", ("source",)
)
SOURCE_NEWEST = Metric(
    "kinfold_source_newest_received_timestamp_seconds",
    "When the newest record was received; if unknown, when it became readable.",
    ("source",),
)
TABLE_FILES = Metric("kinfold_table_files", "Data files of the newest version.", ("table",))
TABLE_SMALL_FILES = Metric(
    "kinfold_table_small_files",
    "Data files that are smaller than a quarter of the target size.",
    ("table",),
)
TABLE_BYTES = Metric("kinfold_table_bytes", "Bytes of the newest version.", ("table",))
TABLE_UNREFERENCED = Metric(
    "kinfold_table_unreferenced_bytes",
    "Bytes of files that the newest version does not need.",
    ("table",),
)
TABLE_DELETED = Metric(
    "kinfold_table_deleted_ratio", "Share of rows that are marked as deleted.", ("table",)
)
TABLE_COMMITS = Metric(
    "kinfold_table_commits", "Commits of the table's log after the last checkpoint.", ("table",)
)
STREAM_RUNNING = Metric("kinfold_stream_running", "1 while the query runs.", ("source",))
STREAM_FAILURES = Metric(
    "kinfold_stream_failures_total", "Times the query ended with an error.", ("source",)
)
STREAM_SEEN_AT = Metric(
    "kinfold_stream_last_progress_timestamp_seconds",
    "When the query last finished a batch or reported that it is idle.",
    ("source",),
)
STREAM_BATCH = Metric("kinfold_stream_batch_id", "The newest batch.", ("source",))
STREAM_ROWS = Metric("kinfold_stream_rows_total", "Rows read since the start.", ("source",))
STREAM_INPUT_RATE = Metric(
    "kinfold_stream_input_rows_per_second", "Rows that arrive per second.", ("source",)
)
STREAM_PROCESSED_RATE = Metric(
    "kinfold_stream_processed_rows_per_second",
    "Rows that the query processes per second.",
    ("source",),
)
STREAM_BATCH_SECONDS = Metric(
    "kinfold_stream_batch_seconds", "Duration of the newest batch.", ("source", "phase")
)
STREAM_LAG = Metric(
    "kinfold_stream_lag_records",
    "Records in the topic that the query has not read.",
    ("source", "topic", "partition"),
)
STREAM_STATE_ROWS = Metric(
    "kinfold_stream_state_rows", "Rows in the state of the query.", ("source", "operator")
)
STREAM_STATE_BYTES = Metric(
    "kinfold_stream_state_bytes", "Memory of the state rows.", ("source", "operator")
)
LISTENER_ERRORS = Metric(
    "kinfold_listener_errors_total", "Events of a query that could not be read as metrics."
)
JOB_METRICS = (
    JOB_SECONDS,
    JOB_RUN_AT,
    JOB_SUCCESS_AT,
    JOB_STATUS,
    JOB_EXIT_CODE,
    JOB_COUNT,
    QUALITY_FAILED,
    QUALITY_FAILING_ROWS,
    QUALITY_QUARANTINED,
    LEDGER_RECORDS,
    LEDGER_VIOLATED,
    GAPS_OPEN,
    FRESHNESS_SECONDS,
    FRESHNESS_TARGET,
    FRESHNESS_LATE,
    FRESHNESS_BURN,
    SOURCE_STALE,
    SOURCE_NEWEST,
    TABLE_FILES,
    TABLE_SMALL_FILES,
    TABLE_BYTES,
    TABLE_UNREFERENCED,
    TABLE_DELETED,
    TABLE_COMMITS,
)
STREAM_METRICS = (
    STREAM_RUNNING,
    STREAM_FAILURES,
    STREAM_SEEN_AT,
    STREAM_BATCH,
    STREAM_ROWS,
    STREAM_INPUT_RATE,
    STREAM_PROCESSED_RATE,
    STREAM_BATCH_SECONDS,
    STREAM_LAG,
    STREAM_STATE_ROWS,
    STREAM_STATE_BYTES,
    LISTENER_ERRORS,
)
