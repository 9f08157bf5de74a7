"""The secret key of a lake's ids."""

import stat
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError, NoRegionError

from kinfold.core.errors import ConfError, LakeError
from kinfold.core.settings.models import IdentityConf
from kinfold.runtime.lake.id_key import KEY_CHECK, OWN_KEY, opened_key, tables_with_ids
from kinfold.tables import bronze, silver
from kinfold.tables.registry import ALL
from lakes import ID_KEY, lake_of

OTHER = "ab" * 32


def opened(lake, reference=None, *, creates=True):
    return opened_key(lake, reference, creates=creates)


@pytest.fixture
def own_file(lake):
    return Path(lake.root) / OWN_KEY


def test_a_lake_gets_a_key_of_its_own_that_only_its_owner_can_read(lake, own_file):
    assert opened(lake) == opened(lake) == own_file.read_text().strip() == ID_KEY
    assert stat.S_IMODE(own_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_file.parent.stat().st_mode) == 0o700
    assert [file.name for file in own_file.parent.iterdir()] == [own_file.name]


def test_a_key_that_a_killed_run_has_made_is_used(lake, own_file):
    own_file.parent.mkdir(parents=True)
    own_file.write_text(OTHER)
    assert opened(lake) == OTHER
    assert own_file.read_text() == OTHER


def test_a_command_that_changes_nothing_makes_no_key(lake, own_file):
    assert opened(lake, creates=False) is None
    assert not own_file.exists()
    with pytest.raises(LakeError, match=r"has no key for ids yet\. Run jobs/pipeline\.py"):
        replace(lake, id_key=None).keyed_hash  # noqa: B018  # the property raises


def test_a_lost_key_stops_in_one_line(lake, own_file):
    opened(lake)
    own_file.unlink()
    with pytest.raises(
        LakeError, match=r"_secrets/id_key: does not exist, .* Restore it"
    ) as caught:
        opened(lake)
    assert not own_file.exists()
    assert "\n" not in str(caught.value)


def test_a_wrong_key_stops_in_one_line_that_does_not_have_it(lake, own_file, tmp_path):
    opened(lake)
    (tmp_path / "key").write_text(OTHER)
    with pytest.raises(LakeError, match="is not the key that the ids of the lake") as caught:
        opened(lake, f"file:{tmp_path / 'key'}")
    assert OTHER not in str(caught.value)


def test_without_its_check_value_a_lake_gets_a_new_key(lake, own_file):
    opened(lake)
    (Path(lake.root) / KEY_CHECK).unlink()
    own_file.write_text(OTHER)
    assert opened(lake) == opened(lake) == OTHER


def test_the_same_key_may_be_kept_elsewhere(lake, own_file, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", f" {ID_KEY.upper()}\n")
    assert opened(lake, "env:THE_KEY") == ID_KEY
    assert not own_file.exists()
    (tmp_path / "key").write_text(ID_KEY)
    assert opened(lake, f"file:{tmp_path / 'key'}") == ID_KEY


def test_the_key_may_be_a_secret_of_aws(lake, monkeypatch):
    asked = []

    def get_secret_value(*, SecretId):  # the name in boto3
        asked.append(SecretId)
        return {"SecretString": ID_KEY}

    client = SimpleNamespace(get_secret_value=get_secret_value)
    monkeypatch.setattr(boto3, "client", lambda service: client)
    assert opened(lake, "aws-secretsmanager:arn:aws:secret:ids") == ID_KEY
    assert asked == ["arn:aws:secret:ids"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ClientError({"Error": {"Code": "AccessDenied"}}, "GetSecretValue"), "AccessDenied"),
        (NoRegionError(), "NoRegionError"),
    ],
)
def test_a_secret_that_cannot_be_read_is_one_line(lake, monkeypatch, error, why):
    def refuse(service):
        raise error

    monkeypatch.setattr(boto3, "client", refuse)
    with pytest.raises(ConfError, match=rf"aws-secretsmanager:ids: cannot be read \({why}\)"):
        opened(lake, "aws-secretsmanager:ids")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NO_SUCH_KEY", "env:NO_SUCH_KEY: the environment variable is not set"),
        ("file:/no/such/file", r"cannot be read \(No such file or directory\)"),
        ("env:SHORT", "env:SHORT: has 8 characters that are not a key, expected 64 hexadecimal"),
    ],
)
def test_a_reference_without_a_key_is_one_line(lake, monkeypatch, reference, message):
    monkeypatch.setenv("SHORT", "password")
    with pytest.raises(ConfError, match=message) as caught:
        opened(lake, reference)
    assert "password" not in str(caught.value)
    assert not lake.storage.has(KEY_CHECK)


def test_the_place_of_the_key_is_no_setting_that_outputs_depend_on():
    conf = IdentityConf(placeholders=(), phone_region="GB", id_key="env:A")
    assert "id_key" not in conf.model_dump_json()


def test_ids_of_an_older_version_are_deleted_once_and_reported(lake, capsys):
    lake.ensure(silver.IDENTITY_BIRTHS)
    lake.ensure(silver.IDENTITY_DECISIONS)
    lake.ensure(bronze.EVENTS)
    opened(lake)
    error = capsys.readouterr().err
    assert "The ids of people change" in error
    assert error.count("\n") == 1
    assert "silver.identity_births" in error
    assert not lake.exists(silver.IDENTITY_BIRTHS)
    assert lake.exists(silver.IDENTITY_DECISIONS)
    assert lake.exists(bronze.EVENTS)
    later = lake_of(lake.spark, lake.root)
    later.ensure(silver.IDENTITY_BIRTHS)
    opened(later)
    assert later.exists(silver.IDENTITY_BIRTHS)


def test_every_table_with_people_has_ids():
    named = {table.name for table in ALL if {"profile_id", "node_id"} & set(table.columns)}
    assert named < {table.name for table in tables_with_ids()}
