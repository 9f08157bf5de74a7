"""Check whether versions of event schemas are compatible, and list the changes that break them.

Without --new: checks the folder of schemas (every file a valid schema, no version missing, no $ref
without a target or in an endless loop) and compares each version with the one before it.

With --new: compares FILE, which is not in the folder yet, with the newest version of TYPE, lists
the changes and prints the version that FILE needs. The $id of FILE may already name that version;
without an $id, FILE may be any version of the newest model.

A version is model-revision-addition, such as 1-0-2:
  addition   every event of the old version is still valid (a new optional member)
  revision   some events may be refused (a lower maximum, a stricter pattern)
  model      a breaking change (a type changed, a required member added)

Exit code: 0 compatible, 12 a version is too low for its changes, 2 bad input.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.review import (
    candidate_review,
    registry_reviews,
    require_enough,
    review_lines,
)
from kinfold.core.errors import ConfError, ContractError
from kinfold.core.log import say
from kinfold.core.settings.command_line import plain_parser
from kinfold.core.settings.loading import project_home
from kinfold.runtime.job import run_job

JOB = "governance/check_schemas"


def schema_parser() -> ArgumentParser:
    parser = plain_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--schemas", metavar="DIR", help="folder of schemas (default: conf/schemas of the project)"
    )
    parser.add_argument(
        "--new", metavar="FILE", help="schema to compare with the newest version of --type"
    )
    parser.add_argument(
        "--type", metavar="TYPE", help="event type of --new: a folder in the folder of schemas"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    given = schema_parser().parse_args(argv)
    if (given.new is None) != (given.type is None):
        raise ConfError("--new and --type belong together: --new FILE --type purchase.")
    directory = Path(given.schemas) if given.schemas else project_home() / "conf" / "schemas"
    try:
        registry = SchemaRegistry.load(directory)
        registry.require_envelope()
        if given.new is None:
            reviews = registry_reviews(registry)
        else:
            reviews = [candidate_review(registry, Path(given.new), event_type=given.type)]
    except ContractError as error:  # here the schemas are the input of the person who starts this
        raise ConfError(str(error)) from error
    print(*review_lines(reviews), sep="\n", end="\n" if reviews else "")
    require_enough(reviews)
    say(f"  {JOB}: {len(registry.texts)} schemas, {len(reviews)} compared, all compatible")


if __name__ == "__main__":
    run_job(main)
