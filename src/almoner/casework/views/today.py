"""Today: new, waiting and late cases, what was given, and late feeds. Each figure counts a list of the
queue."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from almoner.casework.accounts.access import (
    Right,
    cases_of,
    may,
    may_or_404,
    of_cases,
    referrals_in_areas_of,
    visits_of,
    walk_ins_of,
)
from almoner.casework.cases import departments, handing_back
from almoner.casework.cases.lists import GIVEN, condition, given_since, records, start
from almoner.casework.core import words
from almoner.casework.figures import area_map, complete_days, figures, landed_files
from almoner.casework.figures.freshness import late_feeds
from almoner.casework.figures.gaps import missing_periods
from almoner.casework.models import Label
from almoner.casework.models.cases import OPEN
from almoner.casework.presentation.forms import LISTS

if TYPE_CHECKING:
    from almoner.casework.accounts.access import Someone

GROUPS = (  # heading and lists; the first list is the group's main figure
    (_("Came in"), ("new",)),
    (
        _("Waits"),
        (
            "unassigned",
            "back",
            "mine",
            "team",
            "second",
            "asked",
            "telling",
            "unanswered",
            "returned",
            "withdrawn",
            "held",
        ),
    ),
    (_("Late"), ("overdue", "departments")),
    (_("Given"), ("given",)),
)


@dataclass(frozen=True)
class Figure:
    label: str
    count: int
    address: str


@dataclass(frozen=True)
class Given:
    """The deliveries of one programme in one unit."""

    programme: str
    count: int
    amount: str
    address: str


@require_GET
def today(request: HttpRequest) -> HttpResponse:
    membership = may_or_404(request.user, Right.CASES)
    now = dt.datetime.now()
    by_area = area_map.counted(request.user, now)
    counted = counts(request.user, now, by_area)
    back = handing_back.waiting_for(request.user)
    counted["back"] = sum(returned.cases for _person, returned in back)
    requests = walk_ins_of(request.user).filter(answered_at=None)
    context = {
        "now": now,
        "groups": [(heading, [_figure(name, counted[name]) for name in names]) for heading, names in GROUPS],
        "given": given(request.user, now),
        "late": late_feeds(now.date()),
        "missing": missing_periods(),
        "waits": complete_days.waiting() if may(request.user, Right.FEEDS) else [],
        "landed": landed_files.in_trouble() if may(request.user, Right.FEEDS) else [],
        "waiting": figures.waiting(counted),
        "weeks": figures.by_week(request.user, now.date()),
        "map": area_map.shown(membership, by_area),
        **requests.aggregate(requests=Count("*"), requests_late=Count("due_at", filter=Q(due_at__lt=now))),
        "back": [(person, handing_back.in_words(returned)) for person, returned in back],
        "deserted": departments.deserted(request.user),
        **visits_of(request.user).aggregate(
            visits=Count("pk", filter=Q(visitor=request.user.pk, planned_for__lte=now.date())),
            visits_of_nobody=Count("pk", filter=Q(visitor=None)),
        ),
    }
    return render(request, "casework/today.html", context)


def counts(user: Someone, now: dt.datetime, by_area: area_map.ByArea | None = None) -> dict[str, int]:
    """The number of cases in each list, and of open cases by how late they are.

    Large lists are computed as remainders. The numbers of all open and all overdue cases are known from the
    counts by area (`area_map.counted`), so only the smaller lists are counted, each by an index.
    """
    me, own = int(str(user.pk)), cases_of(user).filter(OPEN).order_by()
    by_area = area_map.counted(user, now) if by_area is None else by_area
    every, late = (sum(pair[place] for pair in by_area.values()) for place in (0, 1))
    classes = figures.lateness(now)
    parts = {name: condition(me, name, now) for name in ("mine", "team")} | {
        name: classes[name] for name in figures.COUNTED
    }
    found = dict.fromkeys(parts, 0) | figures.counted(
        {name: own.filter(which) for name, which in parts.items()}
    )
    found |= figures.larger(found, every, late)
    held = own.filter(condition(me, "held", now))
    found |= held.aggregate(held=Count("*"), held_late=Count("due_at", filter=Q(due_at__lt=now)))
    found["overdue"] = late - found.pop("held_late")
    found["unassigned"] = every - found["held"] - found["team"]
    for name in ("new", "telling", "unanswered", "returned", "departments", "withdrawn"):
        found[name] = cases_of(user).filter(condition(me, name, now)).count()
    for name, some in records(now).items():
        found[name] = of_cases(user, some).aggregate(cases=Count("case", distinct=True))["cases"]
    return found


def _figure(name: str, count: int) -> Figure:
    return Figure(str(LISTS[name]), count, _queue(list=name))


def _queue(**chosen: str) -> str:
    return f"{reverse('queue')}?{urlencode(chosen)}"


def given(user: Someone, now: dt.datetime) -> list[Given]:
    """Delivered supports by programme and unit, with their number and total amount."""
    labels = dict(Label.objects.filter(kind="programme").values_list("key", "words"))
    units = dict(Label.objects.filter(kind="unit").values_list("key", "words"))
    delivered = referrals_in_areas_of(user).filter(given_since(start(now, GIVEN)))
    rows = delivered.values("programme", "unit")
    return [
        Given(
            words.in_language(labels.get(programme, programme)),
            count,
            _total(total, unit, units),
            _queue(list="given", programme=programme),
        )
        for programme, unit, count, total in (
            rows.annotate(count=Count("pk"), total=Sum("amount"))
            .order_by("programme", "unit")
            .values_list("programme", "unit", "count", "total")
        )
    ]


def _total(total: Decimal | None, unit: str, units: dict[str, dict[str, str]]) -> str:
    return "" if total is None else words.quantity(total, unit, units)
