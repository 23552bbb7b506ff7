"""Shared by the tests of the stream: an installation's inbox, facts and vault in one folder, and events of
rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almoner.assessment import ledger
from almoner.engines import Engine, open_engine
from almoner.policy.model.pack import Pack
from almoner.registry.schema import ensure
from almoner.registry.vault import Vault
from almoner.stream import state
from almoner.stream.events import Event
from almoner.stream.following import Following
from almoner.stream.inbox import Inbox
from almoner.stream.landing import Landing
from almoner.stream.rounds import Pace, Rounds
from almoner.stream.status import Status
from almoner.stream.worker import Worker
from almoner.support.outbox import changes_after
from county import KEY
from feeds import SqliteIdentities

AT = dt.datetime(2026, 11, 9, 8)


def event(feed: str, n: object, withdrawn: bool = False, through: dt.date | None = None, **row: Any) -> Event:
    return Event(
        source="office",
        id=str(n),
        feed=feed,
        data=json.dumps(row) if row else None,
        withdrawn=withdrawn,
        complete_through=through,
    )


class Stream:
    """Opens the installation in `folder`, as a process that starts does. With an `engine`, the facts are
    those of the engine."""

    def __init__(
        self, folder: Path, pack: Pack, pace: Pace | None = None, engine: Engine | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.pack, self.vault = folder, pack, Vault(KEY)
        self.engine = engine or open_engine(folder / "facts.duckdb")
        ensure(self.engine, pack.feeds)
        state.ensure(self.engine)
        ledger.create(self.engine)
        self.store = SqliteIdentities(folder / "casework.sqlite3")
        self.inbox = Inbox(folder, self.vault)
        self.rounds = Rounds(
            engine=self.engine,
            pack=pack,
            vault=self.vault,
            store=self.store,
            inbox=self.inbox,
            pace=pace or Pace(),
        )

    def put(self, *events: Event) -> Any:
        return self.inbox.put(events, AT)

    def drain(self, at: dt.datetime = AT) -> int:
        taken = 0
        while found := self.rounds.take(at):
            taken += found.events
        return taken

    def rows(self, feed: str, columns: str = "*") -> list[tuple[Any, ...]]:
        return self.engine.rows(
            f"SELECT {columns} FROM facts.{feed} WHERE known_to = 'infinity' ORDER BY ALL"
        )

    def close(self) -> None:
        self.engine.close()
        self.close_files()

    def close_files(self) -> None:
        """All but the facts."""
        self.inbox.close()
        self.store.connection.close()


@dataclass
class Reader:
    """In place of casework: it reads the outbox, and counts what it has read as applied."""

    engine: Engine
    seq: int = 0

    cases_opened = cases_updated = 0

    @property
    def last_seq(self) -> int:
        return self.seq

    def show_feeds(self) -> None:
        """There is no console."""

    def tally(self) -> bool:
        return False

    def timelines(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> int:
        del as_of, known_at
        return len(households)

    def open_households(self, *, all_of_them: bool) -> list[int]:
        del all_of_them
        return []

    def apply_all(self, evidence_lost: Sequence[int]) -> Reader:
        del evidence_lost
        return self._read_on()

    def _read_on(self) -> Reader:
        for batch in changes_after(self.engine, self.seq):
            self.seq = batch[-1].seq
        return self

    def read(self, households: Sequence[int], evidence_lost: Sequence[int]) -> Iterator[Callable[[], Reader]]:
        del households, evidence_lost
        self._read_on()
        yield lambda: self

    def close(self) -> None:
        """There is nothing to release."""


@dataclass
class Clock:
    now: dt.datetime = AT

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += dt.timedelta(**span)


def worker_of(stream: Stream, cases: Following, clock: Clock, **options: Any) -> Worker:
    """A worker on the stream's facts, whose cycles `cases` applies."""
    landing = Landing(
        home=stream.folder,
        engine=stream.engine,
        pack=stream.pack,
        vault=stream.vault,
        store=stream.store,
        settled_seconds=0,
    )
    return Worker(
        engine=stream.engine,
        pack=stream.pack,
        vault=stream.vault,
        store=cases.in_turn(stream.store),
        inbox=stream.inbox,
        landing=landing,
        casework=cases,
        status=Status(home=stream.folder, started_at=clock()),
        clock=clock,
        **options,
    )


@contextmanager
def working(stream: Stream, clock: Clock, **options: Any) -> Iterator[Worker]:
    cases = Following(Reader(stream.engine))
    yield worker_of(stream, cases, clock, pace=stream.rounds.pace, **options)
    cases.close()
