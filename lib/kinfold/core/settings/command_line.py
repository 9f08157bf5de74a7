"""The command line of jobs: common options, settings overrides and source files."""

import argparse
import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from kinfold.core.errors import ConfError
from kinfold.core.settings.loading import DEFAULTS, PATH_KEYS, loaded_settings, project_home
from kinfold.core.settings.models import Conf, LakeConf, Settings

_DEMO_LAKE = Path("var", "lake")
"""The `lake.root` that `conf/base.yaml` has in every copy of the project."""


@dataclass(frozen=True)
class RunOptions:
    """The options of one job run: settings, source files and the job's own arguments."""

    env: str
    home: Path
    settings: Settings
    sources: tuple[tuple[Path, str | None], ...]
    """Source files of events, each with its `--input`; null = the input that the file names."""
    record_sources: tuple[tuple[Path, str | None], ...]
    """Source files of batch sources, in the same form."""
    run_id: str
    is_verbose: bool
    arguments: argparse.Namespace
    """All parsed arguments, with those that only this job has."""

    def as_argv(self, *, as_of: datetime | None = None) -> list[str]:
        """The command-line arguments that start another job of the same run.

        Args:
            as_of: replaces the `--as-of` of this command line; null = keep it.
        """
        arguments = self.arguments
        argv = ["--env", self.env, "--run-id", self.run_id]
        for option, values in (("--set", arguments.set), ("--source", arguments.source)):
            argv += [text for value in values for text in (option, value)]
        argv += [text for value in arguments.input for text in ("--input", value)]
        moment = as_of.isoformat() if as_of else arguments.as_of
        return argv + (["--as-of", moment] if moment else []) + ["-v"] * self.is_verbose

    def hash_of(self, *parts: Conf | str | Path) -> str:
        """Short hash of settings, texts and the contents of files: while it is equal, equal inputs
        give equal outputs."""
        texts = [_hashed_text(part) for part in parts]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def _hashed_text(part: Conf | str | Path) -> str:
    if isinstance(part, Path):
        return hashlib.sha256(part.read_bytes()).hexdigest() if part.is_file() else "no file"
    return part if isinstance(part, str) else part.model_dump_json()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        hint = ""
        if "unrecognized arguments" in message:
            hint = (
                " Options of spark-submit (--master, --conf, --executor-memory, ...) go before the "
                "job's file."
            )
        raise ConfError(f"{self.prog}: {message}.{hint} See {self.prog} --help.")


def plain_parser(job: str, description: str) -> argparse.ArgumentParser:
    """The parser of a job that opens no lake; it has only the job's own arguments."""
    return _Parser(
        prog=f"jobs/{job}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def job_parser(job: str, description: str) -> argparse.ArgumentParser:
    """The parser with the options of every job on a lake; a job adds its own arguments."""
    parser = plain_parser(job, description)
    common = parser.add_argument_group("options of every job")
    common.add_argument("--env", default="local", help="use conf/ENV.yaml (default: local)")
    common.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting for this run, e.g. --set lake.root=DIR (repeatable)",
    )
    common.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="FILE",
        help="source file that maps your data to events or records, e.g. "
        "conf/sources/online_retail.yaml (repeatable); the lake is then var/<source name> "
        "unless --set or a settings file names another lake.root",
    )
    common.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="PATH",
        help="file or folder to read, one per --source (default: the input in the source file)",
    )
    common.add_argument(
        "--as-of",
        metavar="TIME",
        help="the moment for which gold is computed, ISO 8601, e.g. 2026-05-01 or "
        "2026-05-01T00:00:00Z "
        "(default: the end of the last complete day with data)",
    )
    common.add_argument(
        "--run-id", default=None, help="id of the run, stored with what it writes (default: random)"
    )
    common.add_argument("-v", "--verbose", action="store_true", help="show the log of Spark")
    return parser


