"""Batch sources: extracts land once, records are updated and deleted, expired ones disappear."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.errors import ConfError, ContractError
from kinfold.tables import bronze, ops, silver
from lakes import lake_of
from records import NATIVE

SNAPSHOT = """
format: csv
delivery: snapshot
party: first
record_id: id
identifiers: {crm_id: id, email: mail}
traits: {city: city}
"""
DELTA = """
format: csv
delivery: delta
party: second
agreement: P-7
purposes: [personalization]
ttl_days: 30
record_id: id
changed_at: changed
deleted: gone = 'yes'
identifiers: {partner_id: id, email: mail}
traits: {city: city}
"""
HEADER = "id,mail,city\n"
ANN, BEN, CAT = "1,ann@example.org,York\n", "2,ben@example.org,Bath\n", "3,cat@example.org,Ely\n"
PEOPLE = (
    "silver/clean_records",
    "silver/resolve_identities",
    "silver/build_orders",
    "silver/build_profiles",
)


@pytest.fixture
def crm(tmp_path):
    """`crm(**{"1.csv": text})`: deliver files; returns the arguments that name the source."""

    def delivered(text: str = SNAPSHOT, *, name: str = "crm", **files: str) -> list[str]:
        declaration, folder = tmp_path / f"{name}.yaml", tmp_path / f"{name}-extracts"
        declaration.write_text(text, encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for file, content in files.items():
            (folder / file).write_text(content, encoding="utf-8")
        return ["--source", str(declaration), "--input", str(folder)]

    return delivered


@pytest.fixture
def landed(spark, lake_root):
    """The rows of bronze.records."""
    return lambda: lake_of(spark, lake_root).read(bronze.RECORDS)


@pytest.fixture
def ledger(spark, lake_root):
    """The ledger rows of records, by extract."""

    def entered():
        columns = ("batch_id", "records_in", "unpacked", "rejected", "added", "duplicates")
        rows = lake_of(spark, lake_root).read(ops.BATCHES).where("stage = 'records'")
        return sorted(tuple(row) for row in rows.select(*columns).collect())

    return entered


def test_the_same_extract_twice_adds_nothing(run, crm, landed, ledger):
    argv = crm(**{"1.csv": HEADER + ANN + BEN})
    run("bronze/ingest_records", *argv)
    run("bronze/ingest_records", *argv)
    run("bronze/ingest_records", *crm(**{"2.csv": HEADER + BEN + ANN}))
    assert_rows(
        landed(),
        ["record_id", "verdict", "is_deletion", "batch_id", "identifiers", "traits"],
        [
            ("1", "accepted", False, 0, ids("1", "ann@example.org"), {"city": "York"}),
            ("2", "accepted", False, 0, ids("2", "ben@example.org"), {"city": "Bath"}),
        ],
    )
    assert ledger() == [(0, 2, 0, 0, 2, 0), (1, 2, 0, 0, 0, 2)]


def test_a_record_that_a_snapshot_leaves_out_is_deleted_until_it_is_delivered_again(
    run, crm, landed, ledger, lake_root, spark
):
    run("bronze/ingest_records", *crm(**{"1.csv": HEADER + ANN + BEN + CAT}))
    run("bronze/ingest_records", *crm(**{"2.csv": HEADER + ANN + CAT}))
    run("bronze/ingest_records", *crm(**{"3.csv": HEADER + ANN + CAT}))
    versions = landed().where("record_id = '2'")
    columns = ["batch_id", "is_deletion", "raw"]
    assert [tuple(r)[:2] for r in versions.select(*columns).orderBy("batch_id").collect()] == [
        (0, False),
        (1, True),
    ]
    assert ledger()[1:] == [(1, 2, 1, 0, 1, 2), (2, 2, 0, 0, 0, 2)]
    run("silver/clean_records", *crm())
    current = lake_of(spark, lake_root).read(silver.RECORDS)
    assert_rows(current, ["record_id"], [("1",), ("3",)])
    run("bronze/ingest_records", *crm(**{"4.csv": HEADER + ANN + BEN + CAT}))
    run("silver/clean_records", *crm())
    current = lake_of(spark, lake_root).read(silver.RECORDS)
    assert_rows(current, ["record_id", "batch_id"], [("1", 0), ("2", 3), ("3", 0)])


def test_a_lake_without_events_gets_profiles_and_the_other_steps_say_so(
    run, crm, lake_root, spark, capsys
):
    argv = crm(**{"1.csv": HEADER + ANN + BEN})
    run("bronze/ingest_events", *argv)
    run("bronze/ingest_records", *argv)
    for job in ("silver/clean_events", *PEOPLE):
        run(job)
    profiles = lake_of(spark, lake_root).read(silver.PROFILES)
    found = profiles.select(F.explode("emails").alias("email"), "event_count")
    assert_rows(found, ["email", "event_count"], [("ann@example.org", 0), ("ben@example.org", 0)])
    capsys.readouterr()
    for job in ("gold/build_features", "governance/check_ledger", "governance/check_freshness"):
        run(job)
    steps = capsys.readouterr().err
    assert steps.count("nothing to do: the lake has no events") == 2
    assert "laws kept 2" in steps


def test_a_value_that_comes_back_is_a_new_version(run, crm, landed, lake_root, spark):
    """A, B, A: the third version is current, although its content is known."""
    moved = "1,ann@example.org,Hull\n"
    run("bronze/ingest_records", *crm(**{"1": HEADER + ANN, "2": HEADER + moved}))
    run("bronze/ingest_records", *crm(**{"3": HEADER + ANN}))
    assert_rows(
        landed(),
        ["batch_id", "traits"],
        [(0, {"city": "York"}), (1, {"city": "Hull"}), (2, {"city": "York"})],
    )
    run("silver/clean_records", *crm())
    current = lake_of(spark, lake_root).read(silver.RECORDS)
    assert_rows(current, ["batch_id", "traits"], [(2, {"city": "York"})])


def test_a_delta_changes_only_its_own_records_and_a_late_one_changes_nothing(
    run, crm, lake_root, spark
):
    header = "id,mail,city,changed,gone\n"
    first = "1,a@example.org,York,2026-03-01,\n2,b@example.org,Bath,2026-03-01,\n"
    second = "3,c@example.org,Ely,2026-03-02,\n1,,,2026-03-03,yes\n"
    late = "2,b@example.org,Rome,2026-02-01,\n"
    argv = crm(DELTA, **{"1": header + first, "2": header + second, "3": header + late})
    run("bronze/ingest_records", *argv)
    run("silver/clean_records", *argv)
    current = lake_of(spark, lake_root).read(silver.RECORDS)
    assert_rows(
        current,
        ["record_id", "traits", "changed_at", "party", "agreement", "purposes"],
        [
            ("2", {"city": "Bath"}, at("2026-03-01"), "second", "P-7", ["personalization"]),
            ("3", {"city": "Ely"}, at("2026-03-02"), "second", "P-7", ["personalization"]),
        ],
    )


def test_expired_records_disappear_from_the_profile(run, crm, source, lake_root, spark):
    """The trait and the partner's id disappear when they expire; the person stays."""
    identify = (
        '{"event_id":"e","event_type":"identify","occurred_at":"2026-03-01T09:00:00Z",'
        '"identifiers":{"email":"a@example.org"},"properties":{"country":"GB"}}\n'
    )
    partner = crm(
        DELTA,
        **{
            "1": "id,mail,city,changed,gone\n"
            "p1, A@example.org ,York,2026-03-02,\n"
            "p2,only@partner.example,Ely,2026-03-02,\n"
        },
    )
    events = source(NATIVE, identify)
    run("bronze/ingest_events", *events)
    run("silver/clean_events", *events)
    run("bronze/ingest_records", *partner)
    for job in PEOPLE:
        run(job, *partner)
    profiles = ["emails", "traits", "event_count", "identifier_counts"]
    assert_rows(
        lake_of(spark, lake_root).read(silver.PROFILES),
        profiles,
        [
            (
                ["a@example.org"],
                {"country": "GB", "city": "York"},
                1,
                {"email": 1, "partner_id": 1},
            ),
            (["only@partner.example"], {"city": "Ely"}, 0, {"email": 1, "partner_id": 1}),
        ],
    )
    later = (datetime.now(UTC) + timedelta(days=31)).isoformat()
    for job in PEOPLE:
        run(job, *partner, "--as-of", later)
    lake = lake_of(spark, lake_root)
    assert lake.read(silver.RECORDS).count() == 0
    assert_rows(
        lake.read(silver.PROFILES),
        profiles,
        [(["a@example.org"], {"country": "GB"}, 1, {"email": 1})],
    )
    assert_rows(lake.read(silver.IDENTITY_MAP), ["namespace"], [("email",)])
    assert_rows(lake.read(silver.IDENTIFIERS), ["value"], [("a@example.org",)])
    assert lake.read(silver.IDENTITY_LINKS).count() == 0
    before = lake.version(silver.RECORDS)
    run("silver/clean_records", *partner, "--as-of", later)
    assert lake.version(silver.RECORDS) == before, "nothing more expires"

    # The clock decides about bronze, so its rows expire here by a change of the table.
    rows = DeltaTable.forPath(spark, lake.path(bronze.RECORDS))
    rows.update(set={"expires_at": F.lit(at("2026-03-02"))})
    for _ in range(2):
        run("bronze/ingest_records", *partner)
        assert lake.read(bronze.RECORDS).count() == 0
    run("governance/check_ledger")
    run("silver/clean_records", *partner)
    assert lake.version(silver.RECORDS) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("party: first", "party: third"),
            "crm.yaml: key 'agreement' is missing: data of a third party needs it. "
            "Write the reference of the contract that allows you to store it. "
            ".*key 'purposes' is missing.* .*key 'ttl_days' is missing",
        ),
        (("record_id: id", "record_id: id\ndeleted: 'true'"), "key 'deleted' is for deltas"),
        (("record_id: id", "record_id: idd"), "record_id: the data has no column 'idd'. Did you"),
        (("city: city", "city: upper("), "traits.city: 'upper\\(' is not a valid Spark SQL"),
        (("delivery: snapshot", "deliver: snapshot"), "unknown key 'deliver'. Did you mean 'del"),
    ],
)
def test_a_declaration_that_is_not_allowed_is_refused(run, crm, change, message):
    argv = crm(SNAPSHOT.replace(*change), **{"1.csv": HEADER + ANN})
    with pytest.raises(ConfError, match=message):
        run("bronze/ingest_records", *argv)


