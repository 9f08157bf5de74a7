"""Settings: every default in `conf/base.yaml`, an environment's differences beside it, `--set` for
one run.

This is the only module that reads the process environment, and the only place where a setting's
name, type and limits are spelled.
"""

import argparse
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from kinfold.core.errors import ConfError, did_you_mean

Ratio = Annotated[float, Field(ge=0, le=1)]

HOME_VARIABLE = "KINFOLD_HOME"
PATH_KEYS = (
    "lake.root",
    "bronze.schemas",
    "kafka.properties_file",
    "metrics.textfile_folder",
    "report.folder",
)
"""Settings that hold a path. In a file a relative one is relative to the project, on the command
line to the current folder."""


class Conf(BaseModel):
    """Base of every settings section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LakeConf(Conf):
    """Where the tables are: `<root>/<layer>/<table>`, a local path or a URI Spark can write."""

    root: str


class ReportConf(Conf):
    """The page and the summary a run leaves."""

    folder: str | None
    """A local folder; null = `<lake root>/_report`, or `kinfold-report` here for a lake elsewhere.
    """


class BronzeConf(Conf):
    """How files land."""

    schemas: str
    """Folder of JSON Schemas, `<event_type>/<version>.json`."""
    files_per_batch: PositiveInt = 1_000
    """Files taken in one micro-batch: one atomic commit each."""
    records_per_batch: PositiveInt = 1_000_000
    """Records of a topic taken in one micro-batch, at most."""
    trigger_seconds: PositiveInt = 2
    """Of a continuous stream: how often it looks for new records."""
    max_rejected_ratio: Ratio = 0.5
    """Above this share of rejected records in a run the job fails, after everything has landed."""


class RecordsConf(Conf):
    """How extracts of batch sources land."""

    max_shrink_ratio: Ratio = 0.5
    """A full snapshot that leaves out more than this share of the records known is refused."""


class EventsConf(Conf):
    """How typed events are told apart."""

    late_after_hours: PositiveInt = 24
    """An event that came this much later than it happened is marked late; it counts all the same.
    """
    duplicates_within_days: PositiveInt | None = 30
    """Events of one id are copies if they happened at most this far apart; null = however far. Only
    the files of that time are read to find them. A copy that arrives late still says when it
    happened, so it is found after any delay."""


class KafkaConf(Conf):
    """The broker of sources with `format: kafka`."""

    bootstrap_servers: str
    """`host:port` of one or more brokers, separated by commas."""
    properties_file: str | None
    """Further options of the client (security.protocol, sasl.*, ssl.*): the client.properties that
    Kafka's own tools take. It may hold secrets, so it lies outside the project."""


class NamespaceConf(Conf):
    """What one kind of identifier says about a person."""

    trust: Ratio = 0.5
    """How much a link to such an identifier is believed: guards take links in descending order."""
    per_person: PositiveInt | None = None
    """A person has at most this many; a link that would join more is blocked."""
    shared_by: dict[str, PositiveInt] = {}
    """A value seen with more identifiers of another kind than this is nobody's and set aside."""
    folds_case: bool = False
    """Whether `A1` and `a1` are the same value; e-mails always fold."""


class IdentityConf(Conf):
    """How identifiers are made comparable, and what they say about people."""

    placeholders: tuple[str, ...]
    """Values, lower case, that stand for "unknown" in any namespace and never link anybody."""
    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    """ISO 3166 country of phone numbers written without a country code."""
    email_provider_rules: bool = False
    """Whether dots and `+tags` of gmail.com addresses are ignored, as the provider ignores them."""
    max_person_size: PositiveInt = 1_000
    """A person has at most this many identifiers; a link that would join more is blocked."""
    driver_links: PositiveInt = 60_000_000
    """Up to this many links are joined on the driver (about 100 bytes each), more in Spark."""
    match: dict[str, str] = {}
    """Fuzzy matching of records: kind (given_name, surname, birth_date, ...; docs/matching.md) by
    name of the trait, or kind of the identifier, that holds it. Empty = records are not matched."""
    match_settings: str = "conf/matching/settings.yaml"
    namespaces: dict[str, NamespaceConf] = {}
    """By kind, the strongest first: an event's identifiers are linked to its strongest one, which
    also says whose event it is. Kinds that are not named come last."""


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("at least one criterion")
    return names


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"each name once; {', '.join(doubled)} is there twice")
    return names


Criterion = Literal["party", "source", "most_recent", "most_frequent"]
Criteria = Annotated[
    tuple[Criterion, ...],
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    AfterValidator(_some),
    AfterValidator(_distinct),
]
SourceNames = Annotated[tuple[str, ...], AfterValidator(_distinct)]


