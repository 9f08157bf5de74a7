"""World: a generated shop on disk, events and CRM extract for the pipeline and the truth beside
them.
"""

import filecmp
import json
import mmap
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Observation, SparkSession, functions as F

from kinfold.core.errors import ConfError
from kinfold.synthetic import crm, truth
from kinfold.synthetic.behaviour import DAY_MS, person_days, visits
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.faults import PLACEHOLDERS, FaultRates, received_events, sent_lines
from kinfold.synthetic.mailings import consent_decisions, email_opens
from kinfold.synthetic.people import COUNTRY, population
from kinfold.synthetic.shop import shop_events

_USUAL_FAULTS = FaultRates()
_SUMMARY = Path("truth/world.json")
_HEADING = "\x01day "
_IDENTIFIER_SCHEMA = "namespace string, value string, person_id string"


@dataclass(frozen=True)
class World:
    """A generated world: its parameters and what is in it.

    Attributes:
        directory: the folder with events/, crm/ and truth/.
        counts: exact counts by name, as in truth/world.json.
    """

    directory: Path
    people: int
    days: int
    seed: int
    start_on: date
    horizon_days: int
    faults: FaultRates
    counts: Mapping[str, int]

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
    progress: Callable[[str], None] = lambda message: None,
) -> World:
    """Generate a world into a local folder.

    The same arguments give the same bytes. More days keep the event files of fewer days as they
    are. The world is written beside the folder first and moved into it at the end; files that are
    already there with the same bytes are left untouched, and those of an earlier world that are
    not part of this one are removed.

    Args:
        directory: absent, empty or an earlier world.
        people: how many ever live in the world; a few of them arrive after its last day.
        horizon_days: how far truth/buyers.jsonl looks beyond the last day.
        progress: told what is being written, a line of text at a time.

    Raises:
        ValueError: people, days or horizon_days is below 1.
        ConfError: the folder holds something else than a world.
    """
    _check_arguments(people=people, days=days, horizon_days=horizon_days)
    directory = directory.absolute()
    _check_replaceable(directory)
    draws = Draws(seed)
    residents = population(
        spark, people=people, draws=draws, sharing_ratio=faults.shared_devices
    ).persist()
    cards = crm.customer_cards(residents, days=days, draws=draws, typos_rate=faults.crm_typos)
    # Kept on disk: two passes read the events, and what reads a cache is compiled apart from what
    # fills it.
    events = _events(residents, days=days, draws=draws, start_on=start_on).persist(
        StorageLevel.DISK_ONLY
    )
    with _staging(directory) as staging, _released(residents, events):
        progress(f"events of {people:,} people on {days:,} days")
        received = received_events(events, draws=draws, rates=faults)
        lines = sent_lines(received, draws=draws, rates=faults, start_on=start_on)
        counts = _write_events(lines, staging, days=days, start_on=start_on)
        progress(f"truth about {counts['events']:,} events in {counts['lines']:,} lines")
        owned = truth.owned_identifiers(received, cards, days=days)
        _write_json(
            owned, staging / "truth/identifiers.jsonl", sort_by=("namespace", "value", "person_id")
        )
        progress(f"buyers of the next {horizon_days} days and the CRM extract")
        identifiers = spark.read.schema(_IDENTIFIER_SCHEMA).json(
            _uri(staging / "truth/identifiers.jsonl")
        )
        orders = _orders(residents, days=days + horizon_days, draws=draws, start_on=start_on)
        coming = truth.next_purchases(orders, days=days, horizon_days=horizon_days)
        counts |= _write_buyers(truth.buyers(identifiers, coming, start_on=start_on), staging)
        counts |= _identifier_counts(identifiers)
        counts |= _write_crm(cards, staging, draws=draws, start_on=start_on)
        world = World(
            directory,
            people,
            days,
            seed,
            start_on,
            horizon_days,
            faults,
            dict(sorted(counts.items())),
        )
        (staging / _SUMMARY).write_text(_summary_text(world), encoding="utf-8")
        _move_into_place(staging, directory)
    return world


def _check_arguments(**at_least_one: int) -> None:
    wrong = [f"{name} is {value}" for name, value in at_least_one.items() if value < 1]
    if wrong:
        raise ValueError(f"write_world: {', '.join(wrong)}, expected at least 1.")


