"""Alerts for areas whose rate of new signals jumped. They belong to no case and hold counts only."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.cases import new_reference


class JumpCause(models.TextChoices):
    """The cause that a person found for a jump."""

    EVENT = "event", _("A common cause: something happened there")
    RECORDS = "records", _("Only the records changed")
    NOTHING = "nothing", _("Nothing in common")


class AreaAlert(models.Model):
    """One jump, from when it is raised until it is cleared. A later jump is a new row.

    `area` and `level` are the area's code and its administrative level; `month` is the last day of the month
    with the jump. `version` counts changes, so that a form that shows an older version is refused.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    key = models.CharField(max_length=160)
    area = models.CharField(max_length=40, db_index=True)
    level = models.CharField(max_length=40, blank=True)
    signal = models.CharField(max_length=80)
    theme = models.CharField(max_length=80, blank=True)
    department = models.CharField(max_length=80)
    month = models.DateField()
    severity = models.FloatField(default=0)
    raised_on = models.DateField()
    due_at = models.DateTimeField()
    cleared_on = models.DateField(null=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True)
    cause = models.CharField(max_length=20, choices=JumpCause, blank=True)
    note = models.CharField(max_length=400, blank=True)
    body = models.JSONField()
    pack_hash = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(cleared_on=None), name="area_alert_stands_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["department", "due_at"], condition=Q(cleared_on=None), name="area_alert_by_due"
            ),
        ]

    def __str__(self) -> str:
        return self.key
