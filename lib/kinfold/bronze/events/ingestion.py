"""Ingestion of a source into bronze.events: check everything first, then land until done."""

import signal
import threading
from collections.abc import Sequence
from time import monotonic, sleep

from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from kinfold.bronze.checkpoints.resumption import (
    Decisions,
    checkpoint_folder,
    resumption_of_files,
    resumption_of_topic,
)
from kinfold.bronze.checkpoints.unread_files import UnreadFiles
from kinfold.bronze.events.landing import Landing, landed_batches_of
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.files import file_records, mapping_session, require_input
from kinfold.bronze.sources.kafka import client_options, describe, topic_records
from kinfold.bronze.sources.listing import unread_file
from kinfold.bronze.sources.used_columns import mapping_inputs
from kinfold.core.errors import ConfError, ContractError, GapError, LedgerError
from kinfold.core.settings.models import Settings
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.stream_metrics import StreamMetrics

_SECONDS_BETWEEN_LISTINGS = 60


def prepared(
    lake: Lake,
    source: Source,
    registry: SchemaRegistry,
    *,
    settings: Settings,
    decisions: Decisions,
) -> Landing:
    """The landing of a source, after every check that does not need its records.

    Raises:
        ConfError: there is no input, broker or topic, or the mapping does not fit the input.
        CheckpointError, GapError: see `kinfold.bronze.checkpoints.resumption`.
    """
    registry.require_envelope()
    _require_schema(source, registry)
    session = mapping_session(lake.spark, source)
    if source.format == "kafka":
        options = client_options(lake.spark, source, settings.kafka)
        topic = describe(lake.spark, source, options)
        resumption = resumption_of_topic(lake, source, topic, decisions)
        records = topic_records(
            session,
            source,
            topic,
            options,
            starting_at=resumption.starting_at,
            records_per_batch=settings.bronze.records_per_batch,
            may_skip_lost=resumption.may_skip_lost,
        )
    else:
        is_first = not landed_batches_of(lake, source).take(1)
        require_input(lake.spark, source, is_first=is_first)
        resumption = resumption_of_files(lake, source, decisions)
        records = file_records(
            session,
            source,
            files_per_batch=settings.bronze.files_per_batch,
            is_first=is_first,
            versions=resumption.files,
        )
    return Landing(
        lake,
        source,
        registry,
        records,
        resumption.first_batch_id,
        fast_path=settings.runtime.fast_path,
        inputs=mapping_inputs(session, source),
    )


def ingest(landing: Landing) -> dict[str, int]:
    """Land everything of the source that has not landed yet; returns the counts of the run.

    Raises:
        ContractError: the source has never had a record, or its files changed shape.
    """
    unread = _unread_files(landing)
    if unread is not None:
        unread.report(is_finished=False)
    if unread is None or not unread.has_read_all():
        query = landing.start(availableNow=True)
        try:
            query.awaitTermination()
        except StreamingQueryException as error:
            if not _only_report_failed(error):
                raise _readable(error, landing.source) from error
            return ingest(landing)
    landing.archive()
    if unread is not None:
        unread.report(is_finished=True)
    _require_records(landing)
    return landing.counts


def ingest_continuously(
    landings: Sequence[Landing], *, trigger_seconds: int, metrics: StreamMetrics
) -> None:
    """Land new records until the process is stopped (SIGTERM, Ctrl-C) or a stream fails.

    After a signal the current batch is finished and recorded first.
    """
    trigger = f"{trigger_seconds} seconds"
    stop = threading.Event()
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGTERM, signal.SIGINT)}
    queries: list[StreamingQuery] = []
    unread = [files for landing in landings if (files := _unread_files(landing)) is not None]
    listed_at = float("-inf")
    try:
        for landing in landings:
            metrics.watch(landing.records.sparkSession)
            queries.append(landing.start(processingTime=trigger))
        while not stop.wait(0.2):
            if unread and monotonic() - listed_at >= _SECONDS_BETWEEN_LISTINGS:
                for files in unread:
                    files.report(is_finished=False)
                listed_at = monotonic()
            for index, (landing, query) in enumerate(zip(landings, queries, strict=True)):
                error = query.exception()
                if error is not None and _only_report_failed(error):
                    queries[index] = landing.start(processingTime=trigger)
                elif error is not None:
                    raise _readable(error, landing.source) from error
    finally:
        for query in queries:
            _stop(query)
        for number, handler in before.items():
            signal.signal(number, handler)


def _unread_files(landing: Landing) -> UnreadFiles | None:
    """The report about files that the stream leaves out; None for a topic."""
    if landing.source.format == "kafka":
        return None
    lake, source = landing.lake, landing.source
    return UnreadFiles(lake, source, checkpoint_folder(lake, source))


def _only_report_failed(error: StreamingQueryException) -> bool:
    """Whether the batch was committed and only Spark's progress report failed.

    SPARK-57438: Kafka's metrics are not ready when a query starts with a batch that an earlier run
    left behind. A restart continues after that batch.
    """
    text = str(error)
    return "IterableOps.map" in text and "Option.get()" in text


def _stop(query: StreamingQuery) -> None:
    """Stop between two batches: an interrupted batch would have to be repeated."""
    while query.isActive and query.status["isTriggerActive"]:
        sleep(0.05)
    query.stop()


def _require_schema(source: Source, registry: SchemaRegistry) -> None:
    wanted = source.constant_type()
    if wanted is not None and wanted not in registry.event_types:
        raise ConfError(
            f"{source.display_path}: event.event_type is '{wanted}', which has no schema. Known: "
            f"{', '.join(sorted(registry.event_types))}. Use one of them or add "
            f"conf/schemas/{wanted}/1-0-0.json."
        )


def _require_records(landing: Landing) -> None:
    source = landing.source
    before = landed_batches_of(landing.lake, source).where("records_in > 0")
    if not landing.recorded["records_in"] and not before.take(1):
        raise ContractError(
            f"source {source.name}: input {source.input} has no record, expected at least one. "
            "Is the file only a header, or the wrong format?"
        )


def _readable(error: StreamingQueryException, source: Source) -> Exception:
    """The kinfold error that stopped a stream, or one that explains a known failure of Spark."""
    text = str(error)
    for known in (LedgerError, ContractError, ConfError):
        marker = f"{known.__module__}.{known.__name__}: "
        if marker in text:
            first_line = text.split(marker, 1)[1].splitlines()[0]
            return known(first_line)
    unread = unread_file(text, source.name)
    if unread is not None:
        return unread
    if "data may have been lost" in text.lower():
        return GapError(
            f"source {source.name}: the broker has deleted records that were not read yet. Start "
            "again: the gap is then named and recorded in ops.gaps."
        )
    return error
