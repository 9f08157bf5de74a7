"""Error classes. Each message names the place, the value seen, the value expected and what to do.

The subclass shows who must act. `exit_code` is the exit code of the job's process, so that an
orchestrator can tell a wrong setting from a failed gate without parsing text. No two are equal;
docs/operations.md lists them.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from kinfold.core.masking import masked

UNEXPECTED = 1
"""Exit code of an error that is not a `KinfoldError`: a fault of kinfold or of its environment."""
STOPPED = 130
"""Exit code of a job that was stopped with Ctrl-C."""


class KinfoldError(Exception):
    """Base class of errors that a job prints as one line, without a stack trace.

    The message is masked: it contains no password, whatever it quotes.
    """

    exit_code = UNEXPECTED

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))


class ConfError(KinfoldError):
    """A setting, an argument or a source file is wrong. The person who starts the job must act."""

    exit_code = 2


class SchemaVersionError(KinfoldError):
    """A schema's version number is too low for its changes. The schema's author must act."""

    exit_code = 12


class ContractError(KinfoldError):
    """Data does not match its declaration. The owner of the data or of the declaration must act."""

    exit_code = 3


class QualityGateError(KinfoldError):
    """Rows broke a declared expectation, so nothing was published. The data's owner must act."""

    exit_code = 4


class LedgerError(KinfoldError):
    """A conservation law is violated: records are lost or duplicated. Operations must act."""

    exit_code = 5


class LakeError(KinfoldError):
    """The lake cannot be read or written: permission, lock, missing table. Operations must act."""

    exit_code = 6


class ModelDataError(KinfoldError):
    """There is too little or too uniform data to train or evaluate a model. The data's owner must
    act."""

    exit_code = 7


class ModelGateError(KinfoldError):
    """A model is needed, but none has passed its gate. The model's owner must act."""

    exit_code = 8


class GapError(KinfoldError):
    """Records were deleted before they were read. Operations must find out why and accept it."""

    exit_code = 9


class CheckpointError(KinfoldError):
    """A stream's checkpoint is inconsistent. Operations must repair it."""

    exit_code = 10


class FreshnessError(KinfoldError):
    """A source is stale or spends its error budget too fast. The source's operator must act."""

    exit_code = 11


def did_you_mean(seen: str, known: Iterable[str]) -> str:
    """Hint with the known name closest to `seen`, with a leading space; empty if none is close."""
    close = get_close_matches(seen, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
