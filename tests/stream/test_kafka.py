"""Events of Kafka topics reach the inbox, over the real protocol with a real consumer.

The cluster is librdkafka's own mock, or a real one to try on (the worker reads as the group of all
workers): ALMONER_KAFKA=host:port. There the topics have names of their own and are deleted in the end.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from almoner.registry.vault import Vault
from almoner.stream.events import Event
from almoner.stream.inbox import Inbox
from almoner.stream.kafka import GROUP, Topics, settings_in
from command import Process
from county import KEY
from once import copied
from stream.burst import FEEDS as SMALL
from stream.burst import burst, held
from stream.installation import Workers, almoner, inbox_of, log_lines, stop, wait_until_done

kafka = pytest.importorskip("confluent_kafka")
admin = pytest.importorskip("confluent_kafka.admin")
FEEDS = {"insured_wages": "employment", "elderly_meters": "water"}  # by feed, its department
ADDRESS = os.environ.get("ALMONER_KAFKA")
MOCK = {"bootstrap.servers": "mock", "test.mock.num.brokers": "1"}


class Cluster:
    def __init__(self) -> None:
        self.producer = kafka.Producer({"bootstrap.servers": ADDRESS} if ADDRESS else MOCK)
        broker = next(iter(self.producer.list_topics(timeout=20).brokers.values()))
        self.address = ADDRESS or f"{broker.host}:{broker.port}"
        self._admin = admin.AdminClient({"bootstrap.servers": self.address})
        self._made: list[str] = []

    def topics(self, feeds: Iterable[str] = tuple(FEEDS), partitions: int = 1) -> str:
        """Makes the feeds' topics; what their names begin with, which is the name of their readers' group
        too."""
        prefix = f"almoner-test-{uuid4().hex[:12]}."
        if ADDRESS:  # the mock cluster makes them when something is sent
            names = [f"{prefix}{feed}" for feed in feeds]
            self._made += names
            for made in self._admin.create_topics(
                [admin.NewTopic(name, partitions, 1) for name in names]
            ).values():
                made.result(20)
        return prefix

    def close(self) -> None:
        if self._made:
            for gone in self._admin.delete_topics(self._made).values():
                gone.result(20)

    def configuration(self, group: str) -> dict[str, str]:
        """The settings of a reader in its own group: the mock cluster lets another one in only after the
        session ends."""
        return {
            "bootstrap.servers": self.address,
            "group.id": group,
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "1000",
        }

    def send(self, topic: str, *values: Any, partition: int = 0) -> None:
        for value in values:
            self.producer.produce(
                topic, value if isinstance(value, bytes) else json.dumps(value).encode(), partition=partition
            )
        assert self.producer.flush(20) == 0

    def behind(self, prefix: str, feed: str, group: str) -> int:
        """How many messages of the topic the group has yet to count as read."""
        reader = kafka.Consumer({"bootstrap.servers": self.address, "group.id": group})
        place = kafka.TopicPartition(f"{prefix}{feed}", 0)
        try:
            last = reader.get_watermark_offsets(place, timeout=20)[1]
            return int(last - max(reader.committed([place], timeout=20)[0].offset, 0))
        finally:
            reader.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    yield found
    found.close()


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    box = Inbox(tmp_path, Vault(KEY))
    yield box
    box.close()


def an_event(n: int, feed: str = "insured_wages") -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(n), "source": "/kafka", "type": feed, "data": {"wage": n}}


@contextmanager
def reader(topics: Topics) -> Iterator[Topics]:
    """Read topics in a thread while the block lasts."""
    end = threading.Event()
    thread = threading.Thread(target=topics.run, args=(end,))
    thread.start()
    try:
        yield topics
        assert thread.is_alive()
    finally:
        end.set()
        thread.join(30)
    assert not thread.is_alive()


def wait_for(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


def reading(cluster: Cluster, inbox: Inbox, prefix: str, until: int) -> Topics:
    """Read until the inbox has so many events."""
    with reader(Topics(cluster.configuration(prefix), FEEDS, inbox, prefix)) as topics:
        wait_for(lambda: inbox.position() >= until)
        time.sleep(1)
    return topics


def taken(inbox: Inbox, feed: str) -> list[int]:
    return [json.loads(e.data or "")["wage"] for e in inbox.take(feed, 0, 10_000, 10**8)]


def test_each_message_is_kept_once_and_in_order(cluster: Cluster, inbox: Inbox) -> None:
    prefix = cluster.topics()
    cluster.send(f"{prefix}insured_wages", *(an_event(n) for n in range(300)))
    cluster.send(f"{prefix}elderly_meters", *(an_event(n, "elderly_meters") for n in range(10)))
    reading(cluster, inbox, prefix, 310)
    assert taken(inbox, "insured_wages") == list(range(300))
    assert {e.fault for e in inbox.take("elderly_meters", 0, 99, 10**6)} == {None}  # ids of other events
    cluster.send(f"{prefix}insured_wages", an_event(5), an_event(300))
    reading(cluster, inbox, prefix, 311)
    assert taken(inbox, "insured_wages") == list(range(301))
    assert inbox.totals() == {"accepted": 311, "repeated": 1}


def test_what_is_no_event_is_logged_and_skipped(
    cluster: Cluster, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = cluster.topics()
    with caplog.at_level("INFO", "almoner.stream"):
        cluster.send(
            f"{prefix}insured_wages",
            b"secret{",
            *(b"7", b'{"id": "secret", "id": "x"}'),
            an_event(1, "elderly_meters"),
            {"id": "secret"},
            an_event(2),
        )
        topics = reading(cluster, inbox, prefix, 1)
    assert topics.refused == 5
    assert taken(inbox, "insured_wages") == [2]
    assert caplog.text.count("kafka_refused") == 5
    assert "secret" not in caplog.text


def test_an_event_with_a_known_id_and_one_of_tomorrow_are_set_aside(cluster: Cluster, inbox: Inbox) -> None:
    prefix, tomorrow = cluster.topics(), dt.datetime.now().astimezone() + dt.timedelta(days=1)
    other, early = an_event(1) | {"data": {"wage": 7}}, an_event(2) | {"time": tomorrow.isoformat()}
    cluster.send(f"{prefix}insured_wages", an_event(1), other, early, other, an_event(1), an_event(3))
    reading(cluster, inbox, prefix, 4)
    found = [(json.loads(e.data or "")["wage"], e.fault) for e in inbox.take("insured_wages", 0, 99, 10**6)]
    assert found == [(1, None), (7, "event_id"), (2, "event_ahead"), (3, None)]
    assert inbox.totals() == {"accepted": 4, "repeated": 2}


def test_what_the_inbox_does_not_take_is_not_counted_as_read(cluster: Cluster, inbox: Inbox) -> None:
    prefix = cluster.topics()
    cluster.send(f"{prefix}insured_wages", *(an_event(n) for n in range(3)))
    inbox._largest = 0
    with reader(Topics(cluster.configuration(prefix), FEEDS, inbox, prefix)):
        time.sleep(6)
    assert inbox.position() == 0
    assert cluster.behind(prefix, "insured_wages", prefix) == 3
    inbox._largest = 10**9
    reading(cluster, inbox, prefix, 3)
    assert taken(inbox, "insured_wages") == [0, 1, 2]
    assert cluster.behind(prefix, "insured_wages", prefix) == 0


def test_a_group_that_went_on_without_the_reader_is_joined_anew(
    cluster: Cluster, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = cluster.topics()
    cluster.send(f"{prefix}insured_wages", an_event(0))
    inbox._largest = 0  # full, and for longer than a member of a group may be silent
    late = cluster.configuration(prefix) | {"max.poll.interval.ms": "6000"}
    with caplog.at_level("INFO", "almoner.stream"), reader(Topics(late, FEEDS, inbox, prefix)):
        wait_for(lambda: "InboxFull" in caplog.text)
        time.sleep(7)
        inbox._largest = 10**9
        wait_for(lambda: inbox.position() == 1)
        cluster.send(f"{prefix}insured_wages", an_event(1))
        wait_for(lambda: inbox.position() == 2)
        time.sleep(1)
    assert taken(inbox, "insured_wages") == [0, 1]
    assert cluster.behind(prefix, "insured_wages", prefix) == 0


def test_a_refused_commit_does_not_end_the_reading(
    cluster: Cluster, inbox: Inbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the broker was started again, when its coordinator still loads."""
    prefix = cluster.topics()
    topics = Topics(cluster.configuration(prefix), FEEDS, inbox, prefix)
    monkeypatch.setattr("almoner.stream.kafka.REST_SECONDS", 0.1)
    first = Refusing(topics._consumer())
    consumers = iter([first])
    real = topics._consumer
    monkeypatch.setattr(topics, "_consumer", lambda: next(consumers, None) or real())
    cluster.send(f"{prefix}insured_wages", an_event(0))
    with caplog.at_level("INFO", "almoner.stream"), reader(topics):
        wait_for(lambda: inbox.totals().get("repeated") == 1)  # read again: the first commit did not count
        cluster.send(f"{prefix}insured_wages", an_event(1))
        wait_for(lambda: inbox.position() == 2)
        time.sleep(1)
    assert taken(inbox, "insured_wages") == [0, 1]
    assert '"about": "kafka"' in caplog.text
    assert cluster.behind(prefix, "insured_wages", prefix) == 0


