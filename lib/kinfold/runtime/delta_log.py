"""The log of a Delta table, by the classes of open Delta, where the platform has them."""

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession, types as T

from kinfold.runtime.data_files import DataFile


@dataclass(frozen=True)
class DeltaLog:
    """A table's log. What it holds are objects of the JVM."""

    _jvm: Any
    _log: Any

    @classmethod
    def of(cls, spark: SparkSession, path: str) -> "DeltaLog | None":
        """Null on a platform with a Delta of its own, whose classes have other names."""
        jvm = spark._jvm
        assert jvm is not None  # a classic session has one
        try:
            log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
            return cls(jvm, log)
        except (TypeError, Py4JError):
            return None

    def version(self) -> int:
        """The newest."""
        return int(self._snapshot().version())

    def is_plain(self, *, properties: Collection[str], columns: Collection[str]) -> bool:
        """Whether any who knows some columns can write the table's files: it has no partitions, no
        properties but the ones named, and no other columns that must not be null."""
        metadata = self._snapshot().metadata()
        there = set(self._in_java(metadata.configuration()))
        schema = T.StructType.fromJson(json.loads(metadata.schemaString()))
        required = {column.name for column in schema if not column.nullable}
        is_whole = bool(metadata.partitionColumns().isEmpty())
        return is_whole and there <= set(properties) and required <= set(columns)

    def transaction(self, writer: str, batch_id: int) -> "Transaction | None":
        """Begin to append a batch of a writer; null if it is committed already."""
        begun = self._log.startTransaction()
        if int(begun.txnVersion(writer)) >= batch_id:
            return None
        return Transaction(self._jvm, begun, writer, batch_id)

    def _snapshot(self) -> Any:
        nothing = getattr(getattr(self._jvm.scala, "None$"), "MODULE$")
        return self._log.update(False, nothing, nothing)

    def _in_java(self, of_scala: Any) -> Any:
        return self._jvm.scala.jdk.javaapi.CollectionConverters.asJava(of_scala)


@dataclass(frozen=True)
class Transaction:
    """One batch of a writer on its way into a table: whoever else commits a batch of this writer
    meanwhile makes it fail."""

    _jvm: Any
    _begun: Any
    writer: str
    batch_id: int

    def commit(self, files: Sequence[DataFile], *, run_id: str) -> int:
        """Make files that lie in the table's folder a part of it; returns the table's version."""
        now = int(time.time() * 1000)
        batch = {"appId": self.writer, "version": self.batch_id, "lastUpdated": now}
        added = [
            {
                "path": file.name,
                "partitionValues": {},
                "size": file.size,
                "modificationTime": now,
                "dataChange": True,
                "stats": file.statistics,
            }
            for file in files
        ]
        delta, list_of = self._jvm.org.apache.spark.sql.delta, self._jvm.java.util.ArrayList
        actions = list_of()
        for action in ({"txn": batch}, *({"add": add} for add in added)):
            actions.add(delta.actions.Action.fromJson(json.dumps(action)))
        appended = self._jvm.org.apache.spark.sql.streaming.OutputMode.Append()
        told = self._jvm.scala.Option.apply(run_id)
        operation = delta.DeltaOperations.StreamingUpdate(
            appended, self.writer, self.batch_id, told
        )
        in_scala = self._jvm.scala.jdk.javaapi.CollectionConverters.asScala(actions).toSeq()
        return int(self._begun.commit(in_scala, operation))
