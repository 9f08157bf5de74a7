"""The log of a Delta table, through the Scala classes of open-source Delta.

These classes are not a public API: other versions and platforms may lack them. `DeltaLog.of` then
returns None, and Spark does the work.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession, types as T

from kinfold.runtime.native_writes.data_files import DataFile
from kinfold.runtime.native_writes.locations import Location, location_of


@dataclass(frozen=True)
class DeltaLog:
    """The log of one table at its newest version. The fields are objects of the JVM."""

    _gateway: Any
    _log: Any
    _snapshot: Any

    @classmethod
    def of(cls, spark: SparkSession, path: str) -> "DeltaLog | None":
        """The log of the table at a path.

        None on a platform with its own Delta, whose classes have other names, and where DeltaLog
        finds no table: it does not decode percent-escapes in paths, which readers do.
        """
        gateway: Any = spark.sparkContext._gateway
        delta, none = gateway.jvm.org.apache.spark.sql.delta, gateway.jvm.scala.Option.empty()
        try:
            log = delta.DeltaLog.forTable(spark._jsparkSession, path)
            snapshot = log.update(False, none, none)
        except (TypeError, Py4JError):
            return None
        return cls(gateway, log, snapshot) if int(snapshot.version()) >= 0 else None

    @property
    def _jvm(self) -> Any:
        return self._gateway.jvm

    @property
    def location(self) -> Location | None:
        """The folder of the table as Python writes it; None where only Spark can write it."""
        return location_of(self._log.dataPath(), self._log.newDeltaHadoopConf())

    def table_id(self) -> str:
        """The id that the table got when it was created."""
        return str(self._snapshot.metadata().id())

    def version(self) -> int:
        """The newest version."""
        return int(self._snapshot.version())

    def data_files(self) -> Any:
        """The data files of the table: a Java dataset of the log's `add` actions."""
        return self._snapshot.allFiles().toDF()

    def commits_since_checkpoint(self) -> int:
        """Number of commits that a reader reads one by one, after the last checkpoint."""
        return int(self._snapshot.logSegment().deltas().size())

    def write_checkpoint(self) -> None:
        """Write a checkpoint, and delete the log of versions older than the log's retention."""
        self._log.checkpoint()

    def is_plain(self, *, properties: Collection[str], columns: Collection[str]) -> bool:
        """Whether a writer that knows only some properties and columns can write the table.

        It has no partitions, no property except `properties`, and no required column except
        `columns`.
        """
        metadata = self._snapshot.metadata()
        present = set(self._collections().asJava(metadata.configuration()))
        is_unpartitioned = bool(metadata.partitionColumns().isEmpty())
        required = _required_columns(str(metadata.schemaString()))
        return is_unpartitioned and present <= set(properties) and required <= set(columns)

    def append(self, files: Sequence[DataFile], *, mark: str) -> int:
        """Add files in the folder of the table to the table; returns the new version."""
        return self._commit(self._log.startTransaction(), [], files, mark)

    def start_batch(self, writer: str, batch_id: int) -> "Batch | None":
        """Start to append a batch of a writer; None if it is committed already."""
        transaction = self._log.startTransaction()
        if int(transaction.txnVersion(writer)) >= batch_id:
            return None
        return Batch(self, transaction, writer, batch_id)

    def cluster(self, columns: Sequence[str], *, mark: str) -> None:
        """Set the columns by which OPTIMIZE clusters the table.

        Without effect on a table that was created without clustering.
        """
        if '"clustering"' not in str(self._snapshot.protocol().json()):
            return
        domain = "delta.clustering"
        configuration = {"clusteringColumns": [[name] for name in columns], "domainName": domain}
        action = {"domain": domain, "configuration": json.dumps(configuration), "removed": False}
        transaction = self._log.startTransaction()
        self._commit(transaction, [{"domainMetadata": action}], [], mark)

    def _commit(
        self,
        transaction: Any,
        actions: Sequence[Mapping[str, Any]],
        files: Sequence[DataFile],
        mark: str,
    ) -> int:
        now = int(time.time() * 1000)
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
        from_json = self._jvm.org.apache.spark.sql.delta.actions.Action.fromJson
        java_actions = self._jvm.java.util.ArrayList()
        for action in (*actions, *({"add": add} for add in added)):
            java_actions.add(from_json(json.dumps(action)))
        scala_actions = self._collections().asScala(java_actions).toSeq()
        return int(transaction.commit(scala_actions, self._append_operation(mark)))

    def _append_operation(self, mark: str) -> Any:
        """The operation for the history of the table.

        Delta versions differ in the number of constructor parameters; further ones get None.
        """
        write = self._jvm.org.apache.spark.sql.delta.DeltaOperations.Write._java_lang_class
        constructor = write.getConstructors()[0]
        none = self._jvm.scala.Option.empty()
        mode = self._jvm.org.apache.spark.sql.SaveMode.Append
        known = [mode, none, none, self._jvm.scala.Option.apply(mark)]
        count = int(constructor.getParameterCount())
        arguments = self._gateway.new_array(self._jvm.java.lang.Object, count)
        for index, value in enumerate((*known, *(none for _ in range(count - len(known))))):
            arguments[index] = value
        return constructor.newInstance(arguments)

    def _collections(self) -> Any:
        return self._jvm.scala.jdk.javaapi.CollectionConverters


@dataclass(frozen=True)
class Batch:
    """A started append of one batch of a writer.

    Its commit fails if another process commits a batch of the same writer first.
    """

    _log: DeltaLog
    _transaction: Any
    writer: str
    batch_id: int

    def commit(self, files: Sequence[DataFile], *, mark: str) -> int:
        """Add files in the folder of the table to the table; returns the new version."""
        now = int(time.time() * 1000)
        transaction = {"appId": self.writer, "version": self.batch_id, "lastUpdated": now}
        return self._log._commit(self._transaction, [{"txn": transaction}], files, mark)


@cache
def _required_columns(schema: str) -> frozenset[str]:
    """Required columns of a schema, which is JSON as in the Delta log."""
    return frozenset(c.name for c in T.StructType.fromJson(json.loads(schema)) if not c.nullable)
