"""The raw file of a real shop, from records to profiles and segments."""

import gzip
import json

import pytest

from kinfold.runtime.suite import load_main
from project import HOME
from spark_settings import users_settings

pytestmark = pytest.mark.xdist_group("retail")


def test_the_first_lines_of_a_real_shop_give_profiles_and_segments(spark, online_retail, tmp_path):
    """60,000 of the 541,909 lines, to keep the test short."""
    with gzip.open(online_retail, "rt", encoding="utf-8") as file:
        lines = [next(file) for _ in range(60_001)]
    part = tmp_path / "retail.csv"
    part.write_text("".join(lines), encoding="utf-8")
    summary = tmp_path / "summary.json"
    argv = [
        *("--source", str(HOME / "conf" / "sources" / "online_retail.yaml")),
        *("--input", str(part), "--set", f"lake.root={tmp_path / 'lake'}"),
        *("--set", "propensity.horizon_days=7", "--set", "propensity.trees=3"),
        *("--set", "segmentation.k_max=4", "--summary", str(summary)),
    ]
    with users_settings(spark):
        load_main(HOME / "jobs" / "pipeline.py")(argv)
    numbers = json.loads(summary.read_text())
    assert numbers["sources"][0]["records_in"] == 60_000
    assert numbers["ledger"]
    assert [law["name"] for law in numbers["ledger"] if not law["is_kept"]] == []
    customers = {line.split(",")[-2] for line in lines[1:]} - {""}
    assert numbers["identity"]["profiles"] == len(customers)
    assert numbers["segments"]["cards"]