class TraitRuleConf(Conf):
    """Which of several values of a trait a profile has."""

    rule: Criteria
    """Compared in this order; what they leave open goes to the value said last."""
    sources: SourceNames = ()
    """For `source`: names of sources, the most trusted first; those not named come after them."""


class SurvivorshipConf(Conf):
    """The rule of every trait, and traits with a rule of their own."""

    rule: Criteria = ("party", "most_recent")
    sources: SourceNames = ()
    """Trusted order of sources, also for traits whose rule asks for it without an order."""
    traits: dict[str, TraitRuleConf] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sources_are_given_where_asked_for(self) -> Self:
        asking = [name for name, own in self.traits.items() if "source" in own.rule]
        unordered = [name for name in asking if not (self.traits[name].sources or self.sources)]
        if "source" in self.rule and not self.sources:
            unordered.insert(0, "every trait")
        if unordered:
            raise ValueError(
                f"`sources`, the names of sources with the most trusted first: the rule of "
                f"{', '.join(unordered)} asks for `source`"
            )
        idle = [n for n, own in self.traits.items() if own.sources and "source" not in own.rule]
        inherits = any(not self.traits[name].sources for name in asking)
        if self.sources and "source" not in self.rule and not inherits:
            idle.insert(0, "every trait")
        if idle:
            raise ValueError(
                f"`source` in the rule of {', '.join(idle)}, as `sources` is given; else remove it"
            )
        return self

    def rule_of(self, trait: str) -> TraitRuleConf:
        """The rule of a trait, with its sources."""
        own = self.traits.get(trait)
        if own is None:
            return self.usual
        return own if own.sources else TraitRuleConf(rule=own.rule, sources=self.sources)

    @property
    def usual(self) -> TraitRuleConf:
        """The rule of traits that have none of their own."""
        return TraitRuleConf(rule=self.rule, sources=self.sources)


class ProfilesConf(Conf):
    """What a profile says of a person about whom there is more than one opinion."""

    survivorship: SurvivorshipConf = SurvivorshipConf()


class QualityConf(Conf):
    """What may be wrong with rows before nothing is published at all."""

    max_quarantined_ratio: Ratio
    """Up to this share of a batch, rows that break a rule are set aside in ops.quarantine and the
    rest is published; above it the gate fails. A null or doubled key always fails."""


class SegmentationConf(Conf):
    """K-Means over behaviour."""

    model: str
    """Registered name."""
    k_min: Annotated[int, Field(ge=2)]
    k_max: Annotated[int, Field(ge=2)]
    sample_size: PositiveInt
    """People on whom k is chosen; the final fit sees everybody."""
    min_silhouette: Annotated[float, Field(ge=-1, le=1)]
    retrain_after_days: NonNegativeInt
    seed: int

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min ({self.k_min}) must not be above k_max ({self.k_max})")
        return self


class PropensityConf(Conf):
    """Gradient-boosted trees for "buys within `horizon_days` of as_of"."""

    model: str
    """Registered name."""
    horizon_days: PositiveInt
    train_snapshots: PositiveInt
    step_days: PositiveInt
    """Days between training snapshots."""
    trees: PositiveInt
    depth: PositiveInt
    min_auc: Ratio
    max_auc_loss: Ratio
    """How far below the champion, on the same hold-out, a candidate may be and still replace it."""
    retrain_after_days: NonNegativeInt
    seed: int


class TrackingConf(Conf):
    """MLflow. Without a URI everything stays in `<lake root>/_mlflow`."""

    uri: str | None
    experiment: str


class MetricsConf(Conf):
    """What Prometheus gets; with nothing configured nothing is published."""

    host: str
    """Address of the scrape endpoint. It has no password: leave it on loopback, or guard it."""
    port: Annotated[int, Field(ge=0, le=65535)] | None
    """Port on which continuous streams are scraped; 0 = any free one, null = none."""
    textfile_folder: str | None
    """Folder of the node exporter's textfile collector, where each job leaves a file."""
    push_gateway: Annotated[str, Field(pattern="^https?://")] | None
    """URL of a Prometheus push gateway, to which each job pushes."""


class Settings(Conf):
    """All settings of a run."""

    lake: LakeConf
    sources: tuple[str, ...]
    """Source files ingested when no `--source` is given."""
    record_sources: tuple[str, ...] = ()
    """Files of batch sources (conf/records) ingested when no `--source` is given."""
    as_of: AwareDatetime | None
    """The moment gold speaks of; null = the end of the last day with data."""
    bronze: BronzeConf
    records: RecordsConf = RecordsConf()
    kafka: KafkaConf
    events: EventsConf = EventsConf()
    identity: IdentityConf
    profiles: ProfilesConf = ProfilesConf()
    quality: QualityConf
    segmentation: SegmentationConf
    propensity: PropensityConf
    tracking: TrackingConf
    metrics: MetricsConf
    report: ReportConf


