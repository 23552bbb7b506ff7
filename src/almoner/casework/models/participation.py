"""How families take part in proposals: lists confirmed on the spot, and authorisations by all members."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.cases import Case, Referral, new_reference


class CommunityVerification(models.Model):
    """A check of one line of a list by people on the spot.

    Rows are only added, by `core.chains`. The latest one counts, for the `amount` that it names.
    """

    referral = models.ForeignKey(Referral, models.PROTECT, related_name="verifications")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    confirmed = models.BooleanField()
    amount = models.CharField(max_length=60)
    note = models.CharField(max_length=400, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "casework_localcheck"

    def __str__(self) -> str:
        return f"{self.referral_id} {self.confirmed}"


class Authorisation(models.Model):
    """A request to all adults of a household to authorise a check.

    `asked` are their person ids; `text` is the text that they read, by language. A missing answer never
    counts as a no: after `due_at` somebody visits.
    """

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    case = models.ForeignKey(Case, models.PROTECT, related_name="authorisations")
    referral = models.ForeignKey(Referral, models.PROTECT, related_name="authorisations")
    asked = models.JSONField()
    text = models.JSONField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)  # when everybody had answered
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["referral"], condition=Q(ended_at=None), name="one_authorisation_stands"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["case", "due_at"],
                condition=Q(ended_at=None, settled_at=None),
                name="authorisation_open",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Said(models.TextChoices):
    GIVEN = "given", _("Authorised")
    DECLINED = "declined", _("Not authorised")
    REVOKED = "revoked", _("Authorisation taken back")


class How(models.TextChoices):
    """How the person was identified."""

    PAGE = "page", _("Own page: code of the notice and whole identity number")
    VISIT = "visit", _("At a visit: identity card seen, signed on paper")
    OFFICE = "office", _("At the office: identity card seen, signed on paper")


class Consent(models.Model):
    """One person's answer to an authorisation. Rows are only added, by `core.chains`; the latest one of a
    person counts.

    `text_hash` is the SHA-256 of the text in `language` that the person read.
    """

    authorisation = models.ForeignKey(Authorisation, models.PROTECT, related_name="consents")
    person_id = models.BigIntegerField()
    said = models.CharField(max_length=20, choices=Said)
    at = models.DateTimeField()
    language = models.CharField(max_length=10)
    text_hash = models.CharField(max_length=64)
    how = models.CharField(max_length=20, choices=How)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.authorisation_id} {self.said}"
