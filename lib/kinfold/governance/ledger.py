"""The ledger's conservation laws: no record is lost or duplicated between a source and silver."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, Row, functions as F

from kinfold.core.errors import LedgerError
from kinfold.governance.table_counts import (
    ACCEPTED_ROWS,
    EXPIRED,
    REJECTED_ROWS,
    TableCounts,
    pinned_versions,
    table_counts,
)
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.declarations import (
    LEDGER_RECORDS,
    LEDGER_VIOLATED,
)
from kinfold.tables import bronze, ops, silver
from kinfold.tables.collected import collected


@dataclass(frozen=True)
class Law:
    """Two counts from different tables or columns that must be equal."""

    name: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        return self.left == self.right


def record_silver_batch(
    run: JobRun,
    *,
    accepted: int,
    added: int,
    late: int,
    duplicates: int,
    quarantined: int,
    conflicting: int = 0,
) -> None:
    """Add a row to the ledger: what one run of silver did with the accepted records that it read.

    Raises:
        LedgerError: some records are neither in silver.events, nor duplicates of its rows, nor
            quarantined.
    """
    lake = run.lake
    if run.is_rebuild:
        lake.delete(ops.BATCHES, F.col("stage") == "silver")
    lake.record(
        ops.BATCHES,
        [
            dict(
                stage="silver",
                source="all",
                batch_id=run.inputs[bronze.EVENTS.name],
                records_in=accepted,
                unpacked=0,
                accepted=accepted,
                rejected=0,
                added=added,
                late=late,
                duplicates=duplicates,
                conflicting=conflicting,
                quarantined=quarantined,
                table_version=lake.version(silver.EVENTS),
                run_id=lake.run_id,
                recorded_at=lake.started_at,
            )
        ],
    )
    lost = accepted - added - duplicates - quarantined
    if lost:
        raise LedgerError(
            f"silver.events: of {accepted:,} accepted records {added:,} were added, "
            f"{duplicates:,} are duplicates and {quarantined:,} quarantined, so {lost:,} are lost. "
            "Start jobs/silver/clean_events.py again. If the number stays the same, keep the lake "
            "and report it."
        )


def ledger_laws(lake: Lake, tables: TableCounts | None = None) -> tuple[Law, ...]:
    """Every law with its two counts: sums of the ledger against counts of the tables.

    Args:
        tables: the counts; None = all rows are counted now.
    """
    tables = tables or table_counts(lake, pinned_versions(lake))
    entered = _ledger_sums(tables.batches)
    laws: tuple[Law, ...] = ()
    if tables.all_rows is not None:
        laws += _laws_of_events(tables, entered)
    if tables.read_by_silver is not None:
        laws += _laws_of_silver(lake, tables, entered)
    if tables.records is not None:
        laws += _laws_of_records(tables, entered)
    return laws


def _ledger_sums(batches: DataFrame) -> Row:
    """Sums over all rows of ops.batches, by stage and column."""
    stage = F.col("stage")
    is_bronze, is_silver, is_records = (stage == s for s in ("bronze", "silver", "records"))
    sums = (
        ("records_in", is_bronze, "records_in"),
        ("unpacked", is_bronze, "unpacked"),
        ("accepted", is_bronze, "accepted"),
        ("landed", stage.isin("bronze", "replay"), "accepted"),
        ("rejected", is_bronze, "rejected"),
        ("read", is_silver, "accepted"),
        ("added", is_silver, "added"),
        ("duplicates", is_silver, "duplicates"),
        ("quarantined", is_silver, "quarantined"),
        ("extracted", is_records, "records_in"),
        ("left_out", is_records, "unpacked"),
        ("versions", is_records, "added"),
        ("unchanged", is_records, "duplicates"),
        ("refused", is_records, "rejected"),
    )
    row = batches.agg(
        *(
            F.coalesce(F.sum(F.when(is_stage, F.col(column))), F.lit(0)).alias(name)
            for name, is_stage, column in sums
        )
    )
    return collected(row)[0]


def _laws_of_events(tables: TableCounts, entered: Row) -> tuple[Law, ...]:
    return (
        Law(
            "records read + unpacked = accepted + rejected",
            entered["records_in"] + entered["unpacked"],
            entered["accepted"] + entered["rejected"],
        ),
        Law("accepted in the ledger = accepted in bronze", entered["landed"], tables.accepted),
        Law("rejected in the ledger = rejected in bronze", entered["rejected"], tables.rejected),
    )


def _laws_of_silver(lake: Lake, tables: TableCounts, entered: Row) -> tuple[Law, ...]:
    return (
        Law("accepted at bronze = read by silver", tables.read_by_silver or 0, entered["read"]),
        Law(
            "read by silver = added + duplicates + quarantined",
            entered["read"],
            entered["added"] + entered["duplicates"] + entered["quarantined"],
        ),
        Law(
            "added in the ledger = rows of silver.events",
            entered["added"],
            tables.silver_rows or 0,
        ),
        Law(
            "quarantined in the ledger = rows of ops.quarantine",
            entered["quarantined"],
            _quarantined_events(lake, tables.batches),
        ),
    )


def _laws_of_records(tables: TableCounts, entered: Row) -> tuple[Law, ...]:
    return (
        Law(
            "records of extracts + left out = new + unchanged + rejected",
            entered["extracted"] + entered["left_out"],
            entered["versions"] + entered["unchanged"] + entered["refused"],
        ),
        Law(
            "new + rejected in the ledger = expired + rows of bronze.records",
            entered["versions"] + entered["refused"],
            tables.records or 0,
        ),
    )


def _quarantined_events(lake: Lake, batches: DataFrame) -> int:
    """Number of silver.events rows that runs in the ledger have quarantined.

    Not counted are rows of runs that failed later, and of runs before a rebuild, which checked the
    same events again.
    """
    if not lake.exists(ops.QUARANTINE):
        return 0
    runs = batches.where(F.col("stage") == "silver").select("run_id").distinct()
    of_events = lake.read(ops.QUARANTINE).where(F.col("table_name") == silver.EVENTS.name)
    return of_events.join(runs, "run_id", how="left_semi").count()


def count_verified(run: JobRun, tables: TableCounts) -> None:
    """Add the counts of a check to those of the run, for `verified_rows` of the next one."""
    run.count(open=tables.open_rows, waiting_for_silver=tables.waiting)
    if tables.all_rows is not None:
        rows = tables.all_rows
        run.count(**{ACCEPTED_ROWS: rows.accepted, REJECTED_ROWS: rows.rejected})


def set_ledger_metrics(lake: Lake, batches: DataFrame, laws: Sequence[Law]) -> None:
    """Set the metrics of the ledger: records by stage, source and outcome; violated laws.

    Args:
        batches: ops.batches.
    """
    outcomes = {
        "bronze": {
            "in": "records_in",
            "unpacked": "unpacked",
            "accepted": "accepted",
            "rejected": "rejected",
        },
        "replay": {"accepted": "accepted"},
        "silver": {
            "in": "accepted",
            "added": "added",
            "late": "late",
            "duplicate": "duplicates",
            "conflicting": "conflicting",
            "quarantined": "quarantined",
        },
        "records": {
            "in": "records_in",
            "left_out": "unpacked",
            "added": "added",
            "duplicate": "duplicates",
            "rejected": "rejected",
        },
        EXPIRED: {"expired": "records_in"},
    }
    columns = sorted({column for stage in outcomes.values() for column in stage.values()})
    totals = batches.groupBy("stage", "source").agg(
        *(F.coalesce(F.sum(column), F.lit(0)).alias(column) for column in columns)
    )
    for row in collected(totals):
        for outcome, column in outcomes[row["stage"]].items():
            lake.metrics.set(
                LEDGER_RECORDS,
                row[column],
                stage=row["stage"],
                source=row["source"],
                outcome=outcome,
            )
    violated = sum(not law.holds for law in laws)
    lake.metrics.set(LEDGER_VIOLATED, violated)


def require_laws_hold(laws: Sequence[Law]) -> None:
    """Return if every law holds.

    Raises:
        LedgerError: names each violated law with both counts.
    """
    violated = [law for law in laws if not law.holds]
    if violated:
        counts = "; ".join(f"{law.name}: {law.left:,} against {law.right:,}" for law in violated)
        raise LedgerError(
            f"ops.batches: {counts}. Records are lost or duplicated. Count all rows again with "
            "jobs/governance/check_ledger.py --all. If the numbers stay the same, see "
            "docs/operations.md, 'The ledger is violated'."
        )
