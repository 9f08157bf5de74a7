"""Connected components on the driver: seconds and peak memory of each step.

CPU seconds are what a step takes on a machine without other work.

The edges resemble those of an identity graph: 13.3 million nodes per 10 million edges, four
identifiers per person, in random order, with 64-bit hashes as ids. Each size runs in its own
process. Memory is the highest resident size of that process; the input takes 16 bytes per edge.

    python tests/benchmarks/bench_components.py [--sizes 1,10,50]
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from time import monotonic, process_time
from typing import Any

import numpy as np

from kinfold.silver.identity.graph.components import component_labels, dense, spanning_forest
from kinfold.silver.identity.graph.founders import founders
from kinfold.silver.identity.graph.guards import guarded_components

MILLION = 1_000_000
MIB = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,10,50", help="millions of edges (default: 1,10,50)")
    parser.add_argument("--one", type=float, help="measure this size here, print JSON")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measured(int(options.one * MILLION))))
        return
    print(f"{'edges':>12} {'nodes':>12}  step             seconds  of CPU  peak MiB so far")
    for size in options.sizes.split(","):
        command = [sys.executable, __file__, "--one", size]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        for step, (seconds, cpu, peak) in result["steps"].items():
            counts = f"{result['edges']:>12,} {result['nodes']:>12,}"
            print(f"{counts}  {step:<16} {seconds:7.2f} {cpu:7.2f} {peak:>16,.0f}")


def measured(edge_count: int) -> dict[str, Any]:
    """Seconds, CPU seconds and peak memory of each step, after a run that compiles the loops."""
    steps: dict[str, tuple[float, float, float]] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        started, cpu = monotonic(), process_time()
        outcome = work()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
        steps[step] = (monotonic() - started, process_time() - cpu, peak)
        return outcome

    run(1_000, lambda _, work: work())
    nodes = run(edge_count, timed)
    return {"edges": edge_count, "nodes": nodes, "steps": steps}


def run(edge_count: int, timed: Callable[[str, Callable[[], Any]], Any]) -> int:
    left, right = timed("input", lambda: made_edges(edge_count))
    node_ids, a, b = timed("dense", lambda: dense(left, right))
    labels = timed("union-find", lambda: component_labels(len(node_ids), a, b))
    timed("founders", lambda: founders(labels, node_ids % 1000, node_ids))
    timed("forest", lambda: spanning_forest(left, right))
    edge_count = len(left)
    random = np.random.default_rng(8)
    order = {
        "trust": random.choice(np.array([0.5, 0.9, 1.0], dtype=np.float32), edge_count),
        "seen": random.integers(0, 2**50, edge_count),
        "tie": random.integers(-(2**63), 2**63 - 1, edge_count),
    }
    # A quarter of the nodes have a namespace of which a person may have three.
    namespace = (node_ids % 4).astype(np.uint8)
    guarded = timed(
        "guarded",
        lambda: guarded_components(
            len(node_ids), a, b, namespace=namespace, limits={0: 3}, max_size=50, **order
        ),
    )
    refused = int((~guarded.accepted).sum())
    print(f"{refused:,} of {edge_count:,} edges refused", file=sys.stderr)
    return len(node_ids)


def made_edges(edge_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stars of 2 to 6 nodes, shuffled, with 64-bit ids."""
    random = np.random.default_rng(7)
    spokes = random.integers(1, 6, edge_count, dtype=np.int64)
    spokes = spokes[: int(np.searchsorted(np.cumsum(spokes), edge_count))]
    centres = np.concatenate([[0], np.cumsum(spokes + 1)])
    left = np.repeat(centres[:-1], spokes)
    right = np.setdiff1d(np.arange(centres[-1]), centres, assume_unique=True)
    order = random.permutation(len(left))
    return hashed(left[order]), hashed(right[order])


def hashed(numbers: np.ndarray) -> np.ndarray:
    """A different 64-bit hash for each number (the last steps of SplitMix64)."""
    mixed = numbers.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed.view(np.int64)


if __name__ == "__main__":
    main()
