"""`almoner work` and `token`: real time."""

from __future__ import annotations

import datetime as dt
import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Annotated, Any

import typer

from almoner import casework, home
from almoner.casework import Applied, Seen
from almoner.casework.conf.own_process import ProcessEnded
from almoner.cli import operations
from almoner.cli.arguments import DAY, Folder, KafkaBrokers, KafkaPrefix, KafkaSettings
from almoner.cli.operations import Installation
from almoner.cli.output import AsJson, emit_json, out, show_table, told
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.policy import archive, compile_pack
from almoner.registry.vault import IdentityStore, SealedIdentity, open_vault
from almoner.stream import log
from almoner.stream.following import Following
from almoner.stream.inbox import Inbox
from almoner.stream.kafka import Topics, refuse_without_package, settings_in
from almoner.stream.landing import SETTLED_SECONDS, Landing
from almoner.stream.lock import sole_worker
from almoner.stream.rounds import Pace
from almoner.stream.status import Status
from almoner.stream.supervising import CaseworkAway, Supervisor
from almoner.stream.worker import Worker
from almoner.support.changes import Change
from almoner.support.outbox import changes_after

SLICES_AT_ONCE = 4  # of the outbox, in one transaction of casework: bounds what is held of it in memory


def work(
    folder: Folder,
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=DAY, help="Decide for this day in place of today: for trials."),
    ] = None,
    settled_seconds: Annotated[
        float, typer.Option(min=0, help="A landed file is complete when it has not changed for so long.")
    ] = SETTLED_SECONDS,
    kafka: KafkaBrokers = None,
    kafka_prefix: KafkaPrefix = "",
    kafka_settings: KafkaSettings = None,
) -> None:
    """Take in events and landed files, assess whom they touch, open cases; until it is stopped (SIGTERM or
    Ctrl+C)."""
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.to_standard_error()
    with told():
        home.load(folder)
        reached = _reached(kafka, kafka_settings)
        with sole_worker(folder):
            day = as_of.date() if as_of else None
            status_of = Status(folder, now())
            log.tell("started", process=os.getpid())
            supervisor = Supervisor(
                lambda pace, kept: _opened(folder, day, settled_seconds, pace, kept), status_of
            )
            with _topics(folder, day, reached, kafka_prefix, stop, status_of), _casework_upkeep(folder, stop):
                supervisor.run(stop)
            log.tell("stopped", process=os.getpid())


