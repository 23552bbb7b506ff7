"""The kinds of events in the audit trail."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """What happened; the value is what the audit trail stores."""

    # Results of a cycle.
    OPENED = "opened"
    CARRIED_OVER = "carried_over"
    SIGNAL_RAISED = "signal_raised"
    SIGNAL_CHANGED = "signal_changed"
    SIGNAL_CLEARED = "signal_cleared"
    EVIDENCE_WITHDRAWN = "evidence_withdrawn"
    PROPOSAL_RAISED = "proposal_raised"
    PROPOSAL_CHANGED = "proposal_changed"
    PROPOSAL_CLEARED = "proposal_cleared"
    EVIDENCE_CHANGED = "evidence_changed"
    # Work on a case.
    TAKE = "take"
    ASSIGN = "assign"
    START = "start"
    CONFIRM = "confirm"
    DISMISS = "dismiss"
    SEND = "send"
    SUPPORT = "support"
    FOLLOW_UP = "follow-up"
    CLOSE = "close"
    HOLD = "hold"
    RELEASE = "release"
    PLAN = "plan"
    SEEN = "seen"
    NOTE = "note"
    ASK_SEND = "ask_send"
    ASK_DISMISS = "ask_dismiss"
    ASK_CLOSE = "ask_close"
    AGREE_SEND = "agree_send"
    AGREE_DISMISS = "agree_dismiss"
    AGREE_CLOSE = "agree_close"
    DISAGREE_SEND = "disagree_send"
    DISAGREE_DISMISS = "disagree_dismiss"
    DISAGREE_CLOSE = "disagree_close"
    JOINED = "joined"
    JOINED_TO = "joined_to"
    FILE_ADDED = "file_added"
    FILE_REMOVED = "file_removed"
    # Notices, grievances, walk-in applications and authorisations.
    NOTICE = "notice"
    NOTICE_OPENED = "notice_opened"
    HOUSEHOLD_ACCEPTED = "household_accepted"
    HOUSEHOLD_DECLINED = "household_declined"
    HOUSEHOLD_CORRECTION = "household_correction"
    HOUSEHOLD_APPEAL = "household_appeal"
    HOUSEHOLD_PERSON = "household_person"
    REPORTED_TOGETHER = "reported_together"
    REPORTED_GONE = "reported_gone"
    REPORTED_MISTAKEN = "reported_mistaken"
    GRIEVANCE_ANSWERED = "concern_answered"
    AUTHORISATION_ASKED = "authorisation_asked"
    CONSENT_GIVEN = "consent_given"
    CONSENT_DECLINED = "consent_declined"
    CONSENT_REVOKED = "consent_revoked"
    REQUEST_TAKEN = "request_taken"
    REQUEST_SEEN = "request_seen"
    REQUEST_ANSWERED = "request_answered"
    REQUEST_APPEALED = "request_appealed"
    # Answers of departments.
    LIST_CONFIRMED = "list_confirmed"
    LIST_DOUBTED = "list_doubted"
    LIST_ASKED_AGAIN = "list_asked_again"
    REFERRAL_REMINDED = "referral_reminded"
    REFERRAL_ESCALATED = "referral_escalated"
    REFERRAL_TAKEN_BACK = "referral_taken_back"
    REFERRAL_AGAIN = "referral_again"
    REFERRAL_ACCEPT = "referral_accept"
    REFERRAL_DONE = "referral_done"
    REFERRAL_RETURN = "referral_return"
    AREA_ANSWERED = "area_answered"
    # Accounts.
    USER_MADE = "user_made"
    USER_CHANGED = "user_changed"
    USER_OFF = "user_off"
    USER_ON = "user_on"
    USER_LINK = "user_link"
    USER_PASSWORD = "user_password"  # noqa: S105 - no password
    USER_SECOND_FACTOR_RESET = "user_second_factor_reset"

    @classmethod
    def read(cls, stored: str) -> EventKind | None:
        """The kind with this stored value; None for a kind that only a newer version knows."""
        return cls(stored) if stored in cls._value2member_map_ else None
