"""What kinfold's ingestion costs beside a bare copy of the same topic into Delta.

Everything is alternated in one session on one topic of a real broker, so that the ratios mean
something on a noisy machine; the first round warms up and is not counted.

    python tests/benchmarks/bench_ingest.py [throughput|validation|growth|duplicates|latency ...]

throughput   events/s of a bare Kafka-to-Delta copy, of one in bronze's columns, of that with
             exactly-once and the ledger, and of the whole job (verdicts with reasons, envelope,
             ledger)
validation   verdicts, reasons and envelope against Spark's from_json with the same fields, and with
             the rules as expressions beside it; all without a sink
growth       landing the same records in a table of 100 thousand and of --rows rows
duplicates   telling 10,000 events from those that silver.events holds, 100 thousand and --rows
latency      from the producer's timestamp to a readable row at 70 % load and a 2 s trigger
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
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from confluent_kafka import Producer
from pyspark.sql import DataFrame, SparkSession, functions as F

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
    """A native event of about 700 bytes; one in fifty breaks its schema."""
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
    """Send events, as fast as it goes or `rate` a second; their mean size in bytes."""
    producer = Producer(
        {
            "bootstrap.servers": broker.servers,
            "linger.ms": 20,
            "queue.buffering.max.messages": 400_000,
        }
    )
    draw = random.Random(7)
    # At a given rate the sender must not take the processor from what is measured.
    made = [event(draw, number) for number in range(20_000)] if rate is not None else []
    size, begun = 0, time.monotonic()
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
                time.sleep(max(0.0, begun + number / rate - time.monotonic()))
    producer.flush()
    return size / count


class Bench:
    """A session, a broker, and folders that are made anew for each measurement.

    Attributes:
        root: folder or URI that they are in.
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

    def landing(self, lake: Lake, topic: str = TOPIC) -> Landing:
        overrides = {
            "kafka.bootstrap_servers": self.broker.servers,
            "bronze.records_per_batch": BATCH,
        }
        return prepared(
            lake,
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
        """The limit: Spark's own Kafka source into Spark's own Delta sink."""
        out = self.emptied("bare")
        self._run(self.stream().writeStream.format("delta"), out)

    def same_columns(self) -> None:
        """The bare copy, in the columns of bronze.events that need no look into the record."""
        out = self.emptied("same")
        self._run(unjudged(self.stream(), source=TOPIC).writeStream.format("delta"), out)

    def copy_with_ledger(self) -> None:
        """The same columns, but exactly once and entered in the ledger, as the job does both."""
        landing = _Unjudged(**vars(replace(self.landing(self.lake()), records=self.stream())))
        ingest(landing)

    def job(self) -> None:
        ingest(self.landing(self.lake()))

    def records(self) -> DataFrame:
        return self.spark.read.parquet(f"{self.root}/records")

    def validate(self) -> None:
        """As the job does it: verdicts, reasons and envelope stay in the worker that made them."""
        judged = landed_batches(registry=REGISTRY)

        def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rows = sum(batch.num_rows for batch in judged(batches))
            yield pa.RecordBatch.from_pydict({"rows": [rows]})

        _to_nothing(self.records().mapInArrow(landed, "rows bigint"))

    def verdict_seconds(self) -> float:
        """CPU seconds that the workers spend on verdicts by themselves: from an Arrow batch that is
        there to the columns of bronze.events."""
        judged = landed_batches(registry=REGISTRY)

        def timed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            spent = 0.0
            for batch in batches:
                begun = time.thread_time()
                for _ in judged([batch]):
                    pass
                spent += time.thread_time() - begun
            yield pa.RecordBatch.from_pydict({"seconds": [spent]})

        spent = self.records().mapInArrow(timed, "seconds double")
        return float(spent.agg(F.sum("seconds")).collect()[0][0])

    def validate_and_return(self) -> None:
        """The same, given back to Spark as rows: what a lake does that only Spark can write."""
        _to_nothing(landed_events(self.records(), registry=REGISTRY))

    def parse(self) -> None:
        """Spark's own parser with the same types, which judges nothing."""
        _to_nothing(self._parsed())

    def parse_and_judge(self) -> None:
        """That and the schema's rules as expressions: what can be had without Python."""
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

    def _run(self, writer, out: str) -> None:  # type: ignore[no-untyped-def]
        query = writer.option("checkpointLocation", f"{out}/_cp").trigger(availableNow=True)
        query.start(out).awaitTermination()


class _Unjudged(Landing):
    """A landing that writes what the topic holds as it is: every accepted, none judged. By Spark's
    own writer, as the copy that it is compared with."""

    _land_files = Landing._land_rows

    def _judged(self, records: DataFrame, begun_at: datetime) -> DataFrame:
        return unjudged(records, source=self.source.name)


def unjudged(records: DataFrame, *, source: str) -> DataFrame:
    """Records of a topic in the columns of bronze.events, those that judging gives left empty."""
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
    """CPU seconds of the Java and Python processes below this one, ended children included."""
    ticks = os.sysconf("SC_CLK_TCK")
    found: dict[int, tuple[str, int, float]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1 :].rsplit(") ", 1)
            parts = rest.split()
            found[int(entry)] = (name, int(parts[1]), sum(map(int, parts[11:15])) / ticks)
    total, todo = {"java": 0.0, "python": 0.0}, [os.getpid()]
    while todo:
        parent = todo.pop()
        for pid, (name, ppid, seconds) in found.items():
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
    """Run the variants in turn; events/s of each round but the first, printed as they come.

    At the end the CPU time of each: on a machine with other work it says more than the clock.
    """
    rates: dict[str, list[float]] = {name: [] for name in variants}
    cpu: dict[str, list[float]] = {name: [] for name in variants}
    print(f"{'':<22}{'s':>7}{'events/s':>10}{'JVM CPU s':>11}{'Python CPU s':>14}")
    for turn in range(rounds + 1):
        for name, run in variants.items():
            before, begun = cpu_seconds(), time.monotonic()
            run()
            seconds, after = time.monotonic() - begun, cpu_seconds()
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
    told = ", ".join(f"{name} {statistics.median(all_of):.1f}" for name, all_of in cpu.items())
    print(f"\nCPU seconds for a million events: {told}")
    return rates


def ratio(rates: dict[str, list[float]], name: str, base: str) -> str:
    """Median of the ratios of neighbouring rounds, with the lowest and the highest."""
    ratios = [one / other for one, other in zip(rates[name], rates[base], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def throughput(bench: Bench, given: argparse.Namespace) -> None:
    rates = alternated(
        {
            "bare copy": bench.bare_copy,
            "same columns": bench.same_columns,
            "copy with ledger": bench.copy_with_ledger,
            "kinfold": bench.job,
        },
        events=given.events,
        rounds=given.rounds,
    )
    print(f"throughput of the job to a bare copy: {ratio(rates, 'kinfold', 'bare copy')}")
    print(f"exactly-once and ledger alone: {ratio(rates, 'copy with ledger', 'same columns')}")


def validation(bench: Bench, given: argparse.Namespace) -> None:
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
            "from_json and rules": bench.parse_and_judge,
            "verdicts": bench.validate,
            "verdicts back in Spark": bench.validate_and_return,
        },
        events=given.events,
        rounds=given.rounds,
    )
    for name in ("verdicts", "verdicts back in Spark"):
        print(f"{name} to from_json: {ratio(rates, name, 'from_json')}")
    told = ratio(rates, "verdicts", "from_json and rules")
    print(f"verdicts to from_json with rules as expressions: {told}")
    read = rates.pop("reading alone")
    alone = {
        name: [1 / (1 / rate - 1 / bare) for rate, bare in zip(found, read, strict=True)]
        for name, found in rates.items()
    }
    print(f"verdicts to from_json without the reading: {ratio(alone, 'verdicts', 'from_json')}")
    cores = os.cpu_count() or 1  # local[*]
    parsing = cores / statistics.median(alone["from_json"]) * 1e6
    judging = min(bench.verdict_seconds() for _ in range(given.rounds)) / given.events * 1e6
    print(
        f"by themselves, without the way to Python: {judging:.2f} us of a core for an event, "
        f"from_json {parsing:.2f}: {parsing / judging:.2f}"
    )


def growth(bench: Bench, given: argparse.Namespace) -> None:
    """Fill two tables by copying what has landed, then land the same new records in each."""
    filled = bench.lake("filled")
    ingest(bench.landing(filled))
    times: dict[int, list[float]] = {}
    for rows in (100_000, given.rows):
        lake = bench.lake(f"lake-{rows}")
        lake.ensure(bronze.EVENTS)
        have = given.events
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
    for turn in range(given.rounds + 1):
        bench.broker.create(f"more-{turn}")
        produce(bench.broker, f"more-{turn}", 10_000)
        for rows in times:
            lake = bench.lake(f"lake-{rows}", is_new=False)
            begun = time.monotonic()
            ingest(bench.landing(lake, f"more-{turn}"))
            if turn:
                times[rows].append(time.monotonic() - begun)
                print(f"10,000 records into {rows:>10,} rows: {times[rows][-1]:.2f} s", flush=True)
    small, large = (statistics.median(times[rows]) for rows in times)
    print(f"\ngrowth: {large / small:.2f} times as long into {given.rows:,} rows")


def duplicates(bench: Bench, given: argparse.Namespace) -> None:
    """What telling 10,000 events from known ones costs silver, by what it holds."""

    def events(first: int, count: int) -> DataFrame:
        number = F.col("id")
        occurred_at = F.timestamp_seconds(F.lit(1_767_225_600) + number % (365 * 86_400))
        made = {
            "event_id": F.md5(number.cast("string")),
            "event_type": F.lit("page_view"),
            "source": F.lit("bench"),
            "occurred_at": occurred_at,
            "received_at": occurred_at,
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
            "bronze_version": F.lit(1),
        }
        rows = bench.spark.range(first, first + count, 1, 8)
        fields = silver.EVENTS.fields
        return rows.select(*(made.get(f.name, F.lit(None)).alias(f.name) for f in fields))

    times: dict[int, list[float]] = {}
    for rows in (100_000, given.rows):
        lake = bench.lake(f"silver-{rows}")
        # Events arrive day by day, so a file of the table holds a time, not the whole year.
        lake.append(silver.EVENTS, events(0, rows).repartitionByRange(32, "occurred_at"))
        times[rows] = []
    near = Near("occurred_at", timedelta(days=30))
    for turn in range(given.rounds + 1):
        for rows in times:
            lake = bench.lake(f"silver-{rows}", is_new=False)
            begun = time.monotonic()
            lake.insert_new(silver.EVENTS, events(rows - 1_000 + turn * 9_000, 10_000), near=near)
            if turn:
                times[rows].append(time.monotonic() - begun)
                print(f"10,000 events into {rows:>10,} rows: {times[rows][-1]:.2f} s", flush=True)
    small, large = (statistics.median(times[rows]) for rows in times)
    print(f"\nduplicates: {large / small:.2f} times as long against {given.rows:,} rows")


def latency(bench: Bench, given: argparse.Namespace) -> None:
    """At 70 % of what the job takes: when is a record, by the producer's clock, readable?

    What it takes is measured while as much is sent aside: sender and broker share the machine.
    """
    bench.job()  # warms up
    begun = time.monotonic()
    bench.job()
    alone = given.events / (time.monotonic() - begun)
    bench.broker.create("aside")
    sender = threading.Thread(
        target=produce,
        args=(bench.broker, "aside", int(0.7 * given.events)),
        kwargs={"rate": 0.7 * alone},
    )
    sender.start()
    begun = time.monotonic()
    bench.job()
    capacity = given.events / (time.monotonic() - begun)
    sender.join()
    rate = 0.7 * given.load * capacity
    print(f"takes {alone:,.0f} events/s alone, {capacity:,.0f} while others are sent")
    bench.broker.create("live")
    lake = bench.lake("live")
    landing = bench.landing(lake, "live")
    sender = threading.Thread(
        target=produce,
        args=(bench.broker, "live", int(rate * given.seconds)),
        kwargs={"rate": rate},
    )
    threading.Timer(given.seconds + 10, _interrupt).start()
    sender.start()
    with stream_metrics(load_settings(HOME, "local", {}).metrics) as metrics:
        ingest_continuously([landing], trigger_seconds=2, metrics=metrics)
    sender.join()
    # A row is readable from its commit on, whose time is the table's own.
    committed = lake.spark.createDataFrame(_commit_times(lake), "batch_id bigint, at timestamp")
    rows = lake.read(bronze.EVENTS).join(F.broadcast(committed), "batch_id")
    lag = (F.col("at").cast("double") - F.col("kafka.timestamp").cast("double")).alias("lag")
    settled = rows.where("batch_id >= 3").select(lag)
    p50, p99 = settled.approxQuantile("lag", [0.5, 0.99], 0.001)
    print(f"\nat {rate:,.0f} events/s for {given.seconds} s: p50 {p50:.2f} s, p99 {p99:.2f} s")


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
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    os.environ["TZ"] = "UTC"
    with running_broker() as broker, tempfile.TemporaryDirectory(prefix="kinfold-bench-") as folder:
        spark = open_session(name="bench", env="local", home=HOME)
        broker.create(TOPIC)
        size = produce(broker, TOPIC, given.events)
        print(f"{given.events:,} events of {size:.0f} bytes in 2 partitions\n")
        for part in given.parts:
            print(f"{part}\n{'-' * len(part)}")
            PARTS[part](Bench(spark, broker, given.root or folder), given)
            print()
        spark.stop()


if __name__ == "__main__":
    main()
