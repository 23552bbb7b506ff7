"""Brings casework up to date with a cycle while the worker already takes in the next round.

Casework is another database, and uses another processor. Nothing else of this process writes to it meanwhile;
other calls wait. What is pending for casework is stored with the facts until casework has it
(`almoner.stream.state.enqueue`), so a process that dies in between loses nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter
from typing import Protocol

from almoner.errors import AlmonerError
from almoner.registry.vault import BegunDelivery, IdentityStore, SealedIdentity
from almoner.stream.timelines_due import TimelineSink


class AppliedLike(Protocol):
    """What casework did, in numbers of cases."""

    @property
    def cases_opened(self) -> int: ...
    @property
    def cases_updated(self) -> int: ...


class Casework(TimelineSink, Protocol):
    """The calls of casework that the worker uses."""

    def show_feeds(self) -> None:
        """Update the days through which casework shows feeds as complete."""

    def tally(self) -> bool:
        """Count the figures of quality and fairness, at most once a day. Gives whether they were counted."""

    def apply_all(self, evidence_lost: Sequence[int]) -> AppliedLike:
        """Bring all cases, their members and all names up to date with the outbox.

        `evidence_lost`: households with open signals whose evidence was corrected or withdrawn.
        """

    def read(
        self, households: Sequence[int], evidence_lost: Sequence[int]
    ) -> Iterator[Callable[[], AppliedLike]]:
        """Read the unread changes of the outbox, and the members of these households.

        Gives functions that bring cases up to date: at least one, each for a bounded part of the changes.
        They do not read the facts, so another thread may call them, in this order. `evidence_lost`: as for
        `apply_all`.
        """

    def close(self) -> None:
        """Release the connection; no other call follows."""


@dataclass
class Followed:
    """What casework did for one cycle, and in how many seconds."""

    cases_opened: int = 0
    cases_updated: int = 0
    seconds: float = 0.0


class Following:
    """Casework of one open installation, a cycle behind at most."""

    def __init__(self, casework: Casework) -> None:
        self._casework = casework
        self._pool = ThreadPoolExecutor(1, "casework")
        self._running: Future[None] | None = None
        self.since = monotonic()  # the call under way began then

    @property
    def busy(self) -> bool:
        """Whether casework follows a cycle, or nobody has asked yet how that ended."""
        return self._running is not None

    def begin(
        self, households: Sequence[int], evidence_lost: Sequence[int], then: Callable[[Followed], None]
    ) -> None:
        """Follow the cycle over `households`, whose changes are committed; `then` is called in the other
        thread once casework has all of it."""
        parts, followed = self._casework.read(households, evidence_lost), Followed()

        part = next(parts)
        for following in parts:
            self._run(partial(_do, part, followed))
            part = following
        self._run(partial(_do, part, followed, then))

    def look(self) -> None:
        """If casework has finished, raise the error that it ended with, if any."""
        if self._running and self._running.done():
            self.wait()

    def wait(self) -> None:
        """Wait until casework has followed, and raise the error that it ended with, if any."""
        running, self._running = self._running, None
        if running is None:
            return
        try:
            running.result()
        except (AlmonerError, OSError):
            raise
        except Exception as error:  # in the middle of a round it must not pass for a fault of the round's
            raise RuntimeError("Casework could not be brought up to date.") from error

    def close(self) -> None:
        """Wait for the running call and close. How it ends does not matter: it will be done again."""
        self._pool.shutdown()
        self._casework.close()

    def apply_all(self, evidence_lost: Sequence[int]) -> AppliedLike:
        """Apply the whole outbox at once, as after a sweep or when a worker starts."""
        self.wait()
        return self._casework.apply_all(evidence_lost)

    def show_feeds(self) -> None:
        self.wait()
        self._casework.show_feeds()

    def tally(self) -> bool:
        self.wait()
        return self._casework.tally()

    def timelines(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> int:
        self.wait()
        return self._casework.timelines(households, as_of, known_at)

    def open_households(self, *, all_of_them: bool) -> list[int]:
        self.wait()
        return self._casework.open_households(all_of_them=all_of_them)

    def in_turn(self, store: IdentityStore) -> IdentityStore:
        """The vault's store in casework's database; its writes wait until casework has followed."""
        return _InTurn(store, self)

    def _run(self, task: Callable[[], None]) -> None:
        self.wait()
        self.since = monotonic()
        self._running = self._pool.submit(task)


def _do(
    part: Callable[[], AppliedLike], followed: Followed, then: Callable[[Followed], None] | None = None
) -> None:
    started = perf_counter()
    applied = part()
    followed.cases_opened += applied.cases_opened
    followed.cases_updated += applied.cases_updated
    followed.seconds += perf_counter() - started
    if then:
        then(followed)


@dataclass(frozen=True)
class _InTurn:
    store: IdentityStore
    following: Following

    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> AbstractContextManager[None]:
        if persons:
            self.following.wait()
        return self.store.expecting(persons, begun)

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        self.following.wait()
        self.store.write(identities)

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        self.following.wait()
        return self.store.discard_unfinished(person_id, delivery_id)
