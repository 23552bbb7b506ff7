"""The map on Today: open cases by area, each area linked to its list. Users see their own areas only."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import cases_of, covers
from almoner.casework.figures.areas import Areas, Choice
from almoner.casework.models import AreaOutline, Membership
from almoner.casework.models.cases import OPEN

if TYPE_CHECKING:
    from almoner.casework.accounts.access import Someone

SHADES = 5
ByArea = dict[str, tuple[int, int]]  # by area code: open cases, overdue cases
MARGIN = 6.0  # space around the areas shown, in units of the map


@dataclass(frozen=True, kw_only=True)
class Place:
    """One area of the map with its open cases.

    `shade` runs from 0 (no cases) to `SHADES`. `address` is empty when the user's queue has no filter for
    the area.
    """

    code: str
    name: str
    cases: int
    overdue: int
    shade: int
    address: str
    outline: AreaOutline | None


@dataclass(frozen=True)
class Map:
    """The areas of the map; `box` is the SVG view box (left, top, width, height), empty without any
    outline."""

    places: list[Place]
    box: str
    letters: float  # font size of the numbers, in units of the map

    @property
    def small(self) -> float:
        """The font size of the names, in units of the map."""
        return round(self.letters * 0.6, 1)

    @property
    def drawn(self) -> list[Place]:
        """The areas that have an outline."""
        return [place for place in self.places if place.outline is not None]


def shown(membership: Membership, by_area: ByArea) -> Map | None:
    """The map for a member: areas with an outline (else the top level), and other areas with cases.

    None when there is nothing to show.
    """
    areas = Areas()
    outlines = AreaOutline.objects.in_bulk()
    found = _in_units(by_area, areas, outlines.keys() or areas.tops())
    codes = {code for code in outlines if covers(membership, code)} | found.keys()
    if not codes - {""}:
        return None
    most = max((cases for cases, _overdue in found.values()), default=0)
    links = _links(areas.choices(membership.areas, lambda: found))
    places = [
        Place(
            code=code,
            name=areas.short(code) or _("No area known"),
            cases=cases,
            overdue=overdue,
            shade=_shade(cases, most),
            address=links.get(code, ""),
            outline=outlines.get(code),
        )
        for code in sorted(codes)
        for cases, overdue in [found.get(code, (0, 0))]
    ]
    box, letters = _box([outlines[code] for code in codes if code in outlines])
    return Map(places, box, letters)


def counted(user: Someone, now: dt.datetime) -> ByArea:
    """Open and overdue cases by area code, for all cases that the user may see."""
    rows = cases_of(user).filter(OPEN).order_by().values_list("area")
    found = rows.annotate(cases=Count("*"), overdue=Count("due_at", filter=Q(due_at__lt=now)))
    return {area: (cases, overdue) for area, cases, overdue in found}


def _in_units(by_area: ByArea, areas: Areas, units: Iterable[str]) -> ByArea:
    """Sum the counts by the smallest of `units` around each area; areas outside all units keep their own
    code."""
    known, cases, overdue = set(units), Counter[str](), Counter[str]()
    for area, (count, late) in by_area.items():
        unit = next((code for code in areas.above(area) if code in known), area)
        cases[unit] += count
        overdue[unit] += late
    return {code: (count, overdue[code]) for code, count in cases.items()}


def _shade(cases: int, most: int) -> int:
    return 0 if not cases else 1 + (cases * SHADES - 1) // most if most else 0


def _links(choices: Iterable[Choice]) -> dict[str, str]:
    """The queue's address for each area that its filter offers, by area code."""
    codes = (
        code
        for value, inside in choices
        for code, _name in ([(value, "")] if isinstance(inside, str) else inside)
    )
    queue = reverse("queue")
    return {code: f"{queue}?{urlencode({'list': 'all', 'area': code})}" for code in codes}


def _box(outlines: Sequence[AreaOutline]) -> tuple[str, float]:
    if not outlines:
        return "", 0.0
    left, top = min(o.west for o in outlines) - MARGIN, min(o.north for o in outlines) - MARGIN
    width = max(o.east for o in outlines) + MARGIN - left
    height = max(o.south for o in outlines) + MARGIN - top
    return f"{left:g} {top:g} {width:g} {height:g}", round(max(width, height) / 26, 1)
