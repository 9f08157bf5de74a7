"""The pipeline on a large world, then on 1 % more events: time, memory and events per second.

The world is split by arrival: the first run reads all days but the last, without half of the events
of its last two days that belong to every second sender. The second run reads that half (about 1 %
more, no new day begins), the third run the last day (about 1 %, a new day begins).

    python tests/benchmarks/bench_increment.py [--people 50000] [--days 90] [--world DIR]
"""

import argparse
import json
import re
import sys
import tempfile
import zlib
from pathlib import Path

from bench_pipeline import run_stages

_SENDER = re.compile(rb'"(?:cookie_id|device_id|user_id|email)": ?"([^"]+)"')
_ARRIVAL = re.compile(rb'"(?:received_at)": ?"(\d{4}-\d\d-\d\d)')
PARTS = ("first", "no_new_day", "new_day")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--world", help="a generated world (default: generate one)")
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kinfold-bench-") as temporary:
        folder = Path(options.folder or temporary)
        world = Path(options.world) if options.world else folder / "world"
        if not world.exists():
            size = ["--people", str(options.people), "--days", str(options.days)]
            run_stages(["jobs/synthetic/generate_world.py", *size, "--output", str(world)])
        counts = split(world / "events", folder / "parts")
        results = [measured(folder, world, part) for part in PARTS]
    print(table(counts, results))


def split(events: Path, parts: Path) -> dict[str, int]:
    """Write the lines of each run to a folder of its own; returns their numbers."""
    files = sorted(f for f in events.iterdir() if f.is_file())
    days = sorted({day for file in files for day in _days(file)})
    last, before = days[-1], days[-3:-1]
    counts = dict.fromkeys(PARTS, 0)
    for part in PARTS:
        (parts / part).mkdir(parents=True, exist_ok=True)
    for file in files:
        outs = {part: (parts / part / f"{part}-{file.name}").open("wb") for part in PARTS}
        with file.open("rb") as lines:
            for line in lines:
                part = _part(line, last, before)
                outs[part].write(line)
                counts[part] += 1
        for out in outs.values():
            out.close()
    return counts


def _days(file: Path) -> set[bytes]:
    with file.open("rb") as lines:
        return {found.group(1) for line in lines if (found := _ARRIVAL.search(line))}


def _part(line: bytes, last: bytes, before: list[bytes]) -> str:
    arrival, sender = _ARRIVAL.search(line), _SENDER.search(line)
    if arrival is None or sender is None:
        return "first"
    if arrival.group(1) == last:
        return "new_day"
    is_held_back = arrival.group(1) in before and zlib.crc32(sender.group(1)) % 2 == 0
    return "no_new_day" if is_held_back else "first"


def measured(folder: Path, world: Path, part: str) -> dict[str, tuple[float, float]]:
    """(seconds, peak MiB) by stage of a run that finds the lines of one more part."""
    landing = folder / "landing"
    landing.mkdir(exist_ok=True)
    for file in (folder / "parts" / part).iterdir():
        file.rename(landing / file.name)
    sources = [
        *("--source", "conf/sources/world_events.yaml", "--input", str(landing)),
        *("--source", "conf/sources/world_crm.yaml", "--input", str(world / "crm")),
    ]
    lake = ["--set", f"lake.root={folder / 'lake'}", "--summary", str(folder / f"{part}.json")]
    return run_stages(["jobs/pipeline.py", *sources, *lake])


def table(counts: dict[str, int], results: list[dict[str, tuple[float, float]]]) -> str:
    head = f"{'stage':<30}" + "".join(f"{part:>12}{'MiB':>8}" for part in PARTS)
    lines = [f"{head}{'events/s':>10}", "-" * (len(head) + 10)]
    lines.append(f"{'lines':<30}" + "".join(f"{counts[part]:>12,}{'':>8}" for part in PARTS))
    for stage in results[0]:
        cells = ""
        for result in results:
            seconds, memory = result.get(stage, (0.0, 0.0))
            cells += f"{seconds:>12.1f}{memory:>8,.0f}"
        rate = counts["first"] / max(results[0][stage][0], 0.1)
        lines.append(f"{stage:<30}{cells}{rate:>10,.0f}")
    total = [result["total of pipeline"][0] for result in results]
    lines.append(
        f"of the first run{'':<14}{'':>20}"
        + "".join(f"{t / total[0]:>12.1%}{'':>8}" for t in total[1:])
    )
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(sys.argv[1:]), file=sys.stderr)
    main()
