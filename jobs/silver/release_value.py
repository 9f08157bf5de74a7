"""Decide that a shared identifier belongs to a person, however many other identifiers share it.

Its links join people again, within the limits, until the decision is undone.
"""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import run_job
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.operators.commands import check_command, command_parser, decide

JOB = "silver/release_value"


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser(JOB, __doc__ or "", a="the value to release; silver.bad_values has it")
    options = parse_options(JOB, argv, parser=parser)
    check_command(options.arguments, needs=["a"])
    resolve = load_main(Path(__file__).with_name("resolve_identities.py"))
    print(*decide(options, JOB, kind="release", resolve=resolve), sep="\n")


if __name__ == "__main__":
    run_job(main)