def token(
    folder: Folder,
    department: Annotated[str, typer.Argument(help="The department whose system has it.")],
    name: Annotated[str, typer.Option(help="What the token is for.")] = "events",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "What it may do: events:write (when not given), referrals:read, referrals:answer. Several by"
                " repeating it."
            )
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="After how many days it ends; never when not given.")
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the department's tokens of that name instead.")
    ] = False,
    list_: Annotated[
        bool,
        typer.Option("--list", help="Show the department's tokens instead, and when each was last used."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token with which a department's system uses the API. It is shown once."""
    with told():
        place = home.load(folder)
        casework.setup(place)
        casework.refuse_other_version(place)
        from almoner.casework.api import tokens

        if revoke:
            ended = tokens.revoke(department, name)
            if as_json:
                emit_json({"ended": ended})
            else:
                out.print(f"{ended} tokens ended.")
            return
        if list_:
            _show_tokens(tokens.listed(department), as_json)
            return
        tokens.sync_feeds(compile_pack(operations.pack_folder(place)))
        made = tokens.issue(department, name, scope or [tokens.EVENTS], days)
    if as_json:
        emit_json({"token": made})
    else:
        out.print(made, markup=False)


def _show_tokens(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit_json({"tokens": found})
        return
    rows = [
        (
            t["name"],
            " ".join(t["scopes"]),
            t["created_at"],
            t["expires_at"],
            t["revoked_at"],
            t["last_used_on"],
        )
        for t in found
    ]
    show_table("Tokens", ["name", "scopes", "made", "ends", "ended", "last used"], rows)


def _reached(brokers: str | None, file: Path | None) -> dict[str, str]:
    """How the brokers are reached; empty where nobody asked for Kafka."""
    reached = settings_in(file) if file else {}
    reached |= {"bootstrap.servers": brokers} if brokers else {}
    if file and not reached.get("bootstrap.servers"):
        raise AlmonerError(
            f"No broker is named. Give --kafka host:port, or write bootstrap.servers=host:port in {file}."
        )
    return reached


@contextmanager
def _topics(
    folder: Path, day: dt.date | None, reached: Mapping[str, str], prefix: str, stop: Flag, kept: Status
) -> Iterator[None]:
    """Reads Kafka beside the block, where somebody asked for it; the status says whether brokers answer."""
    if not reached:
        yield
        return
    refuse_without_package()
    place = home.load(folder)
    feeds = compile_pack(operations.pack_folder(place), as_of=day).feeds
    with closing(Inbox(folder, open_vault(place.vault_key))) as inbox:
        topics = Topics(reached, list(feeds), inbox, prefix)
        topics.refuse_wrong_settings()
        kept.kafka = lambda: topics.answers
        with _beside(topics.run, stop):
            yield


@contextmanager
def _casework_upkeep(folder: Path, stop: Flag) -> Iterator[None]:
    """What casework's database has done beside the block: departments' own systems are told what waits for
    them in it, and SQLite moves its log."""
    place = home.load(folder)
    casework.setup(place)
    with _reachable():
        casework.refuse_other_version(place)
    from almoner.casework.conf import checkpoints
    from almoner.casework.webhooks import sending

    with _beside(sending.run, stop), _beside(checkpoints.run, stop):
        yield


@contextmanager
def _beside(run: Callable[[Flag], None], stop: Flag) -> Iterator[None]:
    """`run` in a thread of its own while the block lasts; after it everything is told to stop."""
    thread = Thread(target=run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _opened(
    folder: Path, day: dt.date | None, settled_seconds: float, pace: Pace, kept: Status
) -> Iterator[Worker]:
    """A worker on the open installation."""
    with _reachable(), operations.installation(folder, as_of=day) as inst:
        from almoner.casework.api.tokens import sync_feeds

        archive(operations.pack_folder(inst.home), inst.home.pack_archive)
        with closing(Inbox(folder, inst.vault)) as inbox, closing(Following(Cases(inst))) as cases:
            store = cases.in_turn(_Reachable(casework.identities()))
            kept_days = inst.home.settings.landing_kept_days
            landing = Landing(folder, inst.engine, inst.pack, inst.vault, store, settled_seconds, kept_days)
            sync_feeds(inst.pack)
            try:
                yield Worker(
                    inst.engine, inst.pack, inst.vault, store, inbox, landing, cases, kept, pace, day=day
                )
            finally:
                gc.unfreeze()  # what a worker's practice froze goes with it


class Cases:
    """Casework, as the worker asks for it."""

    def __init__(self, inst: Installation) -> None:
        self._inst = inst
        self._beside = casework.work_beside(inst.home)
        self._seq = -1  # how far the outbox was read
        self._shown: list[Any] = []

    def apply_all(self, doubtful: Sequence[int]) -> Applied:
        with _reachable():
            applied = operations.apply_outbox(self._inst, doubtful)
        self._seq = applied.last_seq
        return applied

    def read(self, households: Sequence[int], doubtful: Sequence[int]) -> Iterator[Callable[[], Applied]]:
        seen = Seen(households, doubtful, operations.members_of_cases(self._inst, households))
        waiting = changes_after(self._inst.engine, self._seq)
        while True:
            changes = list(islice(waiting, SLICES_AT_ONCE))
            self._seq = changes[-1][-1].seq if changes else self._seq
            if len(changes) < SLICES_AT_ONCE:
                yield partial(self._follow, changes, seen)
                return
            yield partial(self._follow, changes)

    def close(self) -> None:
        self._beside.close()

    def _follow(self, changes: Sequence[Sequence[Change]], seen: Seen | None = None) -> Applied:
        with _reachable():
            try:
                return self._beside.call(casework.follow, changes, seen)
            except ProcessEnded as error:
                raise CaseworkAway(str(error)) from error

    def timelines(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> int:
        with _reachable():
            return operations.timelines_of(self._inst, households, as_of, known_at)

    def open_households(self, *, all_of_them: bool) -> list[int]:
        with _reachable():
            return casework.open_households() if all_of_them else casework.without_timelines()

    def tally(self) -> bool:
        with _reachable():
            return casework.sync_tallies_daily()

    def show_feeds(self) -> None:
        found = operations.freshness(self._inst)
        if found != self._shown:
            with _reachable():
                casework.sync_freshness(found)
            self._shown = found


class _Reachable:
    """The vault's store; a database that does not answer is told as such."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    def expecting(self, persons: int) -> AbstractContextManager[None]:
        return self._store.expecting(persons)

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        with _reachable():
            self._store.write(identities)

    def discard_above(self, person_id: int) -> None:
        with _reachable():
            self._store.discard_above(person_id)


@contextmanager
def _reachable() -> Iterator[None]:
    from django.db import Error, connections

    try:
        yield
    except Error as error:
        connections.close_all()
        raise CaseworkAway(
            f"Casework's database does not answer ({type(error).__name__}). What came waits in the inbox."
        ) from error
