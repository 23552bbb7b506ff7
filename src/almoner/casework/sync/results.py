"""What a cycle passes to casework, and what casework did with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Member(NamedTuple):
    """A member of a household since `as_of`; `died_on` as the feed of deaths says, None while alive."""

    household_id: int
    person_id: int
    as_of: dt.date
    died_on: dt.date | None = None


@dataclass(frozen=True)
class Seen:
    """The households that a cycle assessed.

    `households` is None for all of them. `evidence_lost` are households with a finding for which there is no
    data any more. `members` are those of the households that have a case.
    """

    households: Sequence[int] | None
    evidence_lost: Sequence[int]
    members: Sequence[Member]


@dataclass(frozen=True)
class Applied:
    """The counts of one call of `apply`, in rows. `last_seq` is the outbox position that is now stored."""

    cases_opened: int
    cases_updated: int
    signals: int
    referrals: int
    last_seq: int
