"""Errors for people: each names the place, what was seen, what was expected and what to do.

The subclass says who must act. `exit_code` is what a job's process ends with, so an orchestrator
can tell a wrong setting from a failed gate without reading text.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class KinfoldError(Exception):
    """Base of every error that is shown as one line instead of a stack trace."""

    exit_code = 1


class ConfError(KinfoldError):
    """A setting, an argument or a source file is wrong. The person who starts the job must act."""

    exit_code = 2


class SchemaVersionError(KinfoldError):
    """A schema's version says less than its changes need. The schema's author must act."""

    exit_code = 1


class ContractError(KinfoldError):
    """Data does not have the declared shape. Whoever owns the data or its declaration must act."""

    exit_code = 3


class QualityGateError(KinfoldError):
    """Rows broke a declared expectation, so nothing was published. The data's owner must act."""

    exit_code = 4


class LedgerError(KinfoldError):
    """A conservation law is violated: records are lost or doubled. Operations must act."""

    exit_code = 5


class LakeError(KinfoldError):
    """The lake cannot be read or written: permission, lock, missing table. Operations must act."""

    exit_code = 6


def did_you_mean(seen: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name, with a leading blank; empty when nothing comes close."""
    close = get_close_matches(seen, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


class ModelDataError(KinfoldError):
    """There is not enough, or not varied enough, data to train or judge a model. The data's owner
    must act."""

    exit_code = 7


class ModelGateError(KinfoldError):
    """A model is needed and none has passed its gate. Whoever owns the model must act."""

    exit_code = 8


class GapError(KinfoldError):
    """Records were lost before they could be read. Operations must look into it and accept it."""

    exit_code = 9


class CheckpointError(KinfoldError):
    """A stream's checkpoint cannot be trusted. Operations must repair it."""

    exit_code = 10


class FreshnessError(KinfoldError):
    """A source is stale, or spends its error budget too fast. Whoever runs the source must act."""

    exit_code = 11
