"""Notices to households and their grievances."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.cases import Case, new_reference


class NoticeAnswer(models.TextChoices):
    ACCEPTED = "accepted", _("The household accepts")
    DECLINED = "declined", _("The household declines")


class Notice(models.Model):
    """One notice to a household. Its code is printed once and not stored; `code_index` is the code's blind
    index.

    `told` are the ids of the signals that the notice names. A missing answer is not a refusal: after
    `answer_by` somebody visits.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    case = models.ForeignKey(Case, models.PROTECT, related_name="notices")
    code_index = models.BinaryField(max_length=32, unique=True)
    told = models.JSONField(default=list)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    answer_by = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=20, choices=NoticeAnswer, blank=True)
    answered_at = models.DateTimeField(null=True)
    wrong = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case"], condition=Q(ended_at=None), name="one_notice_stands"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["answer_by", "case"],
                condition=Q(ended_at=None, answered_at=None),
                name="notice_unanswered",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class WrongTry(models.Model):
    """An attempt with a wrong code or fact. `origin` is a keyed hash of the network address."""

    origin = models.BinaryField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["origin", "at"], name="wrong_tries")]

    def __str__(self) -> str:
        return self.at.isoformat()


class GrievanceKind(models.TextChoices):
    CORRECTION = "correction", _("A fact is said to be wrong")
    APPEAL = "appeal", _("Appeal against the decision")
    PERSON = "person", _("The household asks for a person")
    TOGETHER = "together", _("Two cases are said to be one household")
    GONE = "gone", _("A person is said to live here no longer")
    MISTAKEN = "mistaken", _("A record is said to be of another person")


class Ending(models.TextChoices):
    """How a grievance ended; `ENDINGS` lists what its kind allows."""

    CORRECTED = "corrected", _("The record was corrected")
    STANDS = "stands", _("The record is right")
    CHANGED = "changed", _("The decision is changed")
    UPHELD = "upheld", _("The decision stays")
    SPOKEN = "spoken", _("Somebody has spoken with the household")


ENDINGS = {
    GrievanceKind.CORRECTION: (Ending.CORRECTED, Ending.STANDS),
    GrievanceKind.APPEAL: (Ending.CHANGED, Ending.UPHELD),
    GrievanceKind.PERSON: (Ending.SPOKEN,),
    GrievanceKind.TOGETHER: (Ending.CORRECTED, Ending.STANDS),
    GrievanceKind.GONE: (Ending.CORRECTED, Ending.STANDS),
    GrievanceKind.MISTAKEN: (Ending.CORRECTED, Ending.STANDS),
}


OF_HOUSEHOLDS = (GrievanceKind.CORRECTION, GrievanceKind.APPEAL, GrievanceKind.PERSON)
OF_THE_REGISTER = (GrievanceKind.TOGETHER, GrievanceKind.GONE, GrievanceKind.MISTAKEN)
OF_DEPARTMENTS = (GrievanceKind.CORRECTION, *OF_THE_REGISTER)


class Grievance(models.Model):
    """A grievance of a household, with its due time. `text` is sealed under `person_id`, because it may name
    people.

    A correction names the fact (`fact`: sentence and feed by language) and goes to the department that
    supplied it. A correction that a worker (`asked_by`) requests goes to the department that keeps the
    register; `other` is the second case.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    case = models.ForeignKey(Case, models.PROTECT, related_name="grievances")
    kind = models.CharField(max_length=20, choices=GrievanceKind)
    about = models.CharField(max_length=40, blank=True)  # the fact, so that it is reported once
    fact = models.JSONField(default=dict)
    department = models.CharField(max_length=80, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    other = models.ForeignKey(Case, models.PROTECT, null=True, related_name="+")
    person_id = models.BigIntegerField()
    text = models.BinaryField(null=True)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    ending = models.CharField(max_length=20, choices=Ending, blank=True)
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        db_table = "casework_concern"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["case", "kind", "about"], condition=Q(answered_at=None), name="one_concern_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, ending="") | Q(answered_at__isnull=False) & ~Q(ending=""),
                name="an_answered_concern_has_an_ending",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["department", "kind", "due_at"], condition=Q(answered_at=None), name="concern_inbox"
            ),
        ]

    def __str__(self) -> str:
        return self.reference
