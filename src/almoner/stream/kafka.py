"""Reads CloudEvents from Kafka into the inbox: a topic for each feed, one event in structured JSON a message.

The group's position is committed once the inbox has stored the events. If a process dies in between, events
are read twice, and the inbox recognises them. An event counts as sent by the department that owns its feed.
Nobody can be told about an event whose id an earlier one had with other content, or whose time lies ahead: it
goes to quarantine. A message that is no event is logged with its position and skipped; it stays in the topic.
When a broker refuses or goes away, the group is joined again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event as Flag
from time import monotonic
from typing import Any, Protocol

from almoner import strict_json
from almoner.errors import AlmonerError
from almoner.stream.ahead import Dating, DatingLimit
from almoner.stream.events import Event, EventRefused, read
from almoner.stream.inbox import Inbox, InboxAway, InboxFull
from almoner.stream.log import log_line
from almoner.strict_json import NotStrictJson

PACKAGE = "confluent_kafka"
GROUP = "almoner"
MESSAGES = 2_000  # at a time
AHEAD = "event_ahead"  # the rule of an event whose time lies ahead
POLL_SECONDS, REST_SECONDS = 0.2, 5.0
AGAIN_SECONDS = 60.0  # until the same trouble with a broker is logged again
# while it is not known whether brokers answer: how often they are asked, and how long they have
ASK_SECONDS, ANSWER_SECONDS = 5.0, 1.0
DEFAULTS = {
    "group.id": GROUP,
    "session.timeout.ms": "10000",  # a killed worker keeps its partitions from the next one for so long
    "reconnect.backoff.ms": "1000",  # twenty times a second otherwise
    "log_level": "2",  # messages about brokers come by `error_cb` too, and are logged there
}
OURS = {  # settings that nobody may change: otherwise events could be lost
    "auto.offset.reset": "earliest",
    "enable.auto.commit": "false",
}


def refuse_without_package() -> None:
    """Raises AlmonerError where the package for Kafka is missing."""
    if find_spec(PACKAGE) is None:
        raise AlmonerError("Kafka needs another package. Install it with: pip install 'almoner[kafka]'")


def settings_in(file: Path) -> dict[str, str]:
    """librdkafka's settings (TLS, log-in, group) of a file with one `name=value` a line, as in Kafka's
    clients.

    Raises AlmonerError with the number of a line that is wrong. The line is not quoted: it may be a password.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AlmonerError(f"{file} cannot be read ({type(error).__name__}).") from None
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if not equals:
            raise AlmonerError(f"{file}, line {number}: write name=value, or # before a remark.")
        if name in OURS:
            raise AlmonerError(
                f"{file}, line {number}: Almoner sets {name} itself, so that no event is lost. Take the"
                " line out."
            )
        settings[name] = value
    return settings


class Message(Protocol):
    """A message of a consumer, as `confluent_kafka` gives it."""

    def value(self) -> bytes | None: ...
    def error(self) -> object | None: ...
    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...


@dataclass
class Topics:
    """Reads the topics ``<prefix><feed>`` of a cluster. `configuration` is librdkafka's, with
    ``bootstrap.servers`` at least; `feeds` gives the department that owns each feed."""

    configuration: Mapping[str, str] = field(repr=False)  # with passwords
    feeds: Mapping[str, str]
    inbox: Inbox
    prefix: str = ""
    datings: Mapping[str, Dating] = field(default_factory=dict)  # by feed
    refused: int = field(default=0, init=False)
    answers: bool = field(default=False, init=False)  # whether brokers answer, as far as is known
    _ask_at: float = field(default=0.0, init=False)
    _quiet_until: dict[str, float] = field(default_factory=dict, init=False)

    def refuse_wrong_settings(self) -> None:
        """Raises AlmonerError when librdkafka does not accept the settings. It does not ask the brokers."""
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
        """Ask brokers that did not answer every few seconds until they do."""
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
        """Log an error of librdkafka, the same one at most once in `AGAIN_SECONDS`: it repeats every
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
        if arrived and self._stored(self._events(arrived), stop):
            consumer.commit(asynchronous=False)

    def _events(self, messages: Sequence[Message]) -> list[Event]:
        today = dt.datetime.now().date()
        events: list[Event] = []
        for message in messages:
            try:
                events.append(self._event(message, today))
            except (EventRefused, NotStrictJson) as error:
                self.refused += 1
                about = error.attribute if isinstance(error, EventRefused) else "json"
                log_line(
                    "kafka_refused",
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                    about=about,
                )
        return events

    def _event(self, message: Message, today: dt.date) -> Event:
        attributes = strict_json.loads(message.value() or b"", parse_float=str)  # codes stay as written
        if not isinstance(attributes, dict):
            raise EventRefused("", "An event is one JSON object.")
        event = read(attributes, today)
        if f"{self.prefix}{event.feed}" != message.topic():
            raise EventRefused("type", "`type` must name the feed of the topic.")
        return replace(event, department=self.feeds[event.feed])

    def _stored(self, events: list[Event], stop: Flag) -> bool:
        """Store events in the inbox, trying again until `stop` is set. Gives whether they are stored."""
        while not stop.is_set():
            try:
                now = dt.datetime.now()
                self.inbox.put(events, now, faults=self._ahead(events, now), set_aside=True)
            except (InboxFull, InboxAway) as away:
                log_line("trouble", error=type(away).__name__, about="kafka", wait=REST_SECONDS)
                stop.wait(REST_SECONDS)
            else:
                return True
        return False

    def _ahead(self, events: Sequence[Event], now: dt.datetime) -> dict[int, str]:
        """The places of events whose `time` lies ahead. A row that is dated ahead is found with its other
        faults."""
        limits = {feed: DatingLimit.of(self.datings.get(feed, Dating()), now) for feed in self.feeds}
        return {
            n: AHEAD
            for n, event in enumerate(events)
            if event.time is not None and limits[event.feed].ahead(event) == "time"
        }
