"""Writes a generated world: what the pipeline reads, and the truth beside it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Observation, SparkSession, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS
from kinfold.synthetic.behaviour.mailings import consent_decisions, email_opens
from kinfold.synthetic.behaviour.shop import shop_events
from kinfold.synthetic.behaviour.visits import person_days, visits
from kinfold.synthetic.collection import crm
from kinfold.synthetic.collection.faults import (
    PLACEHOLDERS,
    FaultRates,
    received_events,
    sent_lines,
)
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.hazards import JUNK_VALUES, IdentityHazards
from kinfold.synthetic.people.identifiers import COUNTRY
from kinfold.synthetic.people.population import population
from kinfold.synthetic.world import truth
from kinfold.synthetic.world.files import (
    DAY_HEADING,
    SUMMARY,
    check_replaceable,
    file_uri,
    move_single_part,
    replace_world,
    split_by_day,
    staging_folder,
)

_USUAL_FAULTS = FaultRates()
_IDENTIFIER_SCHEMA = "namespace string, value string, person_id string"


@dataclass(frozen=True)
class World:
    """A generated world: its parameters and its counts.

    Attributes:
        directory: the folder with events/, crm/ and truth/.
        counts: exact counts by name, as in truth/world.json.
        hazards: how often people share identifiers; null = only devices, at the rate of the faults.
    """

    directory: Path
    people: int
    days: int
    seed: int
    start_on: date
    horizon_days: int
    faults: FaultRates
    counts: Mapping[str, int]
    hazards: IdentityHazards | None = None

    @property
    def last_on(self) -> date:
        """The last day of the world; the horizon starts on the day after."""
        return self.start_on + timedelta(days=self.days - 1)


def write_world(
    spark: SparkSession,
    directory: Path,
    *,
    people: int,
    days: int,
    seed: int,
    start_on: date = date(2026, 1, 1),
    horizon_days: int = 30,
    faults: FaultRates = _USUAL_FAULTS,
    hazards: IdentityHazards | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> World:
    """Generate a world into a local folder.

    The same arguments give the same bytes. A world of more days starts with the event files of one
    of fewer days. The files are written beside the folder first and moved into it at the end.
    Existing files with the same bytes are not touched; files of an earlier world that are not part
    of this one are removed.

    Args:
        directory: does not exist, is empty or holds an earlier world.
        people: number of people; a few of them arrive after the last day.
        horizon_days: number of days after the last one that truth/buyers.jsonl covers.
        hazards: how often people share identifiers; its shared_devices replaces that of the faults.
        progress: called with one line of text before each step.

    Raises:
        ValueError: people, days or horizon_days is below 1.
        ConfError: the folder holds something other than a world, or cannot be written to.
    """
    _check_arguments(people=people, days=days, horizon_days=horizon_days)
    directory = directory.absolute()
    check_replaceable(directory)
    plan = World(directory, people, days, seed, start_on, horizon_days, faults, {}, hazards)
    with staging_folder(directory) as staging:
        counts = _write_tables(spark, plan, staging, progress=progress)
        world = replace(plan, counts=dict(sorted(counts.items())))
        (staging / "world" / SUMMARY).write_text(_summary_text(world), encoding="utf-8")
        replace_world(staging / "world", directory)
    return world


def is_written(
    directory: Path, *, people: int, days: int, seed: int, hazards: IdentityHazards | None = None
) -> bool:
    """Whether the folder already holds a complete world with these parameters."""
    try:
        content = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = {
        "people": people,
        "days": days,
        "seed": seed,
        "faults": asdict(_USUAL_FAULTS),
        "hazards": asdict(hazards) if hazards else None,
    }
    parameters = content.get("parameters", {})
    return all(parameters.get(name) == value for name, value in wanted.items())


def _write_tables(
    spark: SparkSession, plan: World, staging: Path, *, progress: Callable[[str], None]
) -> dict[str, int]:
    """Write everything except the summary into `staging`/world; returns the counts."""
    draws, days, start_on = Draws(plan.seed), plan.days, plan.start_on
    rates, hazards, horizon_days = plan.faults, plan.hazards, plan.horizon_days
    residents = population(
        spark,
        people=plan.people,
        draws=draws,
        sharing_ratio=(hazards or rates).shared_devices,
        hazards=hazards,
    ).persist()
    cards = crm.customer_cards(residents, days=days, draws=draws, typos_rate=rates.crm_typos)
    # Persisted on disk: two passes read the events, and a plan that starts at a cache compiles
    # faster.
    events = _events(residents, days=days, draws=draws, start_on=start_on)
    with _unpersist_on_exit(residents, events.persist(StorageLevel.DISK_ONLY)):
        progress(f"events of {plan.people:,} people on {days:,} days")
        junk_rate = hazards.junk_values if hazards else 0.0
        received = received_events(events, draws=draws, rates=rates, junk_rate=junk_rate)
        lines = sent_lines(received, draws=draws, rates=rates, start_on=start_on)
        counts = _write_events(lines, staging, days=days, start_on=start_on)
        progress(f"truth about {counts['events']:,} events in {counts['lines']:,} lines")
        owners = truth.identifier_owners(received, cards, days=days)
        _write_json(owners, "identifiers", staging, sort_by=("namespace", "value", "person_id"))
        identifiers = spark.read.schema(_IDENTIFIER_SCHEMA).json(
            file_uri(staging / "world/truth/identifiers.jsonl")
        )
        progress(f"buyers of the next {horizon_days} days and the CRM extract")
        orders = _orders(residents, days=days + horizon_days, draws=draws, start_on=start_on)
        coming = truth.next_purchases(orders, days=days, horizon_days=horizon_days)
        buyers = truth.buyers(identifiers, coming, start_on=start_on)
        _write_json(buyers, "buyers", staging, sort_by=("person_id",))
        return {
            **counts,
            **_identifier_counts(identifiers),
            **_buyer_counts(spark, staging),
            **_write_crm(cards, staging, draws=draws, start_on=start_on),
        }


def _check_arguments(**at_least_one: int) -> None:
    wrong = [f"{name} is {value}" for name, value in at_least_one.items() if value < 1]
    if wrong:
        raise ValueError(f"write_world: {', '.join(wrong)}, expected at least 1.")


def _events(residents: DataFrame, *, days: int, draws: Draws, start_on: date) -> DataFrame:
    """All events that occur within the world."""
    calendar = person_days(residents, days=days, start_on=start_on)
    shop = shop_events(visits(calendar, draws=draws), draws=draws)
    mail = email_opens(calendar, draws=draws, start_on=start_on)
    events = shop.unionByName(mail).unionByName(consent_decisions(residents, draws=draws))
    return events.where(F.col("occurred_ms") < days * DAY_MS)


def _orders(residents: DataFrame, *, days: int, draws: Draws, start_on: date) -> DataFrame:
    calendar = person_days(residents, days=days, start_on=start_on)
    buying_visits = visits(calendar, draws=draws).where("buys")
    return shop_events(buying_visits, draws=draws).where(F.col("event_type") == "purchase")


def _write_events(lines: DataFrame, staging: Path, *, days: int, start_on: date) -> dict[str, int]:
    """Write one file per day of received_at, in the order of receipt; returns the counts.

    Spark writes a few files of many days, which are then split by day. With a folder per day Spark
    starts six processes per folder if Hadoop has no native library: about 800 for 120 days.
    """
    counted = Observation("lines")
    parts = min(days, 4 * lines.sparkSession.sparkContext.defaultParallelism)
    headings = lines.sparkSession.range(days).select(
        F.concat(F.lit(DAY_HEADING), F.col("id").cast("string")).alias("line"),
        (F.col("id") * DAY_MS).alias("received_ms"),
        F.lit("").alias("event_id"),
        F.lit("heading").alias("copy"),
    )
    (
        # Counted together with the headings: Spark drops the counts of a frame that it finds empty.
        lines.unionByName(headings, allowMissingColumns=True)
        .observe(counted, *truth.line_counts(days=days))
        .where(F.col("received_ms") < days * DAY_MS)
        .withColumn("day", F.floor(F.col("received_ms") / DAY_MS).cast("int"))
        .repartition(parts, "day")
        .sortWithinPartitions("day", "received_ms", "event_id", "copy")
        .select("line")
        .write.options(compression="none", lineSep="\n", maxRecordsPerFile="0")
        .text(file_uri(staging / "spark/events"))
    )
    for part in sorted((staging / "spark/events").glob("part-*")):
        split_by_day(part, staging / "world/events", start_on=start_on)
    counts: dict[str, int] = dict(counted.get)
    rejected = counts["malformed"] + counts["schema_breaking"]
    return counts | {"rejected": rejected, "accepted": counts["events"] + counts["duplicates"]}


def _write_json(rows: DataFrame, name: str, staging: Path, *, sort_by: tuple[str, ...]) -> None:
    text = F.to_json(F.struct(*rows.columns), {"ignoreNullFields": "false"})
    parts = staging / "spark" / name
    sorted_rows = rows.repartition(1).sortWithinPartitions(*sort_by)
    sorted_rows.select(text).write.options(compression="none", lineSep="\n").text(file_uri(parts))
    move_single_part(parts, staging / f"world/truth/{name}.jsonl")


def _identifier_counts(identifiers: DataFrame) -> dict[str, int]:
    owners = identifiers.groupBy("namespace", "value").agg(F.count(F.lit(1)).alias("owners"))
    return _numbers(
        owners.agg(
            F.count(F.lit(1)).alias("identifiers"),
            F.count_if(F.col("owners") > 1).alias("shared_identifiers"),
        )
    )


def _buyer_counts(spark: SparkSession, staging: Path) -> dict[str, int]:
    buyers = spark.read.schema("buys boolean").json(file_uri(staging / "world/truth/buyers.jsonl"))
    counts = (F.count(F.lit(1)).alias("people_seen"), F.count_if("buys").alias("buyers"))
    return _numbers(buyers.agg(*counts))


def _numbers(row: DataFrame) -> dict[str, int]:
    """The single row of an aggregate, by column."""
    (numbers,) = row.collect()
    return dict(numbers.asDict())


def _write_crm(cards: DataFrame, staging: Path, *, draws: Draws, start_on: date) -> dict[str, int]:
    rows = crm.extract_rows(cards, draws=draws, start_on=start_on)
    plain = {
        "header": "true",
        "ignoreLeadingWhiteSpace": "false",
        "compression": "none",
        "lineSep": "\n",
    }
    rows.coalesce(1).sortWithinPartitions("crm_id").write.options(**plain).csv(
        file_uri(staging / "spark/crm")
    )
    move_single_part(staging / "spark/crm", staging / "world/crm/customers.csv")
    counts = (F.count(F.lit(1)).alias("crm_rows"), F.count("typo_in").alias("crm_typos"))
    return _numbers(cards.agg(*counts))


def _summary_text(world: World) -> str:
    parameters = {
        "people": world.people,
        "days": world.days,
        "seed": world.seed,
        "start_on": world.start_on.isoformat(),
        "last_on": world.last_on.isoformat(),
        "horizon_days": world.horizon_days,
        "country": COUNTRY,
        "faults": asdict(world.faults),
        "hazards": asdict(world.hazards) if world.hazards else None,
    }
    content = {
        "parameters": parameters,
        "counts": dict(world.counts),
        "placeholders": PLACEHOLDERS,
        "junk_values": JUNK_VALUES if world.hazards else {},
    }
    return json.dumps(content, indent=2) + "\n"


@contextmanager
def _unpersist_on_exit(*cached: DataFrame) -> Iterator[None]:
    """A context that unpersists the frames at its end."""
    try:
        yield
    finally:
        for frame in cached:
            frame.unpersist()
