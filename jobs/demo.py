"""Generate a small world and run the whole pipeline on it."""

from collections.abc import Sequence

from kinfold.core.conf import job_parser, parse_options
from kinfold.runtime.job import open_lake, run_job
