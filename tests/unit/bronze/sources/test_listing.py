"""All files of an input are listed, also those that Spark's readers do not see."""

import os

import pytest
from pyspark.sql import functions as F

from frames import assert_rows
from kinfold.bronze.sources.listing import (
    FileVersions,
    InputFile,
    hidden_problem,
    input_files,
    is_folder,
    listed_names,
    name_matches,
    named_unread_file,
    one_spelling,
    path_key,
    readable,
    uri_key,
)
from kinfold.core.errors import ContractError


def file(name: str, *, size: int = 1, hidden: bool = False) -> InputFile:
    return InputFile(f"file:/in/{name}", size, 0, hidden)


def test_every_file_is_listed_with_its_size_and_time_of_change(spark, tmp_path):
    names = ["a b%20.csv", "sub/x:y.csv", "_h.csv", "_dir/a.csv", ".x", "k=1/_p=2/b.csv", "c.crc"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12")
        os.utime(tmp_path / name, ns=(0, 1_500_000_000_123_000_000))
    (tmp_path / "empty").mkdir()
    found = input_files(spark, str(tmp_path))
    assert [f.path for f in found] == sorted(f"file:{tmp_path}/{name}" for name in names)
    assert {(f.size, f.modified_ms) for f in found} == {(2, 1_500_000_000_123)}
    hidden = {f.path.removeprefix(f"file:{tmp_path}/") for f in found if f.is_hidden}
    assert hidden == {"_h.csv", "_dir/a.csv", ".x"}
    [one] = input_files(spark, str(tmp_path / "sub/x:y.csv"))
    assert one.name == "x:y.csv"
    assert input_files(spark, str(tmp_path / "missing")) == []
    assert [f.name for f in input_files(spark, str(tmp_path / "sub*"))] == ["x:y.csv"]
    assert is_folder(spark, str(tmp_path / "sub"))
    assert not is_folder(spark, str(tmp_path / ".x"))


def test_readable_files_have_content_and_a_name_that_readers_see():
    files = [file("a.csv"), file("b.csv", size=0), file("_c.csv", hidden=True), file("d.txt")]
    assert readable(files, {}) == [files[0], files[3]]
    assert readable(files, {"pathGlobFilter": "*.csv"}) == [files[0]]


def test_files_that_never_have_records_are_markers():
    assert file("_SUCCESS", hidden=True).is_marker
    assert file(".a.csv.crc", size=9, hidden=True).is_marker
    assert not file("_orders.csv", hidden=True).is_marker
    assert not file("a.csv").is_marker


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("a.csv", "*.{csv,txt}", True),
        ("a.tsv", "*.{csv,txt}", False),
        ("b.csv", "[^a]*", True),
        ("a.csv", "[^a]*", False),
    ],
)
def test_a_name_matches_a_pattern_as_in_hadoop(name, pattern, expected):
    assert name_matches(name, pattern) is expected


def test_one_file_has_one_spelling():
    assert path_key("file:///in/a%20b%2520") == one_spelling("/in/a b%20") == "file:/in/a b%20"
    assert uri_key("file:///in/a%20b") == "file:/in/a%20b"
    assert uri_key("s3a://bucket/a") == "s3a://bucket/a"


def test_a_message_names_the_first_files():
    files = [file(f"{number}.csv") for number in range(7)]
    assert listed_names(files, "/in") == "0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 2 more"
    assert "not read: sub/_a.csv. Names that start" in hidden_problem([file("sub/_a.csv")], "/in")


def test_a_file_that_spark_cannot_read_is_named():
    text = "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///in/a%20b.gz. x"
    with (
        pytest.raises(ContractError, match=r"shop: file:///in/a b\.gz cannot be read"),
        named_unread_file("shop"),
    ):
        raise RuntimeError(text)
    with pytest.raises(RuntimeError, match="another"), named_unread_file("shop"):
        raise RuntimeError("another error")


def test_a_new_content_of_a_file_has_positions_of_its_own(spark):
    paths = ["file:///in/a", "file:///in/b%20c", "file:///in/d"]
    frame = spark.createDataFrame([(path,) for path in paths], "path string")
    versions = FileVersions(frozenset({"file:/in/d"}), {"file:/in/b%20c": 2})
    read = frame.where(versions.is_read(F.col("path")))
    named = read.select(versions.partition(F.col("path")).alias("name"))
    assert_rows(named, ["name"], [("file:///in/a",), ("file:///in/b%20c#2",)])
    assert frame.where(FileVersions().is_read(F.col("path"))).count() == 3