class Refusing:
    """A consumer whose commits fail."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def commit(self, **_: Any) -> None:
        raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError.COORDINATOR_LOAD_IN_PROGRESS))


def test_two_readers_of_a_group_share_out_what_comes(cluster: Cluster, inbox: Inbox, tmp_path: Path) -> None:
    prefix = cluster.topics(partitions=2)
    (tmp_path / "other").mkdir()
    topic, other = f"{prefix}insured_wages", Inbox(tmp_path / "other", Vault(KEY))
    share = {"partition.assignment.strategy": "roundrobin"}
    one, two = (Topics(cluster.configuration(prefix) | share, FEEDS, box, prefix) for box in (inbox, other))
    for partition in (0, 1):
        cluster.send(topic, an_event(partition), partition=partition)
    with reader(one):
        wait_for(lambda: inbox.position() == 2)
        with reader(two):
            sent = 2
            while not other.position():
                for partition in (0, 1):
                    cluster.send(topic, an_event(sent), partition=partition)
                    sent += 1
                time.sleep(1)
                assert sent < 200
        for partition in (0, 1):
            cluster.send(topic, an_event(sent), partition=partition)
            sent += 1
        wait_for(lambda: {*taken(inbox, "insured_wages"), *taken(other, "insured_wages")} == set(range(sent)))
        wait_for(lambda: sent - 1 in taken(inbox, "insured_wages"))  # alone again, it has both partitions
    other.close()


def test_a_broker_that_is_away_is_logged_now_and_then(
    inbox: Inbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = {"bootstrap.servers": "127.0.0.1:1"}
    with caplog.at_level("INFO", "almoner.stream"), reader(Topics(nowhere, FEEDS, inbox)) as topics:
        wait_for(lambda: "ALL_BROKERS_DOWN" in caplog.text)
        time.sleep(3)
        assert not topics.answers
    assert caplog.text.count("ALL_BROKERS_DOWN") == 1
    assert capfd.readouterr().err == ""  # standard error holds what the worker tells, one JSON object a line


def a_console_with_topics_says_whether_brokers_answer(small_home: Path, tmp_path: Path) -> None:
    home, own = copied(small_home, tmp_path / "home"), Cluster()
    prefix, events, box = own.topics(SMALL), burst(20), inbox_of(home)
    for e in events:
        own.send(f"{prefix}{e.feed}", as_message(e))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def health() -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
                return answer.status, json.loads(answer.read())["checks"].get("kafka")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["checks"].get("kafka")
        except urllib.error.URLError:
            return None

    process = Process("serve", home, "--port", port, "--kafka", own.address, "--kafka-prefix", prefix)
    try:
        wait_for(lambda: box.position() > 0, 90)
        wait_for(lambda: health() == (200, True))
        del own.producer  # and with it the cluster
        wait_for(lambda: health() == (503, False))
        assert "Kafka does not answer" in almoner("status", home)
    finally:
        process.terminate()
        box.close()
    assert process.wait(60) == 0


if not ADDRESS:  # a cluster that goes away
    test_a_console_with_topics_says_whether_brokers_answer = a_console_with_topics_says_whether_brokers_answer


def test_a_console_without_a_worker_reads_no_topics(small_home: Path, tmp_path: Path) -> None:
    home = copied(small_home, tmp_path / "home")
    assert "The worker reads Kafka" in almoner("serve", home, "--no-worker", "--kafka", "127.0.0.1:1", code=1)


def a_worker_that_is_killed_loses_and_doubles_nothing(
    cluster: Cluster, small_home: Path, worker: Workers, tmp_path: Path
) -> None:
    killed, calm = copied(small_home, tmp_path / "killed"), copied(small_home, tmp_path / "calm")
    events = burst(600)
    box = inbox_of(calm)
    for event in events:
        box.put([event], dt.datetime.now())
    wanted = box.position()
    box.close()
    process = worker(calm)
    wait_until_done(calm, process)
    stop(process)

    prefix = cluster.topics(SMALL)
    box = inbox_of(killed)
    for n in range(0, len(events), 150):
        before = box.position()
        for e in events[n : n + 150]:
            cluster.send(f"{prefix}{e.feed}", as_message(e))
        process = worker(killed, topics=(cluster.address, prefix))
        wait_for(lambda: box.position() > before, 120)  # noqa: B023 - looked at before it changes
        stop(process, signal.SIGKILL)
    process = worker(killed, topics=(cluster.address, prefix))
    wait_for(lambda: box.position() == wanted, 120)
    wait_until_done(killed, process)
    time.sleep(1)
    assert stop(process) == 0
    box.close()

    own = "lines in quarantine"  # positions in the inbox, whose feeds came in another order
    one, other = held(killed), held(calm)
    assert sorted(feed for feed, _ in one.pop(own)) == sorted(feed for feed, _ in other.pop(own))
    assert one == other
    assert [line for line in log_lines(killed) if line["event"] == "trouble"] == []
    assert {feed: cluster.behind(prefix, feed, GROUP) for feed in SMALL} == dict.fromkeys(SMALL, 0)


if ADDRESS:  # takes a minute, and a cluster that outlives its clients
    test_a_worker_that_is_killed_loses_and_doubles_nothing = a_worker_that_is_killed_loses_and_doubles_nothing


def as_message(event: Event) -> dict[str, Any]:
    kind = f"{event.feed}.withdrawn" if event.withdrawn else event.feed
    row = json.loads(event.data or "")
    return {"specversion": "1.0", "id": event.id, "source": event.source, "type": kind, "data": row}


def test_a_group_of_its_own_reads_all_that_another_group_read(
    cluster: Cluster, inbox: Inbox, tmp_path: Path
) -> None:
    prefix = cluster.topics()
    cluster.send(f"{prefix}insured_wages", *(an_event(n) for n in range(5)))
    reading(cluster, inbox, prefix, 5)
    file = tmp_path / "kafka.properties"
    file.write_text(f"group.id={prefix}second\nbootstrap.servers={cluster.address}\n", encoding="utf-8")
    (tmp_path / "second").mkdir()
    with (
        closing(Inbox(tmp_path / "second", Vault(KEY))) as second,
        reader(Topics(settings_in(file), FEEDS, second, prefix)),
    ):
        wait_for(lambda: second.position() >= 5)