@dataclass(frozen=True)
class RunOptions:
    """What one start of a job was told on its command line, settings included."""

    env: str
    home: Path
    settings: Settings
    sources: tuple[tuple[Path, str | None], ...]
    """Source files, each with its `--input` or null for the file's own."""
    record_sources: tuple[tuple[Path, str | None], ...]
    """The same for files of batch sources, which say how their records are delivered."""
    run_id: str
    is_verbose: bool
    arguments: argparse.Namespace
    """The job's own further arguments."""

    def as_argv(self, *, as_of: datetime | None = None) -> list[str]:
        """The arguments that start another job of the same run.

        Args:
            as_of: given instead of the command line's, once it is known.
        """
        given = self.arguments
        argv = ["--env", self.env, "--run-id", self.run_id]
        for option, values in (("--set", given.set), ("--source", given.source)):
            argv += [text for value in values for text in (option, value)]
        argv += [text for value in given.input for text in ("--input", value)]
        moment = as_of.isoformat() if as_of else given.as_of
        return argv + (["--as-of", moment] if moment else []) + ["-v"] * self.is_verbose

    def hash_of(self, *parts: Conf | str) -> str:
        """Short hash of some settings: equal means a job would do the same again."""
        texts = [p if isinstance(p, str) else p.model_dump_json() for p in parts]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


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
    """The command line of a job that opens no lake: nothing but its own arguments."""
    return _Parser(
        prog=f"jobs/{job}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def job_parser(job: str, description: str) -> argparse.ArgumentParser:
    """The command line every job on a lake has; a job adds its own arguments to it."""
    parser = plain_parser(job, description)
    common = parser.add_argument_group("every job")
    common.add_argument("--env", default="local", help="conf/ENV.yaml to use (default: local)")
    common.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting for this run, e.g. --set lake.root=DIR (repeatable)",
    )
    common.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="FILE",
        help="source file that says how your data maps to events or records, e.g. "
        "conf/sources/online_retail.yaml (repeatable); its lake is then var/<source name> "
        "unless lake.root is set",
    )
    common.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="PATH",
        help="file or folder to read, one per --source (default: the source file's own)",
    )
    common.add_argument(
        "--as-of",
        metavar="TIME",
        help="the moment gold speaks of, ISO 8601, e.g. 2026-05-01 or 2026-05-01T00:00:00Z "
        "(default: the end of the last day with data)",
    )
    common.add_argument(
        "--run-id", default=None, help="id that stamps what the run writes (default: random)"
    )
    common.add_argument("-v", "--verbose", action="store_true", help="show Spark's own log")
    return parser


def parse_options(
    job: str,
    argv: Sequence[str] | None = None,
    *,
    parser: argparse.ArgumentParser | None = None,
    description: str = "",
) -> RunOptions:
    """The options of one start, settings checked.

    Raises:
        ConfError: an unknown argument, environment, key or value; each problem is named with the
            file and key it stands in.
    """
    arguments = (parser or job_parser(job, description)).parse_args(argv)
    home = project_home()
    if len(arguments.input) > len(arguments.source):
        raise ConfError(
            f"--input was given {len(arguments.input)} times and --source "
            f"{len(arguments.source)} times: each --input needs the --source that maps it. "
            "See README, 'Your own data'."
        )
    overrides = dict(_parse_override(text) for text in arguments.set)
    if arguments.as_of is not None:
        overrides["as_of"] = parse_moment(arguments.as_of)
    inputs = [*arguments.input, *[None] * (len(arguments.source) - len(arguments.input))]
    named = tuple(
        (_source_file(file, home), given)
        for file, given in zip(arguments.source, inputs, strict=True)
    )
    sources = tuple(one for one in named if not _declares_records(one[0]))
    record_sources = tuple(one for one in named if _declares_records(one[0]))
    settings = load_settings(home, arguments.env, overrides)
    if not named:
        sources = tuple((home / file, None) for file in settings.sources)
        record_sources = tuple((home / file, None) for file in settings.record_sources)
    elif "lake.root" not in overrides:
        # Own data next to the demo's would make one muddled lake: each source gets its own.
        root = str(home / "var" / named[0][0].stem)
        settings = settings.model_copy(update={"lake": LakeConf(root=root)})
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
    """A source file named on the command line: from the current folder, else from the project's."""
    here = Path(text).expanduser().absolute()
    return here if here.exists() or not (home / text).exists() else home / text


def _declares_records(path: Path) -> bool:
    """Whether a source file is of a batch source. Both kinds are given as `--source`, so that one
    command line serves the whole pipeline; each job takes its own kind."""
    if path.parent.name == "records" or not path.is_file():
        return path.parent.name == "records"
    text = path.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^(delivery|record_id)\s*:", text, flags=re.MULTILINE) is not None


