"""Landing topics of a real broker: each record once, without losses, with an error per obstacle."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers import Broker, running_broker
from frames import assert_rows
from kinfold.core.errors import CheckpointError, ConfError, GapError
from kinfold.tables import bronze, ops
from lakes import lake_of
from poison import HOSTILE, ODD_BUT_GOOD, rules
from records import purchase

pytestmark = pytest.mark.xdist_group("kafka")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker() as one:
        yield one


@pytest.fixture
def topic(broker, request) -> str:
    """A topic of two partitions, named after the test."""
    name = request.node.name[:100].replace("[", "-").replace("]", "")
    broker.create(name)
    return name


@pytest.fixture
def land(run, broker, tmp_path):
    """`land(topic, *options)`: run the job on a topic."""

    def landed(topic: str, *options: str, text: str = "format: kafka\n", name: str = "clicks"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        run(
            "bronze/ingest_events",
            *("--source", str(file), "--input", topic),
            *("--set", f"kafka.bootstrap_servers={broker.servers}"),
            *("--set", "bronze.max_rejected_ratio=1"),
            *options,
        )

    return landed


def events(*names: str) -> list[bytes]:
    return [purchase(name).strip().encode() for name in names]


def landed_ids(spark, lake_root) -> list[str]:
    rows = lake_of(spark, lake_root).read(bronze.EVENTS).select("event_id").collect()
    return sorted(str(row["event_id"]) for row in rows)


def checkpoint(lake_root, name="clicks"):
    return Path(lake_root) / "_checkpoints" / "bronze.events" / name


def test_a_record_lands_with_the_metadata_of_the_broker(broker, topic, land, spark, lake_root):
    broker.send(topic, events("a"), key="k1", headers={"trace": b"\x00\x01"}, partition=1)
    land(topic)
    [row] = lake_of(spark, lake_root).read(bronze.EVENTS).collect()
    name, topic_id, partition = row["source_partition"].split("/")
    assert (name, partition, row["source_offset"]) == (topic, "1", 0)
    assert len(topic_id) == 22, "the broker's topic id"
    assert row["raw"].encode() == events("a")[0]
    assert row["kafka"]["key"] == b"k1"
    assert [tuple(h) for h in row["kafka"]["headers"]] == [("trace", b"\x00\x01")]
    assert abs((row["ingested_at"] - row["kafka"]["timestamp"]).total_seconds()) < 120


def test_bytes_that_are_not_text_and_tombstones_land_unchanged(
    broker, topic, land, spark, lake_root
):
    broker.send(topic, [b"\xc3\x28", None, b"", *events("a")], partition=0)
    land(topic)
    assert_rows(
        lake_of(spark, lake_root).read(bronze.EVENTS),
        ["source_offset", "raw_bytes", "verdict", "errors"],
        [
            (0, bytearray(b"\xc3\x28"), "rejected", ["/: not UTF-8"]),
            (1, None, "rejected", ["/: no record"]),
            (2, None, "rejected", ["/: empty"]),
            (3, None, "accepted", []),
        ],
    )


def test_only_new_records_land_and_each_batch_is_in_the_ledger(
    broker, topic, land, spark, lake_root
):
    broker.send(topic, events("a", "b"))
    land(topic)
    broker.send(topic, [*events("c"), b"{"])
    land(topic)
    land(topic)
    assert landed_ids(spark, lake_root) == ["None", "a", "b", "c"]
    assert_rows(
        lake_of(spark, lake_root).read(ops.BATCHES),
        ["batch_id", "records_in", "accepted", "rejected"],
        [(0, 2, 2, 0), (1, 2, 1, 1)],
    )


def test_a_batch_is_at_most_of_the_configured_size(broker, topic, land, spark, lake_root):
    broker.send(topic, events(*map(str, range(10))))
    land(topic, "--set", "bronze.records_per_batch=4")
    batches = lake_of(spark, lake_root).read(ops.BATCHES).collect()
    assert sorted(row["records_in"] for row in batches) == [2, 4, 4]


def test_messages_of_a_segment_batch_land_one_by_one(broker, topic, land, spark, lake_root):
    message = {"type": "track", "event": "Song Played", "anonymousId": "c1"}
    batch = {
        "sentAt": "2026-03-01T09:00:01Z",
        "batch": [
            {**message, "messageId": "m1", "timestamp": "2026-03-01T09:00:00Z"},
            {**message, "messageId": "m2", "timestamp": "2026-03-01T09:00:00Z", "type": "sing"},
        ],
    }
    sent = json.dumps(batch).encode()
    broker.send(topic, [sent, b'{"batch": []}', b"{"], partition=0)
    land(topic, text="format: kafka\nshape: segment\n", name="sdk")
    rows = lake_of(spark, lake_root).read(bronze.EVENTS)
    assert_rows(
        rows,
        ["source_offset", "record_index", "verdict", "event_id"],
        [
            (0, 0, "accepted", "m1"),
            (0, 1, "rejected", "m2"),
            (1, 0, "rejected", None),
            (2, 0, "rejected", None),
        ],
    )
    assert [r["raw"] for r in rows.orderBy("source_offset", "record_index").collect()] == [
        sent.decode(),
        None,
        '{"batch": []}',
        "{",
    ]
    assert_rows(
        lake_of(spark, lake_root).read(ops.BATCHES),
        ["records_in", "unpacked", "accepted", "rejected"],
        [(3, 1, 1, 3)],
    )


def test_native_code_and_spark_give_the_same_table(broker, topic, land, spark, lake_root):
    """Equal rows, ledger and file statistics in the log, whatever `runtime.native` is."""
    message = {"type": "track", "event": "Song Played", "anonymousId": "c1", "messageId": "m1"}
    batch = [{**message, "timestamp": f"2026-03-01T09:00:0{i}Z"} for i in range(3)]
    broker.send(topic, [json.dumps({"batch": batch}).encode()], partition=1)
    broker.send(topic, [text for text, _ in HOSTILE.values() if len(text) < 10_000], partition=0)
    broker.send(topic, list(ODD_BUT_GOOD.values()), key="k", headers={"a": b"\xff"}, partition=1)
    broker.send(topic, [None, b"\xc3\x28"], headers={}, partition=0)
    results = {}
    for native in ("auto", "off", "writes", "fast_path"):
        root = f"{lake_root}/{native}"
        settings = ("--set", f"lake.root={root}", "--set", f"runtime.native={native}")
        for shape in ("native", "segment"):
            land(topic, *settings, text=f"format: kafka\nshape: {shape}\n", name=shape)
        lake = lake_of(spark, root)
        rows = [row.asDict(recursive=True) for row in lake.read(bronze.EVENTS).collect()]
        for row in rows:
            del row["ingested_at"]
        ledger = lake.read(ops.BATCHES).select("source", "records_in", "accepted", "unpacked")
        entries = sorted(map(tuple, ledger.collect()))
        results[native] = (sorted(rows, key=str), entries, bounds_in_log(root))
    rows, ledger, bounds = results["auto"]
    assert len(rows) > 2 * 60
    assert {row["verdict"] for row in rows} == {"accepted", "rejected"}
    assert sum(records for _, records, _, _ in ledger) == len(rows) - 2
    assert bounds["maxValues", "source_offset"] > 60
    for native in ("off", "writes", "fast_path"):
        assert results[native] == results["auto"], native


def bounds_in_log(root: str) -> dict[tuple[str, str], object]:
    """The bounds and null counts of each column of bronze.events in its log, over all files."""
    widest: dict[tuple[str, str], object] = {}
    widen = {"minValues": min, "maxValues": max, "nullCount": lambda a, b: a + b}
    for commit in Path(root, "bronze/events/_delta_log").glob("*.json"):
        for line in commit.read_text().splitlines():
            stats = json.loads(json.loads(line).get("add", {}).get("stats", "{}"))
            for kind, of_columns in stats.items():
                if kind in widen:
                    for name, value in of_columns.items():
                        at = kind, name
                        widest[at] = widen[kind](widest[at], value) if at in widest else value
    return {at: value for at, value in widest.items() if at[1] != "ingested_at"}


def test_without_its_checkpoint_a_stream_continues_after_the_landed_records(
    broker, topic, land, spark, lake_root
):
    broker.send(topic, events("a", "b", "c"))
    land(topic)
    broker.send(topic, events("d"))
    land(topic, "--reset-checkpoint")
    assert landed_ids(spark, lake_root) == ["a", "b", "c", "d"]
    assert_rows(
        lake_of(spark, lake_root).read(ops.BATCHES),
        ["batch_id", "records_in"],
        [(0, 3), (1, 1)],
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "metadata").unlink(), "metadata is missing"),
        (lambda folder: (folder / "metadata").write_text("{"), "metadata is damaged"),
        (lambda folder: (folder / "owner.json").unlink(), "owner.json is missing"),
        (lambda folder: (folder / "offsets" / "1").write_text(""), "offsets/1 is truncated"),
        (lambda folder: (folder / "offsets" / "1").unlink(), "offsets/1 is missing"),
    ],
    ids=["no-metadata", "cut-metadata", "no-owner", "empty-offsets", "no-offsets"],
)
def test_a_broken_checkpoint_is_reported_and_its_repair_loses_and_repeats_nothing(
    broker, topic, land, spark, lake_root, damage, message
):
    broker.send(topic, events("a", "b"))
    land(topic)
    broker.send(topic, events("c"))
    land(topic)
    folder = checkpoint(lake_root)
    for crc in folder.rglob(".*.crc"):
        crc.unlink()
    damage(folder)
    broker.send(topic, events("d"))
    with pytest.raises(CheckpointError, match=f"{message}.*--reset-checkpoint"):
        land(topic)
    assert landed_ids(spark, lake_root) == ["a", "b", "c"]
    land(topic, "--reset-checkpoint")
    assert landed_ids(spark, lake_root) == ["a", "b", "c", "d"]


def test_a_lost_commit_file_repeats_only_a_known_batch(broker, topic, land, spark, lake_root):
    broker.send(topic, events("a", "b"))
    land(topic)
    commits = checkpoint(lake_root) / "commits"
    (commits / "0").unlink()
    (commits / ".0.crc").unlink()
    broker.send(topic, events("c"))
    land(topic)
    assert landed_ids(spark, lake_root) == ["a", "b", "c"]


def test_a_checkpoint_of_another_source_is_refused(broker, topic, land, lake_root):
    broker.send(topic, events("a"))
    land(topic)
    checkpoint(lake_root).rename(checkpoint(lake_root, "orders"))
    with pytest.raises(CheckpointError, match="belongs to source clicks"):
        land(topic, name="orders")


def test_records_deleted_before_they_were_read_stop_the_stream_until_accepted(
    broker, topic, land, spark, lake_root, tmp_path
):
    published = ("--set", f"metrics.textfile_folder={tmp_path}/textfiles")

    def open_gaps():
        text = (tmp_path / "textfiles" / "kinfold_bronze_ingest_events.prom").read_text()
        return re.search(r"^kinfold_gaps_open\{.*source=\"clicks\".*\} (.*)$", text, re.MULTILINE)[
            1
        ]

    broker.send(topic, events("a", "b"), partition=0)
    land(topic)
    broker.send(topic, events("c", "d", "e"), partition=0)
    broker.delete_records(topic, {0: 4})
    with pytest.raises(GapError, match=r"/0 offsets 2 to 3 \(retention\).*--accept-gaps"):
        land(topic, *published)
    assert open_gaps() == "1.0"
    assert landed_ids(spark, lake_root) == ["a", "b"]
    gaps = lake_of(spark, lake_root).read(ops.GAPS)
    columns = ["first_offset", "last_offset", "reason", "is_accepted"]
    assert_rows(gaps, columns, [(2, 3, "retention", False)])
    land(topic, "--accept-gaps", *published)
    assert open_gaps() == "0.0"
    assert landed_ids(spark, lake_root) == ["a", "b", "e"]
    gaps = lake_of(spark, lake_root).read(ops.GAPS)
    assert_rows(gaps, columns, [(2, 3, "retention", True)])
    land(topic)


def test_a_recreated_topic_is_recognised(broker, topic, land, spark, lake_root):
    """Its offsets start at 0 again: by offsets alone its first records would be skipped."""
    broker.send(topic, events("a", "b"), partition=0)
    land(topic)
    broker.delete(topic)
    broker.create(topic)
    broker.send(topic, events("c", "d", "e"), partition=0)
    with pytest.raises(GapError, match=r"offsets 2 to an unknown end \(topic made anew\)"):
        land(topic)
    land(topic, "--accept-gaps")
    assert landed_ids(spark, lake_root) == ["a", "b", "c", "d", "e"]
    partitions = lake_of(spark, lake_root).read(bronze.EVENTS).select("source_partition")
    assert partitions.distinct().count() == 2


def test_an_added_partition_is_read_from_its_first_record(
    broker, topic, land, spark, lake_root, capsys
):
    from confluent_kafka.admin import NewPartitions

    broker.send(topic, events("a"))
    land(topic)
    for done in broker.admin.create_partitions([NewPartitions(topic, 3)]).values():
        done.result(10)
    broker.send(topic, events("b"), partition=2)
    land(topic)
    assert landed_ids(spark, lake_root) == ["a", "b"]
    assert "partition 2 is new" in capsys.readouterr().err


def test_a_missing_topic_is_reported_with_a_similar_name(broker, topic, land):
    with pytest.raises(ConfError, match=f"no topic '{topic}x'. Did you mean '{topic}'"):
        land(f"{topic}x")


def test_a_wrong_address_is_reported_in_one_line(topic, land, lake_root):
    with pytest.raises(ConfError, match=r"127.0.0.1:9 does not answer within"):
        land(topic, "--set", "kafka.bootstrap_servers=127.0.0.1:9")


def test_options_that_the_client_refuses_are_reported_in_one_line(topic, land, tmp_path):
    options = tmp_path / "client.properties"
    options.write_text("# authentication\nsecurity.protocol=SECRET\n")
    with pytest.raises(ConfError, match="Kafka client refuses its options"):
        land(topic, "--set", f"kafka.properties_file={options}")


def test_files_without_their_checkpoint_do_not_land_twice(run, source, spark, lake_root):
    argv = source("format: json\n", purchase("a") + purchase("b"))
    run("bronze/ingest_events", *argv)
    run("bronze/ingest_events", *argv, "--reset-checkpoint")
    assert landed_ids(spark, lake_root) == ["a", "b"]
    Path(argv[3], "part-2").write_text(purchase("c"))
    run("bronze/ingest_events", *argv, "--reset-checkpoint")
    rows = lake_of(spark, lake_root).read(bronze.EVENTS)
    assert_rows(rows, ["event_id", "batch_id"], [("a", 0), ("b", 0), ("c", 1)])


def test_hostile_records_neither_stop_a_stream_nor_change_other_records(
    broker, topic, land, spark, lake_root
):
    """Each hostile and each unusual record between two good ones."""
    kinds = [*HOSTILE.items(), *((f"odd: {n}", (t, [])) for n, t in ODD_BUT_GOOD.items())]
    assert len(HOSTILE) >= 60
    good = events("good")[0]
    sent = [part for _, (poison, _) in kinds for part in (good, poison, good)]
    broker.send(topic, [*sent, None], partition=0)
    land(topic)
    rows = lake_of(spark, lake_root).read(bronze.EVENTS).orderBy("source_offset").collect()
    assert len(rows) == len(sent) + 1
    kept = [row["raw_bytes"] if row["raw"] is None else row["raw"].encode() for row in rows]
    assert [bytes(value) for value in kept[:-1]] == sent, "every byte is stored"
    assert (kept[-1], rows[-1]["errors"]) == (None, ["/: no record"]), "a tombstone"
    verdicts = {name: rules(rows[3 * i + 1]["errors"]) for i, (name, _) in enumerate(kinds)}
    assert verdicts == {name: reasons for name, (_, reasons) in kinds}
    neighbours = {row["verdict"] for i, row in enumerate(rows[:-1]) if i % 3 != 1}
    assert neighbours == {"accepted"}
