"""Access to S3 from Python with the credentials and settings of Hadoop's S3A client."""

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
"""S3A settings that change how objects are written or requested, and that Arrow does not support.
Spark writes to a bucket with one of them."""
_ANY_REGION, _FIRST_REGION = "://s3.amazonaws.com", "us-east-1"
_regions: dict[str, str] = {}
"""Region by bucket URI, cached because each look-up is a request and a bucket never moves."""


@dataclass(frozen=True)
class BucketAccess:
    """Hadoop's current credentials and connection settings for a bucket.

    Attributes:
        endpoint: URL; null for AWS's own.
        is_path_style: whether URLs have the bucket in the path, not in the host name.
    """

    key: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str
    endpoint: str | None
    is_path_style: bool

    @classmethod
    def of(cls, storage: Any) -> "BucketAccess | None":
        """The access of a Hadoop file system object.

        Null if it is not S3A, if a setting needs Spark (`_SPARK_ONLY`), or if Hadoop returns no
        credentials or region.
        """
        conf = storage.getConf()  # includes the settings of this bucket

        def setting(name: str) -> str:
            return str(conf.getTrimmed(f"fs.s3a.{name}", ""))

        is_s3 = str(storage.getClass().getSimpleName()) == "S3AFileSystem"
        if not is_s3 or any(setting(name) not in ("", "false") for name in _SPARK_ONLY):
            return None
        try:
            hadoop, uri = storage.getS3AInternals(), str(storage.getUri())
            credentials = hadoop.shareCredentials("kinfold").resolveCredentials()
            region = setting("endpoint.region") or _regions.get(uri) or hadoop.getBucketLocation()
        except Py4JError:  # other Hadoop version, no credentials, or not allowed to read the region
            return None
        region = _regions[uri] = str(region or _FIRST_REGION)
        is_session = credentials.getClass().getSimpleName() == "AwsSessionCredentials"
        endpoint = setting("endpoint")
        if endpoint and "://" not in endpoint:
            scheme = "http" if setting("connection.ssl.enabled") == "false" else "https"
            endpoint = f"{scheme}://{endpoint}"
        return cls(
            key=str(credentials.accessKeyId()),
            secret=str(credentials.secretAccessKey()),
            token=str(credentials.sessionToken()) if is_session else None,
            region=region,
            endpoint=endpoint if endpoint and not endpoint.endswith(_ANY_REGION) else None,
            is_path_style=setting("path.style.access") == "true",
        )

    def for_arrow(self) -> fs.S3FileSystem:
        """A file system of Arrow."""
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
        """An S3 client of boto3."""
        return boto3.Session().client(
            "s3",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            aws_session_token=self.token,
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=Config(
                s3={"addressing_style": "path" if self.is_path_style else "virtual"},
                # A lease must be renewed while it is valid.
                connect_timeout=5,
                read_timeout=10,
                retries={"total_max_attempts": 3},
            ),
        )
