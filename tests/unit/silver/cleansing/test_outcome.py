"""The outcome of a run of clean_events."""

from pyspark.sql import Row

from kinfold.silver.cleansing.outcome import conflict_line


def test_conflicts_are_one_line_with_sources_and_remedy():
    found = [
        Row(source=source, original_source="web", conflicting=count)
        for source, count in (("a", 1), ("shop", 1200), ("b", 2), ("c", 3))
    ]
    assert conflict_line(found, duplicates=5000) == (
        "1,206 of 5,000 duplicates differ from the event with the same id in type, properties or "
        "identifiers (1,200 of shop against web, 3 of c against web, 2 of b against web, ...), and "
        "are left out. If a source numbers its events itself, add its name to "
        "events.sources_with_own_ids; otherwise correct its ids."
    )
