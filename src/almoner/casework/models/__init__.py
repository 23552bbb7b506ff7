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
from almoner.casework.models.people import Department, HouseholdMember, Identity, Membership, RoleOf
from almoner.casework.models.records import AccessLog, CaseEvent, ChainHead, Label, OutboxPosition

__all__ = [
    "AccessLog",
    "Area",
    "AreaAlert",
    "BodyForm",
    "CalendarDay",
    "Case",
    "CaseEvent",
    "CaseSignal",
    "CaseState",
    "Cause",
    "ChainHead",
    "Department",
    "HouseholdMember",
    "Identity",
    "Label",
    "Membership",
    "OutboxPosition",
    "Outcome",
    "Referral",
    "ReferralState",
    "RoleOf",
]
