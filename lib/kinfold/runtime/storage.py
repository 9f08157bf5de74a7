"""Files of a lake that are no table, on whatever file system the lake is: local, s3a, abfss."""

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from kinfold.core.errors import LakeError


@dataclass(frozen=True)
class Storage:
    """A folder's files by name. Missing folders have no files; reading a missing file raises."""

    spark: SparkSession
    folder: str

    def names(self, below: str = "") -> tuple[str, ...]:
        """File and folder names directly in a subfolder, sorted; none where it does not exist."""
        fs, path = self._at(below)
        if not fs.exists(path):
            return ()
        return tuple(sorted(str(status.getPath().getName()) for status in fs.listStatus(path)))

    def files(self) -> tuple[str, ...]:
        """Paths of all files below the folder, from there; none where it does not exist."""
        fs, path = self._at("")
        if not fs.exists(path):
            return ()
        root, found = fs.getFileStatus(path).getPath().toUri(), []
        entries = fs.listFiles(path, True)
        while entries.hasNext():
            found.append(str(root.relativize(entries.next().getPath().toUri()).getPath()))
        return tuple(sorted(found))

    def read(self, name: str) -> str:
        """A small file as text."""
        fs, path = self._at(name)
        stream = fs.open(path)
        try:
            data: bytes = self._jvm().org.apache.commons.io.IOUtils.toByteArray(stream)
        finally:
            stream.close()
        return bytes(data).decode("utf-8", errors="replace")

    def write(self, name: str, text: str) -> None:
        """Write a small file whole: under another name first, then renamed."""
        fs, path = self._at(name)
        part = self._jvm().org.apache.hadoop.fs.Path(f"{self.folder}/.{name}.part")
        stream = fs.create(part, True)
        try:
            stream.write(bytearray(text.encode("utf-8")))
        finally:
            stream.close()
        if not fs.rename(part, path):
            fs.delete(path, False)
            fs.rename(part, path)

    def move(self, name: str, target: str) -> None:
        """Rename a file to a path elsewhere on the same file system; its folder is made.

        Raises:
            LakeError: the file system refuses, for example because the target is there.
        """
        fs, path = self._at(name)
        to = self._jvm().org.apache.hadoop.fs.Path(target)
        fs.mkdirs(to.getParent())
        if fs.exists(to) or not fs.rename(path, to):
            raise LakeError(
                f"{self.folder}/{name}: cannot be moved to {target}. Is there a file of that name, "
                "or does it lie on another file system? Its records have landed; move it by hand."
            )

    def move_to(self, folder: str) -> None:
        """Rename the whole folder."""
        fs, path = self._at("")
        fs.rename(path, self._jvm().org.apache.hadoop.fs.Path(folder))

    def _at(self, name: str) -> tuple[Any, Any]:
        path = self._jvm().org.apache.hadoop.fs.Path(f"{self.folder}/{name}".rstrip("/"))
        return path.getFileSystem(self.spark._jsc.hadoopConfiguration()), path

    def _jvm(self) -> Any:
        assert self.spark._jvm is not None  # streams need a classic session, which has one
        return self.spark._jvm
