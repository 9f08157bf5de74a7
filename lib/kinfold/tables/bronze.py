"""Bronze: every record received, as it was received."""

from datetime import timedelta

from pyspark.sql import types as T

from kinfold.tables.spec import Field, Privacy, Table, one_of

_TEXTS = T.MapType(T.StringType(), T.StringType())
PARTIES = ("first", "second", "third")
"""Whose data it is, the most trusted first: one's own, a partner's, a vendor's."""

ACCEPTED = "accepted"
REJECTED = "rejected"

CLOCK_TOLERANCE = timedelta(days=1)
"""How far a sender's time may lie after ours before the event or record is rejected."""

EVENTS = Table(
    name="bronze.events",
    comment=(
        "One row per record received, accepted or rejected, with the text as it came. "
        "Rejected records stay here with their reasons: one atomic append per batch, so nothing "
        "can fall between two tables."
    ),
    fields=(
        Field(
            "source", T.StringType(), "Name of the source, from its source file.", nullable=False
        ),
        Field(
            "source_partition",
            T.StringType(),
            "Where in the source the record stood: the file's path, or `topic/topic id/partition` "
            "of a broker, whose topic id tells a topic from one made anew under its name.",
            nullable=False,
        ),
        Field(
            "source_offset",
            T.LongType(),
            "Position in `source_partition`: the broker's offset; for a file read by one task the "
            "0-based line; for a "
            "file split between tasks the line within the part plus the byte where the part begins "
            "plus one. Unique and increasing within a file.",
            nullable=False,
        ),
        Field(
            "record_index",
            T.IntegerType(),
            "0, or for a record that holds a batch of events the place of this one in it.",
            nullable=False,
        ),
        Field(
            "batch_id",
            T.LongType(),
            "Micro-batch of the stream that landed it; -1 for a replayed dead letter.",
            nullable=False,
        ),
        Field("ingested_at", T.TimestampType(), "When the batch began to land (UTC).", False),
        Field(
            "raw",
            T.StringType(),
            "The record as received: a broker's value, the line of a JSON-lines file, or the row "
            "of a CSV or Parquet file as a JSON object. Null when it is not UTF-8 (see "
            "`raw_bytes`), when there was none (a tombstone), and for the further events of a "
            "batch, whose text stands at `record_index` 0.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "raw_bytes",
            T.BinaryType(),
            "The bytes received, where they are not UTF-8 text; null otherwise.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "event",
            T.StringType(),
            "The native event that the record maps to, as JSON; null where `raw` is one itself.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "kafka",
            T.StructType(
                [
                    T.StructField("key", T.BinaryType()),
                    T.StructField(
                        "headers",
                        T.ArrayType(
                            T.StructType(
                                [
                                    T.StructField("key", T.StringType()),
                                    T.StructField("value", T.BinaryType()),
                                ]
                            )
                        ),
                    ),
                    T.StructField("timestamp", T.TimestampType()),
                ]
            ),
            "What the broker holds beside the value: key, headers and the record's time, which is "
            "the producer's unless the topic says otherwise; null for files.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("verdict", T.StringType(), "`accepted` or `rejected`.", nullable=False),
        Field(
            "errors",
            T.ArrayType(T.StringType()),
            "Every reason for a rejection as `<JSON pointer>: <rule>`; empty when accepted.",
            nullable=False,
        ),
        Field("schema_id", T.StringType(), "Schema judged by, `<type>/<version>`; null if none."),
        Field("event_id", T.StringType(), "The sender's id of the event; null if unreadable."),
        Field("event_type", T.StringType(), "The event's type; null if unreadable."),
        Field("occurred_at", T.TimestampType(), "When it happened, says the sender (UTC)."),
        Field(
            "received_at",
            T.TimestampType(),
            "When the collector received it (UTC); null for a source without a collector.",
        ),
        Field(
            "identifiers",
            T.MapType(T.StringType(), T.StringType()),
            "Identifiers as sent, by namespace; null when the record was rejected.",
            privacy=Privacy.IDENTIFIER,
        ),
    ),
    key=("source", "source_partition", "source_offset", "record_index"),
    written_by="bronze/ingest_events.py",
    cluster_by=("ingested_at",),
    subject=("identifiers",),
    skipping_columns=("source", "source_offset", "batch_id", "ingested_at", "occurred_at"),
)

RECORDS = Table(
    name="bronze.records",
    comment=(
        "One row per version of a record of a batch source (CRM, partner, vendor), and one per "
        "row that was rejected, with the text as it came. A record that a full snapshot leaves "
        "out gets a version that says it is gone. What has not changed adds nothing."
    ),
    fields=(
        Field("source", T.StringType(), "Name of the source, from its source file.", False),
        Field(
            "record_id",
            T.StringType(),
            "The source's id of the record; empty for a rejected row that has none.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "content_hash",
            T.StringType(),
            "SHA-256 of what was mapped and of the terms it came under; of the raw text where the "
            "row was unreadable.",
            nullable=False,
        ),
        Field("batch_id", T.LongType(), "Extract of the source, counted from 0.", nullable=False),
        Field(
            "copy",
            T.IntegerType(),
            "0, or for a rejected row that stands in the extract several times 1, 2, and so on.",
            nullable=False,
        ),
        Field(
            "extract",
            T.StringType(),
            "What it came in: path, time of modification and size of the file or folder.",
            nullable=False,
        ),
        Field("ingested_at", T.TimestampType(), "When the extract began to land (UTC).", False),
        Field(
            "raw",
            T.StringType(),
            "The row as received: a line of JSON, or the row of a CSV or Parquet file as a JSON "
            "object. Null for a record that a snapshot left out.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("verdict", T.StringType(), "`accepted` or `rejected`.", nullable=False),
        Field(
            "errors",
            T.ArrayType(T.StringType()),
            "Every reason for a rejection; empty when accepted.",
            nullable=False,
        ),
        Field("is_deletion", T.BooleanType(), "Whether it says that the record is gone.", False),
        Field("party", T.StringType(), "Whose data: `first`, `second` or `third`.", nullable=False),
        Field("agreement", T.StringType(), "Reference of the contract it came under."),
        Field(
            "purposes",
            T.ArrayType(T.StringType()),
            "What it may be used for; empty, of the first party only: not limited here.",
            nullable=False,
        ),
        Field(
            "changed_at",
            T.TimestampType(),
            "When the record changed, says the source (UTC), else when it arrived; null for a "
            "rejected row without a usable time.",
        ),
        Field(
            "effective_at",
            T.TimestampType(),
            "From when this version holds (UTC): `changed_at` of a delta, `ingested_at` of a "
            "snapshot; null when rejected.",
        ),
        Field(
            "expires_at",
            T.TimestampType(),
            "When it may no longer be held (UTC): `ingested_at` and the source's time to live; "
            "null = never.",
        ),
        Field(
            "identifiers",
            _TEXTS,
            "Identifiers as sent, by namespace; null when rejected or a deletion.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "traits",
            _TEXTS,
            "Traits that have a value, by name; null when rejected or a deletion.",
            privacy=Privacy.IDENTIFIER,
        ),
    ),
    key=("source", "record_id", "content_hash", "batch_id", "copy"),
    written_by="bronze/ingest_records.py",
    cluster_by=("ingested_at",),
    subject=("source", "record_id", "identifiers"),
    expectations=(one_of("verdict", ACCEPTED, REJECTED), one_of("party", *PARTIES)),
)
