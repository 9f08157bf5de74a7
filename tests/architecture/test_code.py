"""What the code must not do: read the environment, build SQL text, hide a warning without a reason,
give one public name two meanings, or grow functions that nobody can read.
"""

import ast
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from project import HOME
from source_code import (
    called_name,
    calls,
    dotted,
    listed,
    parents,
    public_names,
    python_files,
    relative,
    syntax_tree,
    tokens,
)

READS_THE_ENVIRONMENT = "lib/kinfold/core/settings/loading.py"
EXPRESSIONS_FROM_VALUES = {
    "lib/kinfold/bronze/sources/expressions.py": "expressions are settings of a source file",
    "lib/kinfold/gold/features/behaviour.py": "whole constants of the module; F has no `div`",
}
"""Files that pass more than literal text to `expr`, with the reason."""

ONE_NAME_TWO_MEANINGS = {
    "EVENTS": "tables are read through their module: bronze.EVENTS, silver.EVENTS",
    "RECORDS": "tables are read through their module: bronze.RECORDS, silver.RECORDS",
}
"""Public names that two modules may define, with the reason."""

COLLECTED = "lib/kinfold/tables/collected.py"
WITHOUT_SPARK = "lib/kinfold/synthetic/"
FETCHES = ("collect", "first", "head", "toPandas", "toLocalIterator", "foreach")

LONGEST_FUNCTION = 60
LONG_FUNCTIONS = {
    ("lib/kinfold/bronze/fast_path/scanner.py", "_event"): "one compiled state machine",
    ("lib/kinfold/bronze/fast_path/scanner.py", "_after_value"): "one compiled state machine",
}
"""Functions of more than 60 lines, with the reason."""

SUPPRESSION = re.compile(r"#\s*(noqa\b|type:\s*ignore\b|fmt:\s*(?:off|skip)\b|ruff:\s*noqa\b)")
REASON = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w,\s-]+\])?"
    r"|fmt:\s*(?:off|skip)|ruff:\s*noqa(?::\s*\w+)?)\s*#\s*\w{2,}"
)
MUTES_WARNINGS = {"filterwarnings", "simplefilter"}


def test_only_the_settings_read_the_environment():
    readers = {
        relative(path): list(environment_reads(path)) for path in python_files("lib", "jobs")
    }
    assert [name for name, lines in readers.items() if lines] == [READS_THE_ENVIRONMENT]


def environment_reads(path: Path) -> Iterator[int]:
    """Lines that read a variable; setting one for libraries that are started later is allowed."""
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Attribute(attr="environ" | "environb") if not _only_sets(node, path):
                yield node.lineno
            case ast.Attribute(attr="getenv" | "getenvb" | "expandvars"):
                yield node.lineno
            case ast.ImportFrom(module="os" | "os.path", names=names):
                yield from (
                    node.lineno
                    for name in names
                    if name.name in ("environ", "environb", "getenv", "getenvb", "expandvars")
                )
            case ast.Call(args=[_, ast.Constant(value="environ" | "getenv"), *_]):
                yield node.lineno


def _only_sets(environ: ast.Attribute, path: Path) -> bool:
    """`os.environ[name] = value`, or `os.environ.setdefault(...)` whose result is not used."""
    used_in = parents(path)[environ]
    match used_in:
        case ast.Subscript(ctx=ast.Store()):
            return True
        case ast.Attribute(attr="setdefault"):
            call = parents(path)[used_in]
            return isinstance(call, ast.Call) and isinstance(parents(path)[call], ast.Expr)
    return False


@pytest.mark.parametrize(
    "code",
    [
        "value = os.environ['A']",
        "value = os.environ.get('A')",
        "value = os.environ.setdefault('A', 'b')",
        "'A' in os.environ",
        "value = os.getenv('A')",
        "from os import environ as e",
        "value = getattr(os, 'environ')['A']",
        "value = dict(os.environ)",
    ],
)
def test_every_way_to_read_the_environment_is_recognised(tmp_path, code):
    (tmp_path / "module.py").write_text(code)
    assert list(environment_reads(tmp_path / "module.py")) == [1]


