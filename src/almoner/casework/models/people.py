"""Residents (sealed), their households, and the users with their rights."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Identity(models.Model):
    """One resident's sealed identity. The key is kept outside this database."""

    person_id = models.BigIntegerField(primary_key=True)
    number_index = models.BinaryField(max_length=32)
    number = models.BinaryField(null=True)
    name = models.BinaryField(null=True)
    name_index = models.BinaryField(max_length=32, null=True)
    phone = models.BinaryField(null=True)
    address = models.BinaryField(null=True)

    class Meta:
        # The condition is always true. With it the constraint is a separate index, which a first load can
        # build last.
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


# Add this condition of the index to each look-up by number. SQLite does not see that it is always true, and
# would read all residents.
INDEXED = models.Q(number_index__isnull=False)


class HouseholdMember(models.Model):
    """A member of a household that has a case, as of the latest cycle."""

    household_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    as_of = models.DateField()
    died_on = models.DateField(null=True)  # as the feed of deaths says

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["household_id", "person_id"], name="member_once_a_household"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person_id"], name="member_by_person")
        ]  # used to find the household of a walk-in applicant

    def __str__(self) -> str:
        return f"person {self.person_id} of household {self.household_id}"


def needed_to_deliver() -> list[str]:
    """The fields of a resident that a department sees unless the pack says otherwise."""
    return ["number", "name"]


class Department(models.Model):
    """A department of the pack. Its clocks run in its opening hours, else in the pack's office hours.

    `inbox` is `console` or the address of its own system. `identity` names the vault's fields that it needs
    to deliver.
    """

    id = models.CharField(primary_key=True, max_length=80)
    label = models.JSONField(default=dict)
    opens = models.TimeField(null=True)
    closes = models.TimeField(null=True)
    inbox = models.CharField(max_length=500, default="console")
    identity = models.JSONField(default=needed_to_deliver)

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
    """The rights of one user. `areas` are prefixes of area codes; "*" is everywhere, an empty list nowhere.

    `outside_name` is the user's name at the authority's provider. A session stores the `epoch` in which it
    began; increasing the epoch ends all sessions.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="membership")
    role = models.CharField(max_length=20, choices=RoleOf)
    areas = models.JSONField(default=list, blank=True)
    department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True)
    outside_name = models.CharField(max_length=191, blank=True)
    epoch = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["outside_name"], condition=~models.Q(outside_name=""), name="outside_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role}"


class AccountAction(models.TextChoices):
    """What an administrator can do with somebody's account."""

    BEGIN = "begin", _("Switch on a new account, and make a link for its first password")
    CHANGE = "change", _("Change name or rights")
    OFF = "off", _("Switch off")
    ON = "on", _("Switch on")
    LINK = "link", _("Make a link for a new password")
    SECOND_FACTOR = "second-factor", _("Remove the second factor")


class AccountChange(models.Model):
    """A change of somebody's account: done, declined, or waiting for a second administrator.

    `wanted` are the name and rights that an administrator asked for, where those are to change. `asked_by` is
    None for a command. `decided_by` is None where no second administrator was needed.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="account_changes")
    action = models.CharField(max_length=20, choices=AccountAction)
    wanted = models.JSONField(default=dict)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    agreed = models.BooleanField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(agreed=None), name="one_account_change_waits"
            ),
            models.CheckConstraint(
                condition=~models.Q(agreed=True) | ~models.Q(decided_by=models.F("asked_by")),
                name="two_administrators_agree",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "-asked_at"], name="account_changes_of")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.action}"
