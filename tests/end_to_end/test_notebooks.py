"""Every notebook runs on a real lake."""

import pytest

from project import HOME

NOTEBOOKS = sorted((HOME / "notebooks").glob("*.py"))

pytestmark = pytest.mark.xdist_group("demo")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_notebook_is_in_databricks_source_format_and_runs(path, demo, summary, capsys):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Databricks notebook source\n")
    parameter = 'root = "var/lake"'
    assert parameter in text
    notebook = text.replace(parameter, f'root = "{demo.root}"')
    names: dict[str, object] = {}
    exec(compile(notebook, path.name, "exec"), names)
    assert str(names["answer"]).startswith("The best customers are '")
    assert str(names["answer"]) in capsys.readouterr().out
