"""Today: what came in, waits, is late, was given, and which feeds are late. Each figure is the count of a list of the queue."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from almoner.casework import words
from almoner.casework.access import Right, may_or_404, referrals_in_areas_of, visits_of
from almoner.casework.forms import LISTS
from almoner.casework.freshness import late_feeds
from almoner.casework.lists import GIVEN, condition, given_since, listed, start
from almoner.casework.models import Label
from almoner.casework.models.cases import OPEN

if TYPE_CHECKING:
    from almoner.casework.access import Someone

GROUPS = (  # heading, lists; the first of each is the figure of the group
    (_("Came in"), ("new",)),
    (_("Waits"), ("unassigned", "mine", "team", "second", "asked", "unanswered", "returned", "held")),
    (_("Late"), ("overdue",)),
    (_("Given"), ("given",)),
)
OF_OPEN = ("unassigned", "mine", "team", "held", "overdue")  # counted in one pass over the open cases


@dataclass(frozen=True)
class Figure:
    label: str
    count: int
    address: str


@dataclass(frozen=True)
class Given:
    """What departments delivered of one programme, in one unit."""

    programme: str
    count: int
    amount: str
    address: str


@require_GET
def today(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    now = dt.datetime.now()
    counted = counts(request.user, now)
    context = {
        "now": now,
        "groups": [(heading, [_figure(name, counted[name]) for name in names]) for heading, names in GROUPS],
        "given": given(request.user, now),
        "late": late_feeds(now.date()),
        "visits": visits_of(request.user).filter(planned_for__lte=now.date()).count(),
    }
    return render(request, "casework/today.html", context)


def counts(user: Someone, now: dt.datetime) -> dict[str, int]:
    """How many cases each list holds. `listed` takes what the user may see."""
    me = int(str(user.pk))
    found: dict[str, int] = (
        listed(user)
        .filter(OPEN)
        .aggregate(**{name: Count("pk", filter=condition(me, name, now)) for name in OF_OPEN})
    )
    for name in ("new", "second", "asked", "unanswered", "returned", "given"):
        found[name] = listed(user).filter(condition(me, name, now)).count()
    return found


def _figure(name: str, count: int) -> Figure:
    return Figure(str(LISTS[name]), count, _queue(list=name))


def _queue(**chosen: str) -> str:
    return f"{reverse('queue')}?{urlencode(chosen)}"


def given(user: Someone, now: dt.datetime) -> list[Given]:
    """By programme and unit: how many supports, and their amounts together."""
    labels = dict(Label.objects.filter(kind="programme").values_list("key", "words"))
    units = dict(Label.objects.filter(kind="unit").values_list("key", "words"))
    delivered = referrals_in_areas_of(user).filter(given_since(start(now, GIVEN)))
    rows = delivered.values("programme", "unit")
    return [
        Given(
            words.in_language(labels.get(programme, programme)), count, _total(total, unit, units),
            _queue(list="given", programme=programme),
        )
        for programme, unit, count, total in rows.annotate(count=Count("pk"), total=Sum("amount"))
        .order_by("programme", "unit")
        .values_list("programme", "unit", "count", "total")
    ]  # fmt: skip


def _total(total: Decimal | None, unit: str, units: dict[str, dict[str, str]]) -> str:
    return "" if total is None else words.quantity(total, unit, units)
