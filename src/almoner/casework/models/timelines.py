"""Stored timelines of households with an open case, for the case's page."""

from __future__ import annotations

from django.db import models


class HouseholdTimelines(models.Model):
    """The timelines of a household with an open case, without names. The row is deleted when the case ends.

    An entry of `lines` has the keys timeline, person, since and values: one value for each month from
    `since` (YYYY-MM) on, null when there is none. `person` is null when the subject is the household. A row
    without lines means that nothing is known.
    """

    household_id = models.BigIntegerField(primary_key=True)
    lines = models.JSONField()

    def __str__(self) -> str:
        return f"household {self.household_id}"
