"""The shape of the project: jobs, wheel, sources, committed text."""

import ast
import re
import subprocess
import zipfile

import pytest

from kinfold.bronze.records.declaration import load_record_source
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import load_source
from kinfold.core.settings.loading import project_home
from kinfold.runtime.session import spark_settings
from project import HOME

JOBS = sorted((HOME / "jobs").rglob("*.py"))
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=HOME, capture_output=True, text=True, check=True
).stdout.split("\n")


@pytest.mark.parametrize("path", JOBS, ids=lambda p: str(p.relative_to(HOME)))
def test_a_job_is_one_thin_main(path):
    """A job reads, calls and writes: at most 40 statements' lines in `main`."""
    tree = ast.parse(path.read_text())
    main = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    assert [a.arg for a in main.args.args] == ["argv"]
    assert (main.end_lineno or 0) - main.lineno < 45
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", JOBS, ids=lambda p: str(p.relative_to(HOME)))
def test_a_job_never_asks_which_environment_it_is_in(path):
    assert "options.env" not in path.read_text()


def test_only_the_settings_read_the_environment():
    readers = [
        path.relative_to(HOME).as_posix()
        for path in (HOME / "lib").rglob("*.py")
        if re.search(r"os\.environ(\.get|\[)|os\.getenv|in os\.environ", path.read_text())
    ]
    assert readers == ["lib/kinfold/core/settings/loading.py"]


def test_no_sql_text_is_built_from_values():
    """Delta's SQL extension breaks parameter markers, so SQL text stays out altogether."""
    offenders = [p for p in (HOME / "lib").rglob("*.py") if re.search(r"\.sql\(", p.read_text())]
    assert offenders == []


def test_the_wheel_holds_the_package(tmp_path):
    """An ignored lib/ would give an empty wheel without an error."""
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(WheelBuilder(str(HOME)).build(directory=str(tmp_path), versions=["standard"]))
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {n for n in names if n.startswith("kinfold/")}
    expected = {
        str(p.relative_to(HOME / "lib"))
        for p in (HOME / "lib" / "kinfold").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert shipped == expected


@pytest.mark.parametrize("path", sorted((HOME / "conf" / "sources").glob("*.yaml")), ids=str)
def test_every_committed_source_is_valid(path):
    assert load_source(path, home=HOME, given_input="somewhere").name == path.stem


@pytest.mark.parametrize("path", sorted((HOME / "conf" / "records").glob("*.yaml")), ids=str)
def test_every_committed_batch_source_is_valid(path):
    assert load_record_source(path, home=HOME, given_input="somewhere").name == path.stem


def test_the_committed_schemas_are_valid():
    assert "purchase" in SchemaRegistry.load(HOME / "conf" / "schemas").event_types


def test_the_committed_spark_settings_are_readable():
    assert spark_settings("local", HOME)["spark.sql.session.timeZone"] == "UTC"


def test_the_project_is_found_from_any_folder_of_it(monkeypatch):
    monkeypatch.delenv("KINFOLD_HOME")
    monkeypatch.chdir(HOME / "lib")
    assert project_home() == HOME


def test_no_machine_path_is_committed():
    pattern = re.compile(r"(^|[^A-Za-z0-9_.-])/(work|root|home/[a-z]+)/")
    named = [
        name
        for name in TRACKED
        if name.endswith((".py", ".md", ".yaml", ".toml", ".sh", ".conf", "Makefile"))
        and pattern.search((HOME / name).read_text())
        and not name.endswith("test_layout.py")
    ]
    assert named == []


def test_every_python_file_of_the_project_is_tracked():
    untracked = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "lib", "jobs", "conf"],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert untracked == ""
