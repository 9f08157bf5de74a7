"""Kafka: what the broker says of a topic before a stream starts, and the topic as records."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, SparkSession, functions as F

from kinfold.bronze.sources.declaration import Source
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.models import KafkaConf

CLIENT = "kafka."
"""Prefix by which Spark tells client options, which the broker's tools know, from its own."""
_TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class Topic:
    """A topic as the broker has it now.

    Attributes:
        topic_id: the broker's own id: a topic deleted and made again has another.
        earliest: first offset still held, by partition.
        latest: offset the next record will get, by partition.
    """

    name: str
    topic_id: str
    earliest: Mapping[int, int]
    latest: Mapping[int, int]

    def place(self, partition: int) -> str:
        """`source_partition` of a partition's records."""
        return f"{self.name}/{self.topic_id}/{partition}"


def client_options(source: Source, conf: KafkaConf) -> dict[str, str]:
    """Options of the Kafka client, the source's own last: servers, security, tuning.

    Raises:
        ConfError: the properties file cannot be read.
    """
    options = {"bootstrap.servers": conf.bootstrap_servers}
    if conf.properties_file is not None:
        options |= _read_properties(Path(conf.properties_file))
    own = {k: str(v) for k, v in source.options.items() if k.startswith(CLIENT)}
    return {f"{CLIENT}{key}": value for key, value in options.items()} | own


def describe(spark: SparkSession, source: Source, options: Mapping[str, str]) -> Topic:
    """Ask the broker for the source's topic.

    Raises:
        ConfError: no broker answers, there is no such topic, or it may not be read.
    """
    name = str(source.input)
    with _admin(spark, source, options) as (admin, jvm):
        names = jvm.java.util.ArrayList()
        names.add(name)
        found = _answer(admin.describeTopics(names).allTopicNames(), jvm, admin, source, options)
        description = found.get(name)
        partitions = sorted(int(p.partition()) for p in description.partitions())
        offsets = jvm.org.apache.kafka.clients.admin.OffsetSpec
        ends = [
            _offsets(admin, jvm, name, partitions, which(), source, options)
            for which in (offsets.earliest, offsets.latest)
        ]
        return Topic(name, str(description.topicId().toString()), *ends)


def topic_records(
    session: SparkSession,
    source: Source,
    topic: Topic,
    options: Mapping[str, str],
    *,
    starting_at: str,
    records_per_batch: int,
    may_skip_lost: bool,
) -> DataFrame:
    """A stream of a topic's records.

    Args:
        starting_at: `earliest`, or Spark's JSON of offsets; for a new checkpoint only.
        may_skip_lost: go on behind records that the broker no longer has; else the stream fails.

    Returns:
        One row per record: source, source_partition (topic/topic id/partition), source_offset,
        value (bytes), kafka (key, headers, timestamp); what `landed_events` takes.
    """
    reader = session.readStream.format("kafka").options(**options)
    spark_own = {k: str(v) for k, v in source.options.items() if not k.startswith(CLIENT)}
    rows = (
        reader.options(**spark_own)
        .option("subscribe", topic.name)
        .option("startingOffsets", starting_at)
        .option("maxOffsetsPerTrigger", records_per_batch)
        .option("includeHeaders", "true")
        .option("failOnDataLoss", str(not may_skip_lost).lower())
        .load()
    )
    return rows.select(
        F.lit(source.name).alias("source"),
        F.concat(F.lit(topic.place(0)[:-1]), F.col("partition").cast("string")).alias(
            "source_partition"
        ),
        F.col("offset").alias("source_offset"),
        F.col("value"),
        _kafka_column().alias("kafka"),
    )


def _kafka_column() -> Column:
    return F.struct("key", "headers", "timestamp")


_FLAT = {
    "kafka_key": "kafka.key",
    "header_keys": "kafka.headers.key",
    "header_values": "kafka.headers.value",
    "kafka_timestamp": "kafka.timestamp",
}


def flattened(records: DataFrame) -> DataFrame:
    """Records on the way to a worker, with what the broker holds in columns of their own.

    After each row Spark asks how large its Arrow batch has become, and Arrow then looks through all
    members of every struct: a fifth of the time that landing takes in the JVM.
    """
    flat = (F.col(path).alias(name) for name, path in _FLAT.items())
    return records.select(*(c for c in records.columns if c != "kafka"), *flat)


