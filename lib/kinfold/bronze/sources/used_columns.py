"""Which columns, and members of them, a Spark SQL expression uses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.json_columns import Leaf, Path

# Functions of JSON text, which read their first argument as text even where it is an object.
_OF_JSON_TEXT = frozenset(
    {
        "from_json",
        "get_json_object",
        "json_array_length",
        "json_object_keys",
        "json_tuple",
        "parse_json",
        "try_parse_json",
    }
)
# Which parameter of a function's lambda stands for an item of its first argument.
_ITEM_PARAMETER = {"aggregate": 1, "reduce": 1, "zip_with": 0}
_HIDDEN = "_metadata"


@dataclass(frozen=True)
class UsedColumns:
    """What one expression uses.

    Attributes:
        paths: columns and members of them; those in JSON text end at the text.
        has_star: it uses all columns.
        is_path: it is only the name of a column or of a member.
    """

    paths: tuple[tuple[Path, Leaf | None], ...] = ()
    has_star: bool = False
    is_path: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, each once."""
        return tuple(dict.fromkeys(str(path[0]) for path, _ in self.paths))


def used_columns(session: SparkSession, expression: str) -> UsedColumns:
    """What an expression uses; nothing if it is not valid, which its analysis reports."""
    try:
        parsed = session._jsparkSession.sessionState().sqlParser().parseExpression(expression)
    except PySparkException:
        return UsedColumns()
    walk = _Walk()
    walk.visit(parsed, {})
    used = ((path, leaf) for path, leaf in walk.used if path[0] != _HIDDEN)
    return UsedColumns(
        tuple(dict.fromkeys(used)),
        has_star=walk.has_star,
        is_path=_path(parsed, {}) is not None,
    )


def mapping_inputs(session: SparkSession, source: Source) -> dict[str, tuple[Path, ...]] | None:
    """What the expression of each part of an event uses, by the JSON pointer of the part.

    None: the source has no mapping.
    """
    if source.event is None:
        return None
    expressions = {key: one.text for key, one in source.expressions().items()}
    return {
        f"/{key.removeprefix('event.').replace('.', '/', 1)}": tuple(
            path for path, _ in used_columns(session, text).paths
        )
        for key, text in expressions.items()
    }


@dataclass
class _Walk:
    """A walk over the tree of a parsed expression, which is not resolved yet."""

    used: list[tuple[Path, Leaf | None]] = field(default_factory=list)
    has_star: bool = False

    def visit(self, node: Any, scope: Mapping[str, Path | None]) -> None:
        """Add what a node uses.

        Args:
            scope: what the parameters of surrounding lambdas stand for; null = not known.
        """
        kind = _kind(node)
        self.has_star |= kind == "UnresolvedStar"
        path = _path(node, scope)
        if path is not None:
            self.used += [(path, None)] if path else []
            for inner in _indices(node):
                self.visit(inner, scope)
        elif kind == "UnresolvedFunction":
            self._visit_function(node, scope)
        elif kind == "LambdaFunction":
            self.visit(node.function(), {**scope, **dict.fromkeys(_parameters(node))})
        else:
            for child in _items(node.children()):
                self.visit(child, scope)

    def _visit_function(self, node: Any, scope: Mapping[str, Path | None]) -> None:
        name = str(node.nameParts().last()).lower()
        arguments = list(_items(node.arguments()))
        first = _path(arguments[0], scope) if arguments else None
        for index, argument in enumerate(arguments):
            if index == 0 and first and name in _OF_JSON_TEXT:
                self.used.append((first, Leaf.JSON))
            elif _kind(argument) == "LambdaFunction":
                parameters = _parameters(argument)
                inner: dict[str, Path | None] = {**scope, **dict.fromkeys(parameters)}
                position = _ITEM_PARAMETER.get(name, 0)
                if first and index == 1 + (name in ("aggregate", "reduce")):
                    inner[parameters[position]] = (*first, 0)
                self.visit(argument.function(), inner)
            else:
                self.visit(argument, scope)


def _path(node: Any, scope: Mapping[str, Path | None]) -> Path | None:
    """The path that a node names; empty inside of a parameter that stands for nothing known.

    None: the node is not a path.
    """
    kind = _kind(node)
    if kind in ("UnresolvedAttribute", "UnresolvedNamedLambdaVariable"):
        first, *rest = [str(part) for part in _items(node.nameParts())]
        if first in scope:
            known = scope[first]
            return (*known, *rest) if known else ()
        return (first, *rest)
    if kind == "UnresolvedExtractValue":
        above = _path(node.child(), scope)
        if above is None or not above:
            return above
        step = node.extraction()
        is_name = _kind(step) == "Literal" and step.dataType().typeName() == "string"
        return (*above, str(step.toString()) if is_name else 0)
    return None


def _indices(node: Any) -> Iterator[Any]:
    """The expressions in the brackets of a path."""
    while _kind(node) == "UnresolvedExtractValue":
        yield node.extraction()
        node = node.child()


def _parameters(node: Any) -> Sequence[str]:
    return [str(next(_items(one.nameParts()))) for one in _items(node.arguments())]


def _kind(node: Any) -> str:
    return str(node.getClass().getSimpleName())


def _items(sequence: Any) -> Iterator[Any]:
    for index in range(sequence.size()):
        yield sequence.apply(index)
