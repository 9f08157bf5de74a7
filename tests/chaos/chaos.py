"""Kill the pipeline many times, then check that no record was lost, repeated or changed.

    python tests/chaos/chaos.py [--kills 12] [--seed 1] [--points "in the write,..."]

One lake, one topic of a real broker. Each round sends new records, starts a job, and kills it
with SIGKILL (driver and JVM) at a named point; the next round runs the same command again. At the
end all jobs run once without a kill. The lake is then compared with the records that the broker
acknowledged and with a lake whose jobs were never killed.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HOME / "tests"), str(HOME / "lib")]

from brokers import Broker, running_broker

INGEST, CLEAN, REPLAY = "bronze/ingest_events", "silver/clean_events", "bronze/replay_dead_letters"
POINTS = {
    "before the read": INGEST,
    "in the write": INGEST,
    "after the data files": INGEST,
    "between commit and ledger": INGEST,
    "between ledger and checkpoint": INGEST,
    "between bronze and silver": CLEAN,
    "in silver's merge": CLEAN,
    "after silver's merge": CLEAN,
    "in a replay, before its commit": REPLAY,
    "in a replay, before its ledger": REPLAY,
    "in a replay, before its marks": REPLAY,
    "in a schema change": INGEST,
    "answer to a commit lost": INGEST,
    "in OPTIMIZE": "optimize",
    "broker restarted": INGEST,
    "last commit file deleted": INGEST,
}
FROM_OUTSIDE = ("broker restarted", "last commit file deleted")
SURVIVED = (*FROM_OUTSIDE, "answer to a commit lost")
"""Points at which the job is not killed: it has to finish without an error."""
FIX = "- default: /properties/currency\n  value: GBP\n"
TIMEOUT_SECONDS = 900


@dataclass
class Chaos:
    """A lake whose jobs are killed, and the records that the broker has acknowledged."""

    broker: Broker
    folder: Path
    draw: random.Random
    sent: dict[str, bytes] = field(default_factory=dict)

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def send(self, count: int) -> None:
        """Send good events, duplicates, events that a replay repairs, and records beyond repair."""
        values = []
        for _ in range(count):
            kind = self.draw.random()
            known = list(self.sent.values())
            if kind < 0.1 and known:
                values.append(self.draw.choice(known))
            elif kind < 0.2:
                values.append(self.draw.choice([b"{", b"\xff\xfe", b"[]", b"", b'{"a":1}']))
            else:
                name = f"{self.draw.getrandbits(64):016x}"
                properties = {"order_id": name, "amount_cents": 1}
                if kind > 0.3:
                    properties["currency"] = "GBP"
                event = {
                    "event_id": name,
                    "event_type": "purchase",
                    "occurred_at": "2026-03-01T09:00:00Z",
                    "identifiers": {"user_id": name},
                    "properties": properties,
                }
                values.append(json.dumps(event).encode())
        for partition in (0, 1):
            mine = values[partition::2]
            first = self.broker.ends("events")[partition]
            self.broker.send("events", mine, partition=partition)
            for number, value in enumerate(mine):
                self.sent[f"{partition}/{first + number}"] = value

    def arguments(self, job: str) -> list[str]:
        source = self.folder / "clicks.yaml"
        source.write_text("format: kafka\ninput: events\n")
        fix = self.folder / "fix.yaml"
        fix.write_text(FIX)
        settings = [
            *("--set", f"kafka.bootstrap_servers={self.broker.servers}"),
            *("--set", "bronze.max_rejected_ratio=1"),
        ]
        if job == INGEST:
            return ["--source", str(source), "--set", "bronze.records_per_batch=40", *settings]
        return ["--fix", str(fix)] if job == REPLAY else []

    def run(self, point: str, *jobs: str, lakes: Sequence[Path] = ()) -> int:
        """Run jobs in one process until they end or are killed; returns the exit code.

        Args:
            lakes: run them on each of these lakes instead of the one under attack.
        """
        started = [
            [job, *self.arguments(job), "--set", f"lake.root={lake}"]
            for lake in lakes or [self.lake]
            for job in jobs
        ]
        inside = "none" if point in FROM_OUTSIDE else point
        command = [sys.executable, str(HOME / "tests/chaos/victim.py"), inside]
        command += [str(self.lake), json.dumps(started)]
        log = (self.folder / "log.txt").open("ab")
        with (
            log,
            subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process,
        ):
            if point == "broker restarted":
                self._restart_broker(process)
            try:
                return process.wait(TIMEOUT_SECONDS)
            except BaseException:  # a time-out, or this process is stopped
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def _restart_broker(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill and restart the broker when the job plans its first batch."""
        offsets = self.lake / "_checkpoints" / "bronze.events" / "clicks" / "offsets"
        before = set(offsets.glob("*"))
        while process.poll() is None and set(offsets.glob("*")) <= before:
            time.sleep(0.01)
        self.broker.stop(signal.SIGKILL)
        time.sleep(1)
        self.broker.start()

    def attack(self, point: str) -> tuple[str, bool]:
        """One round; returns its outcome and whether that is the expected one."""
        self.send(60)
        job = POINTS[point]
        if point == "last commit file deleted":
            commits = self.lake / "_checkpoints" / "bronze.events" / "clicks" / "commits"
            newest = max(commits.glob("[0-9]*"), key=lambda f: int(f.name))
            for file in (newest, commits / f".{newest.name}.crc"):
                file.unlink(missing_ok=True)
        before = [INGEST] if job in (CLEAN, REPLAY) else []  # so that it has input
        code = self.run(point, *before, job)
        outcome = "killed" if code == -signal.SIGKILL else f"finished with {code}"
        return outcome, outcome == ("finished with 0" if point in SURVIVED else "killed")

    def finish(self, *lakes: Path) -> None:
        """Run all jobs once without a kill, on the lake under attack or on the given lakes."""
        code = self.run("none", INGEST, CLEAN, REPLAY, CLEAN, lakes=lakes)
        if code != 0:
            log = (self.folder / "log.txt").read_text()
            raise AssertionError(f"finished with {code} after the kills:\n{log[-3000:]}")


