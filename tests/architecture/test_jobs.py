"""Jobs are thin: they say what runs, in what order, on which tables (style guide, part 2)."""

import ast
from collections.abc import Iterator

import pytest

from kinfold.tables.registry import ALL
from source_code import called_name, calls, dotted, python_files, relative, syntax_tree

JOBS = python_files("jobs")
LONGEST_MAIN = 40
COLUMNS = {field.name for table in ALL for field in table.fields}
FRAME_METHODS = {
    *(
        "agg",
        "colRegex",
        "crosstab",
        "cube",
        "describe",
        "drop",
        "dropDuplicates",
        "drop_duplicates",
    ),
    *("dropna", "fillna", "filter", "freqItems", "groupBy", "groupby", "join", "melt"),
    *("observe", "orderBy", "pivot", "repartition", "repartitionByRange", "rollup"),
    *("select", "selectExpr", "sort", "sortWithinPartitions", "unpivot", "where"),
    *("withColumn", "withColumnRenamed", "withColumns", "withColumnsRenamed", "withWatermark"),
}
NOT_A_COLUMN = {
    ("jobs/demo.py", "people"): "the name of the option --people",
}
"""(job, text): why this text, which is also the name of a column, is not one here."""

each_job = pytest.mark.parametrize("path", JOBS, ids=relative)


def test_there_are_jobs():
    assert len(JOBS) > 20


@each_job
def test_a_job_has_a_docstring(path):
    assert ast.get_docstring(syntax_tree(path))


@each_job
def test_a_job_has_one_main_that_takes_argv(path):
    mains = [
        node
        for node in syntax_tree(path).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    ]
    assert [[argument.arg for argument in main.args.args] for main in mains] == [["argv"]]
    lines = (mains[0].end_lineno or 0) - mains[0].lineno + 1
    assert lines <= LONGEST_MAIN


@each_job
def test_a_job_builds_no_column_expression(path):
    """Neither `F.col(...)` nor anything else of pyspark: rules on columns live in lib/."""
    imported: list[str] = []
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Import(names=names):
                imported += [name.name for name in names]
            case ast.ImportFrom(module=module):
                imported.append(module or "")
    assert [name for name in imported if name.split(".")[0] in ("pyspark", "delta")] == []
    chains = {
        dotted(node) for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Attribute)
    }
    assert {chain for chain in chains if chain.startswith("F.")} == set()


@each_job
def test_a_job_holds_no_column_name(path):
    assert list(column_names(path)) == []


def column_names(path) -> Iterator[str]:
    """Where a job subscripts by text, passes text to a frame's method, or spells a column."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and ast.get_docstring(node) is not None
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str())):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Call(func=ast.Attribute(value=receiver, attr=method)) if (
                method in FRAME_METHODS and not _is_text(receiver)  # not ", ".join(...)
            ):
                arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                texts = (inner for argument in arguments for inner in ast.walk(argument))
                if any(_is_text(text) for text in texts):
                    yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Constant(value=str(text)) if text in COLUMNS and id(node) not in docstrings:
                if (relative(path), text) not in NOT_A_COLUMN:
                    yield f"line {node.lineno}: {text!r}"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@each_job
def test_a_job_never_asks_which_environment_it_is_in(path):
    """It may only pass the environment on to `job_session`, which reads its settings."""
    passed_on = {
        id(argument)
        for call in calls(path)
        if called_name(call) == "job_session"
        for argument in call.args
    }
    asked = [
        node.lineno
        for node in ast.walk(syntax_tree(path))
        if (isinstance(node, ast.Attribute) and node.attr == "env" and id(node) not in passed_on)
        or (isinstance(node, ast.Call) and called_name(node) == "getattr" and _names_env(node))
    ]
    assert asked == []


def _names_env(call: ast.Call) -> bool:
    return any(isinstance(a, ast.Constant) and a.value == "env" for a in call.args)
