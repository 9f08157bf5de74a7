"""Judge rejected records again, with or without a fix, and land those that are accepted now.

Without --fix it is for schemas that have changed since. What fails again stays a dead letter.
Starting it twice gives the same tables.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kinfold.bronze.dead_letters.fixes import load_fixes
from kinfold.bronze.dead_letters.replay import (
    Selection,
    counted_letters,
    dead_letters,
    judged_again,
    reasons_again,
    replay,
)
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.core.log import counts_text
from kinfold.core.settings.command_line import job_parser, parse_moment, parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import bronze

JOB = "bronze/replay_dead_letters"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--type", metavar="TYPE", help="only letters of this event type")
    parser.add_argument("--reason", metavar="TEXT", help="only letters with TEXT in a reason")
    parser.add_argument("--since", metavar="TIME", help="only letters ingested from TIME on")
    parser.add_argument("--until", metavar="TIME", help="only letters ingested before TIME")
    parser.add_argument(
        "--fix", metavar="FILE", help="YAML list of fixes: rename, cast, default, drop"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the counts, change nothing")
    options = parse_options(JOB, argv, parser=parser)
    given, now = options.arguments, datetime.now(UTC)
    fixes = load_fixes(Path(given.fix)) if given.fix else ()
    registry = SchemaRegistry.load(Path(options.settings.bronze.schemas))
    selection = Selection(
        sources=[file.stem for file, _ in options.sources] if given.source else (),
        event_type=given.type,
        reason=given.reason,
        since=parse_moment(given.since, option="--since") if given.since else None,
        until=parse_moment(given.until, option="--until") if given.until else None,
    )
    with open_job(JOB, options, reads=[bronze.EVENTS], writes=[bronze.EVENTS]) as run:
        letters = dead_letters(run.lake, selection)
        judged = judged_again(letters, fixes, registry=registry, now=now)
        if given.dry_run:
            judged = judged.persist()
            run.note(f"dry run, nothing changed: {counts_text(counted_letters(judged))}")
            run.is_skipped = True
        else:
            run.count(**replay(run.lake, judged, fixes))
        run.note(*(f"{n:,} fail again: {reason}" for reason, n in reasons_again(judged)))


if __name__ == "__main__":
    run_job(main)
