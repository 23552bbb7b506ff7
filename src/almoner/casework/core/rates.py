"""Rate limits: an even rate with a burst. Counts are kept in memory, for there is one console process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

MOST_KNOWN = 10_000  # callers that are remembered before idle ones are dropped


@dataclass(kw_only=True)
class Limit:
    """A limit of `most` requests in `seconds` for each caller, all of which may come at once.

    Implements the generic cell rate algorithm, which stores one time for each caller.
    """

    most: int
    clock: Callable[[], float] = time.monotonic
    seconds: float = 60
    _free_at: dict[Hashable, float] = field(default_factory=dict)
    _room: int = MOST_KNOWN
    _lock: Lock = field(default_factory=Lock)

    def wait(self, asker: Hashable) -> int:
        """Count a request; returns the seconds that the caller must wait, 0 when it may go on."""
        each, now = self.seconds / self.most, self.clock()
        with self._lock:
            if len(self._free_at) > self._room:
                self._free_at = {who: at for who, at in self._free_at.items() if at > now}
                self._room = max(MOST_KNOWN, 2 * len(self._free_at))  # else each request would go through all
            free_at = max(self._free_at.get(asker, now), now)
            over = free_at - now - (self.seconds - each)
            if over > each / 1_000:  # sums of fractions are not exact
                return math.ceil(over)
            self._free_at[asker] = free_at + each
            return 0

    def give_back(self, asker: Hashable) -> None:
        """Take back one request that was counted."""
        with self._lock:
            if asker in self._free_at:
                self._free_at[asker] -= self.seconds / self.most

    def forget(self, asker: Hashable | None = None) -> None:
        """Forget one caller; all callers when none is given."""
        with self._lock:
            if asker is None:
                self._free_at.clear()
            else:
                self._free_at.pop(asker, None)
