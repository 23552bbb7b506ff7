"""What the latest sweep could judge and what it could not, and the outlines of areas. Counts only, of no
case."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Sweep(models.Model):
    """The latest cycle over everybody, in one row. `unplaced` persons have records and no household to be
    judged in."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    as_of = models.DateField()
    households = models.BigIntegerField()
    unplaced = models.BigIntegerField()

    def __str__(self) -> str:
        return self.as_of.isoformat()


class Judged(models.Model):
    """One signal in the latest sweep: households or persons it could speak of, for how many it holds, and
    of how many nobody can say."""

    signal = models.CharField(primary_key=True, max_length=80)
    subjects = models.BigIntegerField()
    holds = models.BigIntegerField()
    unknown = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["signal"]

    def __str__(self) -> str:
        return self.signal


class Tallied(models.Model):
    """What became of the cases of the last 12 months as it was at `at`, by one kind of group: counting a
    year takes seconds.

    `groups` are [key, {counts, days}] (`almoner.casework.figures.quality`).
    """

    by = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()
    groups = models.JSONField()

    def __str__(self) -> str:
        return f"{self.by} {self.at.isoformat()}"


class WeekTally(models.Model):
    """Cases of an area that were opened and ended in a week (from Monday `week`) that is over. Kept with
    `Tallied`, whose row `weeks` says when."""

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
    """An area on the map of the installation: SVG path data, the box around it and a point inside, in
    units of the map.

    The longer side of the map is 1000 units; y grows to the south. All outlines come from one file.
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
