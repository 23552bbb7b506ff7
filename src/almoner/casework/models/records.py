"""Records that are only ever added to, and the positions that make repeated work harmless."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from almoner.casework.models.cases import Case


class CaseEvent(models.Model):
    """One event of the audit trail, chained by SHA-256. `data` is the canonical JSON text that was hashed.

    `number` counts from 1 without gaps over all cases. `actor` is None when no person acted: in a cycle, or
    for the department's own system that `system` names. `case` is None for events about accounts.
    """

    number = models.BigIntegerField(primary_key=True)
    case = models.ForeignKey(Case, models.PROTECT, null=True, related_name="events")
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True)
    system = models.CharField(max_length=80, null=True)  # noqa: DJ001 - added without a new table
    kind = models.CharField(max_length=40)
    data = models.TextField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("number",)
        indexes: ClassVar = [
            models.Index(fields=["at", "number"], name="event_by_time"),
            models.Index(
                fields=["actor", "at", "number"],
                condition=models.Q(actor__isnull=False),
                name="event_by_actor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


class ChainHead(models.Model):
    """The number and hash of the latest record of a chain (`core.chains`); `id` is the chain's.

    Whoever adds to the chain locks it. It also shows when records were cut off at the end.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class OutboxPosition(models.Model):
    """The position of the last change from the outbox that casework has applied, in one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    applied_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.seq)


class Label(models.Model):
    """The name of a signal or programme in the latest pack, for filters and lists."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=80)
    words = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "key"], name="label_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class AccessLog(models.Model):
    """An access to a household's personal data: when, on which page, and by which user or department's
    system. Rows are added by `core.chains`."""

    at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True)
    system = models.CharField(max_length=80, null=True)  # noqa: DJ001 - see CaseEvent
    household_id = models.BigIntegerField(db_index=True)
    page = models.CharField(max_length=40)
    case = models.ForeignKey(Case, models.PROTECT, null=True)
    hash = models.CharField(max_length=64)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["at", "id"], name="look_by_time")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, system=None)
                | models.Q(user=None, system__isnull=False),
                name="somebody_looked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at.isoformat()} {self.page}"
