"""The log of a Delta table, by the classes of open Delta, where the platform has them."""

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
    """A table's log as it is now. What it holds are objects of the JVM."""

    _gateway: Any
    _log: Any
    _snapshot: Any

    @classmethod
    def of(cls, spark: SparkSession, path: str) -> "DeltaLog | None":
        """Null on a platform with a Delta of its own, whose classes have other names, and where
        this one sees no table: it takes an escape in a path by the letter, where readers do not."""
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
    def place(self) -> Location | None:
        """Where Python can write the table's files; null where only Spark can."""
        return location_of(self._log.dataPath(), self._log.newDeltaHadoopConf())

    def version(self) -> int:
        """The newest."""
        return int(self._snapshot.version())

    def is_plain(self, *, properties: Collection[str], columns: Collection[str]) -> bool:
        """Whether any who knows some columns can write the table's files: it has no partitions, no
        properties but the ones named, and no other columns that must not be null."""
        metadata = self._snapshot.metadata()
        there = set(self._collections().asJava(metadata.configuration()))
        is_whole = bool(metadata.partitionColumns().isEmpty())
        required = _required(str(metadata.schemaString()))
        return is_whole and there <= set(properties) and required <= set(columns)

    def append(self, files: Sequence[DataFile], *, run_id: str) -> int:
        """Make files that lie in the table's folder a part of it; returns the table's version."""
        return self._commit(self._log.startTransaction(), [], files, run_id)

    def batch(self, writer: str, batch_id: int) -> "Batch | None":
        """Begin to append a batch of a writer; null if it is committed already."""
        transaction = self._log.startTransaction()
        if int(transaction.txnVersion(writer)) >= batch_id:
            return None
        return Batch(self, transaction, writer, batch_id)

    def cluster(self, columns: Sequence[str], *, run_id: str) -> None:
        """Say by which columns OPTIMIZE is to order the table, as ALTER TABLE ... CLUSTER BY does;
        nothing is said of a table that was not made to be clustered."""
        if '"clustering"' not in str(self._snapshot.protocol().json()):
            return
        domain = "delta.clustering"
        told = {"clusteringColumns": [[name] for name in columns], "domainName": domain}
        action = {"domain": domain, "configuration": json.dumps(told), "removed": False}
        begun = self._log.startTransaction()
        self._commit(begun, [{"domainMetadata": action}], [], run_id)

    def _commit(
        self,
        transaction: Any,
        actions: Sequence[Mapping[str, Any]],
        files: Sequence[DataFile],
        run_id: str,
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
        of_json = self._jvm.org.apache.spark.sql.delta.actions.Action.fromJson
        told = self._jvm.java.util.ArrayList()
        for action in (*actions, *({"add": add} for add in added)):
            told.add(of_json(json.dumps(action)))
        in_scala = self._collections().asScala(told).toSeq()
        return int(transaction.commit(in_scala, self._append_operation(run_id)))

    def _append_operation(self, run_id: str) -> Any:
        """What the history says was done. Later versions of Delta tell more of it than earlier."""
        write = self._jvm.org.apache.spark.sql.delta.DeltaOperations.Write._java_lang_class
        constructor = write.getConstructors()[0]
        none = self._jvm.scala.Option.empty()
        mode = self._jvm.org.apache.spark.sql.SaveMode.Append
        first = [mode, none, none, self._jvm.scala.Option.apply(run_id)]
        count = int(constructor.getParameterCount())
        given = self._gateway.new_array(self._jvm.java.lang.Object, count)
        for place, value in enumerate((*first, *(none for _ in range(count - len(first))))):
            given[place] = value
        return constructor.newInstance(given)

    def _collections(self) -> Any:
        return self._jvm.scala.jdk.javaapi.CollectionConverters


@dataclass(frozen=True)
class Batch:
    """A batch of a writer on its way into a table: whoever else commits one of this writer's
    meanwhile makes it fail."""

    _log: DeltaLog
    _transaction: Any
    writer: str
    batch_id: int

    def commit(self, files: Sequence[DataFile], *, run_id: str) -> int:
        """Make files that lie in the table's folder a part of it; returns the table's version."""
        now = int(time.time() * 1000)
        this = {"appId": self.writer, "version": self.batch_id, "lastUpdated": now}
        return self._log._commit(self._transaction, [{"txn": this}], files, run_id)


@cache
def _required(schema: str) -> frozenset[str]:
    """Columns of a schema, as the log has it, that must not be null."""
    return frozenset(c.name for c in T.StructType.fromJson(json.loads(schema)) if not c.nullable)
