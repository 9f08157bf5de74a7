"""Where Python can write files of a lake: folders of the machine, and buckets of S3."""

from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JError
from pyarrow import fs

_SPARK_ONLY = (
    "access.grants.enabled",
    "accesspoint.arn",
    "acl.default",
    "create.storage.class",
    "custom.signers",
    "encryption.algorithm",
    "endpoint.fips",
    "proxy.host",
    "requester.pays.enabled",
    "s3.signing-algorithm",
    "server-side-encryption-algorithm",
    "signing-algorithm",
)
"""Settings of S3A that change how an object is written or asked for and that Arrow does not have: a
bucket with one of them is written by Spark."""
_ANY_REGION, _FIRST_REGION = "s3.amazonaws.com", "us-east-1"


@dataclass(frozen=True)
class Place:
    """A folder that the driver and all workers can write.

    It holds the credentials of the moment, which may be short-lived: ask for it anew per batch.
    """

    files: fs.FileSystem
    folder: str

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}"


def place_of(path: Any, conf: Any) -> Place | None:
    """The folder at a path of Hadoop's, with a configuration of Hadoop's; null of storage that only
    Spark can write, or that Python does not reach from here."""
    where = path.toUri()
    if where.getScheme() == "file":
        return Place(fs.LocalFileSystem(), str(where.getPath()))
    storage = path.getFileSystem(conf)
    if storage.getClass().getSimpleName() != "S3AFileSystem":
        return None
    try:
        bucket = _bucket(storage)
        if bucket is None:
            return None
        bucket.get_file_info(str(where.getAuthority()))
    except (Py4JError, OSError):  # a Hadoop that does not tell, a network that asks for more
        return None
    return Place(bucket, f"{where.getAuthority()}{where.getPath()}")


def _bucket(storage: Any) -> fs.S3FileSystem | None:
    """What Hadoop has opened: at its endpoint, and as who Hadoop is there."""
    conf = storage.getConf()  # with what is set for this bucket alone

    def told(name: str) -> str:
        return str(conf.getTrimmed(f"fs.s3a.{name}", ""))

    if any(told(name) not in ("", "false") for name in _SPARK_ONLY):
        return None
    hadoop = storage.getS3AInternals()
    who = hadoop.shareCredentials("kinfold").resolveCredentials()
    is_session = who.getClass().getSimpleName() == "AwsSessionCredentials"
    scheme, _, endpoint = told("endpoint").rpartition("://")
    if endpoint == _ANY_REGION:
        endpoint = ""
    return fs.S3FileSystem(
        access_key=str(who.accessKeyId()),
        secret_key=str(who.secretAccessKey()),
        session_token=str(who.sessionToken()) if is_session else None,
        region=told("endpoint.region") or hadoop.getBucketLocation() or _FIRST_REGION,
        endpoint_override=endpoint or None,
        scheme=scheme or ("http" if told("connection.ssl.enabled") == "false" else "https"),
        force_virtual_addressing=bool(endpoint) and told("path.style.access") != "true",
    )
