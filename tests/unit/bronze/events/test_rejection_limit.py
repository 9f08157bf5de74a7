"""A run in which too many records were rejected is an error, with the most frequent reasons."""

import pytest

from frames import at
from kinfold.bronze.events.rejection_limit import require_accepted_events, require_accepted_records
from kinfold.bronze.sources.declaration import Source
from kinfold.core.errors import ContractError
from kinfold.tables import bronze
from lakes import lake_of
from record_samples import record_source

SHOP = Source(name="shop", display_path="shop.yaml", format="json", input="/in")
THIS_RUN, EARLIER = at("2026-11-01T10:00"), at("2026-03-01")


@pytest.fixture
def lake(spark, lake_root):
    """Rejected events: 3 + 2 + 1 + 1 of this run, 9 of an earlier run and 9 of another source."""
    kinds = [
        ("shop", THIS_RUN, reason, count)
        for reason, count in zip("dbca", (3, 2, 1, 1), strict=True)
    ]
    kinds += [("shop", EARLIER, "old", 9), ("other", THIS_RUN, "other", 9)]
    rows = [
        dict(
            source=source,
            source_partition=reason,
            source_offset=offset,
            record_index=0,
            batch_id=0,
            ingested_at=ingested_at,
            verdict="rejected",
            errors=[f"/{reason}: bad"],
        )
        for source, ingested_at, reason, count in kinds
        for offset in range(count)
    ]
    lake = lake_of(spark, lake_root)
    lake.append(bronze.EVENTS, bronze.EVENTS.frame(spark, *rows))
    return lake


def test_more_rejected_events_than_allowed_are_an_error_with_the_reasons_of_this_run(lake):
    with pytest.raises(ContractError) as caught:
        require_accepted_events(lake, SHOP, {"in": 10, "rejected": 7}, limit=0.5)
    assert str(caught.value) == (
        "source shop: 7 of 10 records were rejected, limit 50% (bronze.max_rejected_ratio). Most "
        "frequent reasons: /d: bad (3); /b: bad (2); /a: bad (1). bronze.events has the records "
        "with their reasons. Correct shop.yaml or the schemas in conf/schemas (try it with "
        "jobs/bronze/check_source.py), then judge the rejected records again: "
        "jobs/bronze/replay_dead_letters.py --source shop.yaml --fix FILE "
        f"--set lake.root={lake.root}"
    )


@pytest.mark.parametrize("counts", [{}, {"in": 0, "rejected": 0}, {"in": 10, "rejected": 5}])
def test_up_to_the_limit_and_without_records_nothing_is_wrong(counts):
    require_accepted_events(None, SHOP, counts, limit=0.5)  # the lake is not read


def test_rejected_records_are_an_error_with_advice_about_the_extract(spark, lake_root):
    lake = lake_of(spark, lake_root)
    lake.ensure(bronze.RECORDS)
    with pytest.raises(ContractError, match=r"Correct crm\.yaml and deliver the extract again"):
        require_accepted_records(lake, record_source(), {"in": 2, "rejected": 1}, limit=0)