def parse_options(
    job: str,
    argv: Sequence[str] | None = None,
    *,
    parser: argparse.ArgumentParser | None = None,
    description: str = "",
) -> RunOptions:
    """The options of one job run, with validated settings.

    Raises:
        ConfError: an unknown argument, environment or key, or a wrong value; the message names
            every problem with its file and key.
    """
    arguments = (parser or job_parser(job, description)).parse_args(argv)
    home = project_home()
    if len(arguments.input) > len(arguments.source):
        raise ConfError(
            f"{len(arguments.input)} --input and {len(arguments.source)} --source: each --input "
            "needs the --source that maps it. See README, 'Your own data'."
        )
    overrides = dict(_parse_override(text) for text in arguments.set)
    if arguments.as_of is not None:
        overrides["as_of"] = parse_moment(arguments.as_of)
    inputs = [*arguments.input, *[None] * (len(arguments.source) - len(arguments.input))]
    named = tuple(
        (_source_file(file, home), path)
        for file, path in zip(arguments.source, inputs, strict=True)
    )
    sources = tuple(one for one in named if not _declares_records(one[0]))
    record_sources = tuple(one for one in named if _declares_records(one[0]))
    settings, origin = loaded_settings(home, arguments.env, overrides)
    if not named:
        sources = tuple((home / file, None) for file in settings.sources)
        record_sources = tuple((home / file, None) for file in settings.record_sources)
    elif origin["lake.root"] == DEFAULTS and settings.lake.root == str(home / _DEMO_LAKE):
        # Your own data must not mix with the demo's data: each source gets its own lake.
        root = str(home / "var" / named[0][0].stem)
        settings = settings.model_copy(update={"lake": LakeConf(root=root)})
    _require_own_names([file for file, _ in (*sources, *record_sources)])
    return RunOptions(
        env=arguments.env,
        home=home,
        settings=settings,
        sources=sources,
        record_sources=record_sources,
        run_id=arguments.run_id or secrets.token_hex(4),
        is_verbose=bool(arguments.verbose),
        arguments=arguments,
    )


def _source_file(text: str, home: Path) -> Path:
    """Path of a `--source`, relative to the current folder, else to the project's folder."""
    here = Path(text).expanduser().absolute()
    return here if here.exists() or not (home / text).exists() else home / text


def _require_own_names(files: Sequence[Path]) -> None:
    """Check that no two source files have one name: it identifies rows, checkpoints and extracts.

    Raises:
        ConfError: two have.
    """
    by_name: dict[str, Path] = {}
    for file in files:
        other = by_name.setdefault(file.stem, file)
        if other is file:
            continue
        if other == file:
            raise ConfError(
                f"{file}: is named as a source twice. Name it once, and a folder with all its "
                "files as its input."
            )
        raise ConfError(
            f"{other} and {file}: both sources are named '{file.stem}', and rows, checkpoints and "
            "extracts are identified by the name of their source. Rename one of the files."
        )


def _declares_records(path: Path) -> bool:
    """Whether a source file declares a batch source.

    `--source` accepts both kinds, so that one command line serves the whole pipeline; each job uses
    its own kind.
    """
    if path.parent.name == "records" or not path.is_file():
        return path.parent.name == "records"
    text = path.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^(delivery|record_id)\s*:", text, flags=re.MULTILINE) is not None


def parse_moment(text: str, *, option: str = "--as-of") -> datetime:
    """An instant from ISO 8601 text; without a zone it is UTC.

    Args:
        option: its option, for the message.

    Raises:
        ConfError: `text` is not an ISO 8601 date or time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfError(
            f"{option} {text}: is not an ISO 8601 time. Write 2026-05-01 or 2026-05-01T00:00:00Z."
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_override(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ConfError(f"--set {text}: expected KEY=VALUE, e.g. --set lake.root=DIR.")
    if key in PATH_KEYS:  # not YAML: a path may contain `: ` or ` #`
        return key, None if value in ("", "null") else value
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfError(f"--set {key}: the value is not valid YAML. Quote it.") from error
