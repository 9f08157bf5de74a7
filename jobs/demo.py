"""Generate a small world and run the whole pipeline on it. A second run processes only changes."""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.demo_lake import DEMO_ID_KEY, claim_for_demo
from kinfold.runtime.job import open_lake, run_job
from kinfold.runtime.suite import load_main

JOB = "demo"
JOBS = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--people", default="2000", help="number of people (default: 2000)")
    parser.add_argument("--days", default="120", help="days of behaviour (default: 120)")
    parser.add_argument(
        "--seed", default="7", help="the same seed generates the same world (default: 7)"
    )
    options = parse_options(JOB, argv, parser=parser)
    arguments = vars(options.arguments)
    size = [text for key in ("people", "days", "seed") for text in (f"--{key}", arguments[key])]
    truth = options.home / "var" / "world" / "truth"
    with open_lake(options, name=JOB, upgrades=True, first_id_key=DEMO_ID_KEY) as lake:
        claim_for_demo(lake.storage)
        load_main(JOBS / "synthetic" / "generate_world.py")([*options.as_argv(), *size])
        load_main(JOBS / "pipeline.py")([*options.as_argv(), "--truth", str(truth)])


if __name__ == "__main__":
    run_job(main)
