"""The Python of README.md and docs/query.md runs, and readers read what the page says."""

import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta.tables import DeltaTable as SparkTable
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaProtocolError
from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.suite import load_main
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import gold, silver
from kinfold.tables.registry import ALL
from project import HOME

# After test_pipeline.py, on the lake that it leaves.
pytestmark = pytest.mark.xdist_group("demo")

QUERY_PAGE = (HOME / "docs" / "query.md").read_text(encoding="utf-8")
Names = dict[str, Any]
"""What a snippet defines."""


def snippets(page: str) -> dict[str, str]:
    """The Python blocks of a page by their heading; a further one of a heading has its number."""
    found: dict[str, str] = {}
    for section in re.split(r"^## ", (HOME / page).read_text(encoding="utf-8"), flags=re.M)[1:]:
        heading = section.split("\n", 1)[0]
        blocks = re.findall(r"^```python\n(.*?)^```", section, flags=re.M | re.S)
        for number, code in enumerate(blocks, start=1):
            found[heading if number == 1 else f"{heading} {number}"] = code
    return found


README = snippets("README.md")
QUERY = snippets("docs/query.md")


@pytest.fixture
def run_snippet(demo, summary, tmp_path, capsys) -> Callable[[str], Names]:
    """Runs a snippet on the demo's lake; its files go to `tmp_path`."""

    def run(code: str) -> Names:
        assert '"var/lake' in code
        code = code.replace('"var/lake', f'"{demo.root}')
        code = re.sub(r'"(\w+\.(?:parquet|csv))"', rf'"{tmp_path}/\1"', code)
        names: Names = {}
        exec(compile(code, "snippet", "exec"), names)
        return names

    return run


def sizes_of_segments(demo) -> dict[str, int]:
    members = demo.lake.read(gold.SEGMENT_MEMBERS)
    names = demo.lake.read(gold.SEGMENTS)
    rows = members.join(names, ["model_version", "segment_id"]).groupBy("name").count().collect()
    assert rows
    return {row["name"]: row["count"] for row in rows}


def test_every_snippet_has_its_test():
    assert set(README) == {"Query it and take it out", "Query it and take it out 2"}
    assert set(QUERY) == {
        "One row per person",
        "Events with their person",
        "Spark",
        "DuckDB",
        "Polars",
        "pandas",
        "Only what changed",
        "Which reader cannot read which table",
    }


def test_the_readme_joins_segments_with_profiles_in_duckdb(run_snippet, demo):
    rows = run_snippet(README["Query it and take it out"])["by_segment"].fetchall()
    people = {name: people for name, people, *_ in rows}
    profiles = demo.lake.read(silver.PROFILES).select("profile_id")
    with_profile = demo.lake.read(gold.SEGMENT_MEMBERS).join(profiles, "profile_id").count()
    assert people.keys() == sizes_of_segments(demo).keys()
    assert sum(people.values()) == with_profile
    assert [row[2] for row in rows] == sorted((row[2] for row in rows), reverse=True)
    assert {row[3] for row in rows} <= {"GBP", None}


def test_the_readme_shows_people_and_their_events_in_spark(run_snippet, demo, capsys):
    names = run_snippet(README["Query it and take it out 2"])
    assert names["everyone"].count() == demo.lake.read(silver.PROFILES).count()
    printed = capsys.readouterr().out
    assert "segment_name" in printed
    assert "event_type" in printed


