"""Ingestion compared with a bare copy of the same topic into Delta.

All variants run in turn in one session on one topic of a real broker, so that their ratios are
meaningful on a machine with other work. The first round is a warm-up and is not counted.

    python tests/benchmarks/bench_ingest.py [PART ...]

throughput   events/s of a bare Kafka-to-Delta copy, of a copy into bronze's columns, of the same
             with exactly-once writes and the ledger, and of the whole job (verdicts with reasons,
             envelope, ledger)
native       the whole job with each value of runtime.native, compared with the bare copy
validation   verdicts, reasons and envelope, compared with Spark's from_json for the same fields,
             without and with the schema's rules as expressions; all without a sink
growth       landing the same records in a table of 100,000 rows and in one of --rows rows
duplicates   finding 10,000 events in a silver.events of 100,000 rows and in one of --rows rows
latency      from the producer's timestamp to a readable row, at 70 % load and a 2 s trigger
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from confluent_kafka import Producer
from pyspark.sql import DataFrame, SparkSession, functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

HOME = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HOME / "tests")]

from brokers import Broker, running_broker
from kinfold.bronze.checkpoints.resumption import Decisions
from kinfold.bronze.events.ingestion import ingest, ingest_continuously, prepared
from kinfold.bronze.events.landed_rows import landed_batches, landed_events
from kinfold.bronze.events.landing import Landing
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import Source
from kinfold.core.settings.loading import load_settings
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.stream_metrics import stream_metrics
from kinfold.runtime.session import open_session
from kinfold.tables import bronze, silver

TOPIC = "bench"
REGISTRY = SchemaRegistry.load(HOME / "conf" / "schemas")
BATCH = 1_000_000
WORDS = ("oak table", "lamp", "wool rug", "linen", "brass handle", "shelf", "cotton throw", "vase")


def event(draw: random.Random, number: int) -> bytes:
    """A native event of about 700 bytes. One in fifty breaks its schema."""
    product = draw.randrange(3_000)
    when = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(milliseconds=137 * number)
    text = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    url = f"https://shop.example/c/{draw.randrange(40)}/p{product}?utm_source=mail&utm_campaign="
    members = {
        "event_id": f"{draw.getrandbits(128):032x}",
        "event_type": "product_view",
        "occurred_at": text,
        "received_at": text,
        "identifiers": {
            "cookie_id": f"c-{draw.getrandbits(64):016x}",
            "user_id": f"u{draw.randrange(100_000)}",
            "email": f"person{draw.randrange(100_000)}@example.org",
        },
        "properties": {
            "product_id": f"p{product}" if number % 50 else product,
            "category": draw.choice(WORDS),
            "price_cents": draw.randrange(100, 90_000),
            "title": " ".join(draw.choices(WORDS, k=9)),
            "url": f"{url}c{draw.randrange(40)}",
            "referrer": f"https://search.example/?q={draw.randrange(10**9)}",
            "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
            "(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "viewport": "1920x1080",
        },
    }
    return orjson.dumps(members)


def produce(broker: Broker, topic: str, count: int, *, rate: float | None = None) -> float:
    """Send events, as fast as possible or `rate` per second; returns their mean size in bytes."""
    producer = Producer(
        {
            "bootstrap.servers": broker.servers,
            "linger.ms": 20,
            "queue.buffering.max.messages": 400_000,
        }
    )
    draw = random.Random(7)
    # At a fixed rate, events are made in advance: the sender must not slow down the measured job.
    made = [event(draw, number) for number in range(20_000)] if rate is not None else []
    size, started = 0, time.monotonic()
    for number in range(count):
        value = made[number % len(made)] if made else event(draw, number)
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, key=value[13:29], headers={"trace": b"1"})
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
            if rate is not None:
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
    producer.flush()
    return size / count


class Bench:
    """A session, a broker, and folders that each measurement recreates.

    Attributes:
        root: the folder or URI that contains the folders.
    """

    def __init__(self, spark: SparkSession, broker: Broker, root: str) -> None:
        self.spark, self.broker, self.root = spark, broker, root

    def emptied(self, name: str) -> str:
        jvm: Any = self.spark._jvm
        folder = jvm.org.apache.hadoop.fs.Path(f"{self.root}/{name}")
        folder.getFileSystem(self.spark._jsc.hadoopConfiguration()).delete(folder, True)
        return f"{self.root}/{name}"

    def lake(self, name: str = "lake", *, is_new: bool = True) -> Lake:
        root = self.emptied(name) if is_new else f"{self.root}/{name}"
        return Lake(self.spark, root, "bench", datetime.now(UTC))

    def landing(self, lake: Lake, topic: str = TOPIC, *, native: str = "auto") -> Landing:
        overrides = {
            "runtime.native": native,
            "kafka.bootstrap_servers": self.broker.servers,
            "bronze.records_per_batch": BATCH,
        }
        return prepared(
            replace(lake, native_writes=native in ("auto", "writes")),
            Source(name=topic, display_path="bench", format="kafka", input=topic),
            REGISTRY,
            settings=load_settings(HOME, "local", overrides),
            decisions=Decisions(),
        )

    def stream(self, topic: str = TOPIC) -> DataFrame:
        return (
            self.spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self.broker.servers)
            .option("subscribe", topic)
            .option("startingOffsets", "earliest")
            .option("includeHeaders", "true")
            .option("maxOffsetsPerTrigger", BATCH)
            .load()
        )

    def bare_copy(self) -> None:
        """The upper limit: Spark's Kafka source into the Delta sink."""
        out = self.emptied("bare")
        self._run(self.stream().writeStream.format("delta"), out)

    def same_columns(self) -> None:
        """The bare copy, into the columns of bronze.events that need no parsing."""
        out = self.emptied("same")
        self._run(unchecked(self.stream(), source=TOPIC).writeStream.format("delta"), out)

    def copy_with_ledger(self) -> None:
        """The same columns, written exactly once and recorded in the ledger by the job's code."""
        landing = _UncheckedLanding(
            **vars(replace(self.landing(self.lake()), records=self.stream()))
        )
        ingest(landing)

    def job(self, native: str = "auto") -> None:
        ingest(self.landing(self.lake(), native=native))

    def records(self) -> DataFrame:
        return self.spark.read.parquet(f"{self.root}/records")

    def validate(self) -> None:
        """Verdicts, reasons and envelope in the Python workers, as the job computes them."""
        check = landed_batches(registry=REGISTRY)

        def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rows = sum(batch.num_rows for batch in check(batches))
            yield pa.RecordBatch.from_pydict({"rows": [rows]})

        _to_nothing(self.records().mapInArrow(landed, "rows bigint"))

    def verdict_seconds(self) -> float:
        """CPU seconds of the workers for verdicts alone, from Arrow batches to bronze's columns."""
        check = landed_batches(registry=REGISTRY)

        def timed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            spent = 0.0
            for batch in batches:
                started = time.thread_time()
                for _ in check([batch]):
                    pass
                spent += time.thread_time() - started
            yield pa.RecordBatch.from_pydict({"seconds": [spent]})

        spent = self.records().mapInArrow(timed, "seconds double")
        return float(spent.agg(F.sum("seconds")).collect()[0][0])

    def validate_and_return(self) -> None:
        """The same, returned to Spark as rows, as in a lake that only Spark can write."""
        _to_nothing(landed_events(self.records(), registry=REGISTRY))

    def parse(self) -> None:
        """Spark's parser with the same types, without any checks."""
        _to_nothing(self._parsed())

    def parse_and_check(self) -> None:
        """Spark's parser and the schema's rules as expressions: what is possible without Python."""
        event = self._parsed()
        identifiers = F.map_values("event.identifiers")
        rules = {
            "/event_id": F.col("event.event_id").rlike(r"^[^\x00]{1,256}$"),
            "/event_type": F.col("event.event_type") == "product_view",
            "/occurred_at": F.col("event.occurred_at").isNotNull(),
            "/identifiers": (F.size(identifiers) <= 50)
            & F.forall(F.map_keys("event.identifiers"), lambda k: k.rlike("^[a-z][a-z0-9_]{0,62}$"))
            & F.forall(identifiers, lambda v: v.isNull() | v.rlike(r"^[^\x00]{0,512}$")),
            "/properties/product_id": F.length("event.properties.product_id").between(1, 256),
            "/properties/category": F.length("event.properties.category").between(1, 256),
            "/properties/price_cents": F.coalesce("event.properties.price_cents", F.lit(0)).between(
                0, 2**53 - 1
            ),
        }
        broken = [F.when(~F.coalesce(kept, F.lit(False)), F.lit(at)) for at, kept in rules.items()]
        reasons = F.array_except(F.array(*broken), F.array(F.lit(None).cast("string")))
        _to_nothing(event.withColumn("errors", reasons))

    def _parsed(self) -> DataFrame:
        schema = (
            "event_id string, event_type string, occurred_at timestamp, received_at timestamp, "
            "identifiers map<string,string>, properties struct<product_id string, "
            "category string, price_cents bigint, title string, url string, referrer string, "
            "user_agent string>"
        )
        parsed = F.from_json(F.col("value").cast("string"), schema)
        return self.records().select("source_offset", "value", parsed.alias("event"))

    def _run(self, writer: DataStreamWriter, out: str) -> None:
        query = writer.option("checkpointLocation", f"{out}/_cp").trigger(availableNow=True)
        query.start(out).awaitTermination()


