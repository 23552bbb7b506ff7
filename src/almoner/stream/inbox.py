"""The durable inbox: a SQLite file in which events wait until the facts have them. Many processes may open
it.

Records hold identities, so they are sealed with the vault's key before they are written, and deleted once
they were taken in. The names of events (department, feed, source and id) are stored only as blind indexes,
because a sender may have made them of a resident's number. A receipt is given when the event is on the disk
(`synchronous=FULL`).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from almoner.errors import AlmonerError
from almoner.registry.vault import Vault
from almoner.stream import known_names, sameness
from almoner.stream.events import Event
from almoner.stream.sameness import EventsDiffer

FILE = "inbox.sqlite3"
SEALED_FIELD = "event"
DIFFERS = "event_id"  # the rule of an event whose name an earlier one had with other content
NAMES_KEPT_DAYS = 30  # a repeated event is recognised for so long; later its row is still compared by key
LARGEST_BYTES = 4 * 1024**3  # of what waits; more is refused until the worker has caught up
_WAIT_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  feed TEXT NOT NULL,
  handle INTEGER NOT NULL,
  withdrawn INTEGER NOT NULL,
  complete_through TEXT,
  received_at TEXT NOT NULL,
  sealed BLOB,
  fault TEXT
);
CREATE INDEX IF NOT EXISTS waiting_by_feed ON waiting (feed, seq);
CREATE TABLE IF NOT EXISTS total (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epoch (epoch TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS taken (feed TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""


class InboxFull(AlmonerError):  # noqa: N818 - a state, no fault of ours
    """Too much waits already; nothing of this call was stored."""


class InboxAway(AlmonerError):  # noqa: N818 - a state, no fault of ours
    """The inbox cannot be written or read now (a full disk, for instance); nothing was stored."""


@dataclass(frozen=True)
class Accepted:
    """The receipt: how many events are stored now, and how many were known before. `position` is that of the
    last event."""

    accepted: int
    repeated: int
    position: int
    received_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class WaitingEvent:
    """One event of the inbox, opened. `data` is personal data as JSON; `seq` is its position."""

    seq: int
    withdrawn: bool
    complete_through: dt.date | None
    received_at: dt.datetime
    data: str | None
    fault: str | None = None  # the rule by which it goes to quarantine unread

    def __repr__(self) -> str:
        return f"Waiting({self.seq})"


@dataclass(frozen=True)
class Backlog:
    """What waits of one feed."""

    events: int
    oldest: dt.datetime


class Inbox:
    """The inbox of one installation. May be shared between threads: each gets a connection of its own."""

    def __init__(self, folder: Path, vault: Vault, largest_bytes: int = LARGEST_BYTES) -> None:
        self.path = folder / FILE
        self._vault, self._largest = vault, largest_bytes
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        if not self.path.exists():
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
        with self._writing() as database:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            if not any(row[1] == "fault" for row in database.execute("PRAGMA table_info(waiting)")):
                database.execute("ALTER TABLE waiting ADD COLUMN fault TEXT")  # an inbox of an older version
            known_names.ensure(database)

    def put(
        self,
        events: Sequence[Event],
        at: dt.datetime,
        *,
        faults: Mapping[int, str] | None = None,
        set_aside: bool = False,
    ) -> Accepted:
        """Store events in their order, all or none. Those that came before are counted and left out.

        `faults`: by place, the rule by which an event goes to quarantine unread. `set_aside`: so do events
        whose name an earlier one had with other content, where nobody can be told. Raises EventsDiffer for
        them otherwise, and InboxFull or InboxAway; then nothing was stored.
        """
        names, digests = sameness.names_of(self._vault, events), sameness.digests_of(self._vault, events)
        rules, day = dict(faults or {}), at.date().toordinal()
        with self._writing() as database:
            self._refuse_when_full(database)
            known = known_names.known(database, names) | known_names.known_of_old(
                database, partial(sameness.older_names_of, self._vault, events), names, digests
            )
            found = sameness.sort(names, digests, known)
            if found.differ and not set_aside:
                raise EventsDiffer(found.differ)
            if found.differ:  # such an event has a name with its content, so that it too comes once
                for n in found.differ:
                    names[n] = self._vault.index(f"{names[n].hex()}{digests[n].hex()}", len(names[n]))
                others = sameness.sort(names, digests, known_names.known(database, names))
                rules |= dict.fromkeys(found.differ, DIFFERS)
                found.fresh += [n for n in others.fresh if n in rules and n not in found.fresh]
            fresh = sorted(found.fresh)
            database.executemany(
                "INSERT INTO known (name, day, digest) VALUES (?, ?, ?)",
                [(names[n], day, digests[n]) for n in fresh],
            )
            self._store(database, [(events[n], names[n], rules.get(n)) for n in fresh], at)
            _count(database, "accepted", len(fresh))
            _count(database, "repeated", len(events) - len(fresh))
            position = _position(database)
        return Accepted(len(fresh), len(events) - len(fresh), position, at)

    def _store(
        self,
        database: sqlite3.Connection,
        events: Sequence[tuple[Event, bytes, str | None]],
        at: dt.datetime,
    ) -> None:
        handles = [int.from_bytes(name[:8]) >> 1 for _, name, _ in events]
        sealed = self._vault.seal_all(handles, SEALED_FIELD, [_data(e, rule) for e, _, rule in events])
        database.executemany(
            """
            INSERT INTO waiting (feed, handle, withdrawn, complete_through, received_at, sealed, fault)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                (
                    e.feed,
                    handle,
                    e.withdrawn,
                    e.complete_through.isoformat() if e.complete_through and rule is None else None,
                    at.isoformat(),
                    of,
                    rule,
                )
                for (e, _, rule), handle, of in zip(events, handles, sealed, strict=True)
            ],
        )

    def position(self) -> int:
        """The position of the last event that ever came."""
        with self._reading() as database:
            return _position(database)

    def feeds_with_more(self, offsets: Mapping[str, int]) -> dict[str, int]:
        """By feed, the position of its first event beyond the offset."""
        with self._reading() as database:
            return {
                feed: seq for feed in _feeds(database) if (seq := _next(database, feed, offsets.get(feed, 0)))
            }

    def take(self, feed: str, after: int, rows: int, most_bytes: int) -> list[WaitingEvent]:
        """The next events of a feed, oldest first: at most `rows`, and not many more than `most_bytes` of
        data. They stay in the inbox."""
        sql = """
            SELECT seq, handle, withdrawn, complete_through, received_at, sealed, fault
            FROM waiting
            WHERE feed = ? AND seq > ?
            ORDER BY seq
            LIMIT ?
            """
        rows_taken: list[tuple[Any, ...]] = []
        size = 0
        with self._reading() as database:
            for row in database.execute(sql, (feed, after, rows)):
                rows_taken.append(row)
                size += len(row[5] or b"")
                if size >= most_bytes:
                    break
        return [self._opened_row(row) for row in rows_taken]

    def purge(self, offsets: Mapping[str, int]) -> int:
        """Delete, by feed, the events up to the offset, which the facts have. Gives their number."""
        gone = 0
        with self._writing() as database:
            database.executemany(
                """
                INSERT INTO taken VALUES (?, ?)
                ON CONFLICT (feed) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq
                """,
                list(offsets.items()),
            )
            for feed, seq in offsets.items():
                gone += database.execute(
                    "DELETE FROM waiting WHERE feed = ? AND seq <= ?", (feed, seq)
                ).rowcount
        return gone

    def forget_names(self, today: dt.date) -> None:
        """Delete the names of events that came more than `NAMES_KEPT_DAYS` ago."""
        with self._writing() as database:
            known_names.forget(database, today.toordinal() - NAMES_KEPT_DAYS)

    def backlog(self) -> dict[str, Backlog]:
        """What waits, by feed. It counts every waiting event, so it is slow for many."""
        sql = "SELECT count(*), min(seq) FROM waiting WHERE feed = ?"
        backlog: dict[str, Backlog] = {}
        with self._reading() as database:
            for feed in _feeds(database):
                events, first = database.execute(sql, (feed,)).fetchone()
                row = database.execute("SELECT received_at FROM waiting WHERE seq = ?", (first,)).fetchone()
                if row:
                    backlog[feed] = Backlog(events, dt.datetime.fromisoformat(row[0]))
        return backlog

    def totals(self) -> dict[str, int]:
        """Events accepted and repeated since the inbox was made."""
        with self._reading() as database:
            return {"accepted": 0, "repeated": 0} | dict(database.execute("SELECT name, value FROM total"))

    def epoch(self) -> str | None:
        """The epoch of the installation that this inbox belongs to; None before it was given one."""
        with self._reading() as database:
            row = database.execute("SELECT epoch FROM epoch").fetchone()
        return row and str(row[0])

    def give(self, epoch: str) -> None:
        """Give the inbox an epoch."""
        with self._writing() as database:
            database.execute("DELETE FROM epoch")
            database.execute("INSERT INTO epoch VALUES (?)", (epoch,))

    def taken(self) -> dict[str, int]:
        """By feed, the position up to which the facts had taken events when they were last deleted here."""
        with self._reading() as database:
            return dict(database.execute("SELECT feed, seq FROM taken"))

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()

    def _opened_row(self, row: tuple[Any, ...]) -> WaitingEvent:
        seq, handle, withdrawn, through, received_at, sealed, fault = row
        return WaitingEvent(
            seq=seq,
            withdrawn=bool(withdrawn),
            complete_through=dt.date.fromisoformat(through) if through else None,
            received_at=dt.datetime.fromisoformat(received_at),
            data=self._vault.open(handle, SEALED_FIELD, sealed),
            fault=fault,
        )

    def _refuse_when_full(self, database: sqlite3.Connection) -> None:
        pages, free, size = (
            database.execute(f"PRAGMA {p}").fetchone()[0]
            for p in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > self._largest:
            raise InboxFull(
                "The inbox is full: events come faster than they are taken in. Send again later; nothing of"
                " this was kept."
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection()
        except sqlite3.Error as error:
            raise InboxAway(
                f"The inbox {self.path} cannot be used: {error}. Check the disk and the folder's rights."
            ) from None

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "cache_size=-65536"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            self._local.connection = connection
            self._opened.append(connection)
        return connection


def _data(event: Event, fault: str | None) -> str | None:
    """The record to keep. What goes to quarantine needs one, though the event may only complete its feed."""
    if event.data is None and fault is not None:
        through = event.complete_through.isoformat() if event.complete_through else None
        return json.dumps({"completethrough": through})
    return event.data


def _feeds(database: sqlite3.Connection) -> list[str]:
    """Feeds with waiting events. It jumps from feed to feed in the index and does not read every event."""
    sql = """
        WITH RECURSIVE f(feed) AS (
          SELECT min(feed)
          FROM waiting
          UNION ALL
          SELECT (SELECT min(feed) FROM waiting w WHERE w.feed > f.feed)
          FROM f
          WHERE f.feed IS NOT NULL
        )
        SELECT feed
        FROM f
        WHERE feed IS NOT NULL
        """
    return [feed for (feed,) in database.execute(sql)]


def _next(database: sqlite3.Connection, feed: str, after: int) -> int | None:
    row = database.execute(
        "SELECT min(seq) FROM waiting WHERE feed = ? AND seq > ?", (feed, after)
    ).fetchone()
    return int(row[0]) if row[0] is not None else None


def _position(database: sqlite3.Connection) -> int:
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'waiting'").fetchone()
    return int(row[0]) if row else 0


def _count(database: sqlite3.Connection, name: str, more: int) -> None:
    if more:
        database.execute(
            "INSERT INTO total VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, more),
        )
