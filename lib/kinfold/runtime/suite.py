"""Runs several jobs as a suite: in one process, with one session and one run id."""

import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from kinfold.core.errors import ModelDataError, ModelGateError
from kinfold.core.log import numbered_step, say, say_result
from kinfold.core.settings.command_line import RunOptions
from kinfold.core.wording import duration_text, wrapped
from kinfold.runtime.job import open_lake
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import ops


@dataclass(frozen=True)
class Step:
    """One job of a suite.

    Attributes:
        job: path below jobs/ without `.py`.
        may_lack_data: whether the suite continues if the job reports that there is too little data
            for a model, or that no model has passed its gate; the summary reports it.
        arguments: further arguments of this job, after those of the run.
    """

    job: str
    may_lack_data: bool = False
    arguments: tuple[str, ...] = ()


def run_suite(
    options: RunOptions,
    suite_file: str,
    steps: Sequence[Step],
    *,
    preloads: Sequence[Callable[[], object]] = (),
) -> None:
    """Run the steps in order, each exactly as it runs alone.

    Args:
        preloads: slow imports. A background thread runs them in order while Spark works, from the
            first step on that has something to do. Without one, most are never needed.
    """
    folder, started = Path(suite_file).parent, monotonic()
    mains = [(step, load_main(folder / f"{step.job}.py")) for step in steps]
    say(f"kinfold: run {options.run_id}, lake {options.settings.lake.root}")
    load = threading.Thread(target=lambda: [preload() for preload in preloads], daemon=True)
    with open_lake(options, name=Path(suite_file).stem, upgrades=True) as lake:
        runs = _recorded_runs(lake)
        for number, (step, main) in enumerate(mains, start=1):
            if load.ident is None and (runs is None or _recorded_runs(lake) != runs):
                load.start()
            with numbered_step(number, len(mains)):
                try:
                    main([*options.as_argv(), *step.arguments])
                except (ModelDataError, ModelGateError) as error:
                    if not step.may_lack_data:
                        raise
                    say_result(step.job, "skipped")
                    say(wrapped(f"      {error}"))
    say(f"kinfold: done in {duration_text(round(monotonic() - started))}")


def _recorded_runs(lake: Lake) -> int | None:
    """The version of ops.job_runs, which changes with each job that had work; null if new."""
    return lake.version(ops.JOB_RUNS) if lake.exists(ops.JOB_RUNS) else None


def load_main(path: Path) -> Callable[[Sequence[str]], None]:
    """`main` of a job file. It is loaded by path, because jobs/ is not a package."""
    spec = importlib.util.spec_from_file_location(f"kinfold_job_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[[Sequence[str]], None] = module.main
    return main
