"""Where Python can write files of a lake: folders of the machine, and buckets of S3."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
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
_ANY_REGION, _FIRST_REGION = "://s3.amazonaws.com", "us-east-1"
_regions: dict[str, str] = {}
"""Where buckets are, by URI: they stay there, and to ask is a request."""


@dataclass(frozen=True)
class BucketAccess:
    """How Hadoop reaches a bucket at the moment, and as who.

    Attributes:
        endpoint: URL; null for AWS's own.
        is_path_style: whether the bucket stands in the path of a URL, not in its host.
    """

    key: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str
    endpoint: str | None
    is_path_style: bool

    @classmethod
    def of(cls, storage: Any) -> "BucketAccess | None":
        """Ask a file system of Hadoop's; null of one that is none of S3, that was told what only
        Spark can do, or that does not tell."""
        conf = storage.getConf()  # with what is set for this bucket alone

        def told(name: str) -> str:
            return str(conf.getTrimmed(f"fs.s3a.{name}", ""))

        is_s3 = str(storage.getClass().getSimpleName()) == "S3AFileSystem"
        if not is_s3 or any(told(name) not in ("", "false") for name in _SPARK_ONLY):
            return None
        try:
            hadoop, uri = storage.getS3AInternals(), str(storage.getUri())
            who = hadoop.shareCredentials("kinfold").resolveCredentials()
            region = told("endpoint.region") or _regions.get(uri) or hadoop.getBucketLocation()
        except Py4JError:  # another version, no credentials just now, no right to ask where it is
            return None
        region = _regions[uri] = str(region or _FIRST_REGION)
        is_session = who.getClass().getSimpleName() == "AwsSessionCredentials"
        endpoint = told("endpoint")
        if endpoint and "://" not in endpoint:
            scheme = "http" if told("connection.ssl.enabled") == "false" else "https"
            endpoint = f"{scheme}://{endpoint}"
        return cls(
            key=str(who.accessKeyId()),
            secret=str(who.secretAccessKey()),
            token=str(who.sessionToken()) if is_session else None,
            region=region,
            endpoint=endpoint if endpoint and not endpoint.endswith(_ANY_REGION) else None,
            is_path_style=told("path.style.access") == "true",
        )

    def for_arrow(self) -> fs.S3FileSystem:
        scheme, _, host = (self.endpoint or "").rpartition("://")
        return fs.S3FileSystem(
            access_key=self.key,
            secret_key=self.secret,
            session_token=self.token,
            region=self.region,
            endpoint_override=host or None,
            scheme=scheme or "https",
            force_virtual_addressing=bool(host) and not self.is_path_style,
        )

    def for_python(self) -> Any:
        """A client of boto3's."""
        return boto3.Session().client(
            "s3",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            aws_session_token=self.token,
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=Config(s3={"addressing_style": "path" if self.is_path_style else "virtual"}),
        )
