"""match_people: which records of a file are one person, as a command."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from kinfold.core.errors import ConfError, ContractError
from kinfold.models.tracking import client_of, open_tracking
from kinfold.runtime.suite import load_main
from project import HOME, shared_data

JOB = HOME / "jobs" / "silver" / "match_people.py"

NAMES = ("ann", "bela", "carl", "dora", "emil", "fay", "gus", "hana", "ivan", "jane", "karl", "lea")
SURNAMES = ("ashby", "brook", "colt", "dunn", "eddy", "frost", "grey", "hill", "irons", "jarvis")


def made_people(count):
    """Rows of `count` people, three of four of them twice, the second time with an error."""
    rows = []
    for n in range(count):
        name, surname = NAMES[n % 12], SURNAMES[(n * 7) % 10] + "abcdefghij"[n // 12]
        born, mail = f"19{40 + n % 50}-0{1 + n % 9}-{10 + n % 19}", f"{name}.{n}@mail.org"
        rows.append([f"a{n}", name, surname, born, mail, f"p{n}"])
        if n % 4:
            rows.append([f"b{n}", name, surname[:-2] + surname[-1], born, mail, f"p{n}"])
    return rows


HEADER = ["id", "by", "last.name", "group", "e-mail", "who"]
ATTRIBUTES = {
    "first": {"column": "by", "kind": "given_name"},
    "last": {"column": "last.name", "kind": "surname"},
    "born": {"column": "group", "kind": "birth_date"},
    "mail": {"column": "e-mail", "kind": "email"},
}


@pytest.fixture
def match(tmp_path, spark, capsys):
    """`match(rows, ...)`: run the job on rows; what it printed on standard output."""

    def matched(rows, *argv, header=HEADER, mapping=None, name="people.csv"):
        file = tmp_path / name
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([header, *rows])
        given = {"record_id": "id", "attributes": ATTRIBUTES} if mapping is None else mapping
        (tmp_path / "map.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
        where = ["--input", str(file), "--map", str(tmp_path / "map.yaml")]
        load_main(JOB)([*where, "--output", str(tmp_path / "out"), *argv])
        return capsys.readouterr().out

    return matched


def profiles(spark, folder, key="id"):
    """The groups of ids that share a profile."""
    groups: dict[str, set[str]] = {}
    for row in spark.read.parquet(str(folder / "out" / "people.parquet")).collect():
        groups.setdefault(row["profile_id"], set()).add(row[key])
    return {frozenset(group) for group in groups.values()}


def test_people_with_errors_are_found_whatever_their_columns_are_called(match, spark, tmp_path):
    rows = made_people(40)
    scores = json.loads(match(rows, "--truth", "who"))
    assert scores["precision"] == 1
    assert scores["recall"] > 0.9
    assert {"f1", "bcubed_f1", "estimated_precision", "estimated_recall"} <= set(scores)
    people = spark.read.parquet(str(tmp_path / "out" / "people.parquet"))
    assert people.columns == ["record_key", "profile_id", *HEADER]
    assert people.count() == len(rows)
    assert all(len(row["profile_id"]) == 32 for row in people.collect())
    links = spark.read.parquet(str(tmp_path / "out" / "links.parquet"))
    assert links.where("status = 'linked'").count() >= 27
    assert links.where("reason is not null and status != 'refused'").count() == 0
    first = profiles(spark, tmp_path)
    match(rows[::-1], "--model", str(tmp_path / "out" / "model.json"))
    assert profiles(spark, tmp_path) == first, "the order of rows, a known model: the same people"


def test_without_an_id_equal_rows_are_told_apart(match, spark, tmp_path):
    rows = made_people(20)
    rows += rows[:2]
    match(rows, mapping={"attributes": ATTRIBUTES})
    people = spark.read.parquet(str(tmp_path / "out" / "people.parquet"))
    assert people.count() == len(rows)
    assert people.select("record_key").distinct().count() == len(rows)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(rows=[]), ContractError, "has no records, expected at least one"),
        (
            dict(rows=[["a", "", "", "", "", "p"], ["b", "", "", "", "", "q"]]),
            ContractError,
            "none of the 2 records has a value in any of the attributes born, first, last, mail",
        ),
        (
            dict(rows=[["a", "x", "y", "", "", "p"], ["a", "x", "z", "", "", "q"]]),
            ContractError,
            "1 ids in 'id' stand for several records, e.g. a",
        ),
        (
            dict(rows=[["", "x", "y", "", "", "p"]]),
            ContractError,
            "1 records have no 'id', expected one for each",
        ),
        (
            dict(
                rows=[["a"] * 6],
                mapping={"attributes": {"sur": {"column": "last_name", "kind": "surname"}}},
            ),
            ConfError,
            "there is no column 'last_name' .the map's attributes.sur.. Did you mean 'last.name'",
        ),
        (
            dict(rows=[["a"] * 6], mapping={"attributes": {"sur": "family"}}),
            ConfError,
            "attributes.sur.kind is family, expected",
        ),
        (
            dict(rows=[["a"] * 6], mapping={"attributes": {}}),
            ConfError,
            "map.yaml: attributes is",
        ),
        (
            dict(rows=[["a"] * 6], mapping={"record_id": "id", "attributes": {"id": "code"}}),
            ConfError,
            "'id' is the record_id",
        ),
        (dict(rows=[["a"] * 6], argv=["--truth", "by"]), ConfError, "would give the truth away"),
        (dict(rows=[["a"] * 6], argv=["--truth", "nobody"]), ConfError, "there is no such column"),
        (dict(rows=[["a"] * 6], argv=["--truth-pattern", "x"]), ConfError, "needs --truth COLUMN"),
        (
            dict(rows=[["a"] * 6], argv=["--truth", "who", "--truth-pattern", "x"]),
            ConfError,
            "has no group",
        ),
        (dict(rows=[["a"] * 6], name="people.xlsx"), ConfError, "has an unknown ending"),
    ],
)
def test_bad_input_is_one_clear_line(match, change, error, message):
    argv = change.pop("argv", [])
    with pytest.raises(error, match=message) as raised:
        match(change.pop("rows"), *argv, **change)
    assert "\n" not in str(raised.value)


def test_a_foreign_folder_is_not_overwritten(match, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfError, match="is there already and match_people did not write it"):
        match(made_people(3))


def reference(name: str) -> Path:
    return shared_data(f"identity/{name}")


@pytest.mark.parametrize(
    ("file", "mapping", "truth", "floor"),
    [
        ("fake_1000.csv", "fake_1000", ["--truth", "cluster"], 0.93),
        (
            "febrl3.csv",
            "febrl3",
            ["--truth", "rec_id", "--truth-pattern", "^rec-([0-9]+)-"],
            0.998,
        ),
        (
            "historical_figures_with_errors_50k.parquet",
            "historical_50k",
            ["--truth", "cluster"],
            0.94,
        ),
    ],
)
def test_reference_data_is_matched_without_labels(
    file, mapping, truth, floor, tmp_path, capsys, spark
):
    argv = ["--input", str(reference(file)), "--map", str(HOME / f"conf/matching/{mapping}.yaml")]
    load_main(JOB)([*argv, "--output", str(tmp_path / "out"), *truth])
    assert json.loads(capsys.readouterr().out)["f1"] >= floor


def test_estimates_and_scores_are_tracked_side_by_side(match, tmp_path):
    place = f"sqlite:///{tmp_path}/mlflow.db"
    match(made_people(40), "--truth", "who", "--tracking", place)
    tracking = open_tracking(place, experiment="kinfold-matching")
    [run] = client_of(tracking).search_runs([tracking.experiment_id])
    assert {"estimated_precision", "real_precision", "estimated_recall", "real_recall"} <= set(
        run.data.metrics
    )
