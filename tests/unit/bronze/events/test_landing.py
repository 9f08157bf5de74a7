"""Each micro-batch is appended once and recorded in the ledger with its counts.

A lake and a stream in memory stand for those of Spark; tests/jobs/test_ingest_events.py has real
ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson
import pyarrow as pa
import pytest

from arrow_landing import REGISTRY, arrow_batch
from kinfold.bronze.events import landing as module
from kinfold.bronze.events.landing import Landing
from kinfold.core.errors import LedgerError
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.tables import bronze, ops
from poison import GOOD, rules, text
from segment_samples import message

FIRST_BATCH = 40
NO_COUNTS = dict.fromkeys(("in", "accepted", "rejected"), 0)


@dataclass
class MemoryLake:
    """Keeps what a landing writes.

    Attributes:
        change_commit: what becomes of the commit of an append; None: an earlier run has made it.
    """

    change_commit: Callable[[Commit], Commit | None] = lambda commit: commit
    run_id: str = "run-1"
    events: list[dict[str, Any]] = field(default_factory=list)
    writers: list[tuple[str, int]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)

    def ensure(self, _table: Any) -> None:
        pass

    def version(self, _table: Any) -> int:
        return 7

    def append_made_once(
        self, table: Any, records: Any, make: Any, *, count: Any, writer: str, batch_id: int
    ) -> Commit | None:
        assert table is bronze.EVENTS
        made = list(make(records.batches))
        self.events += [row for batch in made for row in batch.to_pylist()]
        self.writers.append((writer, batch_id))
        counts = {"received": sum(batch.num_rows for batch in records.batches)}
        for batch in made:
            counts |= {name: counts.get(name, 0) + n for name, n in count(batch).items()}
        rows = sum(batch.num_rows for batch in made)
        return self.change_commit(Commit(version=3, rows=rows, counts=counts))

    def append_record(self, table: Any, rows: Sequence[dict[str, Any]]) -> None:
        assert table is ops.BATCHES
        self.ledger += rows


@dataclass
class MemoryRecords:
    """Records of a source as one micro-batch, which is landed when the stream starts.

    Attributes:
        number: of the micro-batch.
        query_id: of the stream.
    """

    batches: list[pa.RecordBatch]
    number: int = 0
    query_id: str = "query-1"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        return [name for batch in self.batches for name in batch.schema.names]

    @property
    def sparkSession(self) -> Any:
        return SimpleNamespace(sparkContext=SimpleNamespace(getLocalProperty=self._property))

    def _property(self, name: str) -> str:
        return {"sql.streaming.queryId": self.query_id}[name]

    def count(self) -> int:
        return sum(batch.num_rows for batch in self.batches)

    @property
    def writeStream(self) -> "MemoryRecords":
        return self

    def foreachBatch(self, land: Callable[[Any, int], None]) -> "MemoryRecords":
        self.land = land
        return self

    def queryName(self, name: str) -> "MemoryRecords":
        return self.option("name", name)

    def option(self, name: str, value: Any) -> "MemoryRecords":
        self.options[name] = value
        return self

    def trigger(self, **trigger: Any) -> "MemoryRecords":
        self.options |= trigger
        return self

    def start(self) -> "MemoryRecords":
        self.land(self, self.number)
        return self


@pytest.fixture(autouse=True)
def archived(monkeypatch) -> list[str]:
    """Sources whose landed files were archived, in the order of the calls."""
    names: list[str] = []
    monkeypatch.setattr(module, "checkpoint_folder", lambda lake, source: f"/{source.name}")
    monkeypatch.setattr(module, "archive_landed", lambda lake, source, _: names.append(source.name))
    return names


def landing(lake: MemoryLake, *texts: bytes, shape: str = "native", number: int = 0) -> Landing:
    source = SimpleNamespace(name="web", event=None, shape=shape)
    records = MemoryRecords([arrow_batch(list(texts))], number)
    return Landing(lake, source, REGISTRY, records, FIRST_BATCH)  # type: ignore[arg-type]  # in memory


def test_a_batch_is_appended_and_recorded_with_its_counts(archived):
    lake = MemoryLake()
    landed = landing(lake, GOOD, b"{", text(event_id="e2"), number=2)
    query = landed.start(availableNow=True)
    assert query.options == {"name": "web", "checkpointLocation": "/web", "availableNow": True}
    assert [row["verdict"] for row in lake.events] == ["accepted", "rejected", "accepted"]
    assert {row["batch_id"] for row in lake.events} == {FIRST_BATCH + 2}
    assert len({row["ingested_at"] for row in lake.events}) == 1
    assert lake.writers == [("web/query-1", 2)]
    [row] = lake.ledger
    assert {name: value for name, value in row.items() if not name.endswith("_at")} == {
        "stage": "bronze",
        "source": "web",
        "batch_id": FIRST_BATCH + 2,
        "records_in": 3,
        "unpacked": 0,
        "accepted": 2,
        "rejected": 1,
        "added": 3,
        "duplicates": 0,
        "table_version": 3,
        "run_id": "run-1",
    }
    assert landed.counts == {"in": 3, "accepted": 2, "rejected": 1}
    assert archived == ["web"]


def test_further_messages_of_a_segment_batch_are_counted_as_unpacked():
    lake = MemoryLake()
    batch = orjson.dumps({"batch": [message(messageId=f"m{number}") for number in range(3)]})
    landed = landing(lake, batch, shape="segment")
    landed.start(availableNow=True)
    [row] = lake.ledger
    assert (row["records_in"], row["unpacked"], row["accepted"], row["added"]) == (1, 2, 3, 3)
    assert landed.counts == {"in": 1, "accepted": 3, "rejected": 0}


def test_the_counts_of_a_run_are_those_of_all_of_its_batches():
    lake = MemoryLake()
    landed = landing(lake, GOOD, b"{")
    landed.start(availableNow=True)
    landed.records.number = 1
    landed.start(availableNow=True)
    assert landed.counts == {"in": 4, "accepted": 2, "rejected": 2}
    assert [row["batch_id"] for row in lake.ledger] == [FIRST_BATCH, FIRST_BATCH + 1]


def test_an_event_after_the_time_of_ingestion_is_rejected():
    lake = MemoryLake()
    landing(lake, text(occurred_at="2999-01-01T00:00:00Z")).start(availableNow=True)
    [row] = lake.events
    assert rules(row["errors"]) == ["/occurred_at: more than 1 day after ingestion"]


class LedgerLake(MemoryLake):
    """A lake with a ledger and events that Spark reads."""

    def __init__(self, spark: Any, change_commit: Any, *, events: Any, ledger: Any) -> None:
        super().__init__(change_commit)
        self.tables = {
            bronze.EVENTS.name: spark.createDataFrame(
                events, "source string, batch_id long, verdict string, record_index int"
            ),
            ops.BATCHES.name: spark.createDataFrame(
                ledger, "stage string, source string, batch_id long, records_in long"
            ),
        }

    def read(self, table: Any) -> Any:
        return self.tables[table.name]

    read_or_empty = read


EVENTS_OF_THE_BATCH = [
    ("web", FIRST_BATCH, "accepted", 0),
    ("web", FIRST_BATCH, "rejected", 0),
    ("web", FIRST_BATCH - 1, "accepted", 0),
    ("app", FIRST_BATCH, "accepted", 0),
]


def test_a_batch_that_an_earlier_run_has_committed_is_recorded_with_the_counts_of_the_table(spark):
    lake = LedgerLake(
        spark,
        lambda _: None,
        events=EVENTS_OF_THE_BATCH,
        ledger=[("silver", "web", FIRST_BATCH, 2), ("bronze", "app", FIRST_BATCH, 1)],
    )
    landed = landing(lake, GOOD, b"{")
    landed.start(availableNow=True)
    [row] = lake.ledger
    assert (row["records_in"], row["accepted"], row["rejected"]) == (2, 1, 1)
    assert row["table_version"] == 7
    assert landed.counts == {"in": 2, "accepted": 1, "rejected": 1}


def test_a_batch_that_an_earlier_run_has_recorded_too_is_not_recorded_again(spark):
    lake = LedgerLake(
        spark,
        lambda _: None,
        events=EVENTS_OF_THE_BATCH,
        ledger=[("bronze", "web", FIRST_BATCH, 2)],
    )
    landed = landing(lake, GOOD, b"{")
    landed.start(availableNow=True)
    assert lake.ledger == []
    assert landed.counts == NO_COUNTS


def test_counts_that_differ_from_the_committed_rows_are_read_from_the_table(spark):
    """A task that Spark repeats is counted twice."""

    def counted_twice(commit: Commit) -> Commit:
        doubled = {name: 2 * count for name, count in commit.counts.items()}
        return Commit(commit.version, commit.rows, doubled)

    lake = LedgerLake(spark, counted_twice, events=EVENTS_OF_THE_BATCH, ledger=[])
    landed = landing(lake, GOOD, b"{")
    landed.start(availableNow=True)
    assert landed.counts == {"in": 2, "accepted": 1, "rejected": 1}


def test_a_batch_with_fewer_rows_than_records_is_recorded_and_fails(spark):
    lake = LedgerLake(
        spark, lambda _: None, events=EVENTS_OF_THE_BATCH, ledger=[("bronze", "app", 1, 1)]
    )
    with pytest.raises(
        LedgerError,
        match=r"bronze\.events: batch 40 of web had 3 records; 1 accepted and 1 rejected rows have "
        r"landed\. Records are lost or duplicated; keep the input files and compare",
    ):
        landing(lake, GOOD, GOOD, GOOD).start(availableNow=True)
    assert [row["records_in"] for row in lake.ledger] == [3]
