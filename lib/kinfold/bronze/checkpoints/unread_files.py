"""Unread files: files of a source's input that its stream leaves out, reported in one line."""

from dataclasses import dataclass, field

from kinfold.bronze.checkpoints.file_log import last_committed, logged_files
from kinfold.bronze.checkpoints.file_versions import changed_files
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.listing import (
    InputFile,
    hidden_problem,
    input_files,
    listed_names,
    readable,
)
from kinfold.core.log import say
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.storage import Storage

_SELECTING = ("modifiedBefore", "modifiedAfter")


@dataclass
class UnreadFiles:
    """Reports the files that the stream of a source leaves out, each once.

    Attributes:
        checkpoint: the folder of the stream's checkpoint.
    """

    lake: Lake
    source: Source
    checkpoint: str
    _reported: set[InputFile] = field(default_factory=set)
    _seen: set[InputFile] = field(default_factory=set)

    def has_read_all(self) -> bool:
        """Whether the stream would find nothing to do: it has read and committed every file, and
        none has changed since. To start a stream for that costs seconds."""
        storage = Storage(self.lake.spark, self.checkpoint)
        planned, committed = (_newest(storage, part) for part in ("offsets", "commits"))
        if planned is None or planned != committed:
            return False
        log, last = logged_files(storage), last_committed(storage)
        files = readable(input_files(self.lake.spark, str(self.source.input)), self.source.options)
        is_known = all(file.path in log and log[file.path].batch <= last for file in files)
        return is_known and not changed_files(files, log, committed=last)

    def report(self, *, is_finished: bool) -> None:
        """Report hidden files, and files that changed since they were read.

        Args:
            is_finished: the stream has read everything that it will. Files that existed at the last
                call and are not read are then reported too.
        """
        files = input_files(self.lake.spark, str(self.source.input))
        storage = Storage(self.lake.spark, self.checkpoint)
        log = logged_files(storage)
        hidden = [file for file in files if file.is_hidden and not file.is_marker]
        visible = readable(files, self.source.options)
        changed = changed_files(visible, log, committed=last_committed(storage))
        unread = [file for file in visible if file.path not in log and file in self._seen]
        if not is_finished or self.source.options.keys() & set(_SELECTING):
            unread = []  # these options leave out files on purpose
        folder = str(self.source.input)
        if new := self._new(hidden):
            self._say(hidden_problem(new, folder))
        if new := self._new(changed):
            names = listed_names(new, folder)
            self._say(f"changed since it was read: {names}. The next start reads it again.")
        if new := self._new(unread):
            self._say(f"not read: {listed_names(new, folder)}. Rename it to have it read.")
        self._seen |= set(visible)

    def _say(self, text: str) -> None:
        say(f"    {self.source.name}: {text}")

    def _new(self, files: list[InputFile]) -> list[InputFile]:
        new = [file for file in files if file not in self._reported]
        self._reported |= set(new)
        return new


def _newest(storage: Storage, part: str) -> int | None:
    """The newest number in a part of the checkpoint; null if there is none."""
    return max((int(name) for name in storage.names(part) if name.isdigit()), default=None)
