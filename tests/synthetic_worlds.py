"""Helpers for tests of generated worlds: fault rates, periods, and readers of their files."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import phonenumbers

from kinfold.synthetic import FaultRates, World
from kinfold.synthetic.people.identifiers import COUNTRY

MANY_FAULTS = FaultRates(
    duplicates=0.1,
    late=0.1,
    out_of_order=0.1,
    clock_skew=0.05,
    malformed=0.06,
    schema_breaking=0.06,
    placeholders=0.3,
    shared_devices=0.3,
    crm_typos=0.4,
)
DAYS = 21
HORIZON_DAYS = 10
BEYOND = HORIZON_DAYS + 1
"""Days after which every event of the horizon is received, if none is late."""


def files(world: World) -> dict[str, bytes]:
    """The content of every file of the world, by its path in the world's folder."""
    paths = sorted(path for path in world.directory.rglob("*") if path.is_file())
    return {path.relative_to(world.directory).as_posix(): path.read_bytes() for path in paths}


def raw_lines(world: World) -> list[str]:
    """Every line of every event file, first day first."""
    paths = sorted((world.directory / "events").glob("*.jsonl"))
    return [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def readable_events(world: World) -> Iterator[dict[str, Any]]:
    """The lines that are JSON objects with identifiers, including those that break their schema."""
    for line in raw_lines(world):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event.get("identifiers"), dict):
            yield event


def json_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def owners(world: World) -> dict[tuple[str, str], set[str]]:
    people = defaultdict(set)
    for row in json_rows(world.directory / "truth/identifiers.jsonl"):
        people[row["namespace"], row["value"]].add(row["person_id"])
    return people


def placeholders(world: World) -> set[tuple[str, str]]:
    summary = json.loads((world.directory / "truth/world.json").read_text())
    by_namespace = summary["placeholders"].items()
    return {(namespace, value) for namespace, values in by_namespace for value in values}


def sent_identifiers(world: World) -> set[tuple[str, str]]:
    events = [event for event in readable_events(world) if len(event["event_id"]) == 32]
    sent = {
        (name, normalised(name, value))
        for event in events
        for name, value in event["identifiers"].items()
    }
    with (world.directory / "crm/customers.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            names = [name for name in ("crm_id", "email", "phone") if row[name]]
            sent |= {(name, normalised(name, row[name])) for name in names}
    return sent


def normalised(namespace: str, value: str) -> str:
    if namespace == "email":
        return value.strip().lower()
    if namespace == "phone":
        number = phonenumbers.parse(value, COUNTRY)
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return value
