"""Who may send what."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Token(models.Model):
    """A department's bearer token, by its SHA-256: it is shown once and never again. 256 random bits need no slow hash."""

    name = models.CharField(max_length=80)
    department = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
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
