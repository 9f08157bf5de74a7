"""A lake in an object store has the same tables as one in a folder."""

from kinfold.tables import bronze, ops, silver
from lakes import lake_of
from poison import HOSTILE, ODD_BUT_GOOD
from records import NATIVE, purchase

JOBS = ("bronze/ingest_events", "silver/clean_events", "silver/resolve_identities")
ALL_MAY_BE_BAD = ("--set", "bronze.max_rejected_ratio=1")
TECHNICAL = {"ingested_at", "run_id", "recorded_at", "landed_at", "cleaned_at", "valid_from"}


def rows_of(lake, table):
    rows = (row.asDict(recursive=True) for row in lake.read(table).collect())
    comparable = [{name: row[name] for name in row if name not in TECHNICAL} for row in rows]
    return sorted(comparable, key=str)


def test_the_jobs_write_the_same_tables_as_in_a_folder(
    run, source, lake_root, bucket, spark, tmp_path
):
    good = "".join(
        purchase(f"e{n}", identifiers={"email": f"p{n % 3}@example.org", "cookie_id": f"c{n}"})
        for n in range(9)
    )
    lines = [text for text, _ in HOSTILE.values()] + list(ODD_BUT_GOOD.values())
    odd = b"\n".join(text for text in lines if b"\n" not in text and len(text) < 10_000)
    argv = source(NATIVE, good)
    (tmp_path / "shop-data" / "part-2").write_bytes(odd + b"\n")
    in_bucket = f"{bucket.uri}/lake"
    for root in (lake_root, in_bucket, in_bucket):  # the second run there has no new input
        for job in JOBS:
            run(job, "--set", f"lake.root={root}", *ALL_MAY_BE_BAD, *argv)
    local, remote = lake_of(spark, lake_root), lake_of(spark, in_bucket)
    for table in (bronze.EVENTS, silver.EVENTS, silver.IDENTITY_MAP, silver.IDENTITY_LINKS):
        assert rows_of(local, table) == rows_of(remote, table), table.name
    assert rows_of(local, ops.BATCHES) == rows_of(remote, ops.BATCHES)
    assert len(rows_of(remote, silver.IDENTITY_MAP)) >= 12
    written = bucket.names("lake/bronze/events/part-")
    assert written
    assert not any("-c000." in name for name in written)  # Spark's own writer names its files so


def test_a_bucket_with_encryption_settings_is_written_by_spark(run, source, bucket, spark):
    bucket.set("encryption.algorithm", "AES256")
    argv = source(NATIVE, purchase("e1"))
    run("bronze/ingest_events", "--set", f"lake.root={bucket.uri}/lake", *argv)
    assert lake_of(spark, f"{bucket.uri}/lake").read(bronze.EVENTS).count() == 1
    [written] = bucket.names("lake/bronze/events/part-")
    assert "-c000." in written
    head = bucket.client.head_object(Bucket=bucket.name, Key=written)
    assert head["ServerSideEncryption"] == "AES256"
