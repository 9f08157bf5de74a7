"""The pipeline with 1, 4 and 16 times the people: seconds and peak memory per stage.

Each size runs in its own processes, on a new world and a new lake. Memory is the resident memory of
the whole process tree (driver JVM, Python driver, Python workers), sampled twice a second. The peak
of a stage is the highest sample during the stage.

    python tests/benchmarks/bench_pipeline.py [--people 500] [--days 120] [--scales 1,4,16]
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import monotonic

HOME = Path(__file__).resolve().parents[2]
FINISHED = re.compile(r"^  ([a-z]+/[a-z_]+)\s+([0-9.]+) s ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500, help="people at 1x (default: 500)")
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--scales", default="1,4,16")
    options = parser.parse_args()
    scales = [int(text) for text in options.scales.split(",")]
    results = []
    for scale in scales:
        with tempfile.TemporaryDirectory(prefix="kinfold-bench-") as folder:
            results.append(measured(Path(folder), people=options.people * scale, days=options.days))
    print(table(scales, results))


def measured(folder: Path, *, people: int, days: int) -> dict[str, tuple[float, float]]:
    """(seconds, peak MiB) by stage; `records` holds the number of input records."""
    print(f"{people:,} people x {days} days", file=sys.stderr)
    world = ["--people", str(people), "--days", str(days), "--output", str(folder / "world")]
    stages = run_stages(["jobs/synthetic/generate_world.py", *world])
    sources = [
        *("--source", "conf/sources/world_events.yaml", "--input", str(folder / "world/events")),
        *("--source", "conf/sources/world_crm.yaml", "--input", str(folder / "world/crm")),
    ]
    lake = ["--set", f"lake.root={folder / 'lake'}", "--summary", str(folder / "summary.json")]
    stages |= run_stages(["jobs/pipeline.py", *sources, *lake])
    summary = json.loads((folder / "summary.json").read_text())
    records = sum(source["records_in"] for source in summary["sources"])
    return {"records": (float(records), 0.0), **stages}


def run_stages(command: list[str]) -> dict[str, tuple[float, float]]:
    """Run a job and read its progress: (seconds, peak MiB) by finished stage, and the total."""
    started = monotonic()
    process = subprocess.Popen(
        [str(HOME / "spark-submit.sh"), *command],
        cwd=HOME,
        stdout=subprocess.PIPE,  # spark-submit also writes a Python job's stderr there
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = Peak(process.pid)
    stages: dict[str, tuple[float, float]] = {}
    assert process.stdout is not None
    for line in process.stdout:
        match = FINISHED.match(line)
        if match and match.group(1) not in stages:
            stages[match.group(1)] = (float(match.group(2)), peak.take())
            print(line.rstrip()[:100], file=sys.stderr)
        elif line.startswith("kinfold:") or "Error" in line:
            print(line.rstrip()[:200], file=sys.stderr)
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)}: finished with exit code {process.returncode}")
    peak.stop()
    stages[f"total of {Path(command[0]).stem}"] = (monotonic() - started, peak.highest)
    return stages


class Peak:
    """The peak resident memory of a process tree in MiB, since the last call of `take`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.highest = self.since = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def take(self) -> float:
        taken, self.since = self.since, 0.0
        return taken

    def stop(self) -> None:
        self.done.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.done.wait(0.5):
            now = resident(self.pid)
            self.since, self.highest = max(self.since, now), max(self.highest, now)


def resident(root: int) -> float:
    """Resident memory of a process and its descendants, in MiB."""
    parents, sizes = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
            except OSError:
                continue  # it has ended in the meantime
            fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            parents[int(entry.name)] = int(fields["PPid"])
            sizes[int(entry.name)] = int(fields.get("VmRSS", "0 kB").split()[0]) / 1024
    below, todo = set(), [root]
    while todo:
        pid = todo.pop()
        below.add(pid)
        todo += [child for child, parent in parents.items() if parent == pid]
    return sum(sizes.get(pid, 0.0) for pid in below)


def table(scales: list[int], results: list[dict[str, tuple[float, float]]]) -> str:
    """Stages by size. The last column is the growth in time divided by the growth in records."""
    head = f"{'stage':<30}" + "".join(f"{f'{s}x s':>10}{'MiB':>8}" for s in scales)
    lines = [head + f"{'growth/data':>13}", "-" * (len(head) + 13)]
    first, last = results[0], results[-1]
    data_growth = last["records"][0] / first["records"][0]
    lines.append(f"{'records':<30}" + "".join(f"{r['records'][0]:>10,.0f}{'':>8}" for r in results))
    for stage in (s for s in first if s != "records"):
        cells = "".join(f"{r[stage][0]:>10.1f}{r[stage][1]:>8,.0f}" for r in results)
        growth = last[stage][0] / max(first[stage][0], 0.1) / data_growth
        lines.append(f"{stage:<30}{cells}{growth:>13.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
