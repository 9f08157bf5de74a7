"""Types of all settings. Each setting's name, type and limits are declared here and nowhere else.

Values come from `conf/base.yaml`, from the environment's file, and from `--set`; see `loading`.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

Ratio = Annotated[float, Field(ge=0, le=1)]


class Conf(BaseModel):
    """Base class of settings sections: frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LakeConf(Conf):
    """Location of the tables, `<root>/<layer>/<table>`: a local path or a URI that Spark writes."""

    root: str


class RuntimeConf(Conf):
    """Optional native code. Results are the same with and without it; only the speed differs."""

    native: Annotated[
        Literal["auto", "off", "writes", "fast_path"],
        BeforeValidator(lambda value: "off" if value is False else value),  # YAML reads off as no
    ] = "auto"
    """`auto` = use both parts wherever the platform allows; `off` = use neither; `writes` = only
    Parquet files and Delta commits without Spark's writer (`kinfold.runtime.native_writes`);
    `fast_path` = only the compiled validation of events (`kinfold.bronze.fast_path`)."""

    @property
    def native_writes(self) -> bool:
        return self.native in ("auto", "writes")

    @property
    def fast_path(self) -> bool:
        return self.native in ("auto", "fast_path")


class ReportConf(Conf):
    """The report page and the summary of a run."""

    folder: str | None
    """A local folder; null = `<lake root>/_report`, or `./kinfold-report` if the lake is not local.
    """


class BronzeConf(Conf):
    """Ingestion of events."""

    schemas: str
    """Folder of JSON Schemas, `<event_type>/<version>.json`."""
    files_per_batch: PositiveInt = 1_000
    """Maximum number of files per micro-batch; each micro-batch is one atomic commit."""
    records_per_batch: PositiveInt = 1_000_000
    """Maximum number of a topic's records per micro-batch."""
    trigger_seconds: PositiveInt = 2
    """How often a continuous stream checks for new records."""
    max_rejected_ratio: Ratio = 0.5
    """A run with a larger share of rejected records fails, after all its records have landed."""


class RecordsConf(Conf):
    """Ingestion of extracts from batch sources."""

    max_shrink_ratio: Ratio = 0.5
    """A full snapshot that omits more than this share of the existing records is refused."""


class EventsConf(Conf):
    """Lateness and deduplication of events."""

    late_after_hours: PositiveInt = 24
    """An event that arrives more than this long after it occurred is marked as late. Late events
    are kept and counted like others."""
    earliest: date = date(2000, 1, 1)
    """An event dated before this day (UTC) is marked: 1970-01-01 and year 1 are what clocks and
    programs write that do not know the time. It counts, but nobody was first seen on such a day."""
    sources_with_own_ids: tuple[str, ...] = ()
    """Names of sources that number their events themselves (1, 2, 3): their event ids are unique
    within the source only. The ids of all other sources are unique across sources, so events with
    the same id are duplicates, whichever source sends them."""

    @property
    def late_after(self) -> timedelta:
        return timedelta(hours=self.late_after_hours)


class KafkaConf(Conf):
    """Kafka broker of the sources with `format: kafka`."""

    bootstrap_servers: str
    """`host:port` of one or more brokers, separated by commas."""
    properties_file: str | None
    """Further options of the client (security.protocol, sasl.*, ssl.*), in the client.properties
    format of Kafka's own tools. The file may contain secrets: keep it outside the project."""


class NamespaceConf(Conf):
    """How strongly one kind of identifier (a namespace) identifies a person."""

    trust: Ratio = 0.5
    """Trust in a link to such an identifier: guards process links in descending order of trust."""
    per_person: PositiveInt | None = None
    """Maximum number per person; a link that would join more is blocked."""
    shared_by: dict[str, PositiveInt] = {}
    """Limits by another namespace: a value seen with more identifiers of that namespace is a shared
    identifier, and is excluded from linking. The namespace's own name limits aliases: a value that
    more accounts have as their previous one is shared."""
    reassigned_after_days: PositiveInt | None = None
    """A value passes to another person (another identifier of a namespace with `per_person: 1`)
    that it is first seen with at least so many days after it was last seen with the old one. Null =
    never."""
    folds_case: bool = False
    """Whether `A1` and `a1` are the same value; for e-mails they always are."""


KeyReference = Annotated[str, Field(pattern=r"^(file:/.+|env:\w+|aws-secretsmanager:.+)$")]


