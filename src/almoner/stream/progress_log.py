"""Logs and counts what the worker has finished: files, rounds and cycles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from almoner.cycle import CycleOutcome
from almoner.local_time import elapsed
from almoner.registry.deliveries import DeliveryReceipt
from almoner.stream.following import Followed
from almoner.stream.landing import Landed
from almoner.stream.log import log_line
from almoner.stream.rounds import Taken
from almoner.stream.status import Status

StartedRound = tuple[Taken, dt.datetime]  # a round, and when it began


@dataclass
class ProgressLog:
    """What one worker has finished. `last_cycle` is the last cycle that casework has all of.

    A round is finished when everybody whom it concerned has been assessed and casework has the result.
    """

    status: Status
    clock: Callable[[], dt.datetime]
    last_cycle: int = 0
    _unfinished: list[StartedRound] = field(default_factory=list, init=False)

    def round_taken(self, taken: Taken, began: dt.datetime, seconds: float) -> None:
        """A round is in the facts; its households are still to be assessed. `seconds`: how long it took."""
        self._unfinished.append((taken, began))
        self.status.count("events", taken.events)
        self.status.count("quarantined", _quarantined(taken))
        self.status.spent("intake", seconds)

    def take_unfinished(self) -> list[StartedRound]:
        """The rounds taken since the last call, for whoever finishes them."""
        rounds, self._unfinished = self._unfinished, []
        return rounds

    def file_landed(self, landed: Landed) -> None:
        """A file of the landing folder was taken in or refused."""
        self.status.count("files" if landed.receipt else "files_refused", 1)
        counts = _counts(landed.receipt) if landed.receipt else {"refused": True}
        log_line("file", department=landed.department, feed=landed.feed, **counts)

    def cycle_finished(
        self, outcome: CycleOutcome, rounds: Sequence[StartedRound], followed: Followed
    ) -> None:
        """Casework has all of a cycle, and so of these rounds. Called in casework's thread."""
        self.last_cycle = outcome.cycle_id or 0
        self.status.spent("casework", followed.seconds)
        self.status.count("cycles", 1)
        self.status.count("cases_opened", followed.cases_opened)
        log_line(
            "cycle",
            households=outcome.households,
            cases_opened=followed.cases_opened,
            cases_updated=followed.cases_updated,
            seconds=round(sum(outcome.seconds.values()), 3),
        )
        self.rounds_finished(rounds)

    def rounds_finished(self, rounds: Sequence[StartedRound]) -> None:
        """Everything that these rounds brought is in cases now."""
        now = self.clock()
        for taken, began in rounds:
            waited = elapsed(taken.oldest, now)
            self.status.arrived(taken.events, waited)
            log_line(
                "round",
                events=taken.events,
                through=taken.through,
                quarantined=_quarantined(taken),
                seconds=round(elapsed(began, now), 3),
                waited=round(waited, 3),
                left=taken.left,
            )


def _quarantined(taken: Taken) -> int:
    return sum(receipt.rows_quarantined for receipt in taken.receipts)


def _counts(receipt: DeliveryReceipt) -> dict[str, int]:
    return {
        "rows": receipt.rows_read,
        "new": receipt.rows_new,
        "corrected": receipt.rows_corrected,
        "quarantined": receipt.rows_quarantined,
    }
