"""Identity resolution compared with Spark's distinct() on the same edges.

Each size runs in its own process with its own lake: people of four identifiers, with edges in
random order. Times are wall time in one session; only the ratios are comparable between machines.

    python tests/benchmarks/bench_identity.py [--edges 1000000 10000000 50000000] [--whole]

edges    silver.identity_links and silver.identifiers to silver.identity_map, Delta to Delta,
         against `distinct()` of the same edges written to Delta (aim: at most 3 times)
growth   seconds per million edges, from one size to the next (aim: no worse than linear)
memory   peak of the process tree (aim: 50 million edges within 12 GiB)
job      with --whole, for --job-edges edges: the whole job for all events; then for 100,000 new
         events of existing people, each with a new identifier (aim: at most 10 % of the first
         run), and again with one in a hundred late; then one unlink (aim: at most 3 %)
"""

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
PER_PERSON = 3
"""Edges per person, all at the account."""


def child(edges: int, folder: Path, *, is_whole: bool) -> dict[str, float]:
    """Seconds of each step, measured in this process."""
    from pyspark.sql import functions as F

    from kinfold.core.settings.loading import load_settings
    from kinfold.runtime.lake.id_key import opened_key
    from kinfold.runtime.lake.lake import Lake
    from kinfold.runtime.session import open_session
    from kinfold.silver.identity.graph.nodes import Namespaces
    from kinfold.tables import silver

    spark = open_session(name="bench identity", env="local", home=HOME)
    lake = Lake(spark, str(folder / "lake"), "bench", datetime.now(UTC))
    lake = replace(lake, id_key=opened_key(lake, None, creates=True))
    namespaces = Namespaces.of(load_settings(HOME, "local", {}).identity)
    kinds = ("email", "device_id", "cookie_id")

    def events(first: int, count: int, *, new_from: int | None = None, late: int = 0):
        """Events of two identifiers each.

        With `new_from` the second identifier is new to its person, and all events occur after the
        earlier ones, except `late` in a hundred.
        """
        rows = spark.range(first, first + count, 1, 8)
        person = (F.col("id") / PER_PERSON).cast("long")
        slot = (F.col("id") % PER_PERSON).cast("int")
        salt = F.lit("" if new_from is None else f"-{new_from}")
        kind = F.element_at(F.array(*(F.lit(k) for k in kinds)), slot + 1)
        value = F.concat(F.md5(F.concat(person.cast("string"), F.lit("-"), slot)), salt)
        account = F.md5(F.concat(F.lit("u"), person.cast("string")))
        second = F.lit(1_767_225_600) + F.xxhash64("id") % 10_000_000
        if new_from is not None:
            is_late = F.pmod(F.xxhash64("id", F.lit("late")), F.lit(100)) < late
            second = F.when(is_late, second).otherwise(second + 20_000_000)
        at = F.timestamp_seconds(second)
        identifiers = F.array_sort(
            F.array(
                F.struct(kind.alias("namespace"), value.alias("value")),
                F.struct(F.lit("user_id").alias("namespace"), account.alias("value")),
            )
        )
        event_id = F.concat(F.md5(F.col("id").cast("string")), salt)
        made = {
            "event_id": event_id,
            "event_type": F.lit("login"),
            "source": F.lit("bench"),
            "occurred_at": at,
            "received_at": at,
            "identifiers": identifiers,
            "source_partition": F.lit("f"),
            "source_offset": F.col("id"),
            "record_index": F.lit(0),
            "ingested_at": F.timestamp_seconds(F.lit(0)),
            "is_before_earliest": F.lit(False),
        }
        fields = silver.EVENTS.fields
        shuffled = rows.repartition(8, F.xxhash64("id"))
        return shuffled.select(*(made.get(f.name, F.lit(None)).alias(f.name) for f in fields))

    seconds_of: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        started = time.monotonic()
        work()
        seconds_of[name] = time.monotonic() - started
        print(
            f"  {edges:>12,} edges  {name:<28}{seconds_of[name]:8.1f} s",
            file=sys.stderr,
            flush=True,
        )

    if is_whole:
        from kinfold.runtime.suite import load_main

        resolve = load_main(HOME / "jobs/silver/resolve_identities.py")
        unlink = load_main(HOME / "jobs/silver/unlink_identity.py")
        argv = ["--set", f"lake.root={lake.root}"]
        lake.append(silver.EVENTS, events(0, edges))
        timed("job, all events", lambda: resolve(argv))
        every = max(edges // 100_000, 1)
        for new_from, late in ((1, 0), (2, 1)):
            new = events(0, edges, new_from=new_from, late=late)
            lake.append(silver.EVENTS, new.where(F.col("source_offset") % every == 0))
            name = "job, 100,000 new events" + (", some late" if late else "")
            timed(name, lambda: resolve(argv))
        one = lake.read(silver.IDENTIFIERS).where("namespace = 'user_id'").limit(1).collect()[0]
        named = f"user_id:{one['value']}"
        timed("job, one unlinked", lambda: unlink([*argv, "--a", named, "--reason", "bench"]))
    else:
        from kinfold.silver.identity.graph.nodes import node_id
        from kinfold.silver.identity.links.observed import SEEN_TOGETHER, link_key_columns

        # Written directly: deriving them from events would take longer than everything else.
        step = next(n for n in range(edges // 3 + 1, edges) if math.gcd(n, edges) == 1)
        number = F.pmod(F.col("id") * step, F.lit(edges))  # each once, in random order
        person = F.floor(number / PER_PERSON)
        at = F.timestamp_seconds(F.lit(1_767_225_600) + F.xxhash64("id") % 10_000_000)
        seen = {"first_seen_at": at, "last_seen_at": at}
        account = F.md5(F.concat(F.lit("u"), person.cast("string")))
        other = F.md5(number.cast("string"))
        kind = F.element_at(
            F.array(*(F.lit(k) for k in kinds)), (number % PER_PERSON + 1).cast("int")
        )
        rows = spark.range(0, edges, 1, 16)
        ends = {
            "left_namespace": F.lit("user_id"),
            "left_value": account,
            "right_namespace": kind,
            "right_value": other,
        }
        links = rows.select("id", *(value.alias(name) for name, value in ends.items())).select(
            *link_key_columns(F.lit(SEEN_TOGETHER), lake.keyed_hash),
            *ends,
            F.lit(SEEN_TOGETHER).alias("rule"),
            F.lit("1").alias("rule_version"),
            namespaces.trust(F.col("right_namespace")).alias("trust"),
            F.lit(None).cast("double").alias("weight"),
            F.lit("bench").alias("source"),
            F.md5(F.col("id").cast("string")).alias("source_event_id"),
            *(value.alias(name) for name, value in seen.items()),
            F.lit(lake.started_at).alias("valid_from"),
            F.lit(None).cast("timestamp").alias("valid_to"),
            F.lit("active").alias("status"),
            F.lit(None).cast("string").alias("reason"),
        )
        nodes = rows.select(
            kind.alias("namespace"), other.alias("value"), at.alias("at")
        ).unionByName(
            rows.where(number % PER_PERSON == 0).select(
                F.lit("user_id").alias("namespace"), account.alias("value"), at.alias("at")
            )
        )
        identifiers = nodes.select(
            node_id(F.col("namespace"), F.col("value"), lake.keyed_hash).alias("node_id"),
            "namespace",
            "value",
            F.col("at").alias("first_seen_at"),
        )
        for table, made in ((silver.IDENTIFIERS, identifiers), (silver.IDENTITY_LINKS, links)):
            lake.ensure(table)
            table.conform(made).write.format("delta").mode("append").save(lake.path(table))

        def distinct(turn: int) -> None:
            links = lake.read(silver.IDENTITY_LINKS).distinct()
            links.write.format("delta").mode("overwrite").save(str(folder / f"distinct-{turn}"))

        def resolve_people(turn: int) -> None:
            people_of_edges(lake, namespaces, folder / f"map-{turn}")

        for turn in range(2 if edges <= 10_000_000 else 1):
            timed(f"distinct, round {turn + 1}", partial(distinct, turn))
            timed(f"people, round {turn + 1}", partial(resolve_people, turn))
        people = spark.read.format("delta").load(str(folder / "map-0"))
        count = people.select("profile_id").distinct().count()
        wanted = -(-edges // PER_PERSON)
        if count != wanted:
            raise SystemExit(f"{count:,} people, expected {wanted:,}")
    spark.stop()
    return seconds_of


def people_of_edges(lake, namespaces, target: Path) -> None:
    """Resolve existing links to people and write them, without the quality gate."""
    import numpy as np

    from kinfold.core.settings.loading import load_settings
    from kinfold.silver.identity.resolution.assignment import guard_rules, resolved_graph
    from kinfold.silver.identity.resolution.changed_rows import map_rows
    from kinfold.silver.identity.resolution.stored_graph import StoredGraph, read_graph
    from kinfold.tables import silver

    known = StoredGraph(
        identifiers=lake.read(silver.IDENTIFIERS),
        links=lake.read(silver.IDENTITY_LINKS),
        current=lake.empty(silver.IDENTITY_MAP),
        id_reassignments=lake.empty(silver.IDENTITY_BIRTHS),
    )
    steps = [("started", time.monotonic())]
    graph = read_graph(known, namespaces, part=None)
    steps.append(("read", time.monotonic()))
    rules = guard_rules(load_settings(HOME, "local", {}).identity, [])
    none = np.empty(0, np.int64)
    people = resolved_graph(graph, rules, namespaces, split_candidates=none, known_shared=none)
    changes = people.changes(none)
    del graph, people
    steps.append(("people", time.monotonic()))
    rows = map_rows(changes.nodes, known, at=lake.started_at)
    silver.IDENTITY_MAP.conform(rows).write.format("delta").mode("overwrite").save(str(target))
    steps.append(("write", time.monotonic()))
    parts = ", ".join(
        f"{name} {end - started:.1f} s" for (_, started), (name, end) in itertools.pairwise(steps)
    )
    print(f"      {parts}", file=sys.stderr, flush=True)


def measured(edges: int, *, is_whole: bool) -> tuple[dict[str, float], float]:
    """The seconds that a child process measured, and the peak memory of its process tree in GiB."""
    with tempfile.TemporaryDirectory(prefix="kinfold-bench-") as folder:
        command = [sys.executable, __file__, "--child", str(edges), "--folder", folder]
        process = subprocess.Popen(
            command + ["--whole"] * is_whole, stdout=subprocess.PIPE, text=True
        )
        peak, done = [0.0], threading.Event()

        def watch() -> None:
            while not done.wait(0.5):
                peak[0] = max(peak[0], _memory(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        output, _ = process.communicate()
        done.set()
        watcher.join()
        if process.returncode:
            raise SystemExit(f"{edges:,} edges: the measured process failed")
        return json.loads(output.splitlines()[-1]), peak[0]


def _memory(root: int) -> float:
    """Memory of a process and its descendants in GiB (shared pages in proportion, PSS)."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
                parents[int(entry)] = int(text.rsplit(") ", 1)[1].split()[1])
            except OSError:
                continue
    total, todo = 0, [root]
    while todo:
        one = todo.pop()
        todo += [pid for pid, parent in parents.items() if parent == one]
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(x.split()[1]) for x in rollup.splitlines() if x.startswith("Pss:"))
    return total / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edges", type=int, nargs="*", default=[1_000_000, 10_000_000, 50_000_000])
    parser.add_argument("--whole", action="store_true", help="also measure the whole job")
    parser.add_argument("--job-edges", type=int, default=10_000_000, help="for --whole")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["TZ"] = "UTC"
    if options.child:
        print(json.dumps(child(options.child, options.folder, is_whole=options.whole)))
        return
    before: tuple[int, float] | None = None
    for edges in options.edges:
        seconds_of, peak = measured(edges, is_whole=False)
        rounds = sum(name.startswith("people") for name in seconds_of)
        people = min(seconds_of[f"people, round {n + 1}"] for n in range(rounds))
        ratios = [
            seconds_of[f"people, round {n + 1}"] / seconds_of[f"distinct, round {n + 1}"]
            for n in range(rounds)
        ]
        print(
            f"{edges:>12,} edges: {people:.1f} s, {min(ratios):.2f} to {max(ratios):.2f} times "
            f"distinct(), peak {peak:.1f} GiB",
            flush=True,
        )
        if before is not None:
            growth = (people / before[1]) / (edges / before[0])
            print(f"{'':>14}{growth:.2f} times as long per edge as at {before[0]:,}", flush=True)
        before = (edges, people)
    if options.whole:
        seconds_of, peak = measured(options.job_edges, is_whole=True)
        full = seconds_of["job, all events"]
        for name, seconds in seconds_of.items():
            print(f"{name:<36}{seconds:8.1f} s{seconds / full:8.1%}", flush=True)
        print(f"peak {peak:.1f} GiB")


if __name__ == "__main__":
    main()
