"""Answered walk-in applications, in stretches of time.

Whether a user may see one depends on resident and household. There are many over the years, so a page reads
one stretch only.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet

from almoner.casework.models import WalkIn

AT_ONCE = 2_000  # answered requests of a stretch, of all areas


@dataclass(frozen=True)
class Stretch:
    """Applications answered from `first` on, and before `until` when there are later stretches. `earlier`
    says whether there are earlier ones."""

    first: dt.datetime
    until: dt.datetime | None
    earlier: bool

    @property
    def is_all(self) -> bool:
        return self.until is None and not self.earlier

    def of(self, requests: QuerySet[WalkIn]) -> QuerySet[WalkIn]:
        return _before(self.until, requests).filter(answered_at__gte=self.first)


def stretch(until: dt.datetime | None) -> Stretch:
    """The stretch before `until`, or the latest one. Answers of the same moment are never split."""
    times = (
        _before(until, WalkIn.objects.all()).order_by("-answered_at").values_list("answered_at", flat=True)
    )
    last = list(times[AT_ONCE - 1 : AT_ONCE + 1])
    oldest = last[0] if last else times.last()
    return Stretch(oldest or dt.datetime.now(), until, earlier=len(last) > 1)


def _before(until: dt.datetime | None, requests: QuerySet[WalkIn]) -> QuerySet[WalkIn]:
    """A filter by time that repeats the condition of the partial index, which databases do not always
    infer."""
    answered = requests.filter(answered_at__isnull=False)
    return answered.filter(answered_at__lt=until) if until else answered
