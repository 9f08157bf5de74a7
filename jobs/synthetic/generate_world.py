"""Generate a small world with known truth: events, a CRM extract, and who is who beside them."""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.log import counts_text, say
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_lake, run_job
from kinfold.synthetic.hazards import IdentityHazards
from kinfold.synthetic.world import is_written, write_world

JOB = "synthetic/generate_world"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--people", type=int, default=2000, help="people (default: 2000)")
    parser.add_argument("--days", type=int, default=120, help="days of behaviour (default: 120)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default: 7)")
    parser.add_argument("--output", metavar="DIR", help="folder to write (default: var/world)")
    parser.add_argument(
        "--hard-identities",
        action="store_true",
        help="people also share kiosks, family e-mails and recycled phones, and 1 event in 100 "
        "shows a value that is nobody's, such as guest@shop.example (default: shared devices only)",
    )
    options = parse_options(JOB, argv, parser=parser)
    given = options.arguments
    folder = Path(given.output).absolute() if given.output else options.home / "var" / "world"
    world = dict(people=given.people, days=given.days, seed=given.seed)
    hazards = IdentityHazards() if given.hard_identities else None
    if is_written(folder, **world, hazards=hazards):
        say(f"  {JOB}: {folder} is this world already")
        return
    with open_lake(options, name=JOB) as lake:
        written = write_world(lake.spark, folder, **world, hazards=hazards, progress=say)
    say(f"  {JOB}: {folder}: {counts_text(written.counts)}")


if __name__ == "__main__":
    run_job(main)
