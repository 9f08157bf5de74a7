"""Events without what their type must have are quarantined, however many they are."""

import re
from pathlib import Path

from frames import assert_rows
from kinfold.tables import ops, silver
from lakes import keyed_hash, lake_of
from records import NATIVE, purchase

NONE = ("--set", "quality.max_quarantined_ratio=0")
RULE = "consent_purpose is never null where event_type is consent"


def without_purpose(event_id: str) -> str:
    """An event that is valid for its schema and breaks a rule of silver.events."""
    properties = {"purpose": " ", "decision": "granted"}
    return purchase(event_id, event_type="consent", properties=properties)


def test_a_quarantined_event_stays_in_the_ledger_and_a_good_copy_of_it_is_added_later(
    run, source, lake_root, spark
):
    argv = source(
        NATIVE, without_purpose("x") + without_purpose("x") + purchase("a") + purchase("b")
    )
    run("bronze/ingest_events", *argv)
    run("silver/clean_events", *argv, *NONE, "--run-id", "first")
    lake = lake_of(spark, lake_root)
    assert_rows(lake.read(silver.EVENTS), ["event_id"], [("a",), ("b",)])
    assert_rows(
        lake.read(ops.QUARANTINE),
        ["table_name", "run_id", "key", "reasons"],
        [("silver.events", "first", f'{{"event_id":"{keyed_hash(spark).text("x")}"}}', [RULE])],
    )
    counts = ["accepted", "added", "duplicates", "quarantined"]
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, counts, [(4, 2, 1, 1)])
    run("governance/check_ledger")
    run("governance/write_data_docs")
    folder = Path(lake_root, "_report", "data_docs")
    index = (folder / "index.html").read_text()
    assert f"{RULE}: 1" in index
    linked = re.findall(r'href="(validations/[^"]+)"', index)
    assert len(linked) == 1
    assert "then values must never be null" in (folder / linked[0]).read_text()

    Path(argv[3], "part-2").write_text(purchase("x") + purchase("a") + purchase("c"))
    run("bronze/ingest_events", *argv)
    run("silver/clean_events", *argv, *NONE, "--run-id", "second")
    assert_rows(lake.read(silver.EVENTS), ["event_id"], [("a",), ("b",), ("c",), ("x",)])
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, counts, [(4, 2, 1, 1), (3, 2, 1, 0)])
    run("governance/check_ledger")

    # In a rebuild the first copy to land is checked again, and the good one counts again.
    rebuild = ("--set", "identity.phone_region=FR", "--run-id", "third")
    run("silver/clean_events", *argv, *NONE, *rebuild)
    assert_rows(lake.read(silver.EVENTS), ["event_id"], [("a",), ("b",), ("c",), ("x",)])
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, counts, [(7, 4, 3, 0)])
    run("governance/check_ledger")
