"""Extracts in a source's input; what lands of them is tested in tests/jobs/test_ingest_records."""

import os

import pytest

from kinfold.bronze.records.landing import existing_extracts, land_records
from kinfold.core.errors import ConfError, ContractError
from kinfold.tables import bronze
from lakes import lake_of
from record_samples import record_source


def write(path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (1, 1))


def test_files_and_folders_are_extracts_in_the_order_of_their_names(spark, tmp_path):
    write(tmp_path / "b.csv", "id,a,b\n")
    write(tmp_path / "a" / "part-2", "1,x,y\n")
    write(tmp_path / "a" / "part-1", "id,a,b\n")
    write(tmp_path / "a" / "_SUCCESS", "0123456789")
    write(tmp_path / ".hidden", "")
    extracts = existing_extracts(spark, record_source(input=str(tmp_path)))
    assert [(extract.path, extract.key, extract.size) for extract in extracts] == [
        (f"file:{path}", f"file:{path}, 1970-01-01T00:00:01.000+00:00, {size} bytes", size)
        for path, size in ((tmp_path / "a", 13), (tmp_path / "b.csv", 7))
    ]


def test_an_overwritten_file_is_another_extract(spark, tmp_path):
    source = record_source(input=str(tmp_path / "a.csv"))
    write(tmp_path / "a.csv", "id,a,b\n")
    before = existing_extracts(spark, source)
    write(tmp_path / "a.csv", "id,a,b\n1,x,y\n")
    after = existing_extracts(spark, source)
    assert before[0].path == after[0].path
    assert before[0].key != after[0].key


def test_a_missing_input_is_a_configuration_error(spark, tmp_path):
    with pytest.raises(ConfError, match=r"source crm: input .*/none does not exist"):
        existing_extracts(spark, record_source(input=str(tmp_path / "none")))


def test_a_snapshot_that_leaves_out_too_much_lands_only_if_it_may(spark, lake_root, tmp_path):
    lake, folder = lake_of(spark, lake_root), tmp_path / "extracts"
    source = record_source(delivery="snapshot", input=str(folder))
    write(folder / "1.csv", "id,a,b\n1,x,y\n2,x,y\n")
    counts = land_records(lake, source, max_shrink_ratio=0.4, may_shrink=False)
    assert counts == {"in": 2, "new": 2, "unchanged": 0, "gone": 0, "rejected": 0}
    write(folder / "2.csv", "id,a,b\n2,x,y\n")
    with pytest.raises(ContractError, match="leaves out 1 of the 2 known records, limit 40%"):
        land_records(lake, source, max_shrink_ratio=0.4, may_shrink=False)
    counts = land_records(lake, source, max_shrink_ratio=0.4, may_shrink=True)
    assert counts == {"in": 1, "new": 0, "unchanged": 1, "gone": 1, "rejected": 0}
    assert lake.read(bronze.RECORDS).where("is_deletion").count() == 1