def test_a_snapshot_that_leaves_out_too_much_is_refused_unless_accepted(run, crm, landed):
    run("bronze/ingest_records", *crm(**{"1.csv": HEADER + ANN + BEN + CAT}))
    argv = crm(**{"2.csv": HEADER + ANN})
    with pytest.raises(ContractError, match="leaves out 2 of the 3 known records, limit 50%"):
        run("bronze/ingest_records", *argv)
    empty = crm(**{"2.csv": HEADER})
    with pytest.raises(ContractError, match="has no record, expected all records"):
        run("bronze/ingest_records", *empty)
    assert landed().count() == 3
    run("bronze/ingest_records", *argv[:3], argv[3], "--accept-shrink")
    assert landed().where("is_deletion").count() == 3


def test_a_rejected_row_is_kept_with_its_reason_and_does_not_delete_its_record(
    run, crm, landed, ledger
):
    text = SNAPSHOT.replace("crm_id: id, ", "")
    run("bronze/ingest_records", *crm(text, **{"1.csv": HEADER + ANN + BEN + CAT}))
    bad = ",x@example.org,York\n" + ",x@example.org,York\n" + "2, ,Bath\n" + "3,cat@example.org\n"
    again = "1,ann@example.org,York\n1,ann@example.org,Hull\n"
    run(
        *("bronze/ingest_records", *crm(text, **{"2.csv": HEADER + CAT + bad + again})),
        *("--set", "bronze.max_rejected_ratio=1"),
    )
    rejected = landed().where("verdict = 'rejected'")
    assert_rows(
        rejected,
        ["record_id", "errors", "copy"],
        [
            ("", ["/record_id: missing"], 0),
            ("", ["/record_id: missing"], 1),
            ("2", ["/identifiers: none has a value"], 0),
            ("", ["/: row does not have the columns of the header"], 0),
            ("1", ["/record_id: rows of the extract differ and none is newer"], 0),
            ("1", ["/record_id: rows of the extract differ and none is newer"], 0),
        ],
    )
    assert rejected.where("raw is null or identifiers is not null").count() == 0
    assert landed().where("is_deletion").count() == 0
    assert ledger()[1] == (1, 7, 0, 6, 0, 1)


