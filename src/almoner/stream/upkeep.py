"""Keeps the facts quick to read and casework's figures fresh, a bounded step at a time between other work.

Facts are clustered by household again when enough rows have been added. The many slices of a feed are merged
into one delivery a day. Casework gets watermarks, tallies and timelines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.registry import slices
from almoner.registry.compacting import Compaction
from almoner.stream.log import log_line
from almoner.stream.rounds import NAME
from almoner.stream.status import Status
from almoner.stream.timelines_due import TimelinesDue

LOOK_SECONDS = 60.0  # between two looks at whether something is to be done
TALLY_SECONDS = 3600.0  # between two looks at whether a day has passed since figures were counted
BUSY_SECONDS = 30.0  # between two steps while there is no quiet moment


@dataclass(kw_only=True)
class Upkeep:
    """The upkeep of one open installation."""

    engine: Engine
    pack: Pack
    status: Status
    show_feeds: Callable[[], None]
    tally: Callable[[], bool]
    timelines: TimelinesDue
    _looked: float = field(default_factory=monotonic, init=False)
    _stepped: float = field(default=float("-inf"), init=False)
    _tallied: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self.compaction = Compaction(engine=self.engine, feeds=self.pack.feeds)

    def step(self, *, busy: bool) -> None:
        """Do one step, if there is one: at once when it is quiet, seldom while there is other work."""
        self.timelines.step(busy=busy)
        if not busy:
            self._tally()
        if busy and monotonic() - self._stepped < BUSY_SECONDS:
            return
        if self.compaction.under_way or self._looks():
            self._move()

    def _looks(self) -> bool:
        if monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = monotonic()
        self.show_feeds()
        merged = slices.merge_slices(self.engine, NAME)
        if merged:
            log_line("merged", slices=merged)
        return self.compaction.look()

    def _tally(self) -> None:
        if monotonic() - self._tallied < TALLY_SECONDS:
            return
        self._tallied = started = monotonic()
        if self.tally():
            self.status.spent("tallies", monotonic() - started)
            log_line("tallied", seconds=round(monotonic() - started, 3))

    def _move(self) -> None:
        moved = self.compaction.step()
        self._stepped = monotonic()
        if moved:
            self.status.count("rows_moved", moved.rows)
            self.status.spent("compacting", moved.seconds)
            if moved.done:
                log_line("compacted", feed=moved.feed)
