"""Decide that two identifiers are one person, whatever events and records contain.

The link has the highest trust. Only limits and identifiers that are kept apart can refuse it; the
command then prints the reason.
"""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import run_job
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.operators.commands import check_command, command_parser, decide

JOB = "silver/link_identity"


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser(JOB, __doc__ or "", a="one identifier", b="the other identifier")
    options = parse_options(JOB, argv, parser=parser)
    check_command(options.arguments, needs=["a", "b"])
    resolve = load_main(Path(__file__).with_name("resolve_identities.py"))
    print(*decide(options, JOB, kind="link", resolve=resolve), sep="\n")


if __name__ == "__main__":
    run_job(main)
