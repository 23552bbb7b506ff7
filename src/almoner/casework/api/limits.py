"""Rate limits of the API: an even rate with a burst. Counts are kept in memory, for there is one console
process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

from almoner.casework.api.problems import Problem

MOST_KNOWN = 10_000  # callers that are remembered before idle ones are dropped


@dataclass
class Limit:
    """A limit of `a_minute` requests for each caller, all of which may come at once.

    Implements the generic cell rate algorithm, which stores one time for each caller.
    """

    a_minute: int
    clock: Callable[[], float] = time.monotonic
    _free_at: dict[Hashable, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, asker: Hashable) -> int:
        """Count a request; returns the seconds that the caller must wait, 0 when it may go on."""
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
        """Forget all callers."""
        with self._lock:
            self._free_at.clear()


BY_SCOPE = {"events:write": Limit(6_000), "referrals:read": Limit(600), "referrals:answer": Limit(300)}
WRONG_TOKENS = Limit(60)  # requests with an invalid token, by network address


def count(limit: Limit, asker: Hashable) -> None:
    """Count a request. Raises Problem 429 when the caller has exceeded the limit."""
    seconds = limit.wait(asker)
    if seconds:
        detail = f"At most {limit.a_minute:,} requests a minute. Come again in {seconds} seconds."
        raise Problem(429, "too-often", "Too many requests", detail, retry_after=seconds)
