"""Who may send what."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


def events_only() -> list[str]:
    """What tokens may do that were made before there were scopes."""
    return ["events:write"]


class Token(models.Model):
    """A department's bearer token, by its SHA-256: it is shown once and never again. 256 random bits need
    no slow hash."""

    name = models.CharField(max_length=80)
    department = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    scopes = models.JSONField(default=events_only)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_on = models.DateField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["department"], name="token_by_department")]

    def __str__(self) -> str:
        return f"{self.department} {self.name}"


class AcceptedFeed(models.Model):
    """A feed of the pack and the department that may send it."""

    id = models.CharField(primary_key=True, max_length=120)
    department = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.id


class AnswerKept(models.Model):
    """The answer to a request with an Idempotency-Key, for when it is repeated. No personal data."""

    department = models.CharField(max_length=80)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of what was asked
    answer = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["department", "key"], name="answer_once_a_key"),
        ]
        indexes: ClassVar = [models.Index(fields=["at"], name="answer_kept_at")]

    def __str__(self) -> str:
        return f"{self.department} {self.key}"