class IdentityConf(Conf):
    """How identifiers are normalised and linked to people."""

    id_key: KeyReference | None = Field(default=None, exclude=True)
    """Where the lake's secret key for ids is: `file:/path`, `env:NAME` (an environment variable) or
    `aws-secretsmanager:NAME`. Null = `_secrets/id_key` in the lake, made with the lake. Outputs
    depend on the key, whose check value the lake stores, and not on where it is kept."""
    placeholders: tuple[str, ...]
    """Values, in lower case, that mean "unknown" in every namespace; they never link people."""
    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    """ISO 3166 country code for phone numbers without a country prefix."""
    email_provider_rules: bool = False
    """Whether to ignore dots and `+tags` in gmail.com addresses, as the provider does."""
    max_person_size: PositiveInt = 1_000
    """Maximum number of identifiers per person; a link that would join more is blocked."""
    driver_links: PositiveInt = 60_000_000
    """Maximum number of links whose components the driver computes (about 100 bytes per link);
    above it Spark computes them."""
    match: dict[str, str] = {}
    """Fuzzy matching of records: the kind of field (given_name, surname, birth_date, ...; see
    docs/matching.md) by trait name or identifier namespace. Empty = records are not matched."""
    match_settings: str = "conf/matching/settings.yaml"
    namespaces: dict[str, NamespaceConf] = {}
    """By name, the strongest first. An event's identifiers are linked to its strongest one, which
    also determines the person of the event. Namespaces that are not listed come last."""


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("at least one criterion")
    return names


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"each name once; {', '.join(repeated)} is listed twice")
    return names


