"""What a cycle passes to casework, and what casework did with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """The households that a cycle assessed.

    `households` is None for all of them. `evidence_lost` are households with a finding for which there is no
    data any more. A row of `members` is (household, person, since).
    """

    households: Sequence[int] | None
    evidence_lost: Sequence[int]
    members: Sequence[tuple[int, int, dt.date]]


@dataclass(frozen=True)
class Applied:
    """The counts of one call of `apply`, in rows. `last_seq` is the outbox position that is now stored."""

    cases_opened: int
    cases_updated: int
    signals: int
    referrals: int
    last_seq: int
