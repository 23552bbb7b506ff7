"""Topics of a Kafka cluster end in the same inbox: librdkafka's own mock cluster, real protocol, real consumer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almoner.registry.vault import Vault
from almoner.stream.inbox import Inbox
from almoner.stream.kafka import Topics
from county import KEY

kafka = pytest.importorskip("confluent_kafka")
FEEDS = ("insured_wages", "elderly_meters")


class Cluster:
    def __init__(self) -> None:
        self.producer = kafka.Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": "1"})
        broker = next(iter(self.producer.list_topics(timeout=20).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"

    def configuration(self, group: str) -> dict[str, str]:
        """Of a reader in a group of its own; the mock cluster waits for a session to end before it lets another one in."""
        return {
            "bootstrap.servers": self.address,
            "group.id": group,
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "1000",
        }

    def send(self, topic: str, *values: Any) -> None:
        for value in values:
            self.producer.produce(
                topic, value if isinstance(value, bytes) else json.dumps(value).encode(), partition=0
            )
        assert self.producer.flush(20) == 0


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    box = Inbox(tmp_path, Vault(KEY))
    yield box
    box.close()


def an_event(n: int, feed: str = "insured_wages") -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(n), "source": "/kafka", "type": feed, "data": {"wage": n}}


def reading(cluster: Cluster, inbox: Inbox, prefix: str, until: int) -> Topics:
    """Read until the inbox has so many events, or for 60 seconds."""
    topics, stop = (
        Topics(cluster.configuration(prefix), FEEDS, inbox, prefix),
        threading.Event(),
    )
    thread = threading.Thread(target=topics.run, args=(stop,))
    thread.start()
    end = time.monotonic() + 60
    while inbox.position() < until and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    return topics


def taken(inbox: Inbox, feed: str) -> list[int]:
    return [json.loads(e.data or "")["wage"] for e in inbox.take(feed, 0, 10_000, 10**8)]


def test_each_message_is_kept_once_and_in_order(cluster: Cluster, inbox: Inbox) -> None:
    cluster.send("a.insured_wages", *(an_event(n) for n in range(300)))
    cluster.send("a.elderly_meters", *(an_event(n, "elderly_meters") for n in range(1000, 1010)))
    reading(cluster, inbox, "a.", 310)
    assert taken(inbox, "insured_wages") == list(range(300))
    assert taken(inbox, "elderly_meters") == list(range(1000, 1010))
    cluster.send("a.insured_wages", an_event(5), an_event(300))
    reading(cluster, inbox, "a.", 311)
    assert taken(inbox, "insured_wages") == [*range(300), 300]
    assert inbox.totals() == {"accepted": 311, "repeated": 1}


def test_what_is_no_event_is_told_and_passed_over(
    cluster: Cluster, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "almoner.stream"):
        cluster.send(
            "b.insured_wages", b"secret{", b"7", an_event(1, "elderly_meters"), {"id": "secret"}, an_event(2)
        )
        topics = reading(cluster, inbox, "b.", 1)
    assert topics.refused == 4
    assert taken(inbox, "insured_wages") == [2]
    assert caplog.text.count("kafka_refused") == 4
    assert "secret" not in caplog.text


def test_what_the_inbox_does_not_take_is_not_counted_as_read(cluster: Cluster, inbox: Inbox) -> None:
    cluster.send("c.insured_wages", *(an_event(n) for n in range(3)))
    inbox._largest = 0
    stop = threading.Event()
    thread = threading.Thread(
        target=Topics(cluster.configuration("c."), FEEDS, inbox, "c.").run,
        args=(stop,),
    )
    thread.start()
    time.sleep(6)
    stop.set()
    thread.join(30)
    assert inbox.position() == 0
    inbox._largest = 10**9
    reading(cluster, inbox, "c.", 3)
    assert taken(inbox, "insured_wages") == [0, 1, 2]
