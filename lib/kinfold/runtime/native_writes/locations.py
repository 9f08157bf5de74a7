"""Where Python can write files of a lake: folders of the machine, and buckets of S3."""

from dataclasses import dataclass
from typing import Any

from pyarrow import fs

from kinfold.runtime.s3_access import BucketAccess


@dataclass(frozen=True)
class Location:
    """A folder that the driver and all workers can write.

    It holds the credentials of the moment, which may be short-lived: ask for it anew per batch.
    """

    files: fs.FileSystem
    folder: str

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}"


def location_of(path: Any, conf: Any) -> Location | None:
    """The folder at a path of Hadoop's, with a configuration of Hadoop's; null of storage that only
    Spark can write, or that Python does not reach from here."""
    where = path.toUri()
    if where.getScheme() == "file":
        return Location(fs.LocalFileSystem(), str(where.getPath()))
    access = BucketAccess.of(path.getFileSystem(conf))
    if access is None:
        return None
    files, bucket = access.for_arrow(), str(where.getAuthority())
    try:
        files.get_file_info(bucket)
    except OSError:  # a network that asks for more
        return None
    return Location(files, f"{bucket}{where.getPath()}")