Criterion = Literal["party", "source", "most_recent", "most_frequent"]
Criteria = Annotated[
    tuple[Criterion, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    AfterValidator(_not_empty),
    AfterValidator(_unique),
]
SourceNames = Annotated[tuple[str, ...], AfterValidator(_unique)]


class TraitRuleConf(Conf):
    """Survivorship rule of one trait: which of several values the profile keeps."""

    rule: Criteria
    """Criteria in order of precedence; ties go to the value that was recorded last."""
    sources: SourceNames = ()
    """For the criterion `source`: names of sources, the most trusted first; sources that are not
    listed come last."""


class SurvivorshipConf(Conf):
    """The default survivorship rule, and traits with a different one."""

    rule: Criteria = ("party", "most_recent")
    sources: SourceNames = ()
    """Order of sources, the most trusted first; also for traits whose rule has no `sources`."""
    traits: dict[str, TraitRuleConf] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _criterion_source_has_sources(self) -> Self:
        by_source = [name for name, own in self.traits.items() if "source" in own.rule]
        unordered = [name for name in by_source if not (self.traits[name].sources or self.sources)]
        if "source" in self.rule and not self.sources:
            unordered.insert(0, "every trait")
        if unordered:
            raise ValueError(
                f"`sources`, the names of sources with the most trusted first: the rule of "
                f"{', '.join(unordered)} has the criterion `source`"
            )
        unused = [n for n, own in self.traits.items() if own.sources and "source" not in own.rule]
        inherits = any(not self.traits[name].sources for name in by_source)
        if self.sources and "source" not in self.rule and not inherits:
            unused.insert(0, "every trait")
        if unused:
            raise ValueError(
                f"`source` in the rule of {', '.join(unused)}, because `sources` is set; or remove "
                "`sources`"
            )
        return self

    def rule_of(self, trait: str) -> TraitRuleConf:
        """The survivorship rule of a trait, with its sources."""
        own = self.traits.get(trait)
        if own is None:
            return self.usual
        return own if own.sources else TraitRuleConf(rule=own.rule, sources=self.sources)

    @property
    def usual(self) -> TraitRuleConf:
        """The rule of traits without one of their own."""
        return TraitRuleConf(rule=self.rule, sources=self.sources)


class ProfilesConf(Conf):
    """How a profile is built from several sources."""

    survivorship: SurvivorshipConf = SurvivorshipConf()


class MoneyConf(Conf):
    """The reporting currency, and how amounts in other currencies are converted to it."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """ISO 4217 code of the reporting currency; null = the currency of most orders of the lake."""
    rates: str | None = None
    """CSV file with the columns date, currency and rate: how many units of `money.currency` one
    unit of `currency` is worth, from that day on. Null = amounts are not converted: orders in other
    currencies are left out of the sums in the reporting currency."""

    @model_validator(mode="after")
    def _rates_need_a_currency(self) -> Self:
        if self.rates is not None and self.currency is None:
            raise ValueError("`currency`, the currency that the rates of `rates` convert to")
        return self


class QualityConf(Conf):
    """Tolerance of the quality gate."""

    max_quarantined_ratio: Ratio
    """Up to this share of a batch, rows that break a rule are quarantined in ops.quarantine and the
    rest is published. Above it the gate fails. A null or duplicate key always fails the gate."""


class MaintenanceConf(Conf):
    """When `governance/maintain_tables` changes how a table is stored."""

    max_small_files: PositiveInt = 50
    """From this number on, files smaller than a quarter of `target_file_mb` are joined."""
    target_file_mb: PositiveInt = 128
    """Size of joined files, in megabytes; a quarter of it in tables with deletion vectors."""
    max_deleted_ratio: Ratio = 0.1
    """From this share of deleted rows on, a table is written again without them."""
    max_commits: PositiveInt = 50
    """From this number of commits after the last checkpoint on, a checkpoint is written."""
    max_unreferenced_ratio: Ratio = 0.2
    """From this share of bytes on that the newest version does not need, old files are deleted."""
    keep_days: Annotated[float, Field(ge=7, le=30)] = 7
    """Unreferenced files are kept for at least this long, for readers of older versions. Delta
    keeps the log of a table for 30 days, so no file is useful for longer."""
    keep_bronze_days: Annotated[float, Field(ge=7, le=30)] = 30
    """The same for bronze, which streams may read; a stream can be stopped for this long."""
    max_wait_days: Annotated[float, Field(ge=7, le=30)] = 30
    """Changes that a job has not processed are kept for this long. A job that runs later computes
    all its rows again."""


class SegmentationConf(Conf):
    """K-means clustering of behaviour."""

    model: str
    """Registered name of the model."""
    k_min: Annotated[int, Field(ge=2)]
    k_max: Annotated[int, Field(ge=2)]
    sample_size: PositiveInt
    """Number of people on whom k is chosen; the final fit uses all people."""
    min_silhouette: Annotated[float, Field(ge=-1, le=1)]
    min_people: PositiveInt = 50
    """With fewer people there are no segments: they would describe single persons."""
    retrain_after_days: NonNegativeInt
    seed: int

    @model_validator(mode="after")
    def _k_min_is_not_above_k_max(self) -> Self:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min ({self.k_min}) must not be above k_max ({self.k_max})")
        return self


class PropensityConf(Conf):
    """Gradient-boosted trees that predict "buys within `horizon_days` after as_of"."""

    model: str
    """Registered name of the model."""
    horizon_days: PositiveInt
    train_snapshots: PositiveInt
    step_days: PositiveInt
    """Days between training snapshots."""
    trees: PositiveInt
    depth: PositiveInt
    min_auc: Ratio
    max_auc_loss: Ratio
    """Largest loss of AUC against the champion, on the same hold-out set, with which a candidate
    may still replace it."""
    retrain_after_days: NonNegativeInt
    seed: int


class TrackingConf(Conf):
    """MLflow tracking. Without a URI it uses SQLite and files in `<lake root>/_mlflow`."""

    uri: str | None
    experiment: str


class MetricsConf(Conf):
    """Publishing of metrics to Prometheus; off by default."""

    host: str
    """Address of the scrape endpoint. It has no password: keep it on loopback, or protect it."""
    port: Annotated[int, Field(ge=0, le=65535)] | None
    """Port of the scrape endpoint of continuous streams; 0 = any free port, null = no endpoint."""
    textfile_folder: str | None
    """Folder of the node exporter's textfile collector; each job writes one file there."""
    push_gateway: Annotated[str, Field(pattern="^https?://")] | None
    """URL of a Prometheus push gateway to which each job pushes its metrics."""


class Settings(Conf):
    """All settings of a run."""

    lake: LakeConf
    runtime: RuntimeConf = RuntimeConf()
    sources: tuple[str, ...]
    """Source files to ingest if there is no `--source`."""
    record_sources: tuple[str, ...] = ()
    """Source files of batch sources (conf/records) to ingest if there is no `--source`."""
    as_of: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None
    """The moment for which gold is computed; null = the end of the last complete day with data."""
    bronze: BronzeConf
    records: RecordsConf = RecordsConf()
    kafka: KafkaConf
    events: EventsConf = EventsConf()
    identity: IdentityConf
    profiles: ProfilesConf = ProfilesConf()
    money: MoneyConf = MoneyConf()
    quality: QualityConf
    maintenance: MaintenanceConf = MaintenanceConf()
    segmentation: SegmentationConf
    propensity: PropensityConf
    tracking: TrackingConf
    metrics: MetricsConf
    report: ReportConf
