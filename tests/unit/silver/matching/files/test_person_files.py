"""person_files: records of a file, and what is written."""

import pytest

from kinfold.core.errors import ConfError
from kinfold.silver.matching.files.person_files import (
    read_person_file,
    require_output_folder,
    true_people,
)
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.settings import Attribute, PersonMap


def person_map(record_id=None):
    attributes = {"last": Attribute(kind=Kind.SURNAME, column="a.b")}
    return PersonMap(record_id=record_id, attributes=attributes)


def read(spark, tmp_path, text, *, truth=None, record_id=None, name="people.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_person_file(spark, path, mapping=person_map(record_id), truth=truth)


def test_blank_values_are_null_and_matching_sees_only_the_attributes(spark, tmp_path):
    file = read(spark, tmp_path, 'no,a.b,who\n1," Lee ",p\n2,,q\n', truth="who")
    assert file.columns == ("no", "a.b", "who")
    assert file.keyed.columns == ["record_key", "v0"]
    assert {row["v0"] for row in file.keyed.collect()} == {"Lee", None}


def test_a_key_without_an_id_ignores_the_truth_and_the_order_of_rows(spark, tmp_path):
    texts = ["a.b,who\nlee,p\nlee,q\nray,p\n", "a.b,who\nray,x\nlee,y\nlee,z\n"]
    keys = [
        sorted(row["record_key"] for row in read(spark, tmp_path, text, truth="who").rows.collect())
        for text in texts
    ]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3, "equal rows have keys of their own"


def test_a_key_is_a_hash_of_the_id(spark, tmp_path):
    one = read(spark, tmp_path, "no,a.b\n1,lee\n", record_id="no").rows.first()["record_key"]
    other = read(spark, tmp_path, "no,a.b\n1,ray\n", record_id="no").rows.first()["record_key"]
    assert one == other
    assert len(one) == 64


def test_an_integer_column_with_gaps_keeps_its_digits(spark, tmp_path):
    path = tmp_path / "people.parquet"
    spark.createDataFrame([(2119.0,), (0.5,), (None,)], "`a.b` double").write.parquet(str(path))
    file = read_person_file(spark, path, mapping=person_map(), truth=None)
    assert {row["v0"] for row in file.keyed.collect()} == {"2119", "0.5", None}


def test_the_true_person_is_the_first_group_of_the_pattern(spark, tmp_path):
    file = read(spark, tmp_path, "a.b,who\nlee,rec-7-org\nray,none\n", truth="who")
    people = true_people(file, pattern="^rec-([0-9]+)-").collect()
    assert [row["person"] for row in people] == ["7"]
    assert {row["person"] for row in true_people(file, pattern=None).collect()} == {
        "rec-7-org",
        "none",
    }


def test_only_an_earlier_output_is_replaced(tmp_path):
    require_output_folder(tmp_path / "new")
    require_output_folder(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfError, match="exists already and match_people did not write it"):
        require_output_folder(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    require_output_folder(tmp_path)
    with pytest.raises(ConfError, match="exists already"):
        require_output_folder(tmp_path / "thesis.txt")
