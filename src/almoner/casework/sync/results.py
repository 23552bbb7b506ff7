"""What a cycle hands to casework, and what casework made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """Whom a cycle looked at. `households`: None means everybody. `evidence_lost`: those of whom nothing is
    known any more of what was said. `members`: household, person, since."""

    households: Sequence[int] | None
    evidence_lost: Sequence[int]
    members: Sequence[tuple[int, int, dt.date]]


@dataclass(frozen=True)
class Applied:
    """What one call of `apply` did. Counts are of rows; `last_seq` is the outbox position that is stored
    now."""

    cases_opened: int
    cases_updated: int
    signals: int
    referrals: int
    last_seq: int
