"""Where Python can write files of a lake: folders of this machine, and S3 buckets."""

from dataclasses import dataclass
from typing import Any

from pyarrow import fs

from kinfold.runtime.s3_access import BucketAccess


@dataclass(frozen=True)
class Location:
    """A folder that the driver and all workers can write.

    It contains the current credentials, which may expire soon: get it again for each batch.
    """

    files: fs.FileSystem
    folder: str

    def path(self, name: str) -> str:
        """The path of a file in the folder."""
        return f"{self.folder}/{name}"


def location_of(path: Any, conf: Any) -> Location | None:
    """The folder at a Hadoop path, or None if only Spark can write it or Python cannot reach it.

    Args:
        conf: the Hadoop configuration of the table.
    """
    uri = path.toUri()
    if uri.getScheme() == "file":
        return Location(fs.LocalFileSystem(), str(uri.getPath()))
    access = BucketAccess.of(path.getFileSystem(conf))
    if access is None:
        return None
    files, bucket = access.for_arrow(), str(uri.getAuthority())
    try:
        files.get_file_info(bucket)
    except OSError:  # for example a proxy that only Java is configured for
        return None
    return Location(files, f"{bucket}{uri.getPath()}")
