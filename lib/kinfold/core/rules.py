"""The version of rules: a hash of the code that decides what outputs contain.

A mended rule then rebuilds what it decides, and nobody has to remember to raise a number. Comments,
docstrings and layout do not count.
"""

import ast
import hashlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec


@cache
def code_version(*names: str) -> str:
    """Short hash of the code of modules and packages, with all modules below them.

    Args:
        names: dotted names, such as `kinfold.silver.cleansing`.
    """
    modules = sorted({module for name in names for module in _modules(name)})
    code = "\n".join(f"{module}\n{_code(module)}" for module in modules)
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def library_version(distribution: str) -> str:
    """Name and version of an installed library whose data decides, such as `phonenumbers 9.0.1`."""
    return f"{distribution} {metadata.version(distribution)}"


def _modules(name: str) -> Iterator[str]:
    yield name
    module = import_module(name)
    if hasattr(module, "__path__"):
        for one in pkgutil.walk_packages(module.__path__, f"{name}."):
            yield one.name


def _code(module: str) -> str:
    """The code of a module without comments, docstrings and layout; empty if only a compiled module
    is installed."""
    spec = find_spec(module)
    get_source = getattr(spec.loader, "get_source", None) if spec else None
    source = get_source(module) if get_source else None
    return normalised_code(source or "")


def normalised_code(source: str) -> str:
    """Python code without comments, docstrings and layout."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
