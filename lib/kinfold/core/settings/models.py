"""Settings: every default in `conf/base.yaml`, an environment's differences beside it, `--set` for
one run.

This is the only module that reads the process environment, and the only place where a setting's
name, type and limits are spelled.
"""

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
