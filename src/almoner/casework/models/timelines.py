"""What happened to a household over months, for the page of its open case."""

from __future__ import annotations

from django.db import models


class HouseholdTimelines(models.Model):
    """A household with an open case, in one row; deleted when the case ends. No names.

    `lines` are {timeline, person, since, values}, one a timeline and subject: a value for each month from
    `since` (YYYY-MM) on, null where there is none; `person` is null where the household is the subject. A
    row without lines says that nothing is known.
    """

    household_id = models.BigIntegerField(primary_key=True)
    lines = models.JSONField()

    def __str__(self) -> str:
        return f"household {self.household_id}"
