"""Where a stream continues; with a real broker it is tested in tests/jobs/test_ingest_topics."""

import json
import os
from pathlib import Path

import pytest

from checkpoints import write_checkpoint
from frames import at
from kinfold.bronze.checkpoints.checkpoint import OWNER, Owner
from kinfold.bronze.checkpoints.resumption import (
    Decisions,
    Resumption,
    checkpoint_folder,
    resumption_of_files,
    resumption_of_topic,
)
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import Topic
from kinfold.core.errors import CheckpointError, GapError
from kinfold.tables import bronze
from lakes import lake_of

CLICKS = Source(name="clicks", display_path="clicks.yaml", format="kafka", input="clicks")
SHOP = Source(name="shop", display_path="shop.yaml", format="json", input="/in")
TOPIC = Topic("clicks", "id", earliest={0: 0, 1: 0}, latest={0: 50, 1: 50})
NO_DECISIONS = Decisions()


@pytest.fixture
def lake(spark, lake_root):
    return lake_of(spark, lake_root)


def landed(lake, source: str, partition: str, *offsets: int, batch_id: int = 3) -> None:
    """Rows of bronze.events at the given offsets."""
    rows = (
        dict(
            source=source,
            source_partition=partition,
            source_offset=offset,
            record_index=0,
            batch_id=batch_id,
            ingested_at=at("09:00"),
            verdict="rejected",
            errors=["/: empty"],
        )
        for offset in offsets
    )
    lake.append(bronze.EVENTS, bronze.EVENTS.frame(lake.spark, *rows))


def checkpoint(lake, source: Source, owner: Owner, *planned: dict[str, int], commits: int) -> Path:
    folder = Path(checkpoint_folder(lake, source))
    write_checkpoint(folder, owner, *planned, commits=commits)
    return folder


def owner_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / OWNER).read_text())


def test_a_new_stream_starts_with_the_first_record_and_owns_its_checkpoint(lake):
    resumption = resumption_of_topic(lake, CLICKS, TOPIC, NO_DECISIONS)
    assert resumption == Resumption(0, starting_at='{"clicks": {"0": -2, "1": -2}}')
    folder = Path(checkpoint_folder(lake, CLICKS))
    assert owner_of(folder) == vars(Owner("clicks", "clicks", "id"))


def test_without_its_checkpoint_a_stream_continues_after_what_has_landed(lake):
    landed(lake, "clicks", "clicks/id/0", 0, 1, 11)
    landed(lake, "clicks", "clicks/other id/1", 8)
    resumption = resumption_of_topic(lake, CLICKS, TOPIC, NO_DECISIONS)
    assert resumption == Resumption(4, starting_at='{"clicks": {"0": 12, "1": -2}}')


def test_with_its_checkpoint_a_stream_continues_there(lake):
    owner = Owner("clicks", "clicks", "id", first_batch_id=2)
    checkpoint(lake, CLICKS, owner, {"0": 10, "1": 3}, commits=1)
    assert resumption_of_topic(lake, CLICKS, TOPIC, NO_DECISIONS) == Resumption(2)


def test_records_that_were_lost_before_they_were_read_must_be_accepted(lake):
    owner = Owner("clicks", "clicks", "id")
    checkpoint(lake, CLICKS, owner, {"0": 10, "1": 3}, commits=1)
    short = Topic("clicks", "id", earliest={0: 15, 1: 0}, latest={0: 50, 1: 50})
    with pytest.raises(GapError, match=r"clicks/id/0 offsets 10 to 14 \(retention\)"):
        resumption_of_topic(lake, CLICKS, short, NO_DECISIONS)
    resumption = resumption_of_topic(lake, CLICKS, short, Decisions(accept_gaps=True))
    assert resumption == Resumption(0, may_skip_lost=True)


def test_lost_records_that_have_landed_are_not_a_gap(lake):
    """The process was killed between the append and the commit file of the checkpoint."""
    owner = Owner("clicks", "clicks", "id")
    checkpoint(lake, CLICKS, owner, {"0": 10}, {"0": 20}, commits=1)
    landed(lake, "clicks", "clicks/id/0", 19)
    short = Topic("clicks", "id", earliest={0: 20}, latest={0: 50})
    resumption = resumption_of_topic(lake, CLICKS, short, NO_DECISIONS)
    assert resumption == Resumption(0, may_skip_lost=True)


def test_a_recreated_topic_is_a_gap_and_its_old_checkpoint_is_retired(lake):
    folder = checkpoint(lake, CLICKS, Owner("clicks", "clicks", "old"), {"0": 10}, commits=1)
    with pytest.raises(GapError, match="clicks/old/0 offsets 10 to an unknown end"):
        resumption_of_topic(lake, CLICKS, TOPIC, NO_DECISIONS)
    resumption_of_topic(lake, CLICKS, TOPIC, Decisions(accept_gaps=True))
    assert owner_of(folder)["topic_id"] == "id"
    assert owner_of(folder.with_name("clicks.retired-test"))["topic_id"] == "old"


def test_a_topic_that_ends_before_what_was_read_is_an_error(lake):
    checkpoint(lake, CLICKS, Owner("clicks", "clicks", "id"), {"0": 60, "1": 3}, commits=1)
    with pytest.raises(CheckpointError, match="partition 0 of topic 'clicks' ends at offset 50"):
        resumption_of_topic(lake, CLICKS, TOPIC, NO_DECISIONS)


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        (Owner("other", "clicks", "id"), "belongs to source other reading clicks"),
        (Owner("clicks", "/in"), "belongs to source clicks reading /in, expected"),
        (Owner("clicks", "orders", "id"), "belongs to topic orders, expected clicks"),
    ],
)
def test_the_checkpoint_of_another_input_is_refused_until_a_reset(lake, owner, message):
    checkpoint(lake, CLICKS, owner, {"0": 1}, commits=1)
    with pytest.raises(CheckpointError, match=rf"{message}.*--reset-checkpoint"):
        resumption_of_topic(lake, CLICKS, TOPIC, NO_DECISIONS)
    reset = resumption_of_topic(lake, CLICKS, TOPIC, Decisions(reset_checkpoint=True))
    assert reset.first_batch_id == 0


def test_a_new_checkpoint_of_files_leaves_out_files_that_have_landed(lake, tmp_path):
    shop = SHOP.model_copy(update={"input": str(tmp_path / "in")})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("{}")
    os.utime(tmp_path / "in" / "a", (0, 0))
    assert resumption_of_files(lake, shop, NO_DECISIONS).first_batch_id == 0
    landed(lake, "shop", f"file:{tmp_path}/in/a", 0, 1, batch_id=0)
    resumption = resumption_of_files(lake, shop, Decisions(reset_checkpoint=True))
    assert resumption.first_batch_id == 1
    assert resumption.files.skipped == {f"file:{tmp_path}/in/a"}


def test_a_stream_of_files_continues_with_its_checkpoint(lake):
    owner = Owner("shop", "/in", first_batch_id=5)
    folder = checkpoint(lake, SHOP, owner, {}, commits=1)
    (folder / "offsets" / "0").write_text('v1\n{}\n{"logOffset": 0}')
    assert resumption_of_files(lake, SHOP, NO_DECISIONS) == Resumption(5)
