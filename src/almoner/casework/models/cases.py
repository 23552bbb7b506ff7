"""Cases with their signals and referrals. Evidence is stored as the bindings of a template that is stored
once."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.payloads import stored_body
from almoner.support.payloads import Body

ALPHABET = "abcdefghjkmnpqrstuvwxyz023456789"  # 32 characters that cannot be confused
LETTERS = (ALPHABET * 8).encode()  # one for each of 256 bytes
REFERENCE_LENGTH = 10


def new_reference() -> str:
    """A random reference for addresses of pages, from which nothing about the household can be learned."""
    return secrets.token_bytes(REFERENCE_LENGTH).translate(LETTERS).decode()


NO_CLOCK = dt.datetime(9999, 12, 31)


class CaseState(models.TextChoices):
    DETECTED = "detected", _("Detected")
    VERIFYING = "verifying", _("Being verified")
    CONFIRMED = "confirmed", _("Confirmed")
    SUPPORTING = "supporting", _("Being supported")
    FOLLOW_UP = "follow_up", _("Follow-up")
    DISMISSED = "dismissed", _("Dismissed")
    CLOSED = "closed", _("Closed")


ENDED = (CaseState.DISMISSED, CaseState.CLOSED)
OPEN = Q(ended_at=None)  # without a parameter, so that SQLite too uses the partial indexes


class DismissalReason(models.TextChoices):
    """Why a case was dismissed."""

    FALSE_ALARM = "false_alarm", _("False alarm: the need is not there")
    ALREADY_HELPED = "already_helped", _("Already helped")
    MOVED = "moved", _("Moved away")
    NOT_FOUND = "not_found", _("Household not found")
    OTHER = "other", _("Another reason")


class Case(models.Model):
    """The need of one household, from opening to end. A household has at most one open case.

    `due_at` is the earliest running clock, or NO_CLOCK. `urgency_hours` is the shortest time limit of the
    case's signals, so a smaller value is more urgent. `version` counts changes, so that a form that shows an
    older version is refused. `joined_to` is the case that continues when both belong to one household.

    `handed_back_from` is the person who had the case and can work on it no longer, until somebody has it
    again (`cases.handing_back`).

    `listed` and `unlisted` say whether the case has an active signal on the watch list, and one outside it.
    `untold` says that the household has not been notified of a proposal as it must be. `silent_since` is
    when the household's time to answer ended without a planned visit. `status.refresh` computes these
    fields.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    household_id = models.BigIntegerField(db_index=True)
    area = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=20, choices=CaseState, default=CaseState.DETECTED)
    level = models.CharField(max_length=40, blank=True)
    urgency_hours = models.FloatField(null=True)
    severity = models.FloatField(default=0)
    due_at = models.DateTimeField(default=NO_CLOCK)
    held_until = models.DateField(null=True, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="cases"
    )
    handed_back_from = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    opened_at = models.DateTimeField()
    opened_as_of = models.DateField()
    decided_at = models.DateTimeField(null=True)  # when a person first confirmed or denied the need
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, choices=DismissalReason, blank=True)
    joined_to = models.ForeignKey("self", models.PROTECT, null=True, related_name="joined")
    listed = models.BooleanField(default=False)
    unlisted = models.BooleanField(default=False)
    untold = models.BooleanField(default=False)
    silent_since = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["household_id"], condition=OPEN, name="one_open_case_a_household"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, state__in=[state for state in CaseState if state not in ENDED])
                | Q(ended_at__isnull=False, state__in=ENDED),
                name="ended_cases_have_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(  # holds all that the queue counts by, and so `ended_at`, which its condition names
                fields=["due_at", "-severity", "id", "area", "assignee", "held_until", "ended_at"],
                condition=OPEN,
                name="open_by_due",
            ),
            models.Index(
                fields=["assignee", "due_at", "-severity", "id", "area", "held_until", "ended_at"],
                condition=OPEN,
                name="open_by_assignee",
            ),
            models.Index(fields=["level", "due_at"], condition=OPEN, name="open_by_level"),
            models.Index(fields=["opened_at", "area"], name="case_opened"),
            models.Index(fields=["ended_at", "area"], condition=Q(ended_at__isnull=False), name="case_ended"),
            models.Index(
                fields=["due_at", "-severity", "id", "area", "ended_at"],
                condition=Q(ended_at__isnull=False),
                name="ended_by_due",
            ),
            models.Index(fields=["area", "opened_at", "id"], name="case_by_area"),
            models.Index(
                fields=["area", "due_at", "assignee", "held_until", "ended_at"],
                condition=OPEN,
                name="open_in_area",
            ),
            models.Index(
                fields=["held_until", "due_at", "area", "ended_at"],
                condition=OPEN & Q(held_until__isnull=False),
                name="open_and_held",
            ),
            models.Index(
                fields=["handed_back_from", "due_at", "area", "ended_at"],
                condition=OPEN & Q(handed_back_from__isnull=False),
                name="open_handed_back",
            ),
            *(
                models.Index(
                    fields=["due_at", "-severity", "id", "area", "assignee", "held_until", "ended_at", flag],
                    condition=OPEN & Q(**{flag: True}),
                    name=f"open_{flag}",
                )
                for flag in ("listed", "unlisted", "untold")
            ),
            models.Index(
                fields=["silent_since", "area", "ended_at"],
                condition=OPEN & Q(silent_since__isnull=False),
                name="open_and_silent",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED

    @property
    def clock(self) -> dt.datetime | None:
        return None if self.due_at == NO_CLOCK else self.due_at

    def is_held(self, today: dt.date) -> bool:
        """Whether the case is on hold on `today`. Holds end by themselves on the stored date."""
        return self.is_open and self.held_until is not None and self.held_until > today


class CaseSignal(models.Model):
    """A signal of a case. Its `due_at` is set when it is raised; only a more urgent level moves it, to an
    earlier time.

    `theme` is the theme that the signal belongs to, `watched` the groups of the watch list.
    """

    case = models.ForeignKey(Case, models.PROTECT, related_name="signals")
    key = models.CharField(max_length=160)
    signal = models.CharField(max_length=80)
    person_id = models.BigIntegerField(null=True)
    department = models.CharField(max_length=80, blank=True)
    level = models.CharField(max_length=40, blank=True)
    urgency_hours = models.FloatField()
    severity = models.FloatField(null=True)
    raised_on = models.DateField()
    due_at = models.DateTimeField()
    cleared_on = models.DateField(null=True)
    theme = models.CharField(max_length=80, blank=True)
    watched = models.CharField(max_length=400, blank=True)  # ids of the groups: ",one,two,"
    form = models.CharField(max_length=64, blank=True)
    answers = models.JSONField()
    pack_hash = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "key"], name="signal_once_a_case"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["key"], name="signal_by_key"),
            models.Index(
                fields=["theme", "watched", "case"], condition=Q(cleared_on=None), name="open_signal_by_layer"
            ),
            models.Index(fields=["signal", "case"], condition=Q(cleared_on=None), name="open_signal_by_kind"),
            models.Index(fields=["watched", "case"], condition=Q(cleared_on=None), name="open_signal_listed"),
            models.Index(fields=["case"], condition=Q(cleared_on__isnull=False), name="cleared_signal"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def body(self) -> Body:
        """The evidence, as the cycle wrote it (`almoner.support.changes`)."""
        return stored_body(self.form, self.answers)


class ReferralState(models.TextChoices):
    PROPOSED = "proposed", _("Proposed")
    SENT = "sent", _("Sent")
    ACCEPTED = "accepted", _("Accepted")
    DONE = "done", _("Done")
    RETURNED = "returned", _("Returned")
    WITHDRAWN = "withdrawn", _("Withdrawn by evidence")
    TAKEN_BACK = "taken_back", _("Taken back")


class Referral(models.Model):
    """A support that one department is asked to give. Its clock starts when it is sent.

    `participation` is how the family takes part, as the pack says. `checker` is the department that confirms
    a list on the spot, by `check_due_at`.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    case = models.ForeignKey(Case, models.PROTECT, related_name="referrals")
    key = models.CharField(max_length=160)
    programme = models.CharField(max_length=80)
    department = models.CharField(max_length=80)
    person_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=20, choices=ReferralState, default=ReferralState.PROPOSED)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    unit = models.CharField(max_length=40, blank=True)
    proposed_on = models.DateField()
    sent_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=400, blank=True)
    participation = models.CharField(max_length=20, blank=True)
    checker = models.CharField(max_length=80, blank=True)
    check_due_at = models.DateTimeField(null=True)
    evidence_cleared_on = models.DateField(null=True)
    form = models.CharField(max_length=64, blank=True)
    answers = models.JSONField()
    pack_hash = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "key"], name="referral_once_a_case"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["key"], name="referral_by_key"),
            models.Index(fields=["department", "state", "due_at"], name="referral_inbox"),
            models.Index(fields=["state", "due_at"], name="referral_due"),
            models.Index(fields=["state", "participation", "case"], name="referral_by_participation"),
            models.Index(
                fields=["state", "answered_at", "programme", "unit", "case", "amount"], name="referral_given"
            ),
            models.Index(fields=["programme", "state", "case"], name="referral_by_programme"),
            models.Index(
                fields=["checker", "state", "check_due_at"],
                condition=~Q(checker=""),
                name="referral_local_check",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def body(self) -> Body:
        """The evidence, as the cycle wrote it (`almoner.support.changes`)."""
        return stored_body(self.form, self.answers)

    @property
    def within(self) -> dict[str, Any]:
        within: dict[str, Any] = self.body["within"]
        return within
