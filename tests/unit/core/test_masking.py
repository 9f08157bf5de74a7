"""No text that people read contains a password."""

import time

import pytest

from kinfold.core import masking
from kinfold.core.errors import ConfError
from kinfold.core.log import say
from kinfold.core.masking import has_password, is_secret_name, masked, remember_secrets


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(masking, "_remembered", set())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no champion at http://ann:s3cret@mlflow:5000, expected", "http://***@mlflow:5000,"),
        ("postgresql+psycopg2://u:p%40ss@db/mlflow", "postgresql+psycopg2://***@db/mlflow"),
        ("jdbc:postgresql://u:pw@db:5432/x", "jdbc:postgresql://***@db:5432/x"),
        ("http://u:p@ss/w@rd@proxy:3128/", "http://***@proxy:3128/"),
        ("s3a://AKIA1:ab/cd+e@bucket/lake", "s3a://***@bucket/lake"),
        ("http://u:123456@gw:9091", "http://***@gw:9091"),
        ("https://ghp_token@github.com/x", "https://***@github.com/x"),
        ("http://:pw@gw", "http://***@gw"),
        ("jdbc:mysql://db/x?user=ann&password=pw&ssl=true", "?user=ann&password=***&ssl=true"),
        ("https://x.blob.core.windows.net/c?sv=1&sig=aB%2F", "c?sv=1&sig=***"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature=abc", "X-Amz-Signature=***"),
        ('login required username="u" password="p w";', 'username="u" password=***;'),
        ("{'ssl.key.password': 'pw', 'a': 'b'}", "{'ssl.key.password': \"***\", 'a': 'b'}"),
        ('{"secret_key": "pw"}', '{"secret_key": "***"}'),
        ("fs.s3a.secret.key=abc", "fs.s3a.secret.key=***"),
    ],
)
def test_a_password_is_hidden_and_the_rest_of_the_text_is_not(text, expected):
    assert expected in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "metrics were not pushed to http://gateway:9091 (refused).",
        "http://h:8080/a@b, http://h:80?q=a@b",
        "lake.root s3a://bucket/lake@2026: cannot be written",
        "abfss://container@account.dfs.core.windows.net/lake",
        "sqlite:////tmp/a b/mlflow.db",
        "kafka.ssl.key.password: expected a text",
        "source x: ann@shop.example, at 12:30",
        "token.endpoint.url is missing. Password and secret are words.",
    ],
)
def test_a_text_without_a_password_stays(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    "part", ["a.", "x", "http://", "http://a:b", "password", "password='", "a-b=", "a@b:"]
)
def test_a_long_text_takes_as_long_as_many_short_ones(part):
    started = time.monotonic()
    masked(part * (200_000 // len(part)))
    assert time.monotonic() - started < 10  # 0.3 s on an idle machine, minutes if quadratic


def test_messages_and_errors_are_masked(capsys):
    say("lake at ftp://u:pw@host/x")
    assert capsys.readouterr().err == "lake at ftp://***@host/x\n"
    assert str(ConfError("x is ftp://u:pw@host")) == "x is ftp://***@host"
    assert str(ConfError()) == ""


def test_the_values_of_secret_options_are_hidden_wherever_a_library_quotes_them():
    remember_secrets(
        {
            "kafka.sasl.jaas.config": 'x.LoginModule required username="ann" password="tiger";',
            "ssl.key.password": "correct horse",
            "sasl.oauthbearer.token.endpoint.url": "https://auth",
            "ssl.keystore.type": "PKCS12",
            "metrics.url": "http://u:p%40ssword@gw",
            "password": "abc",  # too short: would hide parts of words
        }
    )
    remembered = "ann: invalid value correct horse for key; tiger; https://auth; PKCS12; abc"
    assert masked(remembered) == "ann: invalid value *** for key; ***; https://auth; PKCS12; abc"


def test_both_spellings_of_a_password_in_a_url_are_hidden():
    masking.remember_secret("http://ann:p%40ssword@gw:9091/x")
    assert masked("port: 'p@ssword@gw' p%40ssword ann gw") == "port: '***@gw' *** ann gw"


def test_names_of_secrets():
    names = ["ssl.truststore.password", "sasl.jaas.config", "secretKey", "api-key", "auth_token"]
    names += ["ssl.keystore.key", "client.private-key", "identity.id_key"]
    assert all(map(is_secret_name, names))
    others = [
        "ssl.keystore.location",
        "key",
        "bootstrap.servers",
        "token.endpoint.url",
        "sep",
        "grid_key",
    ]
    assert not any(map(is_secret_name, others))


def test_which_uris_have_a_password():
    assert has_password("sftp://ann:pw@host/x")
    assert not has_password("sftp://ann@host/x")
    assert not has_password("/folder/a:b@c")
