"""The tables of casework."""

from almoner.casework.models.area_alerts import AreaAlert, JumpCause
from almoner.casework.models.areas import Area
from almoner.casework.models.beginnings import Begins
from almoner.casework.models.calendar import CalendarDay
from almoner.casework.models.cases import (
    Case,
    CaseSignal,
    CaseState,
    DismissalReason,
    Referral,
    ReferralState,
)
from almoner.casework.models.epochs import InstallationEpoch
from almoner.casework.models.files import CaseFile, FileAbout, FileContent
from almoner.casework.models.outgoing import DueNotice, Endpoint, OutgoingEvent
from almoner.casework.models.packs import Cadence, FeedState, PackInUse, Rule, SharingClass
from almoner.casework.models.participation import Authorisation, CommunityVerification, Consent, How, Said
from almoner.casework.models.payloads import BodyForm
from almoner.casework.models.people import (
    AccountAction,
    AccountChange,
    Department,
    HouseholdMember,
    Identity,
    Membership,
    RoleOf,
)
from almoner.casework.models.records import AccessLog, CaseEvent, ChainHead, Label, OutboxPosition
from almoner.casework.models.residents import Ending, Grievance, GrievanceKind, Notice, NoticeAnswer, WrongTry
from almoner.casework.models.sweeps import AreaOutline, Judged, Sweep, Tallied, WeekTally
from almoner.casework.models.timelines import HouseholdTimelines
from almoner.casework.models.walk_ins import WalkIn, WalkInEnding
from almoner.casework.models.work import Check, Checked, FalseAlarm, Visit, VisitFinding

__all__ = [
    "AccessLog",
    "AccountAction",
    "AccountChange",
    "Area",
    "AreaAlert",
    "AreaOutline",
    "Authorisation",
    "Begins",
    "BodyForm",
    "Cadence",
    "CalendarDay",
    "Case",
    "CaseEvent",
    "CaseFile",
    "CaseSignal",
    "CaseState",
    "ChainHead",
    "Check",
    "Checked",
    "CommunityVerification",
    "Consent",
    "Department",
    "DismissalReason",
    "DueNotice",
    "Ending",
    "Endpoint",
    "FalseAlarm",
    "FeedState",
    "FileAbout",
    "FileContent",
    "Grievance",
    "GrievanceKind",
    "HouseholdMember",
    "HouseholdTimelines",
    "How",
    "Identity",
    "InstallationEpoch",
    "Judged",
    "JumpCause",
    "Label",
    "Membership",
    "Notice",
    "NoticeAnswer",
    "OutboxPosition",
    "OutgoingEvent",
    "PackInUse",
    "Referral",
    "ReferralState",
    "RoleOf",
    "Rule",
    "Said",
    "SharingClass",
    "Sweep",
    "Tallied",
    "Visit",
    "VisitFinding",
    "WalkIn",
    "WalkInEnding",
    "WeekTally",
    "WrongTry",
]