def test_no_sql_text_is_built():
    """Delta's SQL extension breaks parameter markers, so SQL statements stay out altogether."""
    offenders = {relative(path): list(sql_text(path)) for path in python_files("lib", "jobs")}
    offenders = {name: found for name, found in offenders.items() if found}
    unexplained = {n: found for n, found in offenders.items() if n not in EXPRESSIONS_FROM_VALUES}
    assert unexplained == {}, listed(unexplained)
    assert EXPRESSIONS_FROM_VALUES.keys() <= offenders.keys(), "an exception without a use"


def sql_text(path: Path) -> Iterator[str]:
    """SQL statements (`spark.sql` in any spelling) and expressions that are not literal text."""
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Attribute(attr="sql" | "selectExpr") if not _is_package(node):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Call(args=arguments) if called_name(node) in _ATTRIBUTE_GETTERS and any(
                isinstance(a, ast.Constant) and a.value in ("sql", "selectExpr") for a in arguments
            ):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Call(args=arguments) if called_name(node) == "expr" and not all(
                isinstance(a, ast.Constant) for a in arguments
            ):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Call(args=[first, *_]) if called_name(node) in ("where", "filter") and (
                _is_built_text(first)
            ):
                yield f"line {node.lineno}: {ast.unparse(node)}"


_ATTRIBUTE_GETTERS = {"getattr", "attrgetter", "methodcaller", "__getattribute__"}


def _is_package(node: ast.Attribute) -> bool:
    """`pyspark.sql`, or the Java package `org.apache.spark.sql`."""
    chain = dotted(node)
    return chain == "pyspark.sql" or chain.endswith("org.apache.spark.sql")


def _is_built_text(node: ast.AST) -> bool:
    """An f-string, text joined by + or %, or `"...".format(...)`."""
    match node:
        case ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            return _is_built_text(left) or (
                isinstance(left, ast.Constant) and isinstance(left.value, str)
            )
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
            return True
    return False


@pytest.mark.parametrize(
    "code",
    [
        "spark.sql(text)",
        "run = spark.sql",
        "lake.spark.sql('select 1')",
        "getattr(spark, 'sql')(text)",
        "methodcaller('sql', text)(spark)",
        "frame.selectExpr('a')",
        "F.expr(f'a = {value}')",
        "F.expr(text)",
        "expr('a = ' + value)",
        "frame.where(f'a = {value}')",
        "frame.where('a = ' + value)",
        "frame.filter('a = {}'.format(value))",
    ],
)
def test_every_spelling_of_sql_text_is_recognised(tmp_path, code):
    (tmp_path / "module.py").write_text(code)
    assert len(list(sql_text(tmp_path / "module.py"))) == 1


def test_rows_come_to_the_driver_with_the_zone_of_their_instants():
    """Spark's own methods return local times without a zone: see `kinfold.tables.collected`."""
    files = [p for p in python_files("lib", "jobs") if not relative(p).startswith(WITHOUT_SPARK)]
    found = {relative(path): list(raw_rows(path)) for path in files}
    fetching = {name: fetches for name, fetches in found.items() if fetches}
    assert list(fetching) == [COLLECTED], listed(fetching)


