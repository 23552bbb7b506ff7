"""A Kafka topic a feed: CloudEvents (structured JSON, one a message) go into the inbox, and only then
count as read.

The group's position is committed after the inbox has the events on the disk; what is read twice because a
process died in between is known by its source and id. A message that is no event is told with its place
and passed over: it stays in the topic. When a broker refuses or goes away, the group is joined anew until
it answers.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Event as Flag
from time import monotonic
from typing import Any, Protocol

from almoner.errors import AlmonerError
from almoner.stream.events import Event, EventRefused, read
from almoner.stream.inbox import Inbox, InboxAway, InboxFull
from almoner.stream.log import log_line

PACKAGE = "confluent_kafka"
GROUP = "almoner"
MESSAGES = 2_000  # at a time
POLL_SECONDS, REST_SECONDS = 0.2, 5.0
AGAIN_SECONDS = 60.0  # until the same trouble with a broker is told again
ASK_SECONDS, ANSWER_SECONDS = (
    5.0,
    1.0,
)  # while it is not known whether brokers answer: how often they are asked, and how long they have
DEFAULTS = {
    "group.id": GROUP,
    "session.timeout.ms": (
        "10000"
    ),  # a worker that was killed keeps its partitions from the next one for so long
    "reconnect.backoff.ms": "1000",  # twenty times a second otherwise
    "log_level": "2",  # what it says of brokers comes by `error_cb` too, and is told there
}
OURS = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": "false",
}  # what no settings change, for then something could be lost


def refuse_without_package() -> None:
    """Raises AlmonerError where the package for Kafka is missing."""
    if find_spec(PACKAGE) is None:
        raise AlmonerError("Kafka needs another package. Install it with: pip install 'almoner[kafka]'")


def settings_in(file: Path) -> dict[str, str]:
    """librdkafka's settings (TLS, how to log in, the group) of a file with a `name=value` a line, as
    Kafka's own clients have them. Raises AlmonerError with the line that is none; what stands in it is not
    quoted, for it may be a password."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AlmonerError(f"{file} cannot be read ({type(error).__name__}).") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if not equals:
            raise AlmonerError(f"{file}, line {number}: write name=value, or # before a remark.")
        if name in OURS:
            raise AlmonerError(
                f"{file}, line {number}: {name} is Almoner's own affair, for nothing may be lost. Take the"
                " line out."
            )
        found[name] = value
    return found


class Message(Protocol):
    """What a consumer gives."""

    def value(self) -> bytes | None: ...
    def error(self) -> object | None: ...
    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...


@dataclass
class Topics:
    """Reads the topics ``<prefix><feed>`` of a cluster. `configuration` is librdkafka's, with
    ``bootstrap.servers`` at least."""

    configuration: Mapping[str, str] = field(repr=False)  # with passwords
    feeds: Collection[str]
    inbox: Inbox
    prefix: str = ""
    refused: int = field(default=0, init=False)
    answers: bool = field(default=False, init=False)  # whether brokers answer, as far as is known
    _ask_at: float = field(default=0.0, init=False)
    _quiet_until: dict[str, float] = field(default_factory=dict, init=False)

    def refuse_wrong_settings(self) -> None:
        """Raises AlmonerError when librdkafka does not know a setting, or not so. Whether brokers answer
        is another matter."""
        from confluent_kafka import KafkaException

        try:
            self._consumer().close()
        except KafkaException as error:
            raise AlmonerError(f"These settings of Kafka cannot be used: {error.args[0].str()}.") from None

    def run(self, stop: Flag) -> None:
        """Read until `stop` is set."""
        from confluent_kafka import KafkaException

        while not stop.is_set():
            try:
                self._read(stop)
            except Exception as error:  # noqa: BLE001 - the worker beside goes on, and this loop with it
                what = str(error) if isinstance(error, KafkaException) else type(error).__name__
                log_line("trouble", error=what, about="kafka", wait=REST_SECONDS)
                stop.wait(REST_SECONDS)

    def _read(self, stop: Flag) -> None:
        consumer = self._consumer()
        try:
            consumer.subscribe([f"{self.prefix}{feed}" for feed in sorted(self.feeds)])
            while not stop.is_set():
                self._take(consumer, stop)
                self._ask(consumer)
        finally:
            consumer.close()

    def _consumer(self) -> Any:
        from confluent_kafka import Consumer

        return Consumer({**DEFAULTS, **self.configuration, **OURS, "error_cb": self._on_error})

    def _ask(self, consumer: Any) -> None:
        """Ask brokers that did not answer, now and then, until they do."""
        from confluent_kafka import KafkaException

        if self.answers or monotonic() < self._ask_at:
            return
        try:
            consumer.list_topics(timeout=ANSWER_SECONDS)
        except KafkaException:
            self._ask_at = monotonic() + ASK_SECONDS
        else:
            self.answers = True
            log_line("kafka", answers=True)

    def _on_error(self, error: Any) -> None:
        """What librdkafka says of brokers is told once in a while: one that is away is looked for every
        second."""
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.answers = False
        if monotonic() >= self._quiet_until.get(error.name(), 0.0):
            self._quiet_until[error.name()] = monotonic() + AGAIN_SECONDS
            log_line("kafka", error=str(error))

    def _take(self, consumer: Any, stop: Flag) -> None:
        messages = consumer.consume(MESSAGES, POLL_SECONDS)
        for message in messages:
            if message.error():
                log_line("kafka", topic=message.topic(), error=str(message.error()))
        arrived = [message for message in messages if not message.error()]
        if arrived and self._kept(self._events(arrived), stop):
            consumer.commit(asynchronous=False)

    def _events(self, messages: Sequence[Message]) -> list[Event]:
        today = dt.datetime.now().date()
        found: list[Event] = []
        for message in messages:
            try:
                found.append(self._event(message, today))
            except (EventRefused, ValueError, RecursionError) as error:
                self.refused += 1
                about = error.attribute if isinstance(error, EventRefused) else "json"
                log_line(
                    "kafka_refused",
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                    about=about,
                )
        return found

    def _event(self, message: Message, today: dt.date) -> Event:
        attributes = json.loads(message.value() or b"")
        if not isinstance(attributes, dict):
            raise EventRefused("", "An event is one JSON object.")
        event = read(attributes, today)
        if f"{self.prefix}{event.feed}" != message.topic():
            raise EventRefused("type", "`type` must name the feed of the topic.")
        return event

    def _kept(self, events: list[Event], stop: Flag) -> bool:
        """Whether the inbox has them; it is asked again until it does, or until `stop` is set."""
        while not stop.is_set():
            try:
                self.inbox.put(events, dt.datetime.now())
            except (InboxFull, InboxAway) as away:
                log_line("trouble", error=type(away).__name__, about="kafka", wait=REST_SECONDS)
                stop.wait(REST_SECONDS)
            else:
                return True
        return False
