"""Let many random histories happen to lakes; each must end equal to a lake that is built at once.

    python tests/chaos/histories.py [--histories 10] [--steps 12] [--seed 1]

See tests/histories.py for what can happen.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HOME / "tests"), str(HOME / "lib")]

from histories import History, differences
from kinfold.runtime.session import open_session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=10)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    spark = open_session(name="histories", env="local", home=HOME)
    failed = 0
    for seed in range(given.seed, given.seed + given.histories):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            history = History(spark, Path(folder), random.Random(seed))
            history.happen(given.steps)
            found = differences(history)
        outcome = "equal" if not found else "DIFFERS"
        seconds = time.monotonic() - started
        print(f"history {seed}: {len(history.steps)} steps, {seconds:.0f} s: {outcome}", flush=True)
        if found:
            failed += 1
            print("\n".join([*(f"    {s}" for s in history.steps), *found]), flush=True)
    spark.stop()
    print(f"{given.histories - failed} of {given.histories} lakes equal one that was built at once")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
