"""Decide that links of an identifier do not count, or that two identifiers are never one person.

With --a alone, links of the identifier that were first seen before the decision do not count, even
if their events arrive later. Links first seen afterwards do. With --a and --b, both identifiers
keep their other links but are never one person.
"""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import run_job
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.operators.commands import check_command, command_parser, decide

JOB = "silver/unlink_identity"


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser(
        JOB,
        __doc__ or "",
        a="the identifier to unlink, or the first of two to keep apart",
        b="the second of two to keep apart",
    )
    options = parse_options(JOB, argv, parser=parser)
    check_command(options.arguments, needs=["a"])
    kind = "unlink" if options.arguments.b is None else "keep_apart"
    resolve = load_main(Path(__file__).with_name("resolve_identities.py"))
    print(*decide(options, JOB, kind=kind, resolve=resolve), sep="\n")


if __name__ == "__main__":
    run_job(main)
