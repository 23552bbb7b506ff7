"""The moves on a case, and the context in which one is carried out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from almoner.casework.core.events import (
    EndDecided,
    MoneyAsked,
    MoneyKind,
    MovedData,
    MoveEvent,
    MoveKind,
    OutcomeKind,
    ReferralMoved,
    ReferralMoveKind,
    StepData,
)
from almoner.casework.models import Case, CaseState, Referral

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from almoner.casework.cases.changing import Guard
    from almoner.casework.cases.guards import Data


@dataclass(kw_only=True)
class Act:
    """One move while it is carried out. Its implementation returns the events to record."""

    case: Case
    by: User
    name: str
    data: Data
    before: str
    now: dt.datetime

    @property
    def step(self) -> StepData:
        """The keys that the event of every move has."""
        step: StepData = {"from": self.before, "to": self.case.state, "assignee": self.case.assignee_id}
        if self.data.get("note"):
            step["note"] = self.data["note"]
        return step

    def moved(self, kind: MoveKind) -> list[MoveEvent]:
        return [MovedData({"kind": kind, **self.step})]

    def decided(self, kind: OutcomeKind, outcome: str) -> list[MoveEvent]:
        return [EndDecided({"kind": kind, **self.step, "outcome": outcome})]

    def asked_for(self, kind: MoneyKind, asked: Mapping[str, str]) -> list[MoveEvent]:
        return [MoneyAsked({"kind": kind, **self.step, "asked": asked})]

    def with_referral(self, kind: ReferralMoveKind, referral: Referral) -> list[MoveEvent]:
        event = ReferralMoved(
            {
                "kind": kind,
                **self.step,
                "referral": referral.reference,
                "key": referral.key,
                "programme": referral.programme,
            }
        )
        return [event]


Does = Callable[[Act], list[MoveEvent]]


@dataclass(frozen=True)
class Move:
    """One action on a case: what it does, from which states to which (None: no change), and its guards."""

    does: Does
    sources: frozenset[CaseState]
    target: CaseState | None = None
    guards: tuple[Guard, ...] = ()


def only(kind: MoveKind) -> Does:
    """A move that changes nothing but the state."""
    return lambda act: act.moved(kind)