def _check_replaceable(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise ConfError(
            f"{directory}: is a file, expected a folder for the world. Choose another path."
        )
    is_used = directory.is_dir() and any(directory.iterdir())
    if is_used and not (directory / _SUMMARY).is_file():
        raise ConfError(
            f"{directory}: holds files but no {_SUMMARY}, so it is not a generated world. "
            "Nothing was written. Choose an empty or a new folder."
        )


def _events(residents: DataFrame, *, days: int, draws: Draws, start_on: date) -> DataFrame:
    """Everything that occurs within the world."""
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
    """One file per day of received_at, in the order of receipt; returns what was counted.

    Spark writes few files of many days, and they are cut here. Folders by day would cost Spark six
    started processes each where Hadoop has no native library: 800 of them for 120 days.
    """
    counted = Observation("lines")
    parts = min(days, 4 * lines.sparkSession.sparkContext.defaultParallelism)
    day = F.floor(F.col("received_ms") / DAY_MS).cast("int")
    sent = lines.observe(counted, *truth.line_counts(days=days)).where(
        F.col("received_ms") < days * DAY_MS
    )
    headings = lines.sparkSession.range(days).select(
        F.concat(F.lit(_HEADING), F.col("id").cast("string")).alias("line"),
        F.lit(-1).cast("long").alias("received_ms"),
        F.lit("").alias("event_id"),
        F.lit("").alias("copy"),
        F.col("id").cast("int").alias("day"),
    )
    (
        sent.select("line", "received_ms", "event_id", "copy", day.alias("day"))
        .unionByName(headings)
        .repartition(parts, "day")
        .sortWithinPartitions("day", "received_ms", "event_id", "copy")
        .select("line")
        .write.options(compression="none", lineSep="\n", maxRecordsPerFile="0")
        .text(_uri(staging / "spark/events"))
    )
    (staging / "events").mkdir()
    for part in sorted((staging / "spark/events").glob("part-*")):
        _cut_into_days(part, staging / "events", start_on=start_on)
    counts: dict[str, int] = dict(counted.get)
    rejected = counts["malformed"] + counts["schema_breaking"]
    return counts | {"rejected": rejected, "accepted": counts["events"] + counts["duplicates"]}


def _cut_into_days(part: Path, folder: Path, *, start_on: date) -> None:
    """Write each day of the part into its own file; a heading with the day's number opens it."""
    if part.stat().st_size == 0:
        return
    mark = _HEADING.encode()
    with (
        part.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        begin = content.find(mark)
        while begin >= 0:
            first_line = content.find(b"\n", begin) + 1
            day = int(content[begin + len(mark) : first_line])
            begin = content.find(mark, first_line)
            last_line = begin if begin >= 0 else len(content)
            target = folder / f"{start_on + timedelta(days=day)}.jsonl"
            target.write_bytes(content[first_line:last_line])


def _write_json(rows: DataFrame, target: Path, *, sort_by: tuple[str, ...]) -> None:
    text = F.to_json(F.struct(*rows.columns), {"ignoreNullFields": "false"})
    parts = target.parents[1] / "spark" / target.stem
    sorted_rows = rows.repartition(1).sortWithinPartitions(*sort_by)
    sorted_rows.select(text).write.options(compression="none", lineSep="\n").text(_uri(parts))
    _take_part(parts, target)


def _write_buyers(buyers: DataFrame, staging: Path) -> dict[str, int]:
    counted = Observation("buyers")
    observed = buyers.observe(
        counted, F.count(F.lit(1)).alias("people_seen"), F.count_if("buys").alias("buyers")
    )
    _write_json(observed, staging / "truth/buyers.jsonl", sort_by=("person_id",))
    return dict(counted.get)


def _identifier_counts(identifiers: DataFrame) -> dict[str, int]:
    owners = identifiers.groupBy("namespace", "value").agg(F.count(F.lit(1)).alias("owners"))
    row = owners.agg(
        F.count(F.lit(1)).alias("identifiers"),
        F.count_if(F.col("owners") > 1).alias("shared_identifiers"),
    ).first()
    return row.asDict() if row else {}


def _write_crm(cards: DataFrame, staging: Path, *, draws: Draws, start_on: date) -> dict[str, int]:
    counted = Observation("cards")
    observed = cards.observe(
        counted, F.count(F.lit(1)).alias("crm_rows"), F.count("typo_in").alias("crm_typos")
    )
    rows = crm.extract_rows(observed, draws=draws, start_on=start_on)
    plain = {
        "header": "true",
        "ignoreLeadingWhiteSpace": "false",
        "compression": "none",
        "lineSep": "\n",
    }
    rows.coalesce(1).sortWithinPartitions("crm_id").write.options(**plain).csv(
        _uri(staging / "spark/crm")
    )
    _take_part(staging / "spark/crm", staging / "crm/customers.csv")
    return dict(counted.get)


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
    }
    content = {"parameters": parameters, "counts": dict(world.counts), "placeholders": PLACEHOLDERS}
    return json.dumps(content, indent=2) + "\n"


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A folder beside the target, on the same disk, that is gone afterwards whatever happens."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(
        tempfile.mkdtemp(prefix=f".{directory.name}-", suffix=".partial", dir=directory.parent)
    )
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _released(*cached: DataFrame) -> Iterator[None]:
    try:
        yield
    finally:
        for frame in cached:
            frame.unpersist()


def _uri(path: Path) -> str:
    return f"file://{path}"


def _take_part(folder: Path, target: Path) -> None:
    """Move the one file that Spark wrote into the folder; a folder it did not write is an empty
    file.
    """
    parts = sorted(folder.glob("part-*"))
    if len(parts) != 1:
        raise RuntimeError(f"{folder}: Spark wrote {len(parts)} files, expected one.")
    target.parent.mkdir(exist_ok=True)
    parts[0].replace(target)


def _move_into_place(staging: Path, directory: Path) -> None:
    shutil.rmtree(staging / "spark")
    directory.mkdir(exist_ok=True)
    new = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    for path in sorted(directory.glob("events/*.jsonl")):
        if path.relative_to(directory) not in new:
            path.unlink()
    for path in sorted(
        new, key=lambda path: path == _SUMMARY
    ):  # the summary last: it vouches for the rest
        target = directory / path
        target.parent.mkdir(exist_ok=True)
        if not (target.is_file() and filecmp.cmp(staging / path, target, shallow=False)):
            (staging / path).replace(target)
