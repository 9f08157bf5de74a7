"""Records of a topic, and how their broker metadata travels to a worker."""

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import (
    Topic,
    client_options,
    describe,
    with_flat_kafka,
    with_kafka_struct,
)
from kinfold.core import masking
from kinfold.core.errors import ConfError
from kinfold.core.settings.models import KafkaConf

ROWS = [
    (1, (b"k", [("a", b"1"), ("b", None)], 5)),
    (2, (None, [], 6)),
    (3, (b"", None, None)),
    (4, (b"l", [("", b"\xff")], 7)),
]
TYPES = (
    "source_offset bigint, kafka struct<key: binary, "
    "headers: array<struct<key: string, value: binary>>, timestamp: bigint>"
)


def test_flattened_broker_metadata_is_restored_unchanged_also_from_a_slice(spark):
    records = spark.createDataFrame(ROWS, TYPES)
    records = records.withColumn(
        "kafka", F.col("kafka").withField("timestamp", F.timestamp_micros("kafka.timestamp"))
    )
    flat = pa.Table.from_batches(with_flat_kafka(records.coalesce(1)).toArrow().to_batches())
    sent = records.coalesce(1).toArrow().to_pylist()
    [batch] = flat.combine_chunks().to_batches()
    assert with_kafka_struct(batch).to_pylist() == sent
    for first in range(1, len(ROWS)):
        assert with_kafka_struct(batch.slice(first)).to_pylist() == sent[first:]
    assert with_kafka_struct(batch.slice(0, 0)).to_pylist() == []


def test_a_source_partition_holds_the_topic_id_so_a_recreated_topic_differs():
    assert Topic("clicks", "id-1", {}, {}).source_partition(2) == "clicks/id-1/2"


def test_options_of_the_source_override_the_properties_file_and_that_the_settings(spark, tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("bootstrap.servers=from-file:1\nsecurity.protocol=SSL\nclient.id=file\n")
    conf = KafkaConf(bootstrap_servers="from-settings:1", properties_file=str(file))
    own = {"kafka.client.id": "own", "minPartitions": 4}
    source = Source(name="c", display_path="c.yaml", format="kafka", input="c", options=own)
    assert client_options(spark, source, conf) == {
        "kafka.bootstrap.servers": "from-file:1",
        "kafka.security.protocol": "SSL",
        "kafka.client.id": "own",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sasl.jaas.config": 'x.Login tiger-1 username="ann" password="tiger-1";'},
            r"Invalid login module control flag '\*\*\*'",
        ),
        (
            {"sasl.jaas.config": "x.Login required password=tiger-1 tiger-1;"},
            r"Value not specified for key '\*\*\*'",
        ),
        ({"sasl.mechanism": "tiger-1", "ssl.key.password": "tiger-1"}, r"refuses its options"),
    ],
)
def test_what_the_kafka_client_says_about_its_options_contains_no_secret(
    spark, monkeypatch, options, message
):
    monkeypatch.setattr(masking, "_remembered", set())
    conf = KafkaConf(bootstrap_servers="127.0.0.1:1", properties_file=None)
    secured = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", **options}
    own = {f"kafka.{name}": value for name, value in secured.items()}
    source = Source(name="c", display_path="c.yaml", format="kafka", input="c", options=own)
    with pytest.raises(ConfError, match=message) as caught:
        describe(spark, source, client_options(spark, source, conf))
    assert "tiger" not in str(caught.value)
