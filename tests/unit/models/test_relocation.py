"""Paths in an MLflow database that was moved or copied; the database here has only its paths."""

import sqlite3
from contextlib import closing

import pytest

from kinfold.models.relocation import relocate


def made_database(path, *, location, run, model):
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(
            "CREATE TABLE experiments (name, artifact_location);"
            "CREATE TABLE runs (artifact_uri); CREATE TABLE model_versions (source, description);"
        )
        database.execute("INSERT INTO experiments VALUES ('kinfold', ?)", (location,))
        database.execute("INSERT INTO runs VALUES (?)", (run,))
        database.execute(
            "INSERT INTO model_versions VALUES (?, ?)", (model, "/a/_mlflow/artifacts")
        )
    return path


def paths_in(path):
    with closing(sqlite3.connect(path)) as database:
        queries = (
            "SELECT artifact_location FROM experiments",
            "SELECT artifact_uri FROM runs",
            "SELECT source FROM model_versions",
        )
        return [value for query in queries for (value,) in database.execute(query)]


def test_the_paths_of_a_moved_lake_point_into_it(tmp_path):
    old, new = "/a/_mlflow/artifacts/kinfold", f"{tmp_path}/_mlflow/artifacts/kinfold"
    database = made_database(
        tmp_path / "_mlflow" / "mlflow.db", location=old, run=f"{old}/r1", model=f"{old}/r1/model"
    )
    for _ in range(2):
        relocate(database)
        assert paths_in(database) == [new, f"{new}/r1", f"{new}/r1/model"]


def test_a_path_that_only_starts_like_the_former_one_stays(tmp_path):
    old, other = "/a/_mlflow/artifacts/kinfold", "/a/_mlflow/artifacts-2/r1"
    database = made_database(
        tmp_path / "_mlflow" / "mlflow.db", location=old, run=other, model="s3://b/model"
    )
    relocate(database)
    assert paths_in(database)[1:] == [other, "s3://b/model"]


@pytest.mark.parametrize("is_copied", [True, False])
def test_files_elsewhere_belong_to_a_database_outside_a_lake_only_if_they_came_with_it(
    tmp_path, is_copied
):
    old, new = "/share/artifacts/kinfold", f"{tmp_path}/ml/artifacts/kinfold"
    database = made_database(tmp_path / "ml" / "mlflow.db", location=old, run=old, model=old)
    if is_copied:
        (tmp_path / "ml" / "artifacts" / "kinfold").mkdir(parents=True)
    relocate(database)
    assert paths_in(database) == [new if is_copied else old] * 3


@pytest.mark.parametrize("location", ["s3://bucket/artifacts/other", "mlflow-artifacts:/1", None])
def test_other_locations_stay(tmp_path, location):
    database = made_database(
        tmp_path / "_mlflow" / "mlflow.db", location=location, run="x", model="y"
    )
    relocate(database)
    assert paths_in(database) == [location, "x", "y"]


def test_a_new_or_empty_database_needs_nothing(tmp_path):
    relocate(tmp_path / "mlflow.db")
    (tmp_path / "mlflow.db").touch()
    relocate(tmp_path / "mlflow.db")
