"""Visits, and decisions that need a second person."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.cases import Case, new_reference


class VisitFinding(models.TextChoices):
    """What a visitor found. All but the first are also outcomes of a dismissal."""

    NEED = "need", _("The need is confirmed")
    FALSE_ALARM = "false_alarm", _("False alarm: the need is not there")
    ALREADY_HELPED = "already_helped", _("Already helped")
    MOVED = "moved", _("Moved away")
    NOT_FOUND = "not_found", _("Nobody was met")
    OTHER = "other", _("Something else")


class FalseAlarm(models.TextChoices):
    """Why a signal was raised without a need; rules and feeds can be improved by it."""

    RECORDS_WRONG = "records_wrong", _("The records are wrong")
    RECORDS_LATE = "records_late", _("The records are late")
    EXPECTED = "expected", _("A usual change, such as seasonal work")
    OVER = "over", _("The need was there and is over")
    OTHER_MEANS = "other_means", _("The household has other means")
    OTHER = "other", _("Another reason")


class Visit(models.Model):
    """One visit, from plan to result. A case has at most one visit that is not made yet.

    A visit ahead is nobody's (`visitor` is None) when its visitor can make it no longer; `handed_back_from`
    is who that was. Whoever gets the case, or plans the visit anew, gets the visit too.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    case = models.ForeignKey(Case, models.PROTECT, related_name="visits")
    planned_for = models.DateField()
    visitor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="visits")
    handed_back_from = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    planned_at = models.DateTimeField()
    made_on = models.DateField(null=True)
    found = models.CharField(max_length=20, choices=VisitFinding, blank=True)
    reason = models.CharField(max_length=20, choices=FalseAlarm, blank=True)
    note = models.CharField(max_length=400, blank=True)
    called_off_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(made_on=None, called_off_at=None), name="one_visit_ahead"
            ),
            models.CheckConstraint(
                condition=Q(made_on=None, found="") | Q(made_on__isnull=False) & ~Q(found=""),
                name="a_visit_made_has_a_finding",
            ),
            models.CheckConstraint(
                condition=Q(made_on=None) | Q(visitor__isnull=False), name="a_visit_made_has_a_visitor"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["visitor", "planned_for"],
                condition=Q(made_on=None, called_off_at=None),
                name="visits_ahead",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


AHEAD = Q(made_on=None, called_off_at=None)  # planned visits
WAITING = Q(decided_at=None)  # checks that wait for a second person


class Checked(models.TextChoices):
    """The decisions that need two people."""

    SEND = "send", _("Money is asked of a department")
    DISMISS = "dismiss", _("The case is dismissed")
    CLOSE = "close", _("The case is closed")


class Check(models.Model):
    """A decision that one person requests and another one makes. A case has at most one that waits.

    `about` holds the request: for money the amount by referral reference, for a dismissal its outcome.
    `due_at` is the second person's due time.
    """

    case = models.ForeignKey(Case, models.PROTECT, related_name="checks")
    what = models.CharField(max_length=20, choices=Checked)
    about = models.JSONField(default=dict)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)
    agreed = models.BooleanField(null=True)
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case"], condition=WAITING, name="one_check_waits"),
            models.CheckConstraint(
                condition=~Q(agreed=True) | ~Q(decided_by=models.F("asked_by")), name="two_people_agree"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} of case {self.case_id}"
