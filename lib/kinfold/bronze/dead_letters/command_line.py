"""The command line of the job `replay_dead_letters`."""

from argparse import ArgumentParser

from kinfold.bronze.dead_letters.replay import Selection
from kinfold.core.settings.command_line import RunOptions, job_parser, parse_moment


def replay_parser(job: str, description: str) -> ArgumentParser:
    """The parser with the job's options."""
    parser = job_parser(job, description)
    parser.add_argument("--type", metavar="TYPE", help="only events of this type")
    parser.add_argument("--reason", metavar="TEXT", help="only events with TEXT in a reason")
    parser.add_argument("--since", metavar="TIME", help="only events ingested at TIME or later")
    parser.add_argument("--until", metavar="TIME", help="only events ingested before TIME")
    parser.add_argument(
        "--fix", metavar="FILE", help="YAML list of fixes: rename, cast, default, drop"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the counts, change nothing")
    return parser


def selection_of(options: RunOptions) -> Selection:
    """The letters that a command line selects.

    Raises:
        ConfError: a time is not valid.
    """
    given = options.arguments
    return Selection(
        sources=[file.stem for file, _ in options.sources] if given.source else (),
        event_type=given.type,
        reason=given.reason,
        since=parse_moment(given.since, option="--since") if given.since else None,
        until=parse_moment(given.until, option="--until") if given.until else None,
    )