class _UncheckedLanding(Landing):
    """A landing without verdicts: every record is accepted. Spark writes it, like the copies."""

    def _land(self, records: DataFrame, number: int) -> None:
        context = records.sparkSession.sparkContext
        query_id = context.getLocalProperty("sql.streaming.queryId")
        commit = self.lake.append_once(
            bronze.EVENTS,
            unchecked(records, source=self.source.name).withColumns(
                {
                    "batch_id": F.lit(self.first_batch_id + number).cast("bigint"),
                    "ingested_at": F.lit(datetime.now(UTC)),
                }
            ),
            writer=f"{self.source.name}/{query_id}",
            batch_id=number,
        )
        rows = commit.rows if commit and commit.rows is not None else records.count()
        counts = {"records_in": rows, "unpacked": 0, "accepted": rows, "rejected": 0}
        self._record(self.first_batch_id + number, counts, commit)


def unchecked(records: DataFrame, *, source: str) -> DataFrame:
    """Records of a topic in the columns of bronze.events, without those that need parsing."""
    known = {
        "source": F.lit(source),
        "source_partition": F.concat("topic", F.lit("/"), F.col("partition").cast("string")),
        "source_offset": F.col("offset"),
        "record_index": F.lit(0),
        "raw": F.col("value").cast("string"),
        "kafka": F.struct("key", "headers", "timestamp"),
        "verdict": F.lit("accepted"),
        "errors": F.array().cast("array<string>"),
    }
    return records.select(
        *(known.get(f.name, F.lit(None)).cast(f.type).alias(f.name) for f in bronze.EVENTS.fields)
    )


