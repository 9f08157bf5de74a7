"""Bronze: every received record, unchanged."""

from datetime import timedelta

from pyspark.sql import types as T

from kinfold.tables.spec import Field, Privacy, Table, one_of

_TEXTS = T.MapType(T.StringType(), T.StringType())
PARTIES = ("first", "second", "third")
"""Owners of data, the most trusted first: the company itself, a partner, a vendor."""

ACCEPTED = "accepted"
REJECTED = "rejected"

CLOCK_TOLERANCE = timedelta(days=1)
"""How far a sender's time may lie after ours before the event or record is rejected."""

EVENTS = Table(
    name="bronze.events",
    comment=(
        "One row per received record, accepted or rejected, with its original text. "
        "Rejected records stay here with their reasons. Each batch is one atomic append, so no "
        "record can be lost between two tables."
    ),
    fields=(
        Field(
            "source", T.StringType(), "Name of the source, from its source file.", nullable=False
        ),
        Field(
            "source_partition",
            T.StringType(),
            "Part of the source: the file's path, with `#1`, `#2`, ... for new content under the "
            "same path; or `topic/topic id/partition` of a broker. The topic id distinguishes a "
            "topic from a recreated one with the same name.",
            nullable=False,
        ),
        Field(
            "source_offset",
            T.LongType(),
            "Position in `source_partition`: the broker's offset; for a file read by one task the "
            "0-based line (of CSV the record, without the header); for a file split between tasks "
            "the line within the split plus the byte offset of the split plus one. Unique and "
            "increasing within a file.",
            nullable=False,
        ),
        Field(
            "record_index",
            T.IntegerType(),
            "Position of the event in a record that contains a batch of events; otherwise 0.",
            nullable=False,
        ),
        Field(
            "batch_id",
            T.LongType(),
            "Micro-batch of the stream in which it landed; -1 for a replayed dead letter.",
            nullable=False,
        ),
        Field(
            "ingested_at", T.TimestampType(), "When the landing of the batch started (UTC).", False
        ),
        Field(
            "raw",
            T.StringType(),
            "The record as received: a broker's value, a line of a JSON-lines file, or a row of a "
            "CSV or Parquet file as a JSON object. Null if it is not UTF-8 (see `raw_bytes`), if "
            "there is no value (a tombstone), and for further events of a batch, whose text is "
            "in the row with `record_index` 0.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "raw_bytes",
            T.BinaryType(),
            "The received bytes, if they are not UTF-8 text; otherwise null.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "event",
            T.StringType(),
            "The native event that the record maps to, as JSON; null if `raw` is a native event.",
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
            "The broker's key, headers and timestamp of the record. The timestamp is the "
            "producer's, unless the topic is configured otherwise. Null for files.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("verdict", T.StringType(), "`accepted` or `rejected`.", nullable=False),
        Field(
            "errors",
            T.ArrayType(T.StringType()),
            "All reasons for the rejection as `<JSON pointer>: <rule>, seen <kind>`; empty if "
            "accepted.",
            nullable=False,
        ),
        Field(
            "schema_id",
            T.StringType(),
            "Schema used for validation, `<type>/<version>`; null if none.",
        ),
        Field(
            "event_id",
            T.StringType(),
            "The sender's id of the event; null if unreadable. Senders may build it from an "
            "identifier.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("event_type", T.StringType(), "Type of the event; null if unreadable."),
        Field("occurred_at", T.TimestampType(), "When it happened, according to the sender (UTC)."),
        Field(
            "received_at",
            T.TimestampType(),
            "When the collector received it (UTC); null for a source without a collector.",
        ),
        Field(
            "identifiers",
            T.MapType(T.StringType(), T.StringType()),
            "Identifiers as sent, by namespace; null if the record was rejected.",
            privacy=Privacy.IDENTIFIER,
        ),
    ),
    key=("source", "source_partition", "source_offset", "record_index"),
    written_by="bronze/ingest_events.py",
    cluster_by=("ingested_at",),
    is_append_only=True,
    subject=("identifiers",),
    skipping_columns=("source", "source_offset", "batch_id", "ingested_at", "occurred_at"),
)

RECORDS = Table(
    name="bronze.records",
    comment=(
        "One row per version of a record of a batch source (CRM, partner, vendor), and one per "
        "rejected row, with its original text. A record that is missing in a full snapshot gets "
        "a version that marks it as deleted. An unchanged record adds no row."
    ),
    fields=(
        Field("source", T.StringType(), "Name of the source, from its source file.", False),
        Field(
            "record_id",
            T.StringType(),
            "The source's id of the record; empty for a rejected row without one.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "content_hash",
            T.StringType(),
            "SHA-256 of the mapped values and of the terms of use; for an unreadable row, of the "
            "raw text.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "batch_id",
            T.LongType(),
            "Number of the extract within the source, from 0.",
            nullable=False,
        ),
        Field(
            "copy",
            T.IntegerType(),
            "0; for further copies of a rejected row in the same extract 1, 2, and so on.",
            nullable=False,
        ),
        Field(
            "extract",
            T.StringType(),
            "The extract: path, time of modification and size of the file or folder.",
            nullable=False,
        ),
        Field(
            "ingested_at",
            T.TimestampType(),
            "When the landing of the extract started (UTC).",
            False,
        ),
        Field(
            "raw",
            T.StringType(),
            "The row as received: a line of JSON, or a row of a CSV or Parquet file as a JSON "
            "object. Null for a record that is missing in a snapshot.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("verdict", T.StringType(), "`accepted` or `rejected`.", nullable=False),
        Field(
            "errors",
            T.ArrayType(T.StringType()),
            "All reasons for the rejection; empty if accepted.",
            nullable=False,
        ),
        Field(
            "is_deletion",
            T.BooleanType(),
            "Whether this version marks the record as deleted.",
            False,
        ),
        Field(
            "party",
            T.StringType(),
            "Owner of the data: `first`, `second` or `third` party.",
            nullable=False,
        ),
        Field("agreement", T.StringType(), "Reference of the contract for the data."),
        Field(
            "purposes",
            T.ArrayType(T.StringType()),
            "Permitted purposes; empty = not limited, only for the first party.",
            nullable=False,
        ),
        Field(
            "changed_at",
            T.TimestampType(),
            "When the record changed, according to the source (UTC); otherwise when it arrived. "
            "Null for a rejected row without a valid time.",
        ),
        Field(
            "effective_at",
            T.TimestampType(),
            "Start of this version's validity (UTC): `changed_at` of a delta, `ingested_at` of a "
            "snapshot; null if rejected.",
        ),
        Field(
            "expires_at",
            T.TimestampType(),
            "When it expires (UTC): `ingested_at` plus the source's time to live; null = never. "
            "ingest_records deletes the row afterwards.",
        ),
        Field(
            "identifiers",
            _TEXTS,
            "Identifiers as sent, by namespace; null if rejected or deleted.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "traits",
            _TEXTS,
            "Traits with a value, by name; null if rejected or deleted.",
            privacy=Privacy.IDENTIFIER,
        ),
    ),
    key=("source", "record_id", "content_hash", "batch_id", "copy"),
    written_by="bronze/ingest_records.py",
    cluster_by=("ingested_at",),
    subject=("source", "record_id", "identifiers"),
    expectations=(one_of("verdict", ACCEPTED, REJECTED), one_of("party", *PARTIES)),
)
