"""Generate a small world: events and a CRM extract, with the true identities beside them."""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.log import counts_text, say
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import run_job
from kinfold.runtime.session import job_session
from kinfold.synthetic.people.hazards import IdentityHazards
from kinfold.synthetic.world.generation import is_written, write_world

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
        "has a value that identifies no person, such as guest@shop.example (default: people share "
        "only devices)",
    )
    options = parse_options(JOB, argv, parser=parser)
    arguments = options.arguments
    folder = (
        Path(arguments.output).absolute() if arguments.output else options.home / "var" / "world"
    )
    world = dict(people=arguments.people, days=arguments.days, seed=arguments.seed)
    hazards = IdentityHazards() if arguments.hard_identities else None
    if is_written(folder, **world, hazards=hazards):
        say(f"  {JOB}: {folder} already holds this world")
        return
    with job_session(JOB, options.env, home=options.home, is_verbose=options.is_verbose) as spark:
        written = write_world(spark, folder, **world, hazards=hazards, progress=say)
    say(f"  {JOB}: {folder}: {counts_text(written.counts)}")


if __name__ == "__main__":
    run_job(main)
