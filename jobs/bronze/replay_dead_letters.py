"""Validate rejected events again, with or without fixes, and land those that are accepted now.

With --remap the records of one source are mapped again, after its source file was corrected.
Without --fix and --remap it is for schemas that have changed. An event that fails again stays a
dead letter. A second run with the same arguments changes nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kinfold.bronze.dead_letters.command_line import (
    replay_parser,
    selection_of,
    source_to_remap,
)
from kinfold.bronze.dead_letters.fixes import load_fixes
from kinfold.bronze.dead_letters.remapping import judged_again, remedies
from kinfold.bronze.dead_letters.replay import (
    dead_letters,
    letter_counts,
    repeated_reasons,
    replay,
)
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.core.log import counts_text
from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import bronze

JOB = "bronze/replay_dead_letters"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, parser=replay_parser(JOB, __doc__ or ""))
    settings, given, now = options.settings, options.arguments, datetime.now(UTC)
    fixes = load_fixes(Path(given.fix)) if given.fix else ()
    registry = SchemaRegistry.load(Path(settings.bronze.schemas))
    selection, source = selection_of(options), source_to_remap(options)
    with open_job(JOB, options, reads=[bronze.EVENTS], writes=[bronze.EVENTS]) as run:
        letters = judged_again(
            dead_letters(run.lake, selection),
            source or fixes,
            registry=registry,
            now=now,
            fast_path=settings.runtime.fast_path,
        )
        if given.dry_run:
            letters = letters.persist()
            run.end_dry(counts_text(letter_counts(letters)))
        else:
            run.count(**replay(run.lake, letters, remedies(source or fixes)))
        run.note(*(f"{n:,} fail again: {reason}" for reason, n in repeated_reasons(letters)))


if __name__ == "__main__":
    run_job(main)