def test_the_next_run_completes_a_killed_one(run, crm, landed, ledger, monkeypatch):
    """The process dies between the append and the ledger; then a file sorts before the old one."""

    header = "id,mail,city,changed,gone\n"
    argv = crm(DELTA, **{"2": f"{header}1,a@example.org,York,2026-03-01,\n,b@example.org,,,\n"})

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    from kinfold.bronze.records import landing as record_landing

    with monkeypatch.context() as patched:
        patched.setattr(record_landing, "_enter", die)
        with pytest.raises(RuntimeError, match="killed"):
            run("bronze/ingest_records", *argv)
    columns = ["record_id", "verdict", "batch_id", "ingested_at"]
    before = [tuple(row) for row in landed().select(*columns).collect()]
    assert len(before) == 2
    assert ledger() == []
    run("bronze/ingest_records", *argv)
    assert sorted(tuple(row) for row in landed().select(*columns).collect()) == sorted(before)
    assert ledger() == [(0, 2, 0, 1, 1, 0)]
    crm(DELTA, **{"1": f"{header}3,c@example.org,Ely,2026-03-01,\n"})
    run("bronze/ingest_records", *argv)
    assert ledger() == [(0, 2, 0, 1, 1, 0), (1, 1, 0, 0, 1, 0)]


