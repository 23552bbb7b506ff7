"""Results of the latest sweep, counts of outcomes, and outlines of areas. Counts only, without cases."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Sweep(models.Model):
    """The latest sweep, in one row. `unplaced` persons have records but no household, so they cannot be
    assessed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    as_of = models.DateField()
    households = models.BigIntegerField()
    unplaced = models.BigIntegerField()

    def __str__(self) -> str:
        return self.as_of.isoformat()


class Judged(models.Model):
    """One signal in the latest sweep: the number of subjects, how many it holds for, and how many are
    unknown."""

    signal = models.CharField(primary_key=True, max_length=80)
    subjects = models.BigIntegerField()
    holds = models.BigIntegerField()
    unknown = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["signal"]

    def __str__(self) -> str:
        return self.signal


class Tallied(models.Model):
    """Outcomes of the cases of the last 12 months at time `at`, by one kind of group.

    They are stored because counting takes seconds. An entry of `groups` is [key, {counts, days}]
    (`almoner.casework.figures.quality`).
    """

    by = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()
    groups = models.JSONField()

    def __str__(self) -> str:
        return f"{self.by} {self.at.isoformat()}"


class WeekTally(models.Model):
    """Cases of an area that were opened and ended in a past week; `week` is its Monday.

    The row `weeks` of `Tallied` says when these were counted.
    """

    week = models.DateField()
    area = models.CharField(max_length=40, blank=True)
    opened = models.PositiveIntegerField()
    ended = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["week", "area"], name="one_tally_a_week_and_area")
        ]

    def __str__(self) -> str:
        return f"{self.week.isoformat()} {self.area}"


class AreaOutline(models.Model):
    """The outline of an area on the map: SVG path data, its bounding box, and a point for its label.

    The longer side of the map is 1000 units, and y increases to the south. All outlines come from one file.
    """

    code = models.CharField(primary_key=True, max_length=40)
    path = models.TextField()
    west = models.FloatField()
    north = models.FloatField()
    east = models.FloatField()
    south = models.FloatField()
    x = models.FloatField()
    y = models.FloatField()

    class Meta:
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.code
