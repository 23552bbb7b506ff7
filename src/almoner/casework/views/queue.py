"""The work queue: most urgent first, filters in words, no query per row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from almoner.casework import words
from almoner.casework.access import cases_of, member_or_404
from almoner.casework.forms import LISTS, QueueForm
from almoner.casework.models import Case, CaseSignal, CaseState, Label, RoleOf
from almoner.casework.models.cases import OPEN
from almoner.casework.timing import Clock, clock

PAGE = 25


@dataclass(frozen=True)
class Row:
    case: Case
    clock: Clock
    level: str
    signals: list[str]


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    member_or_404(request.user, RoleOf.WORKER, RoleOf.LEAD)
    signals = {label.key: words.in_language(label.words) for label in Label.objects.filter(kind="signal")}
    levels = {level: words.level(level) for level in _levels()}
    form = QueueForm(request.GET, levels=levels, signals=signals)
    chosen = form.cleaned_data if form.is_valid() else {}
    found = _filtered(request, chosen).order_by("due_at", "-severity", "id")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form, "page": page, "rows": _rows(page, signals), "said": _in_words(chosen, form),
        "pages": _pages(page, chosen),
    }  # fmt: skip
    return render(request, "casework/queue.html", context)


def _levels() -> list[str]:
    return list(Case.objects.filter(OPEN).order_by("level").values_list("level", flat=True).distinct())


def _filtered(request: HttpRequest, chosen: Mapping[str, str]) -> QuerySet[Case]:
    me = int(str(request.user.pk))
    # Coalesce: with a plain OR, SQLite unites two indexes and sorts, which is four times slower than one
    # scan by due time.
    cases = cases_of(request.user).alias(hand=Coalesce("assignee_id", Value(me)))
    cases = cases.filter(_list(me, chosen.get("list") or "open"))
    for field in ("level", "state"):
        if chosen.get(field):
            cases = cases.filter(**{field: chosen[field]})
    if chosen.get("area"):
        cases = cases.filter(area__startswith=chosen["area"])
    if chosen.get("signal"):
        standing = CaseSignal.objects.filter(case=OuterRef("pk"), signal=chosen["signal"], cleared_on=None)
        cases = cases.filter(Exists(standing))
    return cases.select_related("assignee")


def _list(me: int, name: str) -> Q:
    now = dt.datetime.now()
    working = OPEN & (Q(held_until=None) | Q(held_until__lte=now.date()))
    return {
        "open": working & Q(hand=me),
        "mine": working & Q(assignee_id=me),
        "unassigned": working & Q(assignee=None),
        "overdue": working & Q(due_at__lt=now),
        "held": OPEN & Q(held_until__gt=now.date()),
        "all": OPEN,
        "ended": Q(state__in=[CaseState.DISMISSED, CaseState.CLOSED]),
    }[name]


def _rows(page: Page[Case], names: Mapping[str, str]) -> list[Row]:
    found: dict[int, list[str]] = {case.pk: [] for case in page}
    standing = CaseSignal.objects.filter(case_id__in=found, cleared_on=None).order_by("urgency_hours", "id")
    for case_id, signal in standing.values_list("case_id", "signal"):
        if names.get(signal, signal) not in found[case_id]:
            found[case_id].append(names.get(signal, signal))
    now = dt.datetime.now()
    return [Row(case, clock(case, now), words.level(case.level), found[case.pk]) for case in page]


def _in_words(chosen: Mapping[str, str], form: QueueForm) -> str:
    said = [str(LISTS[chosen.get("list") or "open"])]
    filters = [name for name in ("level", "signal", "state", "area") if chosen.get(name)]
    said += [f"{form.fields[name].label} {_shown(form, name, chosen[name])}" for name in filters]
    return _(", ").join(said)


def _shown(form: QueueForm, name: str, value: str) -> str:
    choices: Any = getattr(form.fields[name], "choices", ())
    return str(dict(choices).get(value, value))


def _pages(page: Page[Case], chosen: Mapping[str, str]) -> dict[str, str]:
    """Addresses of the neighbouring pages."""
    kept = {name: value for name, value in chosen.items() if value}
    near: dict[str, str] = {}
    if page.has_previous():
        near["previous"] = "?" + urlencode(kept | {"page": page.previous_page_number()})
    if page.has_next():
        near["next"] = "?" + urlencode(kept | {"page": page.next_page_number()})
    return near
