"""Periods of feeds that never came, in words: for Today, the blind spots and `almoner explain`."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from almoner.casework.core import words
from almoner.casework.figures.areas import Areas
from almoner.casework.models import FeedState


@dataclass(frozen=True)
class MissingPeriod:
    """A time of a feed that never came. `part` is the area or supplier that it is missing from, or empty."""

    feed: FeedState
    label: str
    when: str
    part: str
    households: int

    @property
    def sentence(self) -> str:
        """What is missing, and for how many households signals are unknown without it."""
        values = {"feed": self.label, "when": self.when, "part": self.part}
        came = (
            _("%(feed)s: %(when)s never came from %(part)s.")
            if self.part
            else _("%(feed)s: %(when)s never came.")
        ) % values
        unknown = ngettext(
            "Signals that need it are unknown for %(shown)s household.",
            "Signals that need it are unknown for %(shown)s households.",
            self.households,
        ) % {"shown": words.number(self.households)}
        return _("%(came)s %(unknown)s") % {"came": came, "unknown": unknown}


def missing_periods(feeds: Collection[str] | None = None) -> list[MissingPeriod]:
    """The missing periods of `feeds` (None: of all) as the latest sweep found them, in order of feeds."""
    states = FeedState.objects.exclude(gaps=[]).defer("fields")
    if feeds is not None:
        states = states.filter(pk__in=feeds)
    areas = Areas()
    return [
        MissingPeriod(
            state,
            words.in_language(state.label),
            span(dt.date.fromisoformat(gap["since"]), dt.date.fromisoformat(gap["through"])),
            areas.name(gap["part"]) or gap["part"] if gap["part"] else "",
            gap["households"],
        )
        for state in states
        for gap in state.gaps
    ]


def span(since: dt.date, through: dt.date) -> str:
    """In words: a month, several months, a day, or days; both ends are included."""
    if since.day == 1 and through.day == calendar.monthrange(through.year, through.month)[1]:
        first, last = words.month(since), words.month(through)
    else:
        first, last = words.day(since), words.day(through)
    return first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last}