def unflattened(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with `kafka` as it was before `flattened`; columns are not copied."""
    key, keys, values, timestamp = (batch[name] for name in _FLAT)
    if keys.offset or values.offset:  # a slice of a larger batch, whose offsets do not begin at 0
        keys, values = (pa.concat_arrays([part]) for part in (keys, values))
    header = pa.StructArray.from_arrays([keys.flatten(), values.flatten()], ["key", "value"])
    is_null = keys.is_null() if keys.null_count else None
    headers = pa.ListArray.from_arrays(keys.offsets, header, mask=is_null)
    kafka = pa.StructArray.from_arrays([key, headers, timestamp], ["key", "headers", "timestamp"])
    kept = [name for name in batch.schema.names if name not in _FLAT]
    return pa.RecordBatch.from_arrays([*(batch[c] for c in kept), kafka], [*kept, "kafka"])


@contextmanager
def _admin(
    spark: SparkSession, source: Source, options: Mapping[str, str]
) -> Iterator[tuple[Any, Any]]:
    """An admin client with the very options that the stream will have."""
    jvm: Any = spark._jvm
    properties = jvm.java.util.Properties()
    for key, value in options.items():
        properties.put(key.removeprefix(CLIENT), value)
    properties.putIfAbsent("default.api.timeout.ms", str(_TIMEOUT_SECONDS * 1000))
    properties.putIfAbsent("request.timeout.ms", str(_TIMEOUT_SECONDS * 1000 // 2))
    try:
        admin = jvm.org.apache.kafka.clients.admin.AdminClient.create(properties)
    except Py4JJavaError as error:
        raise ConfError(
            f"source {source.name}: the Kafka client refuses its options: "
            f"{_cause(error)[1]}. Check kafka.* in {source.shown} and kafka.properties_file."
        ) from error
    try:
        yield admin, jvm
    finally:
        admin.close(jvm.java.time.Duration.ofSeconds(2))


def _offsets(
    admin: Any,
    jvm: Any,
    topic: str,
    partitions: list[int],
    which: Any,
    source: Source,
    options: Mapping[str, str],
) -> dict[int, int]:
    wanted = jvm.java.util.HashMap()
    places = {p: jvm.org.apache.kafka.common.TopicPartition(topic, p) for p in partitions}
    for place in places.values():
        wanted.put(place, which)
    found = _answer(admin.listOffsets(wanted).all(), jvm, admin, source, options)
    return {p: int(found.get(place).offset()) for p, place in places.items()}


def _answer(future: Any, jvm: Any, admin: Any, source: Source, options: Mapping[str, str]) -> Any:
    """What the broker answers, or a line that says why it does not."""
    try:
        return future.get(_TIMEOUT_SECONDS, jvm.java.util.concurrent.TimeUnit.SECONDS)
    except Py4JJavaError as error:
        kind, text = _cause(error)
        servers = options[f"{CLIENT}bootstrap.servers"]
        where = f"source {source.name}: Kafka at {servers}"
        if kind == "UnknownTopicOrPartitionException":
            known = sorted(str(name) for name in admin.listTopics().names().get())
            raise ConfError(
                f"{where} has no topic '{source.input}'.{did_you_mean(str(source.input), known)} "
                f"It has: {', '.join(known) or 'none'}. Give another with --input TOPIC."
            ) from error
        if "Authorization" in kind or "Authentication" in kind:
            raise ConfError(
                f"{where} refuses topic '{source.input}': {text}. Check the user's rights and the "
                "security options in kafka.properties_file."
            ) from error
        if "Timeout" in kind:
            raise ConfError(
                f"{where} does not answer within {_TIMEOUT_SECONDS} s. Check "
                "kafka.bootstrap_servers, the network and the security protocol."
            ) from error
        raise ConfError(f"{where}, topic '{source.input}': {text}.") from error


def _cause(error: Py4JJavaError) -> tuple[str, str]:
    """Simple class name and first line of the deepest Java cause."""
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    text = str(cause.getMessage() or cause.toString())
    return str(cause.getClass().getSimpleName()), text.splitlines()[0].rstrip(".")


def _read_properties(path: Path) -> dict[str, str]:
    """A Java properties file, as Kafka's own tools take it: key=value lines, `#` comments."""
    try:
        lines = path.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    except OSError as error:
        raise ConfError(
            f"kafka.properties_file {path}: cannot be read ({error.strerror}). Expected the "
            "client.properties that Kafka's own tools take."
        ) from error
    pairs = [line.partition("=") for line in map(str.strip, lines) if line and line[0] not in "#!"]
    return {key.strip(): value.strip() for key, _, value in pairs}
