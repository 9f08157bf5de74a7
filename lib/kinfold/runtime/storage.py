"""Files of a lake that are no table, on whatever file system the lake is: local, s3a, abfss."""

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession


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
