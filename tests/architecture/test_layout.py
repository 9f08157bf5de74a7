"""The shape of the project: folders, unit tests beside modules, wheel, sources, committed text."""

import re
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from kinfold.bronze.records.declaration import load_record_source
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import load_source
from kinfold.core.settings.loading import project_home
from kinfold.runtime.session import spark_settings
from project import HOME
from source_code import LIB, listed, python_files, relative, syntax_tree

UNIT = HOME / "tests" / "unit"
MISSING = "missing"
WITHOUT_UNIT_TEST = {
    "bronze/events/ingestion.py": "runs streams: tests/jobs/test_ingest_*.py",
    "bronze/fast_path/lookup_tables.py": "a layout; its numbers are in test_schema_tables.py",
    "core/arrays.py": "aliases of types",
    "runtime/metrics/declarations.py": "declarations: tests/architecture/test_monitoring.py",
    "silver/identity/resolution/incremental.py": "order of steps: tests/jobs/test_resolve_*.py",
    "tables/bronze.py": "declarations: tests/architecture/test_declarations.py",
    "tables/gold.py": "declarations: tests/architecture/test_declarations.py",
    "tables/ops.py": "declarations: tests/architecture/test_declarations.py",
    "tables/silver.py": "declarations: tests/architecture/test_declarations.py",
}
"""Modules of lib/kinfold that have no unit test, with the reason; MISSING: not written yet."""

TESTS_OF_SEVERAL_MODULES = {
    "bronze/schemas/test_conformance.py": "validation and scanner against another validator",
    "silver/identity/resolution/test_hard_identities.py": "resolution on generated sightings",
}
"""Unit tests that are not named after one module, with the reason."""

EXAMPLES_OF_RECORD_SOURCES = re.findall(
    r"```yaml\n(# conf/records/.*?)```", (HOME / "docs" / "records.md").read_text(), flags=re.DOTALL
)
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=HOME, capture_output=True, text=True, check=True
).stdout.split("\n")


def modules() -> list[str]:
    """Modules of lib/kinfold as paths below it; packages that hold only a docstring left out."""
    return [
        path.relative_to(LIB).as_posix()
        for path in python_files("lib")
        if path.name != "__init__.py" or len(syntax_tree(path).body) > 1
    ]


def unit_tests() -> list[str]:
    return [path.relative_to(UNIT).as_posix() for path in UNIT.rglob("test_*.py")]


def test_a_folder_holds_at_most_fourteen_modules():
    """A longer listing does not explain itself: group it by ideas."""
    sizes = Counter(path.parent for path in python_files("lib") if path.name != "__init__.py")
    assert {relative(folder): size for folder, size in sizes.items() if size > 14} == {}


def test_every_module_has_its_unit_test_at_the_mirrored_path():
    expected = {
        name: str(Path(name).with_name(f"test_{Path(name).name}"))
        for name in modules()
        if Path(name).name != "__init__.py"
    }
    tests = set(unit_tests())
    without = {name for name, test in expected.items() if test not in tests}
    missing = without - WITHOUT_UNIT_TEST.keys()
    assert not missing, listed(sorted(missing))
    needless = WITHOUT_UNIT_TEST.keys() - without
    assert not needless, f"they have a unit test, or do not exist:{listed(sorted(needless))}"
    unexplained = [name for name, reason in WITHOUT_UNIT_TEST.items() if reason == MISSING]
    assert not unexplained, f"no unit test and no reason:{listed(unexplained)}"


def test_every_unit_test_is_named_after_its_module():
    mirrored = {str(Path(name).with_name(f"test_{Path(name).name}")) for name in modules()}
    others = set(unit_tests()) - mirrored
    assert others == TESTS_OF_SEVERAL_MODULES.keys(), listed(
        sorted(others ^ TESTS_OF_SEVERAL_MODULES.keys())
    )


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


@pytest.mark.parametrize("text", EXAMPLES_OF_RECORD_SOURCES)
def test_a_batch_source_of_the_documentation_is_valid(text, tmp_path):
    """None is committed under conf/: the examples are what users start from."""
    name = re.search(r"conf/records/(\w+)\.yaml", text)
    file = tmp_path / f"{name[1]}.yaml"
    file.write_text(text, encoding="utf-8")
    source = load_record_source(file, home=HOME, given_input="somewhere")
    assert (source.name, bool(source.identifiers)) == (name[1], True)


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
