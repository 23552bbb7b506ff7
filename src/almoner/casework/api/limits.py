"""How often one may ask: an even rate with a burst, kept in this process (there is one console process)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

from almoner.casework.api.problems import Problem

MOST_KNOWN = 10_000  # who asked lately


@dataclass
class Limit:
    """So many requests a minute of each asker; as many at once. (The generic cell rate algorithm: one time
    for each asker.)"""

    a_minute: int
    clock: Callable[[], float] = time.monotonic
    _free_at: dict[Hashable, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, asker: Hashable) -> int:
        """Count a request; gives how many seconds are to be waited, 0 where it may go on."""
        each, now = 60 / self.a_minute, self.clock()
        with self._lock:
            if len(self._free_at) > MOST_KNOWN:
                self._free_at = {who: at for who, at in self._free_at.items() if at > now}
            free_at = max(self._free_at.get(asker, now), now)
            if free_at - now > 60 - each:
                return math.ceil(free_at - now - (60 - each))
            self._free_at[asker] = free_at + each
            return 0

    def forget(self) -> None:
        with self._lock:
            self._free_at.clear()


BY_SCOPE = {"events:write": Limit(6_000), "referrals:read": Limit(600), "referrals:answer": Limit(300)}
WRONG_TOKENS = Limit(60)  # of one address


def count(limit: Limit, asker: Hashable) -> None:
    """Raises Problem 429 where that was too often."""
    seconds = limit.wait(asker)
    if seconds:
        detail = f"At most {limit.a_minute:,} requests a minute. Come again in {seconds} seconds."
        raise Problem(429, "too-often", "Too many requests", detail, retry_after=seconds)
