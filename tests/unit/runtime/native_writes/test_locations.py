"""Where Python can write files of a lake, with Hadoop's settings; elsewhere Spark writes."""

import pyarrow as pa
import pytest
from pyarrow import fs

from kinfold.runtime.native_writes.data_files import write_file
from kinfold.runtime.native_writes.locations import Location, location_of
from lakes import MEMBERS
from object_stores import KEY, SECRET


def location_at(spark, uri):
    return location_of(spark._jvm.org.apache.hadoop.fs.Path(uri), spark._jsc.hadoopConfiguration())


def test_a_local_folder_keeps_its_name(spark, tmp_path):
    location = location_at(spark, f"file:{tmp_path}/a b%20c")
    assert location == Location(fs.LocalFileSystem(), f"{tmp_path}/a b%20c")


def test_a_bucket_is_reached_with_hadoops_endpoint_and_credentials(bucket, object_store, spark):
    location = location_at(spark, f"{bucket.uri}/lake/table")
    assert location.folder == f"{bucket.name}/lake/table"
    assert location.files == fs.S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        region="eu-west-1",
        scheme="http",
        endpoint_override=object_store.endpoint.removeprefix("http://"),
    )
    with location.files.open_output_stream(location.path("a b.txt")) as sink:
        sink.write(b"text")
    assert bucket.names() == ["lake/table/a b.txt"]


def test_temporary_credentials_include_their_token(bucket, object_store, spark):
    bucket.set("session.token", "a-token")
    assert location_at(spark, f"{bucket.uri}/t").files == fs.S3FileSystem(
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
def test_a_bucket_with_settings_that_arrow_lacks_is_left_to_spark(bucket, spark, name, value):
    assert location_at(spark, f"{bucket.uri}/t") is not None
    bucket.set(name, value)
    assert location_at(spark, f"{bucket.uri}/t") is None


def test_a_bucket_that_python_cannot_reach_is_left_to_spark(bucket, spark, monkeypatch):
    """For example behind a proxy that only Java is configured for."""

    def refused(*_):
        raise OSError("no route")

    monkeypatch.setattr(
        "kinfold.runtime.s3_access.fs.S3FileSystem",
        lambda **_: type("", (), {"get_file_info": refused})(),
    )
    assert location_at(spark, f"{bucket.uri}/t") is None


def test_other_storage_is_left_to_spark(spark):
    conf = spark._jsc.hadoopConfiguration()
    conf.set("fs.other.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
    assert location_at(spark, "other:///t") is None


def test_a_file_that_fails_leaves_nothing_in_the_bucket(bucket, spark):
    location = location_at(spark, f"{bucket.uri}/t")
    rows = pa.table({"namespace": ["email", None]})
    with pytest.raises(ValueError, match="null"):
        write_file(rows, table=MEMBERS, location=location, codec="snappy")
    assert bucket.names() == []
