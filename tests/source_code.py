"""The project's own source, parsed: for tests that check how it is written."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from project import HOME

LIB = HOME / "lib" / "kinfold"


def python_files(*folders: str) -> list[Path]:
    """Every Python file below these folders of the project, sorted."""
    files = (path for folder in folders for path in (HOME / folder).rglob("*.py"))
    return sorted(path for path in files if "__pycache__" not in path.parts)


def relative(path: Path) -> str:
    """The path as seen from the project's folder."""
    return path.relative_to(HOME).as_posix()


@cache
def syntax_tree(path: Path) -> ast.Module:
    """The file, parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def parents(path: Path) -> dict[ast.AST, ast.AST]:
    """The parent of each node of the file's syntax tree."""
    tree = syntax_tree(path)
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


@cache
def tokens(path: Path) -> list[tokenize.TokenInfo]:
    """The tokens of a Python file, comments included."""
    return list(tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline))


def public_names(path: Path) -> list[str]:
    """Functions, classes, constants and type aliases that a module defines at its top level."""
    names: list[str] = []
    for node in syntax_tree(path).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=targets):
                names += [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return [name for name in names if not name.startswith("_")]


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of attributes; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            start = dotted(value)
            return f"{start}.{name}" if start else ""
    return ""


def called_name(call: ast.Call) -> str:
    """The name of the function or method that is called, without what stands before it."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def calls(path: Path) -> Iterator[ast.Call]:
    """Every call in the file."""
    return (node for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Call))


def listed(found: Iterable[object] | Mapping[object, object]) -> str:
    """A message for an assertion: one finding per line."""
    lines = (
        [f"{key}: {value}" for key, value in found.items()]
        if isinstance(found, Mapping)
        else map(str, found)
    )
    return "\n".join(["", *lines])
