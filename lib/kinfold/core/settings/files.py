"""YAML files and paths that settings name."""

from pathlib import Path
from typing import Any

import yaml

from kinfold.core.errors import ConfError
from kinfold.core.masking import has_password


class _RepeatedKey(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key)
        self.key, self.line = key, line


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key may occur once in a mapping; PyYAML itself keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen and isinstance(key.value, str):
                raise _RepeatedKey(key.value, key.start_mark.line + 1)
            seen.add(key.value if isinstance(key.value, str) else id(key))
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, shown_as: str) -> dict[str, Any]:
    """The mapping in a YAML file; empty for an empty file.

    Args:
        shown_as: name of the file in messages.

    Raises:
        ConfError: the file cannot be read, is not YAML, or does not contain a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except OSError as error:
        raise ConfError(f"{shown_as}: cannot be read ({error.strerror}).") from error
    except _RepeatedKey as error:
        raise ConfError(
            f"{shown_as}, line {error.line}: key '{error.key}' is there twice. Remove one."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfError(f"{shown_as}{line}: is not valid YAML. Check indent and quotes.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfError(
            f"{shown_as}: contains a {type(content).__name__}, expected keys with values."
        )
    return content


def resolve_path(text: str, base: Path) -> str:
    """`text` as an absolute path, relative to `base`; a URI with a scheme stays unchanged.

    Raises:
        ConfError: the URI contains a password. It would be stored with each row.
    """
    if has_password(text):
        raise ConfError(
            f"{text}: contains a password, which would be stored in the lake and shown in logs. "
            "Remove it from the URI, and set it for Hadoop with --conf spark.hadoop.fs... in front "
            "of the job."
        )
    return text if "://" in text else str((base / Path(text).expanduser()).absolute())