def test_people_are_exported_with_the_columns_of_the_page(run_snippet, demo, tmp_path):
    run_snippet(QUERY["One row per person"])
    exported = pq.read_table(tmp_path / "people.parquet")
    section = QUERY_PAGE.split("## One row per person")[1].split("## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.M)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == exported.column_names
    assert exported.num_rows == demo.lake.read(silver.PROFILES).count()
    assert exported["segment_name"].null_count < exported.num_rows
    assert exported["probability"].null_count < exported.num_rows


def test_every_event_gets_its_person(run_snippet, demo):
    names = run_snippet(QUERY["Events with their person"])
    events = names["events"]
    assert events.count() == demo.lake.read(silver.EVENTS).count()
    assert events.where("profile_id IS NULL AND size(identifiers) = 0").count() > 0
    people = {row["profile_id"] for row in names["revenue"].collect()} - {None}
    known = current(demo.lake.read(silver.IDENTITY_MAP)).select("profile_id").distinct().collect()
    assert people
    assert people <= {row["profile_id"] for row in known}


def test_spark_and_duckdb_count_the_same_people_by_segment(run_snippet, demo):
    expected = sizes_of_segments(demo)
    in_spark = run_snippet(QUERY["Spark"])["sizes"].collect()
    assert {row["name"]: row["count"] for row in in_spark} == expected
    assert dict(run_snippet(QUERY["DuckDB"])["sizes"].fetchall()) == expected


def test_polars_reads_the_emails_of_today(run_snippet, demo):
    emails = run_snippet(QUERY["Polars"])["emails"]
    today = current(demo.lake.read(silver.IDENTITY_MAP)).where("namespace = 'email'")
    profiles = demo.lake.read(silver.PROFILES).select("profile_id")
    expected = today.join(profiles, "profile_id").select("profile_id", "value").collect()
    assert expected
    assert sorted(emails.select("profile_id", "value").rows()) == sorted(map(tuple, expected))


def test_pandas_exports_the_newest_scores(run_snippet, demo, tmp_path):
    newest = run_snippet(QUERY["pandas"])["newest"]
    scores = demo.lake.read(gold.PROPENSITY_SCORES)
    as_of = scores.agg(F.max("as_of")).collect()[0][0]
    assert len(newest) == scores.where(F.col("as_of") == as_of).count() > 0
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == len(newest) + 1


def test_the_change_feed_of_the_snippet_is_that_of_spark(run_snippet, demo):
    changes = run_snippet(QUERY["Only what changed"])["changes"]
    expected = change_feed(demo, demo.lake.path(gold.SEGMENT_MEMBERS), after=1)
    counts = {row["_change_type"]: row["count"] for row in expected.collect()}
    assert dict(changes.group_by("_change_type").len().rows()) == counts


def test_polars_hands_links_to_duckdb(run_snippet, demo):
    rows = run_snippet(QUERY["Which reader cannot read which table"])["by_rule"].fetchall()
    links = demo.lake.read(silver.IDENTITY_LINKS).groupBy("rule", "status").count().collect()
    assert links
    assert sorted(rows) == sorted(map(tuple, links))


def test_the_source_file_of_the_readme_lands_an_order(demo, tmp_path):
    text = (HOME / "README.md").read_text(encoding="utf-8")
    source, orders, lake = tmp_path / "my_shop.yaml", tmp_path / "orders.csv", tmp_path / "lake"
    source.write_text(
        re.search(r"^```yaml\n(# conf/sources/my_shop.*?)^```", text, flags=re.M | re.S)[1]
    )
    orders.write_text(
        "OrderNo;OrderDate;Email;CustomerNo;Total\n"
        "o1;01/07/2026 09:30; Ann@Example.org ;17;12.5\n"
        "o2;no date;bob@example.org;18;3\n"
    )
    for job in ("bronze/ingest_events", "silver/clean_events"):
        load_main(HOME / "jobs" / f"{job}.py")(
            [
                *("--source", str(source), "--input", str(orders)),
                *("--set", f"lake.root={lake}"),
            ]
        )
    rows = demo.spark.read.format("delta").load(f"{lake}/silver/events").collect()
    assert [(r["order_id"], r["amount_cents"], r["currency"]) for r in rows] == [
        ("o1", 1250, "GBP")
    ]
    assert rows[0]["occurred_at"] == datetime(2026, 7, 1, 8, 30)  # summer time in London
    assert [tuple(i) for i in rows[0]["identifiers"]] == [
        ("customer_id", "17"),
        ("email", "ann@example.org"),
    ]


def change_feed(demo, path: str, *, after: int) -> DataFrame:
    """Number of changes by type, as Spark reads them."""
    reader = demo.spark.read.format("delta").option("readChangeFeed", "true")
    return reader.option("startingVersion", after).load(path).groupBy("_change_type").count()


# Which reader reads which table.


def _sql(path: Path) -> int:
    result = QueryBuilder().register("rows", DeltaTable(path)).execute("SELECT * FROM rows")
    return pa.table(result.read_all()).num_rows


def _duckdb(path: Path) -> int:
    rows = DeltaTable(path).to_pyarrow_dataset()
    counted: int = duckdb.from_arrow(rows).count("*").fetchall()[0][0]
    return counted


READERS: dict[str, tuple[Callable[[Path], int], ...]] = {
    "Polars: `pl.scan_delta`, `pl.read_delta`": (
        lambda path: pl.scan_delta(str(path)).collect().height,
        lambda path: pl.read_delta(str(path)).height,
    ),
    "`deltalake`: `QueryBuilder` (SQL), `load_cdf`": (_sql,),
    "`deltalake`: `to_pandas`, `to_pyarrow_dataset`, `to_pyarrow_table`": (
        lambda path: len(DeltaTable(path).to_pandas()),
        lambda path: DeltaTable(path).to_pyarrow_dataset().count_rows(),
        lambda path: DeltaTable(path).to_pyarrow_table().num_rows,
    ),
    "DuckDB over `to_pyarrow_dataset`": (_duckdb,),
    "Polars: `pl.read_delta(..., use_pyarrow=True)`": (
        lambda path: pl.read_delta(str(path), use_pyarrow=True).height,
    ),
}
"""How the readers of the page's table count rows; Spark and plain Parquet are tested below."""


def verdicts_of_page() -> dict[str, tuple[str, str]]:
    """Reader: what it does with tables with deletion vectors, and with all others."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", QUERY_PAGE, flags=re.M)
    return {name: (marked, others) for name, marked, others in rows if name in READERS}


def test_the_page_names_the_tables_with_deletion_vectors():
    marked = [table.name for table in ALL if table.uses_deletion_vectors]
    assert marked
    for page in (QUERY_PAGE, (HOME / "README.md").read_text(encoding="utf-8")):
        sentence = re.search(r"Four tables mark.*?(?:All others|Spark and)", page, flags=re.S)
        assert re.findall(r"`(silver\.\w+)`", sentence[0]) == marked


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_reads_the_tables_that_the_page_says(reader, demo, summary):
    of_marked, of_others = verdicts_of_page()[reader]
    for table in (table for table in ALL if demo.lake.exists(table)):
        path = demo.root / table.name.replace(".", "/")
        expected = demo.lake.read(table).count()
        for count in READERS[reader]:
            if (of_marked if table.uses_deletion_vectors else of_others) == "yes":
                assert count(path) == expected, table.name
            else:
                with pytest.raises(DeltaProtocolError, match="deletionVectors"):
                    count(path)


@pytest.fixture
def marked_copy(demo, summary, tmp_path) -> Path:
    """silver.identity_map, copied, with half of its rows deleted."""
    copy = tmp_path / "identity_map"
    shutil.copytree(demo.root / "silver" / "identity_map", copy)
    SparkTable.forPath(demo.spark, str(copy)).delete("node_id % 2 = 0")
    return copy


def test_deleted_rows_stay_deleted_for_every_reader(demo, marked_copy):
    expected = {
        r["node_id"] for r in demo.spark.read.format("delta").load(str(marked_copy)).collect()
    }
    assert expected
    assert all(node % 2 for node in expected)
    read = [
        pl.scan_delta(str(marked_copy)).collect()["node_id"],
        pl.read_delta(str(marked_copy))["node_id"],
        pa.table(
            QueryBuilder()
            .register("nodes", DeltaTable(marked_copy))
            .execute("SELECT node_id FROM nodes")
            .read_all()
        )["node_id"].to_pylist(),
    ]
    assert [set(nodes) for nodes in read] == [expected] * 3


def test_the_change_feed_of_deleted_rows_is_that_of_spark(demo, marked_copy):
    feed = pl.DataFrame(DeltaTable(marked_copy).load_cdf(starting_version=1))
    counts = change_feed(demo, str(marked_copy), after=1).collect()
    assert dict(feed.group_by("_change_type").len().rows()) == dict(map(tuple, counts))


def test_files_read_directly_have_deleted_rows(demo, marked_copy):
    rows = pl.scan_parquet(marked_copy / "*.parquet").collect()
    assert rows.height > demo.spark.read.format("delta").load(str(marked_copy)).count()


def test_a_purge_removes_marked_rows_from_files_but_the_readers_refuse_the_table_still(
    demo, marked_copy
):
    demo.spark.sql(f"REORG TABLE delta.`{marked_copy}` APPLY (PURGE)")
    files = [Path(file) for file in DeltaTable(marked_copy).file_uris()]
    rows = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    assert rows == demo.spark.read.format("delta").load(str(marked_copy)).count()
    with pytest.raises(DeltaProtocolError, match="deletionVectors"):
        DeltaTable(marked_copy).to_pandas()
