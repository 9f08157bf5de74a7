"""Where Python can write: what Hadoop knows of a bucket reaches Arrow, or Spark writes."""

import pyarrow as pa
import pytest
from pyarrow import fs

from kinfold.runtime.native_writes.data_files import written_file
from kinfold.runtime.native_writes.locations import Location, location_of
from lakes import MEMBERS
from object_stores import KEY, SECRET


def place_at(spark, uri):
    return location_of(spark._jvm.org.apache.hadoop.fs.Path(uri), spark._jsc.hadoopConfiguration())


def test_a_folder_is_written_as_it_is_named(spark, tmp_path):
    place = place_at(spark, f"file:{tmp_path}/a b%20c")
    assert place == Location(fs.LocalFileSystem(), f"{tmp_path}/a b%20c")


def test_a_bucket_is_reached_at_the_endpoint_and_as_who_hadoop_is(bucket, object_store, spark):
    place = place_at(spark, f"{bucket.uri}/lake/table")
    assert place.folder == f"{bucket.name}/lake/table"
    assert place.files == fs.S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        region="eu-west-1",
        scheme="http",
        endpoint_override=object_store.endpoint.removeprefix("http://"),
    )
    with place.files.open_output_stream(place.path("a b.txt")) as sink:
        sink.write(b"there")
    assert bucket.names() == ["lake/table/a b.txt"]


def test_short_lived_credentials_come_with_their_token(bucket, object_store, spark):
    bucket.set("session.token", "a-token")
    assert place_at(spark, f"{bucket.uri}/t").files == fs.S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        session_token="a-token",
        region="eu-west-1",
        scheme="http",
        endpoint_override=object_store.endpoint.removeprefix("http://"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encryption.algorithm", "SSE-KMS"),
        ("acl.default", "BucketOwnerFullControl"),
        ("requester.pays.enabled", "true"),
        ("create.storage.class", "intelligent_tiering"),
        ("proxy.host", "proxy.example"),
    ],
)
def test_what_arrow_cannot_say_is_left_to_spark(bucket, spark, name, value):
    assert place_at(spark, f"{bucket.uri}/t") is not None
    bucket.set(name, value)
    assert place_at(spark, f"{bucket.uri}/t") is None


def test_where_python_is_not_let_in_spark_writes(bucket, spark, monkeypatch):
    """A network that Java was told a way through, and Python was not."""

    def refused(*_):
        raise OSError("no route")

    monkeypatch.setattr(
        "kinfold.runtime.places.fs.S3FileSystem",
        lambda **_: type("", (), {"get_file_info": refused})(),
    )
    assert place_at(spark, f"{bucket.uri}/t") is None


def test_other_storage_is_left_to_spark(spark):
    conf = spark._jsc.hadoopConfiguration()
    conf.set("fs.other.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
    assert place_at(spark, "other:///t") is None


def test_of_a_file_that_fails_nothing_is_left_in_the_bucket(bucket, spark):
    place = place_at(spark, f"{bucket.uri}/t")
    rows = pa.table({"namespace": ["email", None]})
    with pytest.raises(ValueError, match="null"):
        written_file(rows, table=MEMBERS, place=place, codec="snappy")
    assert bucket.names() == []
