"""A real Kafka broker, started and stopped by tests."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from project import HOME


class Broker:
    """One broker with its own folder. It can be stopped and started again on its data."""

    def __init__(self, folder: Path, *, settings: str = "") -> None:
        """`settings`: text added to server.properties; :PORT and :CONTROLLER_PORT are replaced."""
        self.folder = folder
        self.settings = settings
        self.port = _free_port_pair()
        self.servers = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker and wait until it answers."""
        more = self.folder / "more.properties"
        ports = {":PORT": f":{self.port}", ":CONTROLLER_PORT": f":{self.port + 1}"}
        text = self.settings
        for name, port in ports.items():
            text = text.replace(name, port)
        more.write_text(text)
        command = [str(HOME / "bin" / "kafka"), str(self.folder / "kafka"), str(self.port)]
        command.append(str(more))
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(KafkaException):
                self.admin.list_topics(timeout=1)
                return
        raise RuntimeError((self.folder / "broker.log").read_text()[-2000:])

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Stop the broker; SIGKILL simulates the loss of the machine."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            self._process.wait(60)
            self._process = None

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.servers, "log_level": 0})

    def create(self, topic: str, *, partitions: int = 2, config: Mapping[str, str] = {}) -> None:
        _done(self.admin.create_topics([NewTopic(topic, partitions, 1, config=dict(config))]))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # partitions answer once they have a leader
            with contextlib.suppress(KafkaException):
                if len(self.ends(topic)) == partitions:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"topic {topic} has no leader")

    def delete(self, topic: str) -> None:
        _done(self.admin.delete_topics([topic]))
        while topic in self.admin.list_topics(timeout=5).topics:
            time.sleep(0.1)

    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete the records before an offset, as retention does."""
        ends = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
        _done(self.admin.delete_records(ends))

    def send(
        self,
        topic: str,
        values: Sequence[bytes | None],
        *,
        key: str | None = None,
        headers: Mapping[str, bytes] = {},
        partition: int | None = None,
    ) -> None:
        """Produce and wait for every acknowledgement; by default to two partitions in turn."""
        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "acks": "all",
                "linger.ms": 5,
                "message.max.bytes": 20_000_000,
            }
        )
        failures: list[object] = []
        for i, value in enumerate(values):
            producer.produce(
                topic,
                value,
                key=key,
                headers=list(headers.items()),
                partition=i % 2 if partition is None else partition,
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
        assert producer.flush(30) == 0
        assert not failures, failures

    def allow(self, user: str, topic: str) -> None:
        """Allow a user to read a topic, on a broker with authorization."""
        kinds = ((ResourceType.TOPIC, topic), (ResourceType.GROUP, "spark-kafka-source"))
        rights = [
            AclBinding(
                kind,
                name,
                ResourcePatternType.PREFIXED,
                f"User:{user}",
                "*",
                AclOperation.READ,
                AclPermissionType.ALLOW,
            )
            for kind, name in kinds
        ]
        _done(self.admin.create_acls(rights))

    def ends(self, topic: str) -> dict[int, int]:
        """The offset of the next record of each partition."""
        partitions = self.admin.list_topics(topic, timeout=5).topics[topic].partitions
        wanted = {TopicPartition(topic, p): OffsetSpec.latest() for p in partitions}
        offsets = self.admin.list_offsets(wanted)
        return {one.partition: future.result().offset for one, future in offsets.items()}


@contextlib.contextmanager
def running_broker(settings: str = "") -> Iterator[Broker]:
    """A running broker in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="kinfold-kafka-"))
    broker = Broker(folder, settings=settings)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _done(futures: Mapping[Any, Future[Any]]) -> None:
    """Wait for the answers of the broker; raises the first error."""
    for future in futures.values():
        future.result(30)


def free_port() -> int:
    """A port that no process uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _free_port_pair() -> int:
    """A free port whose next port, for the controller, is free too."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                other.bind(("127.0.0.1", port + 1))
                return port
