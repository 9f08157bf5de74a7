"""Random histories of a lake: increments, late and repeated events, changed settings, maintenance,
lost tables and decisions of operators. At the end the lake must equal one built at once.
"""

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import bronze, gold, silver
from kinfold.tables.spec import Table
from lakes import ID_KEY, lake_of
from project import HOME

JOBS = (
    "silver/clean_events",
    "silver/clean_records",
    "silver/resolve_identities",
    "silver/build_orders",
    "silver/build_profiles",
    "gold/build_features",
)
TABLES = (
    silver.EVENTS,
    silver.RECORDS,
    silver.IDENTIFIERS,
    silver.IDENTITY_LINKS,
    silver.IDENTITY_MAP,
    silver.BAD_VALUES,
    silver.ORDERS,
    silver.ORDER_LINES,
    silver.PROFILES,
    gold.FEATURES,
)
_OF_A_RUN = ("valid_from", "valid_to", "set_aside_at", "batch_id")
"""Columns that say when a run noticed something."""
_OF_PEOPLE = ("profile_id", "person_key", "component_id", "order_key")
"""Columns with an id of a person, which may depend on splits in the past."""
_BY_HASH = ("people",)
_CRM = """
format: csv
delivery: snapshot
party: first
record_id: id
identifiers: {crm_id: id, email: mail}
traits: {city: city}
"""
_SETTINGS = (
    ("identity.email_provider_rules", "true", "false"),
    ("identity.max_person_size", "5", "1000"),
    ("events.late_after_hours", "1", "24"),
    ("propensity.train_snapshots", "1", "2"),
    ("money.currency", "USD", "null"),
)
_ORDER_EVENTS = ("purchase", "purchase", "order_update", "order_cancel", "return")
_START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class History:
    """A lake, what happened to it, and the draws that decide what happens next."""

    spark: SparkSession
    folder: Path
    draw: random.Random
    settings: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    deliveries: int = 0
    steps: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "lake"

    @property
    def lake(self) -> Lake:
        return lake_of(self.spark, str(self.root))

    def run(self, job: str, *argv: str, root: Path | None = None) -> None:
        key = self.folder / "id_key"  # two lakes have the same ids if they have the same key
        key.write_text(ID_KEY)
        options = [
            "--set",
            f"lake.root={root or self.root}",
            "--set",
            f"identity.id_key=file:{key}",
        ]
        for key, value in self.settings.items():
            options += ["--set", f"{key}={value}"]
        load_main(HOME / "jobs" / f"{job}.py")([*options, *argv])

    def happen(self, count: int) -> None:
        """Start with events, let `count` things happen, and end with a run of all jobs."""
        self.deliver_events()
        self.run_jobs()
        for _ in range(count):
            step = self.draw.choices(STEPS, weights=[weight for _, weight in WEIGHTED])[0]
            step(self)
            if step not in (History.run_jobs, History.run_some_jobs) and self.draw.random() < 0.6:
                self.run_jobs()
        self.run_jobs()

    def run_jobs(self) -> None:
        self.steps.append("run all jobs")
        for job in JOBS:
            self.run(job)

    def run_some_jobs(self) -> None:
        jobs = self.draw.sample(JOBS, self.draw.randint(1, 3))
        self.steps.append(f"run {', '.join(jobs)}")
        for job in jobs:
            self.run(job)

    def deliver_events(self) -> None:
        """New events, late ones, and events that were sent before."""
        new = [self._event() for _ in range(self.draw.randint(3, 12))]
        again = self.draw.sample(self.sent, min(len(self.sent), self.draw.randint(0, 3)))
        self.sent += new
        source, data = self.folder / "web.yaml", self.folder / "web"
        data.mkdir(exist_ok=True)
        source.write_text("format: json\n")
        self.deliveries += 1
        (data / f"part-{self.deliveries}").write_text("".join([*new, *again]))
        self.steps.append(f"land {len(new)} new and {len(again)} known events")
        self.run("bronze/ingest_events", "--source", str(source), "--input", str(data))

    def deliver_records(self) -> None:
        """A snapshot of the CRM: people appear, change and disappear."""
        rows = [
            f"{n},{self._mail(n)},{self.draw.choice(['York', 'Bath'])}\n"
            for n in range(6)
            if self.draw.random() < 0.6
        ]
        rows = rows or [f"0,{self._mail(0)},York\n"]
        source, data = self.folder / "crm.yaml", self.folder / "crm"
        data.mkdir(exist_ok=True)
        source.write_text(_CRM)
        self.deliveries += 1
        (data / f"{self.deliveries:03}.csv").write_text("id,mail,city\n" + "".join(rows))
        self.steps.append(f"land a snapshot of {len(rows)} records")
        arguments = ["--source", str(source), "--input", str(data)]
        self.run("bronze/ingest_records", *arguments, "--set", "records.max_shrink_ratio=1")

    def change_a_setting(self) -> None:
        key, *values = self.draw.choice(_SETTINGS)
        self.settings[key] = self.draw.choice(values)
        self.steps.append(f"set {key}={self.settings[key]}")

    def maintain(self) -> None:
        """OPTIMIZE and VACUUM, which removes the change feed of old versions."""
        table = self._written([*TABLES, bronze.EVENTS])
        target = DeltaTable.forPath(self.spark, self.lake.path(table))
        target.optimize().executeCompaction()
        check = "spark.databricks.delta.retentionDurationCheck.enabled"
        self.spark.conf.set(check, "false")
        target.vacuum(0)
        self.spark.conf.unset(check)
        self.steps.append(f"OPTIMIZE and VACUUM {table.name}")

    def lose_a_table(self) -> None:
        table = self._written(TABLES)
        shutil.rmtree(self.lake.path(table))
        self.steps.append(f"delete {table.name}")

    def restore_a_table(self) -> None:
        """An older version of a table comes back; not of the state of operators' decisions."""
        table = self._written(TABLES)
        target = DeltaTable.forPath(self.spark, self.lake.path(table))
        versions = [row["version"] for row in target.history().select("version").collect()]
        version = self.draw.choice(versions)
        try:
            target.restoreToVersion(version)
        except Exception as error:  # its files were vacuumed
            if "MISSING" not in str(error).upper() and "not exist" not in str(error):
                raise
            return
        self.steps.append(f"restore {table.name} to version {version}")

    def decide(self) -> None:
        """A decision of an operator about identifiers that events or records have."""
        known = self.lake.read_or_empty(silver.IDENTIFIERS)
        rows = known.where("namespace != 'record'").select("namespace", "value").collect()
        if len(rows) < 2:
            return
        a, b = (f"{row['namespace']}:{row['value']}" for row in self.draw.sample(rows, 2))
        job = self.draw.choice(["link_identity", "unlink_identity"])
        arguments = ["--a", a, "--b", b, "--reason", "test"]
        if job == "unlink_identity" and self.draw.random() < 0.5:
            arguments = ["--a", a, "--reason", "test"]
        self.steps.append(f"{job} {' '.join(arguments)}")
        self.run(f"silver/{job}", *arguments)

    def _written(self, tables: Sequence[Table]) -> Table:
        return self.draw.choice([table for table in tables if self.lake.exists(table)])

    def _event(self) -> str:
        person = self.draw.randrange(6)
        kind = self.draw.choice(["page_view", "identify", "consent", "login", *_ORDER_EVENTS])
        at = _START + timedelta(minutes=self.draw.randrange(20 * 24 * 60))
        properties: dict[str, object] = {}
        if kind in _ORDER_EVENTS:
            # Few orders, so that events meet, people share order ids, and currencies take turns.
            properties = {"order_id": f"o{self.draw.randrange(12)}"}
            if kind == "purchase" or self.draw.random() < 0.5:
                currency = self.draw.choice(["GBP", "USD"])
                properties |= {"amount_cents": 100 * person, "currency": currency}
            if self.draw.random() < 0.5:
                properties["products"] = [{"product_id": f"p{person}", "price_cents": 50}]
        elif kind == "identify":
            properties = {"city": self.draw.choice(["York", "Ely"])}
        elif kind == "consent":
            decision = self.draw.choice(["granted", "withdrawn"])
            properties = {"purpose": "email", "decision": decision}
        event: dict[str, object] = {
            "event_id": f"e{self.draw.getrandbits(40)}",
            "event_type": kind,
            "occurred_at": at.isoformat(),
            "identifiers": self._identifiers(person),
            "properties": properties,
        }
        if kind in _ORDER_EVENTS and self.draw.random() < 0.3:
            event["identifiers"] = {}  # it names only its order
        if self.draw.random() < 0.5:
            late = timedelta(hours=self.draw.choice([0, 2, 300]))
            event["received_at"] = (at + late).isoformat()
        return json.dumps(event) + "\n"

    def _identifiers(self, person: int) -> dict[str, str]:
        known = {
            "user_id": f"u{person}",
            "email": self._mail(person),
            "cookie_id": f"c{person}-{self.draw.randrange(2)}",
            "device_id": "kiosk" if self.draw.random() < 0.5 else f"d{person}",
        }
        names = self.draw.sample(sorted(known), self.draw.randint(1, 3))
        return {name: known[name] for name in names}

    def _mail(self, person: int) -> str:
        return self.draw.choice([f"p.{person}@gmail.com", f"p{person}@gmail.com"])

    def built_at_once(self) -> Lake:
        """Another lake with the same bronze and decisions, built by one run of all jobs."""
        root = self.folder / "built"
        shutil.rmtree(root, ignore_errors=True)
        for table in (bronze.EVENTS, bronze.RECORDS, silver.IDENTITY_DECISIONS):
            if self.lake.exists(table):
                other = lake_of(self.spark, str(root))
                shutil.copytree(self.lake.path(table), other.path(table))
        for job in JOBS:
            self.run(job, root=root)
        return lake_of(self.spark, str(root))


