"""Opens an installation for the worker, and connects it to casework, to Kafka and to webhooks."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from almoner import casework, home
from almoner.casework.own_process import OwnProcess, ProcessEnded, is_of_driver
from almoner.casework.sync.results import Applied, Seen
from almoner.installation import casework_sync, opening
from almoner.installation.opening import Installation
from almoner.policy import archive, compile_pack
from almoner.registry.vault import BegunDelivery, IdentityStore, SealedIdentity, open_vault
from almoner.stream.ahead import dating
from almoner.stream.following import Following
from almoner.stream.inbox import Inbox
from almoner.stream.kafka import Topics, refuse_without_package
from almoner.stream.landing import Landing
from almoner.stream.opened_inbox import open_inbox
from almoner.stream.rounds import Pace
from almoner.stream.status import Status
from almoner.stream.supervising import CaseworkAway
from almoner.stream.worker import Worker
from almoner.support.changes import Change
from almoner.support.outbox import changes_after

SLICES_AT_ONCE = 4  # of the outbox, in one transaction of casework: bounds what is held of it in memory


@contextmanager
def kafka_topics(
    folder: Path, day: dt.date | None, settings: Mapping[str, str], prefix: str, stop: Flag, status: Status
) -> Iterator[None]:
    """Read Kafka in a thread while the block lasts, if brokers are given in `settings`. The status then has
    whether they answer."""
    if not settings:
        yield
        return
    refuse_without_package()
    place = home.load(folder)
    feeds = compile_pack(opening.pack_folder(place), as_of=day).feeds
    datings = {feed.id: dating(feed) for feed in feeds.values()}
    with closing(open_inbox(folder, open_vault(place.vault_key))) as inbox:
        owners = {feed.id: feed.owner for feed in feeds.values()}
        topics = Topics(settings, owners, inbox, prefix, datings)
        topics.refuse_wrong_settings()
        status.kafka = lambda: topics.answers
        with _in_thread(topics.run, stop):
            yield


@contextmanager
def casework_upkeep(folder: Path, stop: Flag) -> Iterator[None]:
    """Send webhooks to departments' systems, and checkpoint SQLite, in threads while the block lasts."""
    place = home.load(folder)
    casework.setup(place)
    with _reachable():
        casework.refuse_other_version(place)
    from almoner.casework.conf import checkpoints
    from almoner.casework.core import outside
    from almoner.casework.webhooks import sending

    with _in_thread(sending.run, stop), _in_thread(checkpoints.run, stop), _in_thread(outside.run, stop):
        yield


@contextmanager
def _in_thread(run: Callable[[Flag], None], stop: Flag) -> Iterator[None]:
    """Run `run` in a thread while the block lasts; then set `stop` and wait for it."""
    thread = Thread(target=run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def open_worker(
    folder: Path, day: dt.date | None, settled_seconds: float, pace: Pace, status: Status
) -> Iterator[Worker]:
    """A worker on the open installation."""
    with _reachable(), opening.installation(folder, as_of=day) as inst:
        from almoner.casework.api.tokens import sync_feeds

        archive(opening.pack_folder(inst.home), inst.home.pack_archive)
        with (
            closing(open_inbox(folder, inst.vault)) as inbox,
            closing(Following(Cases(inst, inbox))) as cases,
        ):
            store = cases.in_turn(_Reachable(casework.identities()))
            kept_days = inst.home.settings.landing_kept_days
            landing = Landing(
                home=folder,
                engine=inst.engine,
                pack=inst.pack,
                vault=inst.vault,
                store=store,
                settled_seconds=settled_seconds,
                kept_days=kept_days,
            )
            sync_feeds(inst.pack)
            try:
                yield Worker(
                    engine=inst.engine,
                    pack=inst.pack,
                    vault=inst.vault,
                    store=store,
                    inbox=inbox,
                    landing=landing,
                    casework=cases,
                    status=status,
                    pace=pace,
                    day=day,
                )
            finally:
                gc.unfreeze()  # undoes the freeze of `Worker.warm_up`


class Cases:
    """Casework for one worker; see `almoner.stream.following.Casework` for its calls."""

    def __init__(self, inst: Installation, inbox: Inbox) -> None:
        self._inst, self._inbox = inst, inbox
        self._process = OwnProcess(inst.home.folder)
        self._seq = -1  # how far the outbox was read
        self._shown: list[Any] = []

    def apply_all(self, evidence_lost: Sequence[int]) -> Applied:
        with _reachable():
            applied = casework_sync.apply_outbox(self._inst, evidence_lost)
        self._seq = applied.last_seq
        return applied

    def read(
        self, households: Sequence[int], evidence_lost: Sequence[int]
    ) -> Iterator[Callable[[], Applied]]:
        seen = Seen(households, evidence_lost, casework_sync.members_of_cases(self._inst, households))
        waiting = changes_after(self._inst.engine, self._seq)
        while True:
            changes = list(islice(waiting, SLICES_AT_ONCE))
            self._seq = changes[-1][-1].seq if changes else self._seq
            if len(changes) < SLICES_AT_ONCE:
                yield partial(self._follow, changes, seen)
                return
            yield partial(self._follow, changes)

    def close(self) -> None:
        self._process.close()

    def _follow(self, changes: Sequence[Sequence[Change]], seen: Seen | None = None) -> Applied:
        with _reachable():
            try:
                return self._process.call(casework.follow, changes, seen)
            except ProcessEnded as error:
                raise CaseworkAway(str(error)) from error

    def timelines(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> int:
        with _reachable():
            return casework_sync.timelines_of(self._inst, households, as_of, known_at)

    def open_households(self, *, all_of_them: bool) -> list[int]:
        with _reachable():
            return casework.open_households() if all_of_them else casework.without_timelines()

    def tally(self) -> bool:
        with _reachable():
            return casework.sync_tallies_daily()

    def show_feeds(self) -> None:
        freshness = casework_sync.freshness(self._inst)
        if freshness != self._shown:
            with _reachable():
                casework_sync.show_feeds(self._inst)
            self._shown = freshness
        with _reachable():
            self._inst.parts.still_fit(self._inbox)


class _Reachable:
    """The vault's store; raises CaseworkAway when the database does not answer."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    @contextmanager
    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> Iterator[None]:
        with _reachable(), self._store.expecting(persons, begun):
            yield

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        with _reachable():
            self._store.write(identities)

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        with _reachable():
            return self._store.discard_unfinished(person_id, delivery_id)


@contextmanager
def _reachable() -> Iterator[None]:
    from django.db import Error, connections

    try:
        yield
    except Exception as error:
        connections.close_all()  # whatever it was: a connection may be lost or in the middle of something
        if not isinstance(error, Error) and not is_of_driver(error):
            raise
        raise CaseworkAway(
            f"Casework's database does not answer ({type(error).__name__}). What came waits in the inbox."
        ) from error
