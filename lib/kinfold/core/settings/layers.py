"""Merges settings: defaults, an environment's file, and single values of the command line.

- A section is merged key by key; an empty one changes nothing.
- An entry of a mapping with free keys (`identity.match`, `identity.namespaces`) is added or
  changed; an empty mapping removes all entries.
- Every other value replaces the former one, also null, false, 0 and an empty list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from kinfold.core.errors import ConfError


@dataclass(frozen=True)
class Layers:
    """The settings of all layers so far, as nested mappings.

    Attributes:
        root: the class of the settings; it says which mappings are sections.
        origin: the name of the layer of each value, by dotted key.
    """

    root: type[BaseModel]
    values: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)

    def merge(self, tree: Mapping[str, Any], *, layer: str, at: tuple[str, ...] = ()) -> None:
        """Add the settings of a file."""
        for name, value in tree.items():
            path = (*at, str(name))
            if self._is_section(path) and value in (None, {}):
                continue
            if isinstance(value, Mapping) and value:
                if not isinstance(self.get(path), dict):
                    self._replace(path, {})
                self.merge(value, layer=layer, at=path)
            else:
                self._replace(path, value)
                self.origin[".".join(path)] = layer

    def set(self, key: str, value: Any, *, layer: str) -> None:
        """Replace one value, or add the settings of a section.

        Raises:
            ConfError: the key is below a single value.
        """
        path = tuple(key.split("."))
        for depth in range(1, len(path)):
            if not isinstance(self.get(path[:depth], {}), dict):
                parent = path[depth - 1]
                raise ConfError(f"--set {key}: '{parent}' is a single value, not a section.")
        if isinstance(value, Mapping) and self._is_section(path):
            self.merge(value, layer=layer, at=path)
        else:
            self._replace(path, value)
            self.origin[key] = layer

    def get(self, path: tuple[str, ...], default: Any = None) -> Any:
        """The value at a path; `default` if there is none."""
        branch: Any = self.values
        for name in path:
            if not isinstance(branch, dict) or name not in branch:
                return default
            branch = branch[name]
        return branch

    def _replace(self, path: tuple[str, ...], value: Any) -> None:
        branch = self.values
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
        below = ".".join(path)
        for key in [k for k in self.origin if k == below or k.startswith(f"{below}.")]:
            del self.origin[key]

    def _is_section(self, path: tuple[str, ...]) -> bool:
        kind: Any = self.root
        for name in path:
            known = kind.model_fields.get(name)
            kind = known.annotation if known is not None else None
            if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
                return False
        return True
