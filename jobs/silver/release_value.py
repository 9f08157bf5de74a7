"""Say that a value which was set aside, because many share it, is somebody's after all.

Its links join people again, within their limits; it is not set aside while the decision holds.
"""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import run_job
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.operators.commands import check_command, command_parser, decide

JOB = "silver/release_value"


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser(JOB, __doc__ or "", a="the value, of silver.bad_values, to release")
    options = parse_options(JOB, argv, parser=parser)
    check_command(options.arguments, needs=["a"])
    resolve = load_main(Path(__file__).with_name("resolve_identities.py"))
    print(*decide(options, JOB, kind="release", resolve=resolve), sep="\n")


if __name__ == "__main__":
    run_job(main)