def test_json_and_parquet_land_as_csv_does(run, crm, landed, spark, tmp_path):
    texts = SNAPSHOT.replace("format: csv", "format: json")
    lines = '{"id":1,"mail":"ann@example.org","city":"York"}\n{"id":2,"mail":"b@example.org"}\n'
    run("bronze/ingest_records", *crm(texts, name="lines", **{"1.json": lines}))
    typed = SNAPSHOT.replace("format: csv", "format: parquet").replace("city: city", "tags: tags")
    argv = crm(typed, name="typed")
    schema = "id int, mail string, tags array<string>"
    frame = spark.createDataFrame([(1, "ann@example.org", ["a, b"])], schema)
    frame.coalesce(1).write.parquet(str(Path(argv[3]) / "2026-03-01"))
    run("bronze/ingest_records", *argv)
    assert_rows(
        landed(),
        ["source", "record_id", "identifiers", "traits"],
        [
            ("lines", "1", ids("1", "ann@example.org"), {"city": "York"}),
            ("lines", "2", ids("2", "b@example.org"), {}),
            ("typed", "1", ids("1", "ann@example.org"), {"tags": '["a, b"]'}),
        ],
    )


def ids(crm_id: str, email: str) -> dict[str, str]:
    return {"crm_id": crm_id, "email": email}
