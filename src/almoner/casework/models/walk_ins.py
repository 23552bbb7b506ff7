"""Walk-in applications: requests of people who come to an office in person."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.cases import new_reference


class WalkInEnding(models.TextChoices):
    """How an application ended. Which endings are allowed depends on whether the registers know the
    person."""

    PROPOSED = "proposed", _("Support is proposed or under way")
    NOTHING = "nothing", _("The rules give nothing, for the reason that is told")
    REGISTERED = "registered", _("The register knows the person now")
    NOT_REGISTERED = "not_registered", _("The register cannot enter the person, for the reason that is told")


class WalkIn(models.Model):
    """One application; `reference` is printed on its receipt. Its person is found by the blind index of the
    number.

    `text` is what the person said. `number` and `name` are stored only for a person whom the registers do
    not know. All three are sealed. `area` is the prefix of area codes for which it was taken; `department`
    is the one that keeps the register.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    number_index = models.BinaryField(max_length=32)
    known = models.BooleanField()  # whether the registers knew the person when it was taken
    area = models.CharField(max_length=40, blank=True)
    department = models.CharField(max_length=80, blank=True)
    chosen = models.JSONField(default=dict)  # the subject, as values of the pack's feed
    text = models.BinaryField(null=True)
    number = models.BinaryField(null=True)
    name = models.BinaryField(null=True)
    taken_at = models.DateTimeField()
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    appeal_of = models.OneToOneField("self", models.PROTECT, null=True, related_name="appeal")
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    ending = models.CharField(max_length=20, choices=WalkInEnding, blank=True)
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        db_table = "casework_helprequest"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(answered_at=None, ending="", note="")
                | Q(answered_at__isnull=False) & ~Q(ending="") & ~Q(note=""),
                name="an_answered_request_says_why",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(answered_at=None), name="request_open"),
            models.Index(
                fields=["-answered_at", "id"], condition=Q(answered_at__isnull=False), name="request_answered"
            ),
            models.Index(fields=["number_index"], name="request_by_number"),
        ]

    def __str__(self) -> str:
        return self.reference
