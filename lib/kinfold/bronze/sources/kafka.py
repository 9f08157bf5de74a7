"""Kafka: the broker's description of a topic, and the topic's records as a stream."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.bronze.sources.client_properties import read_client_properties
from kinfold.bronze.sources.declaration import Source
from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.masking import remember_secrets
from kinfold.core.settings.models import KafkaConf

CLIENT_PREFIX = "kafka."
"""Spark passes options with this prefix to the Kafka client and reads the others itself."""
_TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class Topic:
    """A topic as the broker describes it now.

    Attributes:
        topic_id: the broker's id; a topic that was deleted and created again has another one.
        earliest: first offset that the broker still has, by partition.
        latest: offset of the next record, by partition.
    """

    name: str
    topic_id: str
    earliest: Mapping[int, int]
    latest: Mapping[int, int]

    @property
    def source_partition_prefix(self) -> str:
        """What the `source_partition` of each of its records starts with."""
        return f"{self.name}/{self.topic_id}/"

    def source_partition(self, partition: int) -> str:
        """`source_partition` of a partition's records in bronze.events."""
        return f"{self.source_partition_prefix}{partition}"


def client_options(spark: SparkSession, source: Source, conf: KafkaConf) -> dict[str, str]:
    """Options of the Kafka client (servers, security, tuning) under the names Spark expects.

    `kafka.properties_file` overrides `kafka.bootstrap_servers`; the source's own options override
    both.

    Raises:
        ConfError: the properties file cannot be read.
    """
    options = {"bootstrap.servers": conf.bootstrap_servers}
    if conf.properties_file is not None:
        options |= read_client_properties(spark, Path(conf.properties_file))
    own = {k: str(v) for k, v in source.options.items() if k.startswith(CLIENT_PREFIX)}
    all_options = {f"{CLIENT_PREFIX}{key}": value for key, value in options.items()} | own
    remember_secrets(all_options)
    return all_options


def describe(spark: SparkSession, source: Source, options: Mapping[str, str]) -> Topic:
    """The source's topic, as the broker describes it.

    Raises:
        ConfError: no broker answers, the topic does not exist, or the user may not read it.
    """
    name = str(source.input)
    with _admin(spark, source, options) as (admin, jvm):
        names = jvm.java.util.ArrayList()
        names.add(name)
        topics = _answer(admin.describeTopics(names).allTopicNames(), jvm, admin, source, options)
        description = topics.get(name)
        partitions = sorted(int(p.partition()) for p in description.partitions())
        spec = jvm.org.apache.kafka.clients.admin.OffsetSpec
        earliest, latest = (
            _offsets(admin, jvm, name, partitions, which(), source, options)
            for which in (spec.earliest, spec.latest)
        )
        return Topic(name, str(description.topicId().toString()), earliest, latest)


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
        starting_at: `earliest`, or offsets as Spark's JSON; only a new checkpoint uses it.
        may_skip_lost: continue after records that the broker no longer has; otherwise the stream
            fails there.

    Returns:
        One row per record: source, source_partition (topic/topic id/partition), source_offset,
        value (bytes), kafka (key, headers, timestamp). `landed_events` takes such rows.
    """
    reader = session.readStream.format("kafka").options(**options)
    spark_own = {k: str(v) for k, v in source.options.items() if not k.startswith(CLIENT_PREFIX)}
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
        F.concat(F.lit(topic.source_partition_prefix), F.col("partition").cast("string")).alias(
            "source_partition"
        ),
        F.col("offset").alias("source_offset"),
        F.col("value"),
        F.struct("key", "headers", "timestamp").alias("kafka"),
    )


_FLAT_COLUMNS = {
    "kafka_key": "kafka.key",
    "header_keys": "kafka.headers.key",
    "header_values": "kafka.headers.value",
    "kafka_timestamp": "kafka.timestamp",
}


def with_flat_kafka(records: DataFrame) -> DataFrame:
    """Records with the members of `kafka` as columns of their own, for the way to Python workers.

    Spark asks for the size of its Arrow batch after each row, and Arrow then visits every member
    of every struct: with the struct, that is a fifth of landing's time in the JVM.
    """
    flat = (F.col(path).alias(name) for name, path in _FLAT_COLUMNS.items())
    return records.select(*(c for c in records.columns if c != "kafka"), *flat)


def with_kafka_struct(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with `kafka` as it was before `with_flat_kafka`; columns are not copied."""
    key, keys, values, timestamp = (batch[name] for name in _FLAT_COLUMNS)
    if keys.offset or values.offset:  # a slice of a larger batch: its list offsets start above 0
        keys, values = (pa.concat_arrays([part]) for part in (keys, values))
    header = pa.StructArray.from_arrays([keys.flatten(), values.flatten()], ["key", "value"])
    is_null = keys.is_null() if keys.null_count else None
    headers = pa.ListArray.from_arrays(keys.offsets, header, mask=is_null)
    kafka = pa.StructArray.from_arrays([key, headers, timestamp], ["key", "headers", "timestamp"])
    kept = [name for name in batch.schema.names if name not in _FLAT_COLUMNS]
    return pa.RecordBatch.from_arrays([*(batch[c] for c in kept), kafka], [*kept, "kafka"])


@contextmanager
def _admin(
    spark: SparkSession, source: Source, options: Mapping[str, str]
) -> Iterator[tuple[Any, Any]]:
    """An admin client with the same options as the stream, and the JVM."""
    jvm: Any = spark._jvm
    properties = jvm.java.util.Properties()
    for key, value in options.items():
        properties.put(key.removeprefix(CLIENT_PREFIX), value)
    properties.putIfAbsent("default.api.timeout.ms", str(_TIMEOUT_SECONDS * 1000))
    properties.putIfAbsent("request.timeout.ms", str(_TIMEOUT_SECONDS * 1000 // 2))
    try:
        admin = jvm.org.apache.kafka.clients.admin.AdminClient.create(properties)
    except Py4JJavaError as error:
        raise ConfError(
            f"source {source.name}: the Kafka client refuses its options: "
            f"{_cause(error)[1]}. Check kafka.* in {source.display_path} and kafka.properties_file."
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
    """The earliest or latest offset of each partition, as the OffsetSpec `which` asks."""
    requested = jvm.java.util.HashMap()
    keys = {p: jvm.org.apache.kafka.common.TopicPartition(topic, p) for p in partitions}
    for key in keys.values():
        requested.put(key, which)
    offsets = _answer(admin.listOffsets(requested).all(), jvm, admin, source, options)
    return {p: int(offsets.get(key).offset()) for p, key in keys.items()}


def _answer(future: Any, jvm: Any, admin: Any, source: Source, options: Mapping[str, str]) -> Any:
    """The broker's answer.

    Raises:
        ConfError: saying in one line why there is none.
    """
    try:
        return future.get(_TIMEOUT_SECONDS, jvm.java.util.concurrent.TimeUnit.SECONDS)
    except Py4JJavaError as error:
        kind, text = _cause(error)
        servers = options[f"{CLIENT_PREFIX}bootstrap.servers"]
        where = f"source {source.name}: Kafka at {servers}"
        if kind == "UnknownTopicOrPartitionException":
            known = sorted(str(name) for name in admin.listTopics().names().get())
            raise ConfError(
                f"{where} has no topic '{source.input}'.{did_you_mean(str(source.input), known)} "
                f"It has: {', '.join(known) or 'none'}. Name another topic with --input TOPIC."
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
