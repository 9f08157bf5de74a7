"""The documentation names what exists: folders, files, options of jobs, settings, make targets."""

import contextlib
import io
import re
import tomllib
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from kinfold.core.settings.loading import load_settings
from kinfold.runtime.suite import load_main
from project import HOME
from source_code import LIB, listed, python_files

PAGES = [
    *(HOME / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((HOME / "docs").glob("*.md")),
]
ARCHITECTURE = (HOME / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED_FILE = re.compile(r"(?<![\w/.])(?:lib|jobs|tests|conf|docs|bin|notebooks)/[\w./-]*\w")
CHOSEN_BY_THE_READER = re.compile(
    r"ENV|NAME|TYPE|LAYER|verb_noun|noun|my_shop|partner_cards|conf/records"
)
"""Parts of paths that stand for a name that the reader chooses."""
COMMAND = re.compile(r"\b(jobs/[\w/]+\.py)((?:[^\n`|]|\\\n)*)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page) -> str:
    return page.read_text(encoding="utf-8")


def test_every_folder_with_modules_is_in_the_architecture_page():
    folders = {
        path.parent.relative_to(LIB).as_posix()
        for path in python_files("lib")
        if path.name != "__init__.py"
    }
    described = set(re.findall(r"^\| `([\w/]+)` \|", ARCHITECTURE, flags=re.MULTILINE))
    assert described == folders, listed(sorted(described ^ folders))


def test_the_architecture_page_shows_the_layers_in_the_order_that_is_checked():
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    layers = [name.removeprefix("kinfold.") for name in contract["layers"]]
    picture = re.search(r"^```\n(jobs .*?)^```", ARCHITECTURE, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^(\w+)", picture[1], flags=re.MULTILINE) == ["jobs", *layers]


@each_page
def test_a_page_names_only_files_that_exist(page):
    named = {
        name for name in NAMED_FILE.findall(text_of(page)) if not CHOSEN_BY_THE_READER.search(name)
    }
    missing = {n for n in named if not (HOME / n).exists() and not (HOME / f"{n}.py").exists()}
    assert missing == set()


@each_page
def test_a_link_of_a_page_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#]+)\)", text_of(page))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


@each_page
def test_a_page_names_only_make_targets_that_exist(page):
    makefile = (HOME / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), flags=re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("folder", ["lib", "jobs"])
def test_a_message_names_only_headings_that_exist(folder):
    """`See docs/operations.md, 'A source is stale' and 'The error budget burns'.`"""
    wrong = []
    for path in python_files(folder):
        joined = re.sub(r"\"\s*\n\s*f?\"", "", text_of(path))
        for name, quoted in re.findall(
            r"(README|docs/[\w-]+\.md), ('[^'\n]+'(?: and '[^'\n]+')*)", joined
        ):
            page = text_of(HOME / ("README.md" if name == "README" else name))
            headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
            wrong += [
                f"{path.name}: {h}" for h in re.findall(r"'([^']+)'", quoted) if h not in headings
            ]
    assert wrong == []


def commands() -> Iterator[tuple[str, str, str]]:
    """Page, job and the arguments behind it, of every command line in the documentation."""
    for page in PAGES:
        for job, arguments in COMMAND.findall(text_of(page)):
            if (HOME / job).is_file():
                yield page.name, job, arguments


@cache
def help_of(job: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        load_main(HOME / job)(["--help"])
    return printed.getvalue()


def test_jobs_have_the_options_that_the_documentation_gives_them():
    seen = 0
    wrong = []
    for page, job, arguments in commands():
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", arguments):
            seen += 1
            if not re.search(rf"(?<![\w-]){option}(?![\w-])", help_of(job)):
                wrong.append(f"{page}: {job} {option}")
    assert seen > 30
    assert wrong == []


@each_page
def test_the_settings_of_a_page_exist(page):
    """`--set KEY=VALUE` of a page is accepted, apart from values that the reader chooses."""
    for key, value in re.findall(r"--set ([a-z_.]+)=([^\s`]+)", text_of(page)):
        load_settings(HOME, "local", {key: yaml.safe_load(value)})


def test_the_readme_names_the_versions_of_the_lock():
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    versions = readme.split("## Versions")[1].split("## ")[0]
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = dict(d.split("==") for d in project["dependencies"] if "==" in d)
    named = dict(re.findall(r"([a-z-]+) (\d+\.\d+\.\d+)", versions))
    assert named
    assert named == {package: pinned[package] for package in named}
    assert "3.11 to 3.13" in versions
    assert project["requires-python"] == ">=3.11,<3.14"
