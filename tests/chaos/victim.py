"""Runs jobs in this process and kills it at a named point, driver and JVM together.

    python tests/chaos/victim.py POINT LAKE '[["job", "its", "arguments"], ...]'

POINT `none` lets the jobs finish. kinfold itself has no such points: this script wraps its
functions, or watches for new files of a table.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinfold.tables.spec import Table


HOME = Path(__file__).resolve().parents[2]


def kill(*_: object, **__: object) -> None:
    """Kill this process group at once, like kill -9 or the loss of the machine."""
    os.killpg(0, signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """Kill when the function is called."""
    setattr(owner, name, kill)


def after(owner: Any, name: str) -> None:
    """Kill when the function returns."""
    real: Callable[..., Any] = getattr(owner, name)

    def dying(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        kill()

    setattr(owner, name, dying)


def when_a_file_appears(table: Path, *, after_seconds: float = 0.0) -> None:
    """Kill when the table has a new data file, or some time later."""
    known = set(table.glob("*.parquet"))

    def watch() -> None:
        while not set(table.glob("*.parquet")) - known:
            time.sleep(0.002)
        time.sleep(after_seconds)
        kill()

    threading.Thread(target=watch, daemon=True).start()


def before_a_plain_append_to_bronze() -> None:
    """Kill before an append to bronze.events outside a stream: only a replay does so."""
    from kinfold.runtime.lake.lake import Lake
    from kinfold.tables import bronze

    real = Lake.append

    def dying(self: Lake, table: "Table", rows: Any) -> None:
        if table is bronze.EVENTS:
            kill()
        real(self, table, rows)

    Lake.append = dying


def in_a_schema_change() -> None:
    """Add a column to bronze.events, and kill before a row is written to it."""
    from kinfold.runtime.lake.lake import Lake
    from kinfold.tables import bronze
    from kinfold.tables.spec import Field

    real = Lake._evolve

    def dying(self: "Lake", table: "Table") -> None:
        if table is not bronze.EVENTS:
            real(self, table)
            return
        added = Field(f"added_{time.time_ns()}", table.fields[0].type, "A column added later.")
        real(self, replace(table, fields=(*table.fields, added)))
        kill()

    Lake._evolve = dying


LOSSY_LOG_STORE = """
public class LossyLogStore extends io.delta.storage.HDFSLogStore {
  public static volatile int losses = 0;
  public LossyLogStore(org.apache.hadoop.conf.Configuration conf) { super(conf); }
  public void write(org.apache.hadoop.fs.Path path, java.util.Iterator actions, Boolean overwrite,
      org.apache.hadoop.conf.Configuration conf) throws java.io.IOException {
    super.write(path, actions, overwrite, conf);
    if (losses > 0) {
      losses--;
      throw new java.nio.file.FileAlreadyExistsException(path.toString());
    }
  }
}
"""


def lose_the_answer_to_a_commit() -> None:
    """Write a commit to bronze.events, then report to the writer that the file existed before.

    The client of an object store behaves so if the connection ends before the answer: it tries
    again and finds its own file. A writer that takes this file for another writer's commit would
    commit the batch a second time.
    """
    from kinfold.runtime import job, session
    from kinfold.runtime.lake.lake import Lake
    from kinfold.tables import bronze

    settings, opened = session.spark_settings, job.open_session
    session.spark_settings = lambda env, home: {
        **settings(env, home),
        "spark.delta.logStore.file.impl": "LossyLogStore",
    }
    losses: list[Any] = []

    def opened_with_it(**options: Any) -> Any:
        spark = opened(**options)
        compiler = spark._jvm.org.codehaus.janino.SimpleCompiler()
        thread = spark._jvm.java.lang.Thread.currentThread()
        compiler.setParentClassLoader(thread.getContextClassLoader())
        compiler.cook(LOSSY_LOG_STORE)
        thread.setContextClassLoader(compiler.getClassLoader())
        store = compiler.getClassLoader().loadClass("LossyLogStore")
        losses.append(store.getDeclaredField("losses"))
        return spark

    def losing(append: Callable[..., Any]) -> Callable[..., Any]:
        def appended(self: "Lake", table: "Table", *args: Any, **kwargs: Any) -> Any:
            if table is not bronze.EVENTS or len(losses) > 1:
                return append(self, table, *args, **kwargs)
            losses[0].setInt(None, 1)
            commit = append(self, table, *args, **kwargs)
            if commit is not None:  # else an earlier run committed the batch
                losses.append(None)
                if losses[0].getInt(None):
                    os._exit(99)  # no answer was lost: the point does not work
            return commit

        return appended

    job.open_session = opened_with_it
    for name in ("append_once", "append_made_once"):
        setattr(Lake, name, losing(getattr(Lake, name)))


def arm(point: str, lake: Path) -> None:
    """Install the kill of this point."""
    from kinfold.bronze.dead_letters import replay
    from kinfold.bronze.events.landing import Landing
    from kinfold.runtime.lake.lake import Lake

    bronze, silver = lake / "bronze" / "events", lake / "silver" / "events"
    arms: dict[str, Callable[[], None]] = {
        "none": lambda: None,
        "before the read": lambda: before(Landing, "_land"),
        "in the write": lambda: when_a_file_appears(bronze),
        "after the data files": lambda: when_a_file_appears(bronze, after_seconds=0.15),
        "between commit and ledger": lambda: before(Landing, "_record"),
        "between ledger and checkpoint": lambda: after(Landing, "_record"),
        "between bronze and silver": lambda: before(Lake, "insert_new"),
        "in silver's merge": lambda: when_a_file_appears(silver),
        "after silver's merge": lambda: after(Lake, "insert_new"),
        "in a replay, before its commit": before_a_plain_append_to_bronze,
        "in a replay, before its ledger": lambda: before(replay, "_enter"),
        "in a replay, before its marks": lambda: before(Lake, "mark"),
        "in a schema change": in_a_schema_change,
        "answer to a commit lost": lose_the_answer_to_a_commit,
        "in OPTIMIZE": lambda: when_a_file_appears(bronze),
    }
    arms[point]()


def optimize(lake: Path) -> None:
    """Compact the files of bronze.events."""
    from delta.tables import DeltaTable

    from kinfold.runtime.session import open_session

    spark = open_session(name="optimize", env="local", home=HOME)
    DeltaTable.forPath(spark, str(lake / "bronze" / "events")).optimize().executeCompaction()
    spark.stop()


def main() -> None:
    point, lake, jobs = sys.argv[1:]
    sys.path.insert(0, str(HOME / "lib"))
    os.environ["KINFOLD_HOME"] = str(HOME)
    from kinfold.runtime.job import run_job
    from kinfold.runtime.suite import load_main

    arm(point, Path(lake))
    for job, *argv in json.loads(jobs):
        if job == "optimize":
            optimize(Path(lake))
        else:
            job_main = load_main(HOME / "jobs" / f"{job}.py")
            run_job(partial(job_main, ["--set", f"lake.root={lake}", *argv]))


if __name__ == "__main__":
    main()
