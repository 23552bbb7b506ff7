"""The pack in use and the state of its feeds, for display. A cycle writes them, since the console reads no
facts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class PackInUse(models.Model):
    """The pack of the latest cycle, in one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    name = models.CharField(max_length=80)
    version = models.CharField(max_length=80)
    label = models.JSONField(default=dict)
    hash = models.CharField(max_length=80)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class SharingClass(models.TextChoices):
    UNCONDITIONAL = "unconditional", _("Shared")
    CONDITIONAL = "conditional", _("Shared on conditions")
    NOT_SHARED = "not-shared", _("Not shared")


class Cadence(models.TextChoices):
    DAILY = "daily", _("daily")
    WEEKLY = "weekly", _("weekly")
    MONTHLY = "monthly", _("monthly")
    YEARLY = "yearly", _("yearly")
    ON_EVENT = "on_event", _("when something happens")


class FeedState(models.Model):
    """One feed: its agreement, its fields with the rules that read them, and how current it is.

    An entry of `fields` has the keys name, label, role, purposes, signals, programmes, categories and
    timelines. Rows are counted over all deliveries. A feed is late when its last complete day is more than
    `late_after_days` ago (None: it is never late). An entry of `gaps` is a time that never came, with the
    keys part, since, through (ISO dates) and households (for how many a signal is unknown).

    `complete` has an entry for the feed, or for each part: part, since (None: for ever), through, delivery,
    file and never_came (pairs of dates). `waiting` has the deliveries that vouch for nothing: delivery, file,
    parts, since, through and reasons (rule, found, expected, period). `lists_waiting` has the full lists of
    which withdrawals wait: delivery, file and rows.
    """

    id = models.CharField(primary_key=True, max_length=80)
    position = models.PositiveIntegerField()
    label = models.JSONField(default=dict)
    owner = models.CharField(max_length=80)
    sharing_class = models.CharField(max_length=20, choices=SharingClass)
    purposes = models.JSONField(default=list)
    legal_basis = models.TextField(blank=True)
    cadence = models.CharField(max_length=20, choices=Cadence)
    late_after_days = models.PositiveIntegerField(null=True)
    fields = models.JSONField(default=list)
    complete_through = models.DateField(null=True)
    delivered_at = models.DateTimeField(null=True)
    rows_read = models.BigIntegerField(default=0)
    rows_held_back = models.BigIntegerField(default=0)
    gaps = models.JSONField(default=list)
    complete = models.JSONField(default=list)
    waiting = models.JSONField(default=list)
    lists_waiting = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.id


class Rule(models.Model):
    """A signal, category, programme, term, parameter or timeline of the pack in use."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=80)
    position = models.PositiveIntegerField()
    body = models.JSONField()

    class Meta:
        ordering: ClassVar = ["kind", "position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "key"], name="rule_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
