"""The work queue: cases with filters, most urgent first; assigning cases; and the queue as a CSV file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from almoner.casework.accounts.access import (
    EVERYWHERE,
    Right,
    colleagues_for,
    covers,
    may_or_404,
    rights_of,
)
from almoner.casework.cases.assignment import assign_cases
from almoner.casework.cases.lists import LISTED, UNLISTED, filtered
from almoner.casework.core import words
from almoner.casework.core.batches import batched
from almoner.casework.core.filters import read
from almoner.casework.core.legal_terms import level_names
from almoner.casework.core.paging import Key, Listing, ListPage, Order
from almoner.casework.core.spreadsheet import lines
from almoner.casework.core.timing import ClockView, clock
from almoner.casework.figures.areas import Areas
from almoner.casework.models import Case, CaseSignal, Label, Membership
from almoner.casework.models.cases import OPEN
from almoner.casework.presentation.forms import LISTS, BulkForm, QueueForm
from almoner.policy.model.legal_terms import LevelName

PAGE = 25
ORDER = Order.by(Key("due_at", dt.datetime), Key("severity", float, descending=True))
AT_ONCE = 2_000  # rows of the CSV file that are read together
MANY = 10_000  # from so many cases on, reading cases in the queue's order is faster than filtering first


@dataclass(frozen=True, kw_only=True)
class Row:
    case: Case
    clock: ClockView
    level: words.LevelText
    signals: list[str]
    area: str
    watched: list[str]  # groups of the watch list


class QueueQuery:
    """The filters in a request's address, and the matching cases, most urgent first."""

    def __init__(self, request: HttpRequest) -> None:
        self.membership = may_or_404(request.user, Right.CASES)
        self.signals = dict(_labelled("signal"))
        self.areas = Areas()
        self.levels = level_names()
        self.form = QueueForm(
            request.GET,
            choices=_choices(self.membership, self.signals, self.areas, self.levels),
            known={
                "area": self.areas.known(lambda code: covers(self.membership, code)),
                "level": {level: str(words.level(level, self.levels)) for level in self.levels},
            },
        )
        self.filters = read(self.form)
        self.chosen: Mapping[str, str] = self.filters.chosen
        self._user = request.user

    def _found(self, *, many: bool = False) -> QuerySet[Case]:
        if self.filters.shows_nothing:
            return Case.objects.none()
        return filtered(self._user, self.chosen, self.areas, many=many)

    @property
    def cases(self) -> QuerySet[Case]:
        """All matching cases, most urgent first."""
        return ORDER.sorted(self._found().select_related("assignee"))

    def page(self, request: HttpRequest) -> ListPage[Case]:
        """The page of cases that the request asks for."""
        shown = Case.objects.select_related("assignee")
        listing = Listing(
            asked=self._found(),
            shown=shown,
            order=ORDER,
            size=PAGE,
            when_many=self._found(many=True),
            many=MANY,
        )
        return listing.page(request, self.kept)

    @property
    def kept(self) -> dict[str, str]:
        """The filters that hold, as parameters of an address."""
        return {name: value for name, value in self.chosen.items() if value}

    def rows(self, cases: Iterable[Case]) -> list[Row]:
        return _rows(list(cases), self.signals, self.areas, self.levels)


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    query = QueueQuery(request)
    page = query.page(request)
    if query.filters.complaint:
        messages.error(request, query.filters.complaint)
    context = {
        "form": query.form,
        "page": page,
        "rows": query.rows(page),
        "kept": urlencode(query.kept),
        "said": _in_words(query.chosen, query.form, query.areas),
        "receivers": _receivers(query.membership),
        "me": request.user,
    }
    return render(request, "casework/queue.html", context)


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse | HttpResponse:
    """The filtered queue as CSV without personal data, streamed while it is read.

    It holds what the page shows: where a filter cannot be used, there is no file.
    """
    query = QueueQuery(request)
    if query.filters.shows_nothing:
        return HttpResponse(query.filters.complaint, status=400, content_type="text/plain; charset=utf-8")
    head = (_("Due"), _("Case"), _("Area"), _("Level"), _("Why it is here"), _("State"), _("Assigned to"))
    response = StreamingHttpResponse(lines(head, _cells(query)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="cases-{dt.date.today().isoformat()}.csv"'
    )
    return response


def _cells(query: QueueQuery) -> Iterator[Sequence[str]]:
    for some in batched(query.cases.iterator(AT_ONCE), AT_ONCE):
        for row in query.rows(some):
            case, due = row.case, row.clock.due
            who = (case.assignee.get_full_name() or case.assignee.get_username()) if case.assignee else ""
            yield (
                f"{due:%Y-%m-%d %H:%M}" if due else "",
                case.reference,
                row.area,
                row.level,
                "; ".join(row.signals),
                case.get_state_display(),
                who,
            )


@require_POST
def assign(request: HttpRequest) -> HttpResponse:
    """Assign the chosen cases to one person. Cases that have changed meanwhile are reported and skipped."""
    may_or_404(request.user, Right.CASES)
    form = BulkForm(request.POST)
    back = f"{reverse('queue')}?{QueryDict(request.POST.get('back', '')).urlencode()}"
    if not form.is_valid():
        messages.error(request, _("Choose cases, and somebody to give them to."))
        return redirect(back)
    done = assign_cases(request.user, form.chosen(), form.cleaned_data["assignee"])  # type: ignore[arg-type]
    message = ngettext("%(count)s case was given.", "%(count)s cases were given.", done.given) % {
        "count": done.given
    }
    messages.success(request, message)
    if done.changed:
        left = ngettext(
            "%(count)s case had changed since the list was shown and was left alone.",
            "%(count)s cases had changed since the list was shown and were left alone.",
            done.changed,
        )
        messages.error(request, left % {"count": done.changed})
    if done.refused:
        left = ngettext(
            "%(count)s case cannot be given to this person.",
            "%(count)s cases cannot be given to this person.",
            done.refused,
        )
        messages.error(request, left % {"count": done.refused})
    return redirect(back)


def _receivers(membership: Membership) -> list[Membership]:
    """The people to whom the user can assign cases: a lead to all who share an area, others to themselves."""
    if Right.ASSIGN not in rights_of(membership):
        return [membership]
    return [member for member in colleagues_for([]) if _meet(member.areas, membership.areas)]


def _meet(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists of areas have an area in common."""
    if not some or not others:
        return False
    if EVERYWHERE in (*some, *others):
        return True
    return any(a.startswith(b) or b.startswith(a) for a in filter(None, some) for b in filter(None, others))


def _choices(
    membership: Membership, signals: Mapping[str, str], areas: Areas, named: Mapping[str, LevelName]
) -> dict[str, Sequence[Any]]:
    return {
        "level": [(level, words.level(level, named)) for level in _used_levels(named)],
        "signal": list(signals.items()),
        "programme": _labelled("programme"),
        "area": areas.choices(membership.areas, _used_areas),
        "watch": [(LISTED, _("On the list")), (UNLISTED, _("Not on the list")), *_labelled("watch")],
        "theme": _labelled("theme"),
    }


def _labelled(kind: str) -> list[tuple[str, str]]:
    found = Label.objects.filter(kind=kind).order_by("key")
    return [(label.key, words.in_language(label.words)) for label in found]


def _used_levels(named: Mapping[str, LevelName]) -> list[str]:
    """The levels that open cases have, in the pack's order, then levels that the pack does not know."""
    order = list(named)
    return sorted(_levels(), key=lambda level: order.index(level) if level in named else len(order))


def _levels() -> Iterator[str]:
    """The levels that open cases have. Each is found by one step in an index; DISTINCT would read the whole
    index."""
    levels = Case.objects.filter(OPEN).order_by("level").values_list("level", flat=True)
    level = levels.first()
    while level is not None:
        yield level
        level = levels.filter(level__gt=level).first()


def _used_areas() -> list[str]:
    return list(Case.objects.filter(OPEN).order_by("area").values_list("area", flat=True).distinct())


def _rows(
    cases: Sequence[Case], names: Mapping[str, str], areas: Areas, levels: Mapping[str, LevelName]
) -> list[Row]:
    found: dict[int, list[str]] = {case.pk: [] for case in cases}
    standing = CaseSignal.objects.filter(case_id__in=found, cleared_on=None).order_by("urgency_hours", "id")
    groups = dict(_labelled("watch"))
    watched: dict[int, list[str]] = {case.pk: [] for case in cases}
    for case_id, signal, listed in standing.values_list("case_id", "signal", "watched"):
        _add(found[case_id], [names.get(signal, signal)])
        _add(watched[case_id], [groups.get(group, group) for group in listed.split(",") if group])
    now = dt.datetime.now()
    return [
        Row(
            case=case,
            clock=clock(case, now),
            level=words.level(case.level, levels),
            signals=found[case.pk],
            area=areas.name(case.area),
            watched=watched[case.pk],
        )
        for case in cases
    ]


def _add(to: list[str], names: Sequence[str]) -> None:
    """Append the names that are not in the list yet."""
    to.extend(name for name in names if name not in to)


def _in_words(chosen: Mapping[str, str], form: QueueForm, areas: Areas) -> str:
    parts = [str(LISTS[chosen.get("list") or "open"])]
    filters = [
        name for name in ("level", "signal", "state", "programme", "watch", "theme") if chosen.get(name)
    ]
    parts += [f"{form.fields[name].label} {_shown(form, name, chosen[name])}" for name in filters]
    if chosen.get("area"):
        parts.append(f"{form.fields['area'].label} {areas.name(chosen['area'])}")
    return _(", ").join(parts)


def _shown(form: QueueForm, name: str, value: str) -> str:
    choices: Any = getattr(form.fields[name], "choices", ())
    return str(dict(choices).get(value, value))