def project_home() -> Path:
    """The folder that holds conf/: $KINFOLD_HOME, else above the current folder or the package."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        candidates = [Path(named)]
    else:
        here = Path.cwd()
        candidates = [here, *here.parents, *Path(__file__).resolve().parents]
    for folder in candidates:
        if (folder / "conf" / "base.yaml").is_file():
            return folder.absolute()
    raise ConfError(
        f"conf/base.yaml was not found in {candidates[0]} or above. Start from the project's "
        f"folder or set {HOME_VARIABLE} to it."
    )


def is_submitted() -> bool:
    """Whether spark-submit started this process, so that Spark's settings came with it."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def environments(home: Path) -> list[str]:
    """Names that `--env` takes: the files of `conf/` beside base.yaml."""
    return sorted(f.stem for f in (home / "conf").glob("*.yaml") if f.stem != "base")


def load_settings(home: Path, env: str, overrides: Mapping[str, Any]) -> Settings:
    """Settings of one environment with overrides by dotted key.

    Raises:
        ConfError: with every problem found.
    """
    if env not in environments(home):
        raise ConfError(
            f"--env {env}: conf/{env}.yaml does not exist.{did_you_mean(env, environments(home))} "
            f"There is: {', '.join(environments(home))}."
        )
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in ("base", env):
        relative = f"conf/{name}.yaml"
        layer = {k: v for k, v in _flat(read_yaml(home / relative, relative)).items()}
        values.update(layer)
        origin.update(dict.fromkeys(layer, relative))
    values.update(overrides)
    origin.update(dict.fromkeys(overrides, "--set"))
    for key in PATH_KEYS:
        if isinstance(values.get(key), str):
            base = Path.cwd() if origin[key] == "--set" else home
            values[key] = resolve_path(values[key], base)
    try:
        return Settings.model_validate(_nested(values))
    except ValidationError as error:
        known = _setting_names(Settings)
        raise ConfError(readable_problems(error, origin, known, "conf/base.yaml")) from error


def read_yaml(path: Path, shown_as: str) -> dict[str, Any]:
    """The mapping in a YAML file; empty for an empty file.

    Raises:
        ConfError: not readable, not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfError(f"{shown_as}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise ConfError(
            f"{shown_as}{place}: is not valid YAML. Check indent and quotes."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfError(f"{shown_as}: holds a {type(content).__name__}, expected keys with values.")
    return content


def resolve_path(text: str, base: Path) -> str:
    """`text` made absolute against `base`; a URI with a scheme stays as it is."""
    return text if "://" in text else str((base / Path(text).expanduser()).absolute())


def parse_moment(text: str, *, option: str = "--as-of") -> datetime:
    """An instant from ISO 8601 text; without a zone it is UTC.

    Args:
        option: that gave it, for the message.

    Raises:
        ConfError: `text` is no ISO 8601 date or time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfError(
            f"{option} {text}: is no ISO 8601 time. Write 2026-05-01 or 2026-05-01T00:00:00Z."
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_override(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ConfError(f"--set {text}: expected KEY=VALUE, e.g. --set lake.root=DIR.")
    if key in PATH_KEYS:
        return key, value
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfError(f"--set {key}: the value is not valid YAML. Quote it.") from error


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(_flat(value, f"{dotted}."))
        else:
            flat[dotted] = value
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, leaf = dotted.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise ConfError(f"--set {dotted}: '{parent}' is a single value, not a section.")
        branch[leaf] = value
    return tree


def readable_problems(
    error: ValidationError, origin: Mapping[str, str], known: Sequence[str], default: str
) -> str:
    """Every problem of a settings object as people read it: file, key, seen, expected.

    Args:
        origin: file by dotted key; keys of it that lie below a problem's key count too.
        known: keys that exist, for "did you mean".
        default: file named where `origin` has none.
    """
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        # A part of a list stands where the list does.
        near = [k for k in origin if k == key or k.startswith(f"{key}.") or key.startswith(f"{k}.")]
        where = origin[near[0]] if near else default
        if problem["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key '{key}'.{did_you_mean(key, known)}")
        elif problem["type"] == "missing":
            lines.append(f"{where}: key '{key}' is missing.")
        else:
            seen = problem["input"] if not isinstance(problem["input"], dict) else "a section"
            expected = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            lines.append(f"{where}: {key} is {seen}, expected: {expected}.")
    return " ".join(lines)


def _setting_names(section: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, info in section.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += _setting_names(annotation, f"{prefix}{name}.")
        names.append(f"{prefix}{name}")
    return names
