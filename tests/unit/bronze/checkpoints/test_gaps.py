"""Offsets that were lost before they were read."""

import pytest

from frames import assert_rows
from kinfold.bronze.checkpoints.gaps import (
    RETENTION,
    TOPIC_RECREATED,
    Gap,
    gaps_by_retention,
    require_accepted_gaps,
)
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import Topic
from kinfold.core.errors import GapError
from kinfold.tables import ops
from lakes import lake_of

TOPIC = Topic("clicks", "id", earliest={0: 40, 1: 7, 2: 0}, latest={0: 90, 1: 9, 2: 0})
SOURCE = Source(name="clicks", display_path="clicks.yaml", format="kafka", input="clicks")


def test_a_partition_has_a_gap_if_its_next_record_is_older_than_the_earliest_one():
    gaps = gaps_by_retention(TOPIC, {0: 12, 1: 7, 2: 0, 3: 5})
    assert gaps == [Gap("clicks/id/0", 12, 39, RETENTION)]


def test_a_gap_reads_as_its_partition_range_and_reason():
    assert str(Gap("t/i/0", 1200, 3999, RETENTION)) == "t/i/0 offsets 1,200 to 3,999 (retention)"
    text = "t/i/0 offsets 5 to an unknown end (topic made anew)"
    assert str(Gap("t/i/0", 5, None, TOPIC_RECREATED)) == text


def test_gaps_stop_the_stream_until_they_are_accepted_once(spark, lake_root):
    lake = lake_of(spark, lake_root)
    gaps = [Gap(f"clicks/id/{partition}", 5, 9, RETENTION) for partition in range(6)]
    require_accepted_gaps(lake, SOURCE, [], accept=False)
    with pytest.raises(GapError, match=r"clicks/id/3 offsets 5 to 9 \(retention\) and 2 more"):
        require_accepted_gaps(lake, SOURCE, gaps, accept=False)
    require_accepted_gaps(lake, SOURCE, gaps[:1], accept=True)
    require_accepted_gaps(lake, SOURCE, gaps[:1], accept=False)
    with pytest.raises(GapError, match="clicks/id/1 offsets 5 to 9"):
        require_accepted_gaps(lake, SOURCE, gaps[:2], accept=False)
    rows = lake.read(ops.GAPS).where("source_partition < 'clicks/id/2'")
    columns = ["source_partition", "first_offset", "last_offset", "is_accepted"]
    assert_rows(rows, columns, [("clicks/id/0", 5, 9, True), ("clicks/id/1", 5, 9, False)])
