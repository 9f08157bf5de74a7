"""Landing topics of a broker with TLS, SASL and access rights."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers import Broker, free_port, running_broker
from kinfold.core.errors import ConfError
from kinfold.tables import bronze
from lakes import lake_of
from records import purchase

pytestmark = pytest.mark.xdist_group("kafka")

LOGIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
PASSWORD = "kinfold-test"
USERS = {"reader": "correct", "stranger": "correct"}


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> Path:
    """A folder with the broker's key and what its clients need to trust it."""
    folder = tmp_path_factory.mktemp("stores")

    def keytool(*options: str) -> None:
        command = ["keytool", *options, "-alias", "broker", "-storepass", PASSWORD]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    name = ("-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", "-keyalg", "RSA", "-validity", "2")
    keytool("-genkeypair", "-keystore", "key.p12", "-storetype", "PKCS12", *name)
    keytool("-exportcert", "-keystore", "key.p12", "-file", "broker.crt")
    keytool("-importcert", "-noprompt", "-keystore", "trust.p12", "-file", "broker.crt")
    return folder


@pytest.fixture(scope="module")
def secured(stores) -> Iterator[tuple[Broker, str]]:
    """A broker, and its address that requires TLS, a user and a password."""
    port = free_port()
    users = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    settings = f"""
listeners=PLAINTEXT://127.0.0.1:PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT,SASL_SSL://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:PORT,SASL_SSL://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={LOGIN_MODULE} required {users};
ssl.keystore.location={stores}/key.p12
ssl.keystore.password={PASSWORD}
ssl.key.password={PASSWORD}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
    with running_broker(settings) as broker:
        yield broker, f"127.0.0.1:{port}"


@pytest.fixture
def land(run, secured, stores, tmp_path):
    """`land(topic, user, password)`: run the job as a user."""

    def landed(topic: str, user: str, password: str = "correct") -> None:
        source, login = tmp_path / "clicks.yaml", tmp_path / "client.properties"
        source.write_text("format: kafka\n")
        login.write_text(
            "security.protocol=SASL_SSL\n"
            "sasl.mechanism=PLAIN\n"
            f'sasl.jaas.config={LOGIN_MODULE} required username="{user}" password="{password}";\n'
            f"ssl.truststore.location={stores}/trust.p12\n"
            f"ssl.truststore.password={PASSWORD}\n"
        )
        run(
            "bronze/ingest_events",
            *("--source", str(source), "--input", topic),
            *("--set", f"kafka.bootstrap_servers={secured[1]}"),
            *("--set", f"kafka.properties_file={login}"),
        )

    return landed


@pytest.fixture
def topic(secured) -> Iterator[str]:
    """A topic with one event, which `reader` may read and `stranger` may not."""
    broker, _ = secured
    broker.create("private")
    broker.send("private", [purchase("a").strip().encode()])
    broker.allow("reader", "private")
    yield "private"
    broker.delete("private")


def test_a_user_with_the_right_lands_a_topic_over_tls(topic, land, spark, lake_root):
    land(topic, "reader")
    assert lake_of(spark, lake_root).read(bronze.EVENTS).count() == 1


def test_a_user_without_the_right_gets_an_error_of_one_line(topic, land, spark, lake_root):
    with pytest.raises(ConfError, match=r"refuses topic 'private'.*Check the user's rights"):
        land(topic, "stranger")
    assert not lake_of(spark, lake_root).exists(bronze.EVENTS)


def test_a_wrong_password_is_an_error_of_one_line_that_does_not_quote_it(topic, land):
    with pytest.raises(ConfError, match="refuses topic 'private'") as caught:
        land(topic, "reader", "guessed")
    assert "guessed" not in str(caught.value)