def violations(chaos: Chaos) -> list[str]:
    """The laws that do not hold at the end; empty if none is violated."""
    from kinfold.governance.ledger import ledger_laws
    from kinfold.runtime.lake.lake import Lake
    from kinfold.runtime.session import open_session
    from kinfold.tables import bronze, ops, silver

    spark = open_session(name="chaos", env="local", home=HOME)

    def lake_at(root: Path) -> Lake:
        return Lake(spark, str(root), "chaos", datetime.now(UTC))

    found: list[str] = []
    lake, calm = lake_at(chaos.lake), lake_at(chaos.folder / "calm")
    landed: dict[str, bytes] = {}
    rows = lake.read(bronze.EVENTS).where("batch_id >= 0").collect()
    for row in rows:
        offset = f"{row['source_partition'].rsplit('/', 1)[1]}/{row['source_offset']}"
        found += [f"repeated: {offset}"] * (offset in landed)
        raw = row["raw_bytes"] if row["raw"] is None else row["raw"].encode()
        landed[offset] = bytes(raw)
    found += [f"lost: {offset}" for offset in chaos.sent.keys() - landed.keys()]
    found += [f"never sent: {offset}" for offset in landed.keys() - chaos.sent.keys()]
    found += [
        f"changed: {offset}"
        for offset in landed.keys() & chaos.sent.keys()
        if landed[offset] != chaos.sent[offset]
    ]
    found += [f"ledger: {law}" for law in ledger_laws(lake) if not law.holds]
    for table, without in (
        # Which of several copies lands first depends on the bounds of the batches; their content is
        # the same.
        (silver.EVENTS, ["ingested_at", *bronze.EVENTS.key]),
        (ops.REPLAYS, ["run_id", "replayed_at"]),
    ):
        sides = [sorted(map(str, one.read(table).drop(*without).collect())) for one in (lake, calm)]
        if sides[0] != sides[1]:
            found.append(f"{table.name} differs from that of the lake whose jobs were not killed")
    return found


def survived(points: Sequence[str], *, seed: int, is_lake_empty: bool = False) -> list[str]:
    """Kill at every point in turn and print the outcomes; returns what is wrong at the end.

    Args:
        is_lake_empty: the first point is attacked in an empty lake, which not all points allow.
    """
    with running_broker() as broker, tempfile.TemporaryDirectory(prefix="kinfold-chaos-") as name:
        broker.create("events")
        chaos = Chaos(broker, Path(name), random.Random(seed))
        if not is_lake_empty:
            chaos.send(60)
            chaos.finish()
        unexpected = []
        for number, point in enumerate(points, start=1):
            started = time.monotonic()
            outcome, is_expected = chaos.attack(point)
            unexpected += [] if is_expected else [f"{number} {point}: {outcome}"]
            seconds = time.monotonic() - started
            print(f"{number:>4}  {point:<34} {outcome:<12} {seconds:>6.1f} s", flush=True)
        chaos.finish(chaos.lake, chaos.folder / "calm")
        wrong = [*unexpected, *violations(chaos)]
        print(f"\n{len(chaos.sent):,} acknowledged records, {len(points)} attacks, seed {seed}:")
        print("nothing lost, repeated or changed" if not wrong else "\n".join(wrong[:20]))
        return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=len(POINTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", help="only these, separated by semicolons")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = options.points.split(";") if options.points else list(POINTS)
    draw = random.Random(options.seed)
    order = [
        point for _ in range(-(-options.kills // len(names))) for point in _shuffled(names, draw)
    ]
    sys.exit(bool(survived(order[: options.kills], seed=options.seed)))


def _shuffled(names: Sequence[str], draw: random.Random) -> list[str]:
    return draw.sample(list(names), len(names))


if __name__ == "__main__":
    main()
