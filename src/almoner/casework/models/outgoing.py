"""Events for departments' own systems, and the addresses where these listen."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from almoner.casework.models.cases import Referral


class Endpoint(models.Model):
    """Where one department's system listens. A department without a row is not notified.

    An empty `url` stands for the address that the pack names. Secrets are sealed with the vault's key; the
    former one signs too for some days after `rotated_at`. `private_network` allows addresses that are not
    public.
    """

    department = models.CharField(primary_key=True, max_length=80)
    url = models.CharField(max_length=500, blank=True)
    private_network = models.BooleanField(default=False)
    secret = models.BinaryField()
    former_secret = models.BinaryField(null=True)
    rotated_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.department


class OutgoingEvent(models.Model):
    """One event for a department's system, without personal data, written in the transaction of its change.

    `id` is derived from what happened, so that the same event is never queued twice. The event waits until
    `delivered_at` or, after too many attempts, until `given_up_at`.
    """

    id = models.CharField(primary_key=True, max_length=80)
    department = models.CharField(max_length=80)
    kind = models.CharField(max_length=40)
    referral = models.ForeignKey(Referral, models.PROTECT, related_name="+")
    body = models.TextField()
    made_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=80, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["next_at"], condition=Q(delivered_at=None, given_up_at=None), name="outgoing_due"
            ),
            models.Index(
                fields=["given_up_at"], condition=Q(given_up_at__isnull=False), name="outgoing_given_up"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class DueNotice(models.Model):
    """A record that a department was reminded of a due time, or told that it is over: once for each due
    time."""

    referral = models.ForeignKey(Referral, models.PROTECT, related_name="due_notices")
    what = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["referral", "what", "due_at"], name="due_notice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.due_at:%Y-%m-%d %H:%M}"
