"""The work queue: most urgent first, filters in words, no query per row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from almoner.casework import words
from almoner.casework.access import cases_of, member_or_404
from almoner.casework.areas import Areas
from almoner.casework.forms import LISTS, QueueForm
from almoner.casework.models import Case, CaseSignal, CaseState, Label, Membership, RoleOf
from almoner.casework.models.cases import OPEN
from almoner.casework.timing import Clock, clock

PAGE = 25
LISTED, UNLISTED = "*", "-"  # on the watch list at all, and found outside it


@dataclass(frozen=True)
class Row:
    case: Case
    clock: Clock
    level: str
    signals: list[str]
    area: str
    watched: list[str]  # groups of the watch list


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    membership = member_or_404(request.user, RoleOf.WORKER, RoleOf.LEAD)
    signals = {label.key: words.in_language(label.words) for label in Label.objects.filter(kind="signal")}
    areas = Areas()
    form = QueueForm(request.GET, choices=_choices(membership, signals, areas))
    chosen = form.cleaned_data if form.is_valid() else {}
    found = _filtered(request, chosen, areas).order_by("due_at", "-severity", "id")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form, "page": page, "rows": _rows(page, signals, areas), "said": _in_words(chosen, form, areas),
        "pages": _pages(page, chosen),
    }  # fmt: skip
    return render(request, "casework/queue.html", context)


def _choices(membership: Membership, signals: Mapping[str, str], areas: Areas) -> dict[str, Sequence[Any]]:
    levels = _used("level")
    return {
        "level": [(level, words.level(level)) for level in levels],
        "signal": list(signals.items()),
        "area": areas.choices(membership.areas, lambda: _used("area")),
        "watch": [(LISTED, _("On the list")), (UNLISTED, _("Not on the list")), *_labelled("watch")],
        "theme": _labelled("theme"),
    }


def _labelled(kind: str) -> list[tuple[str, str]]:
    found = Label.objects.filter(kind=kind).order_by("key")
    return [(label.key, words.in_language(label.words)) for label in found]


def _used(field: str) -> list[str]:
    """The values that open cases have."""
    return list(Case.objects.filter(OPEN).order_by(field).values_list(field, flat=True).distinct())


def _filtered(request: HttpRequest, chosen: Mapping[str, str], areas: Areas) -> QuerySet[Case]:
    me = int(str(request.user.pk))
    # Coalesce: with a plain OR, SQLite unites two indexes and sorts, which is four times slower than one
    # scan by due time.
    cases = cases_of(request.user).alias(hand=Coalesce("assignee_id", Value(me)))
    cases = cases.filter(_list(me, chosen.get("list") or "open"))
    for field in ("level", "state"):
        if chosen.get(field):
            cases = cases.filter(**{field: chosen[field]})
    if chosen.get("area"):
        cases = cases.filter(area__in=areas.below(chosen["area"]))
    if chosen.get("signal"):
        standing = CaseSignal.objects.filter(signal=chosen["signal"], cleared_on=None)
        cases = cases.filter(pk__in=standing.values("case_id"))
    return _in_layers(cases, chosen).select_related("assignee")


def _in_layers(cases: QuerySet[Case], chosen: Mapping[str, str]) -> QuerySet[Case]:
    """Cases with a standing signal of the theme, and with one whose subject is, or is not, on the watch list."""
    standing = CaseSignal.objects.filter(cleared_on=None)
    if chosen.get("theme"):
        cases = cases.filter(pk__in=standing.filter(theme=chosen["theme"]).values("case_id"))
    group = chosen.get("watch")
    if group == UNLISTED:
        return cases.filter(pk__in=standing.filter(watched="").values("case_id"))
    if group:
        listed = standing.exclude(watched="") if group == LISTED else standing.filter(watched__contains=f",{group},")
        cases = cases.filter(pk__in=listed.values("case_id"))
    return cases


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


def _rows(page: Page[Case], names: Mapping[str, str], areas: Areas) -> list[Row]:
    found: dict[int, list[str]] = {case.pk: [] for case in page}
    standing = CaseSignal.objects.filter(case_id__in=found, cleared_on=None).order_by("urgency_hours", "id")
    groups = dict(_labelled("watch"))
    watched: dict[int, list[str]] = {case.pk: [] for case in page}
    for case_id, signal, listed in standing.values_list("case_id", "signal", "watched"):
        _add(found[case_id], [names.get(signal, signal)])
        _add(watched[case_id], [groups.get(group, group) for group in listed.split(",") if group])
    now = dt.datetime.now()
    return [
        Row(case, clock(case, now), words.level(case.level), found[case.pk], areas.name(case.area), watched[case.pk])
        for case in page
    ]


def _add(to: list[str], names: Sequence[str]) -> None:
    """Each name once, in the order in which it first came."""
    to.extend(name for name in names if name not in to)


def _in_words(chosen: Mapping[str, str], form: QueueForm, areas: Areas) -> str:
    said = [str(LISTS[chosen.get("list") or "open"])]
    filters = [name for name in ("level", "signal", "state", "watch", "theme") if chosen.get(name)]
    said += [f"{form.fields[name].label} {_shown(form, name, chosen[name])}" for name in filters]
    if chosen.get("area"):
        said.append(f"{form.fields['area'].label} {areas.name(chosen['area'])}")
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
