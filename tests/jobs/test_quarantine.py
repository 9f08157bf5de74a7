"""Events that break a rule of silver.events are quarantined and stay in the ledger."""

import re
from pathlib import Path

from frames import assert_rows
from kinfold.tables import ops, silver
from lakes import lake_of
from records import NATIVE, purchase

HALF = ("--set", "quality.max_quarantined_ratio=0.5")


def negative(event_id: str) -> str:
    """An event that is valid for its schema and breaks a rule of silver.events."""
    return purchase(event_id, event_type="login", properties={"quantity": -1})


def test_a_quarantined_event_stays_in_the_ledger_and_a_good_copy_of_it_is_added_later(
    run, source, lake_root, spark
):
    argv = source(NATIVE, negative("x") + negative("x") + purchase("a") + purchase("b"))
    run("bronze/ingest_events", *argv)
    run("silver/clean_events", *argv, *HALF, "--run-id", "first")
    lake = lake_of(spark, lake_root)
    assert_rows(lake.read(silver.EVENTS), ["event_id"], [("a",), ("b",)])
    assert_rows(
        lake.read(ops.QUARANTINE),
        ["table_name", "run_id", "key", "reasons"],
        [("silver.events", "first", '{"event_id":"x"}', ["quantity lies in [0, inf]"])],
    )
    counts = ["accepted", "added", "duplicates", "quarantined"]
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, counts, [(4, 2, 1, 1)])
    run("governance/check_ledger")

    Path(argv[3], "part-2").write_text(purchase("x") + purchase("a") + purchase("c"))
    run("bronze/ingest_events", *argv)
    run("silver/clean_events", *argv, *HALF, "--run-id", "second")
    assert_rows(lake.read(silver.EVENTS), ["event_id"], [("a",), ("b",), ("c",), ("x",)])
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, counts, [(4, 2, 1, 1), (3, 2, 1, 0)])
    run("governance/check_ledger")

    # In a rebuild the first copy to land is checked again, and the good one is its duplicate.
    rebuild = ("--set", "identity.phone_region=FR", "--run-id", "third")
    run("silver/clean_events", *argv, *HALF, *rebuild)
    assert_rows(lake.read(silver.EVENTS), ["event_id"], [("a",), ("b",), ("c",)])
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, counts, [(7, 3, 3, 1)])
    run("governance/check_ledger")

    run("governance/write_data_docs")
    folder = Path(lake_root, "_report", "data_docs")
    index = (folder / "index.html").read_text()
    assert "quantity lies in [0, inf]: 1" in index
    linked = re.findall(r'href="(validations/[^"]+)"', index)
    assert len(linked) == 1
    assert "values must be greater than or equal to" in (folder / linked[0]).read_text()
