"""Files of a lake outside of its tables, on any file system of Hadoop: local, s3a, abfss."""

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from kinfold.core.errors import LakeError


@dataclass(frozen=True)
class Storage:
    """The files of a folder by name. A missing folder is empty; reading a missing file raises."""

    spark: SparkSession
    folder: str

    def names(self, below: str = "") -> tuple[str, ...]:
        """Sorted names of the files and folders directly in a subfolder; none if it does not
        exist."""
        fs, path = self._at(below)
        if not fs.exists(path):
            return ()
        return tuple(sorted(str(status.getPath().getName()) for status in fs.listStatus(path)))

    def files(self) -> tuple[str, ...]:
        """Sorted relative paths of all files below the folder; none if it does not exist."""
        fs, path = self._at("")
        if not fs.exists(path):
            return ()
        root, paths = fs.getFileStatus(path).getPath().toUri(), []
        entries = fs.listFiles(path, True)
        while entries.hasNext():
            paths.append(str(root.relativize(entries.next().getPath().toUri()).getPath()))
        return tuple(sorted(paths))

    def size(self, below: str = "") -> int:
        """Bytes of all files below a subfolder; 0 if it does not exist."""
        fs, path = self._at(below)
        return int(fs.getContentSummary(path).getLength()) if fs.exists(path) else 0

    def has(self, name: str) -> bool:
        """Whether a file or folder of that name exists."""
        fs, path = self._at(name)
        return bool(fs.exists(path))

    def read(self, name: str) -> str:
        """The text of a small file; invalid UTF-8 is replaced."""
        fs, path = self._at(name)
        stream = fs.open(path)
        try:
            data: bytes = self._jvm().org.apache.commons.io.IOUtils.toByteArray(stream)
        finally:
            stream.close()
        return bytes(data).decode("utf-8", errors="replace")

    def write(self, name: str, text: str) -> None:
        """Write a small file in one step: under a temporary name, then renamed."""
        fs, path = self._at(name)
        part = self._jvm().org.apache.hadoop.fs.Path(path.getParent(), f".{path.getName()}.part")
        stream = fs.create(part, True)
        try:
            stream.write(bytearray(text.encode("utf-8")))
        finally:
            stream.close()
        if not fs.rename(part, path):
            fs.delete(path, False)
            fs.rename(part, path)

    def move(self, name: str, target: str) -> None:
        """Move a file to another path on the same file system; create the target's folder.

        Raises:
            LakeError: the file system refuses, for example because the target exists.
        """
        fs, path = self._at(name)
        if ":" in name and str(fs.getScheme()) == "file":
            fs = fs.getRawFileSystem()  # the other one cannot name the file's checksum file
        to = self._jvm().org.apache.hadoop.fs.Path(target)
        fs.mkdirs(to.getParent())
        if fs.exists(to) or not fs.rename(path, to):
            raise LakeError(
                f"{self.folder}/{name}: cannot be moved to {target}. A file of that name exists, "
                "or it is on another file system. The file's records have landed; move it by hand."
            )

    def delete(self, name: str) -> None:
        """Delete a file or a folder with everything in it, if it exists."""
        fs, path = self._at(name)
        fs.delete(path, True)

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