WEIGHTED: tuple[tuple[Callable[[History], None], int], ...] = (
    (History.deliver_events, 5),
    (History.deliver_records, 3),
    (History.run_some_jobs, 2),
    (History.change_a_setting, 2),
    (History.maintain, 3),
    (History.lose_a_table, 2),
    (History.restore_a_table, 1),
    (History.decide, 2),
)
STEPS = [step for step, _ in WEIGHTED]


def differences(history: History) -> list[str]:
    """What differs between the lake and one that was built at once; empty if nothing does."""
    lake, other = history.lake, history.built_at_once()
    found = []
    for table in TABLES:
        ours, theirs = (_comparable(one, table) for one in (lake, other))
        if ours != theirs:
            more, less = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
            found.append(
                f"{table.name}: {len(more)} rows only in the lake, such as {more[:1]}; "
                f"{len(less)} only in the one built at once, such as {less[:1]}"
            )
    return found


def _comparable(lake: Lake, table: Table) -> list[str]:
    """The rows of a table as texts, with people named by the smallest of their nodes."""
    rows = lake.read_or_empty(table)
    if table is silver.IDENTITY_MAP:
        rows = current(rows)
    if table is silver.IDENTITY_LINKS:
        rows = rows.where("status != 'withdrawn'")
    if "profile_id" in rows.columns:
        rows = rows.join(_names(lake), "profile_id", how="left")
    dropped = [c for c in (*_OF_A_RUN, *_OF_PEOPLE, *_BY_HASH) if c in rows.columns]
    rows = rows.drop(*dropped)
    return sorted(json.dumps(row.asDict(recursive=True), default=str) for row in rows.collect())


def _names(lake: Lake) -> DataFrame:
    rows = current(lake.read_or_empty(silver.IDENTITY_MAP))
    return rows.groupBy("profile_id").agg(F.min("node_id").alias("person"))
