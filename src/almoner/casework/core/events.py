"""The payload of each kind of event in the audit trail.

An event is a dictionary of its `kind` and its payload, which is stored as JSON. No payload holds personal
data of residents. Type checkers compare payload and kind: `FileRemoved(kind=EventKind.FILE_REMOVED,
file=reference, note=why)`. Times and dates are ISO 8601; `from` and `to` are the states before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from almoner.casework.core.account_events import AccountEvent
from almoner.casework.core.event_kinds import EventKind as K


class Found(TypedDict):
    """The keys of all events of a cycle: the change's outbox position, date and key, and the pack's hash."""

    seq: int
    as_of: str
    key: str
    pack: str


class NewEvidence(TypedDict):
    """What is new: a signal that is raised, raised again or more urgent, or a proposal."""

    what: Literal["new", "again", "more_urgent", "proposal"]
    cleared_on: NotRequired[str]
    level_before: NotRequired[str]
    level: NotRequired[str]


class CaseOpened(Found):
    kind: Literal[K.OPENED]
    new_evidence: NewEvidence
    earlier_case: str | None


class CarriedOver(TypedDict):
    kind: Literal[K.CARRIED_OVER]
    key: str
    from_case: str


class SignalRaised(Found):
    kind: Literal[K.SIGNAL_RAISED]
    signal: str
    level: str
    due_at: str
    new_evidence: NewEvidence


class SignalChanged(Found):
    kind: Literal[K.SIGNAL_CHANGED]
    signal: str
    level: str
    level_before: str
    body_before: Mapping[str, Any]


class SignalCleared(Found):
    kind: Literal[K.SIGNAL_CLEARED]
    signal: str


class EvidenceWithdrawn(TypedDict):
    kind: Literal[K.EVIDENCE_WITHDRAWN]


class MembersChanged(TypedDict):
    """`day` is the day of death; empty where a death was taken back."""

    kind: Literal[K.MEMBER_DIED, K.MEMBER_ALIVE]
    day: str


class HouseholdEmpty(TypedDict):
    """`visits` were called off; `case` is the open case of the household to which the members belong now."""

    kind: Literal[K.HOUSEHOLD_EMPTY]
    visits: int
    case: str


class ProposalRaised(Found):
    """`amount` is in `unit`; both are None for a question to a person."""

    kind: Literal[K.PROPOSAL_RAISED]
    programme: str
    amount: float | None
    unit: str


class Amounts(TypedDict):
    """The amount of a proposal before and after the change, in `unit`, and the state of its referral."""

    programme: str
    amount: float | None
    amount_before: float | None
    unit: str | None
    state: str


class ProposalChanged(Found, Amounts):
    kind: Literal[K.PROPOSAL_CHANGED]
    body_before: Mapping[str, Any]


class EvidenceChanged(Found, Amounts):
    kind: Literal[K.EVIDENCE_CHANGED]


class ProposalCleared(Found):
    kind: Literal[K.PROPOSAL_CLEARED]
    programme: str
    state: str


FromTo = TypedDict("FromTo", {"from": str, "to": str})


class StepData(FromTo):
    """The keys of every step that a person takes: the states, the assignee afterwards, and a note."""

    assignee: int | None
    note: NotRequired[str]


MoveKind = Literal[
    K.TAKE,
    K.ASSIGN,
    K.START,
    K.CONFIRM,
    K.SEND,
    K.SUPPORT,
    K.FOLLOW_UP,
    K.CLOSE,
    K.RELEASE,
    K.NOTE,
    K.ASK_CLOSE,
    K.DISAGREE_SEND,
    K.DISAGREE_DISMISS,
    K.DISAGREE_CLOSE,
]
MoneyKind = Literal[K.ASK_SEND, K.AGREE_SEND]
OutcomeKind = Literal[K.DISMISS, K.ASK_DISMISS, K.AGREE_DISMISS, K.AGREE_CLOSE]
ReferralMoveKind = Literal[K.REFERRAL_TAKEN_BACK, K.REFERRAL_AGAIN]
AnswerKind = Literal[K.REFERRAL_ACCEPT, K.REFERRAL_DONE, K.REFERRAL_RETURN]


class MovedData(StepData):
    kind: MoveKind


class GivenTogether(StepData):
    """One of several cases (`together`) that were assigned to one person at once."""

    kind: Literal[K.TAKE, K.ASSIGN]
    together: int


class HandedBack(StepData):
    """A case, its planned visit, or both came back to the lists: `holder` can work there no longer."""

    kind: Literal[K.HANDED_BACK]
    holder: int
    case: bool
    visit: bool


class EndDecided(StepData):
    """The end of a case, requested or decided, with the reason for a dismissal."""

    kind: OutcomeKind
    outcome: str


class Held(StepData):
    kind: Literal[K.HOLD]
    until: str


class VisitPlanned(StepData):
    kind: Literal[K.PLAN]
    day: str


class VisitMade(StepData):
    kind: Literal[K.SEEN]
    day: str
    found: str
    reason: str


class MoneyAsked(StepData):
    """`asked` gives the amount and unit for the reference of each referral."""

    kind: MoneyKind
    asked: Mapping[str, str]


class ReferralMoved(StepData):
    kind: ReferralMoveKind
    referral: str
    key: str
    programme: str


class Joined(FromTo):
    """`case` is the reference of the other case."""

    kind: Literal[K.JOINED, K.JOINED_TO]
    case: str


class FileAdded(TypedDict):
    kind: Literal[K.FILE_ADDED]
    file: str
    about: str
    media: str
    bytes: int


class FileRemoved(TypedDict):
    kind: Literal[K.FILE_REMOVED]
    file: str
    note: str


class NoticeMade(TypedDict):
    """`told` is the number of signals that the notice names."""

    kind: Literal[K.NOTICE]
    notice: str
    told: int


NoticeKind = Literal[K.NOTICE_OPENED, K.HOUSEHOLD_ACCEPTED, K.HOUSEHOLD_DECLINED]
GrievanceRaisedKind = Literal[
    K.HOUSEHOLD_CORRECTION,
    K.HOUSEHOLD_APPEAL,
    K.HOUSEHOLD_PERSON,
    K.REPORTED_TOGETHER,
    K.REPORTED_GONE,
    K.REPORTED_MISTAKEN,
]
ConsentKind = Literal[K.CONSENT_GIVEN, K.CONSENT_DECLINED, K.CONSENT_REVOKED]
RequestKind = Literal[K.REQUEST_TAKEN, K.REQUEST_SEEN]


class NoticeUsed(TypedDict):
    kind: NoticeKind
    notice: str


class GrievanceRaised(TypedDict):
    kind: GrievanceRaisedKind
    concern: str


class GrievanceAnswered(FromTo):
    kind: Literal[K.GRIEVANCE_ANSWERED]
    concern: str
    ending: str
    note: str


class AuthorisationAsked(TypedDict):
    """`asked` is the number of adults; `others` the number of other household members."""

    kind: Literal[K.AUTHORISATION_ASKED]
    authorisation: str
    programme: str
    asked: int
    others: int


class ConsentSaid(TypedDict):
    """`consent` is the id of the consent; `text` the SHA-256 of the text that was agreed to."""

    kind: ConsentKind
    authorisation: str
    consent: int
    how: str
    language: str
    text: str
    complete: bool


class RequestCame(TypedDict):
    kind: RequestKind
    request: str


class RequestAnswered(TypedDict):
    kind: Literal[K.REQUEST_ANSWERED]
    request: str
    ending: str
    note: str


class RequestAppealed(TypedDict):
    """`first` is the reference of the application whose answer is appealed against."""

    kind: Literal[K.REQUEST_APPEALED]
    request: str
    first: str


class LineChecked(TypedDict):
    kind: Literal[K.LIST_CONFIRMED, K.LIST_DOUBTED]
    key: str
    programme: str
    amount: str
    note: str


class LineAskedAgain(TypedDict):
    kind: Literal[K.LIST_ASKED_AGAIN]
    key: str
    programme: str
    note: str


class ReferralDue(TypedDict):
    kind: Literal[K.REFERRAL_REMINDED, K.REFERRAL_ESCALATED]
    key: str
    programme: str
    due_at: str


class ReferralAnswered(FromTo):
    kind: AnswerKind
    key: str
    programme: str
    note: str


class AreaAnswered(TypedDict):
    kind: Literal[K.AREA_ANSWERED]
    alert: str
    area: str
    signal: str
    cause: str
    note: str


CycleEvent = (
    CaseOpened
    | CarriedOver
    | SignalRaised
    | SignalChanged
    | SignalCleared
    | EvidenceWithdrawn
    | MembersChanged
    | HouseholdEmpty
    | ProposalRaised
    | ProposalChanged
    | ProposalCleared
    | EvidenceChanged
)
MoveEvent = (
    MovedData
    | GivenTogether
    | HandedBack
    | EndDecided
    | Held
    | VisitPlanned
    | VisitMade
    | MoneyAsked
    | ReferralMoved
    | Joined
)
ResidentEvent = (
    NoticeMade
    | NoticeUsed
    | GrievanceRaised
    | GrievanceAnswered
    | AuthorisationAsked
    | ConsentSaid
    | RequestCame
    | RequestAnswered
    | RequestAppealed
)
DepartmentEvent = LineChecked | LineAskedAgain | ReferralDue | ReferralAnswered | AreaAnswered
TrailEvent = CycleEvent | MoveEvent | FileAdded | FileRemoved | ResidentEvent | DepartmentEvent | AccountEvent
