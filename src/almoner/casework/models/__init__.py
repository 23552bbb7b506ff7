"""Casework's tables."""

from almoner.casework.models.area_alerts import AreaAlert, Cause
from almoner.casework.models.areas import Area
from almoner.casework.models.bodies import BodyForm
from almoner.casework.models.calendar import CalendarDay
from almoner.casework.models.cases import (
    Case,
    CaseSignal,
    CaseState,
    Outcome,
    Referral,
    ReferralState,
)
from almoner.casework.models.packs import Cadence, FeedState, PackInUse, Rule, SharingClass
from almoner.casework.models.people import Department, HouseholdMember, Identity, Membership, RoleOf
from almoner.casework.models.records import AccessLog, CaseEvent, ChainHead, Label, OutboxPosition
from almoner.casework.models.residents import Answer, Concern, ConcernKind, Ending, Notice, WrongTry
from almoner.casework.models.work import Check, Checked, FalseAlarm, Finding, Visit

__all__ = [
    "AccessLog",
    "Answer",
    "Area",
    "AreaAlert",
    "BodyForm",
    "Cadence",
    "CalendarDay",
    "Case",
    "CaseEvent",
    "CaseSignal",
    "CaseState",
    "Cause",
    "ChainHead",
    "Check",
    "Checked",
    "Concern",
    "ConcernKind",
    "Department",
    "Ending",
    "FalseAlarm",
    "FeedState",
    "Finding",
    "HouseholdMember",
    "Identity",
    "Label",
    "Membership",
    "Notice",
    "OutboxPosition",
    "Outcome",
    "PackInUse",
    "Referral",
    "ReferralState",
    "RoleOf",
    "Rule",
    "SharingClass",
    "Visit",
    "WrongTry",
]
