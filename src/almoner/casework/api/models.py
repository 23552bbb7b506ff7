"""The API's tables: tokens, the feeds that departments may send, and kept answers."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


def events_only() -> list[str]:
    """The scopes of tokens that were made before scopes existed."""
    return ["events:write"]


class Token(models.Model):
    """A department's bearer token, stored as its SHA-256; the token itself is shown once.

    A slow hash is not needed, because a token has 256 random bits.
    """

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
    """A feed of the pack, and the department that may send it."""

    id = models.CharField(primary_key=True, max_length=120)
    department = models.CharField(max_length=80)
    dating = models.JSONField(default=dict)  # of `almoner.stream.ahead.Dating`

    def __str__(self) -> str:
        return self.id


class AnswerKept(models.Model):
    """The stored answer to a request with an Idempotency-Key, for repeated requests. No personal data."""

    department = models.CharField(max_length=80)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the request
    answer = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["department", "key"], name="answer_once_a_key"),
        ]
        indexes: ClassVar = [models.Index(fields=["at"], name="answer_kept_at")]

    def __str__(self) -> str:
        return f"{self.department} {self.key}"
