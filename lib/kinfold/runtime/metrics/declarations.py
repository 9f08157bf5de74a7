"""What kinfold tells Prometheus: an endpoint for streams, a file or a push for jobs that end.

Every metric is declared here, with labels whose values are declared or configured somewhere; no
label holds an id of a run or of a person, so the number of series stays bounded. Publishing never
fails or delays the work that it tells of.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric. A name that ends in `_total` counts up and never down.

    Prometheus keeps the label `job` for the scraped target, so a kinfold job is `job_name`.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()


JOB_SECONDS = Metric("kinfold_job_seconds", "How long the job's last run took.")
JOB_RUN_AT = Metric("kinfold_job_last_run_timestamp_seconds", "When the last run ended.")
JOB_SUCCESS_AT = Metric(
    "kinfold_job_last_success_timestamp_seconds", "When the last run that succeeded ended."
)
JOB_STATUS = Metric("kinfold_job_last_status", "1 when the last run succeeded, else 0.")
JOB_EXIT_CODE = Metric(
    "kinfold_job_last_exit_code", "Who must act: the exit codes of lib/kinfold/core/errors.py."
)
JOB_COUNT = Metric("kinfold_job_last_counts", "What the last run did, by name.", ("name",))
QUALITY_FAILED = Metric(
    "kinfold_quality_rules_failed", "Expectations that the last judged frame broke.", ("table",)
)
QUALITY_FAILING_ROWS = Metric(
    "kinfold_quality_rule_failing_rows", "Rows that broke an expectation.", ("table", "rule")
)
QUALITY_QUARANTINED = Metric(
    "kinfold_quality_quarantined_rows", "Rows of the last publish that were set aside.", ("table",)
)
LEDGER_RECORDS = Metric(
    "kinfold_ledger_records_total",
    "Records in the ledger since the lake began.",
    ("stage", "source", "outcome"),
)
LEDGER_VIOLATED = Metric(
    "kinfold_ledger_laws_violated", "Conservation laws that do not hold: records lost or doubled."
)
GAPS_OPEN = Metric(
    "kinfold_gaps_open",
    "Ranges of records that were gone before they were read and nobody has accepted as lost.",
    ("source",),
)
FRESHNESS_SECONDS = Metric(
    "kinfold_freshness_seconds",
    "Lag of the records that landed since the measurement before.",
    ("source", "leg", "percentile"),
)
FRESHNESS_TARGET = Metric(
    "kinfold_freshness_target_seconds", "The lag a record may have.", ("source",)
)
FRESHNESS_LATE = Metric(
    "kinfold_freshness_late_ratio", "Share of records over the target.", ("source",)
)
FRESHNESS_BURN = Metric(
    "kinfold_freshness_burn_rate",
    "How many times faster than allowed the error budget is spent.",
    ("source", "window"),
)
SOURCE_STALE = Metric("kinfold_source_is_stale", "1 when nothing came for too long.", ("source",))
SOURCE_NEWEST = Metric(
    "kinfold_source_newest_received_timestamp_seconds",
    "When the newest record was received, or became readable where nothing tells.",
    ("source",),
)
STREAM_RUNNING = Metric("kinfold_stream_running", "1 while the query runs.", ("source",))
STREAM_FAILURES = Metric(
    "kinfold_stream_failures_total", "Times the query ended with an error.", ("source",)
)
STREAM_SEEN_AT = Metric(
    "kinfold_stream_last_progress_timestamp_seconds",
    "When the query last finished a batch or said that nothing is new.",
    ("source",),
)
STREAM_BATCH = Metric("kinfold_stream_batch_id", "The newest batch.", ("source",))
STREAM_ROWS = Metric("kinfold_stream_rows_total", "Rows read since the start.", ("source",))
STREAM_INPUT_RATE = Metric("kinfold_stream_input_rows_per_second", "Rows that arrive.", ("source",))
STREAM_PROCESSED_RATE = Metric(
    "kinfold_stream_processed_rows_per_second", "Rows the query gets through.", ("source",)
)
STREAM_BATCH_SECONDS = Metric(
    "kinfold_stream_batch_seconds", "How long the newest batch took.", ("source", "phase")
)
STREAM_LAG = Metric(
    "kinfold_stream_lag_records",
    "Records in the topic that the query has not read.",
    ("source", "topic", "partition"),
)
STREAM_STATE_ROWS = Metric(
    "kinfold_stream_state_rows", "Rows the query remembers.", ("source", "operator")
)
STREAM_STATE_BYTES = Metric(
    "kinfold_stream_state_bytes", "Memory they take.", ("source", "operator")
)
LISTENER_ERRORS = Metric(
    "kinfold_listener_errors_total", "Events of a query that could not be turned into metrics."
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
