"""The command line of the job `replay_dead_letters`."""

from argparse import ArgumentParser

from kinfold.bronze.dead_letters.replay import Selection
from kinfold.bronze.sources.declaration import Source, load_source
from kinfold.core.errors import ConfError
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
    parser.add_argument(
        "--remap",
        action="store_true",
        help="map the records of the --source again, with its corrected source file",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the counts, change nothing")
    return parser


def source_to_remap(options: RunOptions) -> Source | None:
    """The source whose records are mapped again; None without `--remap`.

    Raises:
        ConfError: there is not exactly one source with a mapping, or there are fixes, too.
    """
    given = options.arguments
    if not given.remap:
        return None
    if given.fix:
        raise ConfError("--remap and --fix: use one of them, then the other for what fails again.")
    if len(given.source) != 1 or len(options.sources) != 1:
        raise ConfError("--remap needs one --source of events, whose mapping was corrected.")
    [(file, given_input)] = options.sources
    source = load_source(file, home=options.home, given_input=given_input, needs_input=False)
    if source.event is None:
        raise ConfError(
            f"{source.display_path}: --remap is for sources with a mapping (key 'event'). Write a "
            "file of fixes and start again with --fix FILE."
        )
    return source


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
