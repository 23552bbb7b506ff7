"""The administrative areas and their names; cases store only codes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Area(models.Model):
    """One area, and the code of the enclosing area (empty: none)."""

    code = models.CharField(primary_key=True, max_length=40)
    name_en = models.CharField(max_length=120, blank=True)
    name_zh = models.CharField(max_length=120, blank=True)
    parent = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.code