def raw_rows(path: Path) -> Iterator[str]:
    """The calls that fetch rows. `take(n)` only asks whether there are rows, where it is a
    condition; `take(values)` is Arrow's or NumPy's."""
    above = parents(path)
    for node in ast.walk(syntax_tree(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, values = node.func.attr, [*node.args, *(k.value for k in node.keywords)]
        is_number = [isinstance(v, ast.Constant) and isinstance(v.value, int) for v in values]
        is_fetch = name in FETCHES and all(is_number)
        if name in ("take", "tail"):
            is_fetch = is_number == [True] and not _is_condition(node, above[node])
        if is_fetch:
            yield f"line {node.lineno}: {name}"


def _is_condition(node: ast.Call, parent: ast.AST) -> bool:
    is_test = isinstance(parent, ast.If | ast.IfExp | ast.While) and parent.test is node
    is_negated = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
    is_asked = isinstance(parent, ast.Call) and called_name(parent) in ("bool", "len")
    return is_test or is_negated or is_asked


@pytest.mark.parametrize(
    "code",
    [
        "rows.collect()",
        "rows.where(x).first()",
        "rows.head(5)",
        "rows.head()",
        "rows.take(1)[0]",
        "f(rows.take(3))",
        "rows.toPandas()",
        "rows.tail(1)",
        "for row in rows.toLocalIterator(): f(row)",
    ],
)
def test_every_way_to_fetch_rows_is_recognised(tmp_path, code):
    (tmp_path / "code.py").write_text(code)
    assert len(list(raw_rows(tmp_path / "code.py"))) == 1


@pytest.mark.parametrize(
    "code", ["bool(rows.take(1))", "if rows.take(1): f()", "not rows.take(1)", "column.take(order)"]
)
def test_the_question_whether_there_are_rows_is_allowed(tmp_path, code):
    (tmp_path / "code.py").write_text(code)
    assert not list(raw_rows(tmp_path / "code.py"))


def test_every_suppression_carries_its_reason():
    files = [*python_files("lib", "jobs", "tests", "notebooks"), *(HOME / "bin").iterdir()]
    files = [path for path in files if path.suffix == ".py" or _is_python_script(path)]
    without = [
        f"{relative(path)}:{line}" for path in files for line in suppressions_without_reason(path)
    ]
    assert without == [], listed(without)


def _is_python_script(path: Path) -> bool:
    return path.is_file() and "python" in path.read_text(encoding="utf-8").split("\n", 1)[0]


def suppressions_without_reason(path: Path) -> Iterator[int]:
    """Lines of `noqa`, `type: ignore` and `fmt: off` without `# reason` behind, and of calls that
    mute warnings without a comment on their line or on the line above.
    """
    commented = {token.start[0] for token in tokens(path) if token.type == tokenize.COMMENT}
    for token in tokens(path):
        is_suppression = token.type == tokenize.COMMENT and SUPPRESSION.search(token.string)
        if is_suppression and not REASON.search(token.string):
            yield token.start[0]
    for call in calls(path):
        mutes = called_name(call) in MUTES_WARNINGS
        lines = {call.lineno, call.end_lineno, call.lineno - 1}
        if mutes and not lines & commented:
            yield call.lineno


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("import a  # noqa: F401", [1]),
        ("import a  # noqa: F401  # imported for its side effect", []),
        ("import a  # noqa: F401 imported for its side effect", [1]),
        ("a = b()  # type: ignore[misc]", [1]),
        ("a = b()  # type: ignore[misc, attr-defined]  # untyped library", []),
        ("warnings.simplefilter('ignore')", [1]),
        ("# the library warns about itself\nwarnings.simplefilter('ignore')", []),
    ],
)
def test_a_suppression_needs_a_reason_behind_it(tmp_path, code, lines):
    (tmp_path / "module.py").write_text(code + "\n")
    assert list(suppressions_without_reason(tmp_path / "module.py")) == lines


def test_every_suppression_of_the_tools_carries_its_reason():
    """In pyproject.toml: each ignored warning and lint rule has a comment on its line or above."""
    lines = (HOME / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    suppressed = [
        number
        for number, line in enumerate(lines)
        if re.match(r'\s*(ignore_missing_imports|"ignore:|"[A-Z]+\d+",)', line)
        or re.match(r'"tests/.*= \["[A-Z]+\d+"\]', line)
    ]
    assert suppressed
    without = [
        lines[number]
        for number in suppressed
        if "#" not in lines[number] and not any("#" in line for line in lines[number - 3 : number])
    ]
    assert without == []


def test_a_public_name_has_one_meaning():
    """No function, class or constant of one name in two modules of lib/."""
    modules = defaultdict(list)
    for path in python_files("lib"):
        for name in set(public_names(path)):
            modules[name].append(relative(path))
    twice = {name: found for name, found in sorted(modules.items()) if len(found) > 1}
    unexplained = {
        name: found for name, found in twice.items() if name not in ONE_NAME_TWO_MEANINGS
    }
    assert unexplained == {}, listed(unexplained)
    assert ONE_NAME_TWO_MEANINGS.keys() <= twice.keys(), "an exception without a use"


def test_a_function_fits_on_a_screen():
    """At most 60 lines, but for those in LONG_FUNCTIONS."""
    long = {
        (relative(path), node.name): (node.end_lineno or 0) - node.lineno + 1
        for path in python_files("lib", "jobs")
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    }
    unexplained = {at: lines for at, lines in long.items() if at not in LONG_FUNCTIONS}
    assert unexplained == {}, listed(unexplained)
    assert LONG_FUNCTIONS.keys() <= long.keys(), "an exception without a use"
