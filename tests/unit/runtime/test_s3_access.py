"""Access to S3 as Hadoop has it; Hadoop's objects are replaced by small Python ones."""

from types import SimpleNamespace

import pytest
from py4j.protocol import Py4JError

from kinfold.runtime import s3_access
from kinfold.runtime.s3_access import BucketAccess


class S3AFileSystem:
    """A file system of Hadoop with settings, as Python sees it."""

    kind = "S3AFileSystem"
    location = "eu-north-1"
    session_token: str | None = None

    def __init__(self, **settings: str) -> None:
        self.settings = {f"fs.s3a.{name.replace('_', '.')}": v for name, v in settings.items()}

    def getConf(self):
        return SimpleNamespace(getTrimmed=lambda name, usual: self.settings.get(name, usual))

    def getClass(self):
        return SimpleNamespace(getSimpleName=lambda: self.kind)

    def getUri(self):
        return "s3a://bucket"

    def getS3AInternals(self):
        return SimpleNamespace(
            shareCredentials=lambda _: SimpleNamespace(resolveCredentials=self.credentials),
            getBucketLocation=lambda: self.location,
        )

    def credentials(self):
        kind = "AwsSessionCredentials" if self.session_token else "AwsBasicCredentials"
        return SimpleNamespace(
            accessKeyId=lambda: "key",
            secretAccessKey=lambda: "hidden",
            sessionToken=lambda: self.session_token,
            getClass=lambda: SimpleNamespace(getSimpleName=lambda: kind),
        )


@pytest.fixture(autouse=True)
def no_cached_regions(monkeypatch):
    monkeypatch.setattr(s3_access, "_regions", {})


def test_credentials_and_region_are_those_of_hadoop():
    access = BucketAccess.of(S3AFileSystem())
    assert access == BucketAccess("key", "hidden", None, "eu-north-1", None, is_path_style=False)


def test_a_session_has_its_token():
    storage = S3AFileSystem()
    storage.session_token = "token"
    assert BucketAccess.of(storage).token == "token"


def test_secrets_are_not_printed():
    storage = S3AFileSystem()
    storage.session_token = "token"
    assert "hidden" not in repr(BucketAccess.of(storage))
    assert "token=" not in repr(BucketAccess.of(storage))


def test_a_configured_region_needs_no_request_and_a_found_one_is_asked_for_once():
    assert BucketAccess.of(S3AFileSystem(endpoint_region="eu-west-1")).region == "eu-west-1"
    moved = S3AFileSystem()
    moved.location = "us-west-2"
    assert BucketAccess.of(moved).region == "eu-west-1", "cached by bucket"


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ({}, None),
        ({"endpoint": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000"),
        ({"endpoint": "store:9000"}, "https://store:9000"),
        ({"endpoint": "store:9000", "connection_ssl_enabled": "false"}, "http://store:9000"),
        ({"endpoint": "s3.amazonaws.com"}, None),
    ],
)
def test_an_endpoint_is_a_url_and_the_general_one_of_aws_is_none(settings, endpoint):
    assert BucketAccess.of(S3AFileSystem(**settings)).endpoint == endpoint


def test_another_file_system_has_no_access():
    storage = S3AFileSystem()
    storage.kind = "RawLocalFileSystem"
    assert BucketAccess.of(storage) is None


@pytest.mark.parametrize(
    ("value", "is_refused"), [("SSE-KMS", True), ("false", False), ("", False)]
)
def test_a_setting_that_arrow_does_not_have_leaves_the_bucket_to_spark(value, is_refused):
    access = BucketAccess.of(S3AFileSystem(encryption_algorithm=value))
    assert (access is None) == is_refused


def test_without_credentials_there_is_no_access():
    class Refusing(S3AFileSystem):
        def credentials(self):
            raise Py4JError("no credentials")

    assert BucketAccess.of(Refusing()) is None


def test_a_client_uses_the_endpoint_and_the_style_of_urls():
    settings = dict(endpoint="http://127.0.0.1:9000", path_style_access="true")
    client = BucketAccess.of(S3AFileSystem(**settings)).for_python()
    assert client.meta.endpoint_url == "http://127.0.0.1:9000"
    assert client.meta.config.s3["addressing_style"] == "path"
