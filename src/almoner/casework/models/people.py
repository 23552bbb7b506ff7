"""Residents (sealed), their households, and the staff with its rights."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Identity(models.Model):
    """One resident's sealed identity. The key lies outside this database."""

    person_id = models.BigIntegerField(primary_key=True)
    number_index = models.BinaryField(max_length=32)
    number = models.BinaryField(null=True)
    name = models.BinaryField(null=True)
    name_index = models.BinaryField(max_length=32, null=True)
    phone = models.BinaryField(null=True)
    address = models.BinaryField(null=True)

    class Meta:
        # The condition always holds; it makes an index of its own of the constraint, which a first load can build at the end.
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["number_index"],
                condition=models.Q(number_index__isnull=False),
                name="identity_by_number",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["name_index"], name="identity_by_name")]

    def __str__(self) -> str:
        return f"person {self.person_id}"


class HouseholdMember(models.Model):
    """Who lived in a household that has a case, as of the last cycle."""

    household_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    as_of = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["household_id", "person_id"], name="member_once_a_household"),
        ]

    def __str__(self) -> str:
        return f"person {self.person_id} of household {self.household_id}"


class Department(models.Model):
    """Who acts, from the pack; clocks run in its opening hours."""

    id = models.CharField(primary_key=True, max_length=80)
    label = models.JSONField(default=dict)
    opens = models.TimeField(default=dt.time(9))
    closes = models.TimeField(default=dt.time(17))

    def __str__(self) -> str:
        return self.id


class RoleOf(models.TextChoices):
    WORKER = "worker", _("Case worker")
    LEAD = "lead", _("Team lead")
    DEPARTMENT = "department", _("Department")
    POLICY = "policy", _("Policy officer")
    DATA = "data", _("Data officer")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")


class Membership(models.Model):
    """What one user may see. `areas` are beginnings of area codes; "*" is everywhere; an empty list is
    nowhere."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="membership")
    role = models.CharField(max_length=20, choices=RoleOf)
    areas = models.JSONField(default=list, blank=True)
    department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role}"
