"""Files of a case: photos and papers. Names and contents are sealed; contents have a table of their own, so
that lists do not read them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.models.cases import Case, new_reference


class FileAbout(models.TextChoices):
    VISIT = "visit", _("From a visit")
    SIGNED = "signed", _("Signed form")
    SHOWN = "shown", _("Paper that the household showed")
    OTHER = "other", _("Something else")


class CaseFile(models.Model):
    """One file. When a person removes it, its contents are deleted; this row records who did it and why."""

    reference = models.CharField(max_length=16, unique=True, default=new_reference)
    case = models.ForeignKey(Case, models.PROTECT, related_name="files")
    about = models.CharField(max_length=20, choices=FileAbout)
    media = models.CharField(max_length=40)
    size = models.PositiveIntegerField()  # bytes
    name = models.BinaryField()
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    removed_for = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(removed_at=None, removed_by=None, removed_for="")
                | Q(removed_at__isnull=False, removed_by__isnull=False) & ~Q(removed_for=""),
                name="a_removed_file_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class FileContent(models.Model):
    file = models.OneToOneField(CaseFile, models.PROTECT, primary_key=True, related_name="content")
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return str(self.pk)
