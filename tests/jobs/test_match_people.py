"""match_people: finds the records of one person in a file."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from kinfold.core.errors import ConfError, ContractError
from kinfold.models.tracking import client_of, open_tracking
from kinfold.runtime.suite import load_main
from made_households import KINDS, household_records
from project import HOME, shared_case, shared_data
from spark_settings import users_settings

JOB = HOME / "jobs" / "silver" / "match_people.py"

NAMES = ("ann", "bela", "carl", "dora", "emil", "fay", "gus", "hana", "ivan", "jane", "karl", "lea")
SURNAMES = ("ashby", "brook", "colt", "dunn", "eddy", "frost", "grey", "hill", "irons", "jarvis")


def generated_people(count):
    """Rows of `count` people. Three of four have a second row, with an error in the surname."""
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
    """`match(rows, ...)` runs the job on rows and returns its standard output."""

    def matched(rows, *argv, header=HEADER, mapping=None, name="people.csv"):
        file = tmp_path / name
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([header, *rows])
        content = {"record_id": "id", "attributes": ATTRIBUTES} if mapping is None else mapping
        (tmp_path / "map.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        files = ["--input", str(file), "--map", str(tmp_path / "map.yaml")]
        load_main(JOB)([*files, "--output", str(tmp_path / "out"), *argv])
        return capsys.readouterr().out

    return matched


def profiles(spark, folder, key="id"):
    """The groups of ids that share a profile."""
    groups: dict[str, set[str]] = {}
    for row in spark.read.parquet(str(folder / "out" / "people.parquet")).collect():
        groups.setdefault(row["profile_id"], set()).add(row[key])
    return {frozenset(group) for group in groups.values()}


def test_people_with_errors_are_matched_whatever_the_names_of_the_columns(match, spark, tmp_path):
    rows = generated_people(40)
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
    assert profiles(spark, tmp_path) == first, "same model, other order of rows: same people"


def test_without_an_id_equal_rows_have_different_keys(match, spark, tmp_path):
    rows = generated_people(20)
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
            "1 ids in 'id' belong to several records, e.g. a",
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
        (
            dict(rows=[["a"] * 6], argv=["--truth", "by"]),
            ConfError,
            "the result would depend on the truth",
        ),
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


def test_a_folder_with_other_files_is_not_overwritten(match, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfError, match="exists already and match_people did not write it"):
        match(generated_people(3))


def test_a_model_goes_to_splink_and_back_with_the_same_people(match, spark, tmp_path):
    rows, splink = generated_people(40), tmp_path / "splink.json"
    match(rows, "--export-splink", str(splink))
    learnt = profiles(spark, tmp_path)
    content = json.loads(splink.read_text())
    assert [one["output_column_name"] for one in content["comparisons"]] == [*sorted(ATTRIBUTES)]
    assert content["unique_id_column_name"] == "id"
    match(rows[::-1], "--import-splink", str(splink), "--export-splink", str(splink))
    assert profiles(spark, tmp_path) == learnt
    again = json.loads(splink.read_text())
    assert again["comparisons"] == content["comparisons"]
    model = json.loads((tmp_path / "out" / "model.json").read_text())
    assert model["pairs"] == 0, "an imported model was learnt from no pair of this file"


def splink_model(**changed):
    """Settings as Splink saves them, for the attribute `sex` of kind gender."""
    levels = [
        {"sql_condition": '"sex_l" IS NULL OR "sex_r" IS NULL', "is_null_level": True},
        {"sql_condition": '"sex_l" = "sex_r"', "m_probability": 0.9, "u_probability": 0.5},
        {"sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.5},
    ]
    comparison = {
        "output_column_name": "sex",
        "comparison_levels": levels,
        "comparison_description": "ExactMatch",
    }
    content = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": 0.1,
        "comparisons": [comparison | changed],
    }
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "argv", "error", "message"),
    [
        (None, [], ConfError, "does not exist. Name the file of Splink's save_model_to_json"),
        ('{"comparisons": [', [], ContractError, "is not JSON"),
        ("[1]", [], ContractError, "has no 'comparisons'"),
        ('{"comparison_columns": []}', [], ContractError, "has the format of Splink 2"),
        ('{"format": "kinfold matching model 1"}', [], ContractError, "Use --model"),
        (
            splink_model(comparison_levels=[]),
            [],
            ContractError,
            "'sex' has 0 levels besides null, a gender has 2: else, equal. Use the same levels",
        ),
        (
            splink_model(output_column_name="gender"),
            [],
            ContractError,
            "the kind of the comparison 'gender' is not known",
        ),
        (splink_model(), ["--model", "m.json"], ConfError, "--import-splink both name a model"),
        (
            splink_model(),
            ["--export-splink", "MAP"],
            ConfError,
            "exists already and is not a settings JSON of Splink",
        ),
    ],
)
def test_a_model_of_splink_that_cannot_be_used_is_one_clear_line(
    match, tmp_path, text, argv, error, message
):
    path = tmp_path / "splink.json"
    if text is not None:
        path.write_text(text)
    argv = [str(tmp_path / "map.yaml") if value == "MAP" else value for value in argv]
    with pytest.raises(error, match=message) as raised:
        match(
            [["a", "m"]],
            "--import-splink",
            str(path),
            *argv,
            header=["id", "sex"],
            mapping={"attributes": {"sex": "gender"}},
        )
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_model_that_splink_made_is_used_by_the_kinds_of_the_map(match, spark, tmp_path):
    (tmp_path / "splink.json").write_text(splink_model())
    match(
        [["a", "m"], ["b", "f"]],
        "--import-splink",
        str(tmp_path / "splink.json"),
        header=["id", "sex"],
        mapping={"record_id": "id", "attributes": {"sex": "gender"}},
    )
    # Prior 0.1 has odds of 1 to 9; disagreement on the sex has 0.1 to 0.5: odds of 1 to 45.
    [link] = spark.read.parquet(str(tmp_path / "out" / "links.parquet")).collect()
    assert link["match_probability"] == pytest.approx(1 / 46)
    assert link["status"] == "unlinked"


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
    with users_settings(spark):
        load_main(JOB)([*argv, "--output", str(tmp_path / "out"), *truth])
    assert json.loads(capsys.readouterr().out)["f1"] >= floor


@pytest.mark.parametrize(("has_birth_dates", "precision"), [(True, 0.97), (False, 0.95)])
def test_members_of_a_household_are_people_of_their_own(match, has_birth_dates, precision):
    """Of 300 people, 60 live with others: couples, twins, fathers and sons of one name. Without the
    class of households precision was 0.75, and the own estimate of it 0.998."""
    people = household_records(people=300, sharing=0.2, seed=3).drop(columns="household")
    kinds = {name: kind for name, kind in KINDS.items() if has_birth_dates or name != "born"}
    scores = json.loads(
        match(
            people.fillna("").to_numpy().tolist(),
            *("--truth", "person"),
            header=list(people.columns),
            mapping={"record_id": "id", "attributes": kinds},
        )
    )
    assert scores["precision"] >= precision
    assert scores["recall"] >= 0.95
    assert scores["estimated_precision"] == pytest.approx(scores["precision"], abs=0.05)
    assert scores["estimated_recall"] == pytest.approx(scores["recall"], abs=0.05)


def test_couples_with_one_address_and_land_line_are_two_people(tmp_path, capsys, spark):
    argv = ["--input", str(shared_case("people/match_couples.csv")), "--truth", "who"]
    argv += ["--map", str(shared_case("sources/people_map.yaml"))]
    with users_settings(spark):
        load_main(JOB)([*argv, "--output", str(tmp_path / "out")])
    scores = json.loads(capsys.readouterr().out)
    assert (scores["profiles"], scores["precision"], scores["recall"]) == (34, 1, 1)


def test_estimates_and_scores_are_tracked_side_by_side(match, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    match(generated_people(40), "--truth", "who", "--tracking", uri)
    tracking = open_tracking(uri, experiment="kinfold-matching")
    [run] = client_of(tracking).search_runs([tracking.experiment_id])
    assert {"estimated_precision", "real_precision", "estimated_recall", "real_recall"} <= set(
        run.data.metrics
    )