def _to_nothing(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()


def cpu_seconds() -> dict[str, float]:
    """CPU seconds of this process's Java and Python descendants, with those that have ended."""
    ticks = os.sysconf("SC_CLK_TCK")
    processes: dict[int, tuple[str, int, float]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1 :].rsplit(") ", 1)
            parts = rest.split()
            processes[int(entry)] = (name, int(parts[1]), sum(map(int, parts[11:15])) / ticks)
    total, todo = {"java": 0.0, "python": 0.0}, [os.getpid()]
    while todo:
        parent = todo.pop()
        for pid, (name, ppid, seconds) in processes.items():
            if ppid == parent and "kafka.Kafka" not in _command(pid):
                todo.append(pid)
                total["java" if "java" in name else "python"] += seconds
    return total


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def alternated(
    variants: dict[str, Callable[[], None]], *, events: int, rounds: int
) -> dict[str, list[float]]:
    """Run the variants in turn and print each run; returns events/s of each round but the first.

    The CPU time is printed at the end: on a machine with other work it is more exact than the wall
    time.
    """
    rates: dict[str, list[float]] = {name: [] for name in variants}
    cpu: dict[str, list[float]] = {name: [] for name in variants}
    print(f"{'':<22}{'s':>7}{'events/s':>10}{'JVM CPU s':>11}{'Python CPU s':>14}")
    for turn in range(rounds + 1):
        for name, run in variants.items():
            before, started = cpu_seconds(), time.monotonic()
            run()
            seconds, after = time.monotonic() - started, cpu_seconds()
            java, python = (after[kind] - before[kind] for kind in ("java", "python"))
            note = "" if turn else "   warm-up"
            print(
                f"{name:<22}{seconds:>7.1f}{events / seconds:>10,.0f}{java:>11.1f}{python:>14.1f}"
                f"{note}",
                flush=True,
            )
            if turn:
                rates[name].append(events / seconds)
                cpu[name].append((java + python) / events * 1e6)
    medians = ", ".join(f"{name} {statistics.median(all_of):.1f}" for name, all_of in cpu.items())
    print(f"\nCPU seconds for a million events: {medians}")
    return rates


def ratio(rates: dict[str, list[float]], name: str, base: str) -> str:
    """The median of the ratios of the rounds, with the lowest and the highest one."""
    ratios = [one / other for one, other in zip(rates[name], rates[base], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def throughput(bench: Bench, options: argparse.Namespace) -> None:
    rates = alternated(
        {
            "bare copy": bench.bare_copy,
            "same columns": bench.same_columns,
            "copy with ledger": bench.copy_with_ledger,
            "kinfold": bench.job,
        },
        events=options.events,
        rounds=options.rounds,
    )
    print(f"throughput of the job to a bare copy: {ratio(rates, 'kinfold', 'bare copy')}")
    print(f"exactly-once and ledger alone: {ratio(rates, 'copy with ledger', 'same columns')}")


def native(bench: Bench, options: argparse.Namespace) -> None:
    modes = ("auto", "fast_path", "writes", "off")
    rates = alternated(
        {"bare copy": bench.bare_copy, **{mode: partial(bench.job, mode) for mode in modes}},
        events=options.events,
        rounds=options.rounds,
    )
    for mode in modes:
        print(f"runtime.native: {mode}, job to bare copy: {ratio(rates, mode, 'bare copy')}")


def validation(bench: Bench, options: argparse.Namespace) -> None:
    batch = (
        bench.spark.read.format("kafka")
        .option("kafka.bootstrap.servers", bench.broker.servers)
        .option("subscribe", TOPIC)
        .load()
    )
    records = batch.select(
        F.lit("bench").alias("source"),
        F.lit("p").alias("source_partition"),
        F.col("offset").alias("source_offset"),
        "value",
    )
    records.write.mode("overwrite").parquet(f"{bench.root}/records")
    rates = alternated(
        {
            "reading alone": lambda: _to_nothing(bench.records()),
            "from_json": bench.parse,
            "from_json and rules": bench.parse_and_check,
            "verdicts": bench.validate,
            "verdicts back in Spark": bench.validate_and_return,
        },
        events=options.events,
        rounds=options.rounds,
    )
    for name in ("verdicts", "verdicts back in Spark"):
        print(f"{name} to from_json: {ratio(rates, name, 'from_json')}")
    to_rules = ratio(rates, "verdicts", "from_json and rules")
    print(f"verdicts to from_json with rules as expressions: {to_rules}")
    read = rates.pop("reading alone")
    alone = {
        name: [1 / (1 / rate - 1 / bare) for rate, bare in zip(measured, read, strict=True)]
        for name, measured in rates.items()
    }
    print(f"verdicts to from_json without the reading: {ratio(alone, 'verdicts', 'from_json')}")
    cores = os.cpu_count() or 1  # local[*]
    parser_us = cores / statistics.median(alone["from_json"]) * 1e6
    verdicts_us = min(bench.verdict_seconds() for _ in range(options.rounds)) / options.events * 1e6
    print(
        f"alone, without the transfer to Python: {verdicts_us:.2f} us of a core for an event, "
        f"from_json {parser_us:.2f}: {parser_us / verdicts_us:.2f}"
    )


def growth(bench: Bench, options: argparse.Namespace) -> None:
    """Fill two tables with copies of landed records, then land the same new records in each."""
    filled = bench.lake("filled")
    ingest(bench.landing(filled))
    times: dict[int, list[float]] = {}
    for rows in (100_000, options.rows):
        lake = bench.lake(f"lake-{rows}")
        lake.ensure(bronze.EVENTS)
        have = options.events
        chunk = filled.read(bronze.EVENTS)
        for part in range(-(-rows // have)):
            wanted = chunk.limit(min(have, rows - part * have)).withColumns(
                {
                    "source": F.lit(f"old-{part}"),
                    "batch_id": F.lit(part).cast("bigint"),
                }
            )
            wanted.write.format("delta").mode("append").save(lake.path(bronze.EVENTS))
        times[rows] = []
    for turn in range(options.rounds + 1):
        bench.broker.create(f"more-{turn}")
        produce(bench.broker, f"more-{turn}", 10_000)
        for rows in times:
            lake = bench.lake(f"lake-{rows}", is_new=False)
            started = time.monotonic()
            ingest(bench.landing(lake, f"more-{turn}"))
            if turn:
                times[rows].append(time.monotonic() - started)
                print(f"10,000 records into {rows:>10,} rows: {times[rows][-1]:.2f} s", flush=True)
    small, large = (statistics.median(times[rows]) for rows in times)
    print(f"\ngrowth: {large / small:.2f} times as long into {options.rows:,} rows")


def duplicates(bench: Bench, options: argparse.Namespace) -> None:
    """Seconds to insert 10,000 events, most of them known, into tables of two sizes."""

    def events(first: int, count: int) -> DataFrame:
        number = F.col("id")
        occurred_at = F.timestamp_seconds(F.lit(1_767_225_600) + number % (365 * 86_400))
        made = {
            "event_id": F.md5(number.cast("string")),
            "event_type": F.lit("page_view"),
            "source": F.lit("bench"),
            "occurred_at": occurred_at,
            "received_at": occurred_at,
            "is_before_earliest": F.lit(False),
            "identifiers": F.array(
                F.struct(
                    F.lit("user_id").alias("namespace"),
                    (number % 100_000).cast("string").alias("value"),
                )
            ),
            "properties": F.concat(F.lit('{"url":"/c/'), number.cast("string"), F.lit('"}')),
            "source_partition": F.lit("f"),
            "source_offset": number,
            "record_index": F.lit(0),
            "ingested_at": F.timestamp_seconds(F.lit(0)),
        }
        rows = bench.spark.range(first, first + count, 1, 8)
        fields = silver.EVENTS.fields
        return rows.select(*(made.get(f.name, F.lit(None)).alias(f.name) for f in fields))

    times: dict[int, list[float]] = {}
    for rows in (100_000, options.rows):
        lake = bench.lake(f"silver-{rows}")
        # Events arrive day by day, so each file of the table holds a short period.
        lake.append(silver.EVENTS, events(0, rows).repartitionByRange(32, "occurred_at"))
        times[rows] = []
    for turn in range(options.rounds + 1):
        for rows in times:
            lake = bench.lake(f"silver-{rows}", is_new=False)
            started = time.monotonic()
            lake.insert_new(silver.EVENTS, events(rows - 1_000 + turn * 9_000, 10_000))
            if turn:
                times[rows].append(time.monotonic() - started)
                print(f"10,000 events into {rows:>10,} rows: {times[rows][-1]:.2f} s", flush=True)
    small, large = (statistics.median(times[rows]) for rows in times)
    print(f"\nduplicates: {large / small:.2f} times as long against {options.rows:,} rows")


def latency(bench: Bench, options: argparse.Namespace) -> None:
    """Time from the producer's timestamp until a record is readable, at 70 % of the job's capacity.

    The capacity is measured while another topic receives as many events, because the sender and the
    broker share the machine.
    """
    bench.job()  # warm-up
    started = time.monotonic()
    bench.job()
    alone = options.events / (time.monotonic() - started)
    bench.broker.create("aside")
    sender = threading.Thread(
        target=produce,
        args=(bench.broker, "aside", int(0.7 * options.events)),
        kwargs={"rate": 0.7 * alone},
    )
    sender.start()
    started = time.monotonic()
    bench.job()
    capacity = options.events / (time.monotonic() - started)
    sender.join()
    rate = 0.7 * options.load * capacity
    print(f"capacity: {alone:,.0f} events/s, {capacity:,.0f} while others are sent")
    bench.broker.create("live")
    lake = bench.lake("live")
    landing = bench.landing(lake, "live")
    sender = threading.Thread(
        target=produce,
        args=(bench.broker, "live", int(rate * options.seconds)),
        kwargs={"rate": rate},
    )
    threading.Timer(options.seconds + 10, _interrupt).start()
    sender.start()
    with stream_metrics(load_settings(HOME, "local", {}).metrics) as metrics:
        ingest_continuously([landing], trigger_seconds=2, metrics=metrics)
    sender.join()
    # A row is readable as soon as its commit file exists.
    committed = lake.spark.createDataFrame(_commit_times(lake), "batch_id bigint, at timestamp")
    rows = lake.read(bronze.EVENTS).join(F.broadcast(committed), "batch_id")
    lag = (F.col("at").cast("double") - F.col("kafka.timestamp").cast("double")).alias("lag")
    settled = rows.where("batch_id >= 3").select(lag)
    p50, p99 = settled.approxQuantile("lag", [0.5, 0.99], 0.001)
    print(f"\nat {rate:,.0f} events/s for {options.seconds} s: p50 {p50:.2f} s, p99 {p99:.2f} s")


def _commit_times(lake: Lake) -> list[tuple[int, datetime]]:
    from kinfold.tables import ops

    versions = {r["batch_id"]: r["table_version"] for r in lake.read(ops.BATCHES).collect()}
    log = Path(lake.path(bronze.EVENTS)) / "_delta_log"
    return [
        (batch, datetime.fromtimestamp((log / f"{version:020}.json").stat().st_mtime, UTC))
        for batch, version in versions.items()
    ]


def _interrupt() -> None:
    os.kill(os.getpid(), 15)


PARTS = {
    "throughput": throughput,
    "native": native,
    "validation": validation,
    "growth": growth,
    "duplicates": duplicates,
    "latency": latency,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=["throughput", "validation"])
    parser.add_argument("--events", type=int, default=2_000_000, help="in the topic")
    parser.add_argument("--rounds", type=int, default=3, help="after the warm-up")
    parser.add_argument("--rows", type=int, default=10_000_000, help="growth: of the large table")
    parser.add_argument("--seconds", type=int, default=60, help="latency: how long to send")
    parser.add_argument("--load", type=float, default=1.0, help="latency: share of the 70 %% load")
    parser.add_argument(
        "--root",
        help="folder or URI for the lakes, e.g. s3a://bucket/bench (default: a temporary folder); "
        'Spark takes its settings from PYSPARK_SUBMIT_ARGS="--conf KEY=VALUE ... pyspark-shell"',
    )
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    os.environ["TZ"] = "UTC"
    with running_broker() as broker, tempfile.TemporaryDirectory(prefix="kinfold-bench-") as folder:
        spark = open_session(name="bench", env="local", home=HOME)
        broker.create(TOPIC)
        size = produce(broker, TOPIC, options.events)
        print(f"{options.events:,} events of {size:.0f} bytes in 2 partitions\n")
        for part in options.parts:
            print(f"{part}\n{'-' * len(part)}")
            PARTS[part](Bench(spark, broker, options.root or folder), options)
            print()
        spark.stop()


if __name__ == "__main__":
    main()
