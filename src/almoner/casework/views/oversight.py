"""Pages of oversight: search the audit trail and the access log, and verify the chains."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from almoner.casework.accounts.access import Right, may_or_404
from almoner.casework.cases.history import PAGES, departments, lines, system_of
from almoner.casework.core.chains import CONSENTS, EVENTS, LOOKS, VERIFICATIONS, verify_all
from almoner.casework.core.filters import report_filters
from almoner.casework.models import AccessLog, Case, CaseEvent, ChainHead
from almoner.casework.presentation.forms import TrailForm
from almoner.casework.templatetags.words import person
from almoner.policy.model.terms import Words

PAGE = 50
NAMES = {
    EVENTS.name: gettext_lazy("Audit trail"),
    LOOKS.name: gettext_lazy("Who looked"),
    CONSENTS.name: gettext_lazy("Consents of families"),
    VERIFICATIONS.name: gettext_lazy("Verifications on the spot"),
}
SYSTEM = "system:"  # prefix of a department in the field for users; user names have no colon


@require_http_methods(["GET", "POST"])
def oversight(request: HttpRequest) -> HttpResponse:
    """Search by GET; by POST verify all chains."""
    may_or_404(request.user, Right.OVERSIGHT)
    context: dict[str, Any] = {"head": ChainHead.objects.filter(pk=1).first()}
    if request.method == "POST":
        started = perf_counter()
        checks = [(NAMES[check.chain], check) for check in verify_all()]
        context |= {
            "checked": checks,
            "broken": [(name, check) for name, check in checks if not check.intact],
            "count": sum(check.events for _name, check in checks),
            "seconds": round(perf_counter() - started, 1),
        }
    form = TrailForm(request.GET)
    filters = report_filters(request, form)
    chosen = filters.chosen
    kept = {name: value for name, value in chosen.items() if value and name != "before"}
    found = _looks if chosen.get("trail") == "looks" else _events
    shown = [] if filters.shows_nothing else found(chosen)
    context |= {"form": form, "rows": shown[:PAGE], "looks": chosen.get("trail") == "looks"}
    if len(shown) > PAGE:
        context["older"] = "?" + urlencode(kept | {"before": shown[PAGE - 1][0]})
    return render(request, "casework/oversight.html", context)


def _events(chosen: Mapping[str, Any]) -> list[tuple[int, Any, Any]]:
    """Number, event and sentence of matching events, the newest first, one more than fits a page.

    Matches are not counted, because a trail has millions of events.
    """
    found = _asked(CaseEvent.objects.all(), chosen, "actor")
    events = list(found.select_related("actor", "case")[: PAGE + 1])
    return [(event.number, event, line) for event, line in zip(events, lines(events), strict=True)]


def _looks(chosen: Mapping[str, Any]) -> list[tuple[int, Any, Any]]:
    found = _asked(AccessLog.objects.all(), chosen, "user").select_related("user", "case")
    names = departments()
    return [
        (look.pk, _who_looked(look, names), PAGES.get(look.page, look.page)) for look in found[: PAGE + 1]
    ]


def _who_looked(look: AccessLog, names: Mapping[str, Words]) -> AccessLog:
    """The access with the name of the user or system."""
    who = person(look.user) if look.user else system_of(look.system or "", names)
    look.who = who  # type: ignore[attr-defined]
    return look


def _asked(records: QuerySet[Any], chosen: Mapping[str, Any], who: str) -> QuerySet[Any]:
    """Filter and sort records by time, then by number, since a machine's clock may have been set back."""
    if chosen.get("case"):
        records = records.filter(case_id=_id(Case, reference=chosen["case"]))
    if chosen.get("who"):
        department = chosen["who"].removeprefix(SYSTEM)
        named = {f"{who}_id": _id(User, username=chosen["who"])}
        records = records.filter(**(named if department == chosen["who"] else {"system": department}))
    if chosen.get("since"):
        records = records.filter(at__gte=chosen["since"])
    if chosen.get("until"):
        records = records.filter(at__lt=chosen["until"] + dt.timedelta(days=1))
    last = records.model.objects.filter(pk=chosen["before"]).first() if chosen.get("before") else None
    if last is not None:
        records = records.filter(at__lte=last.at).exclude(at=last.at, pk__gte=last.pk)
    return records.order_by("-at", "-pk")


def _id(model: type[Case] | type[User], **named: str) -> int:
    """The primary key of the matching record; 0, which no record has, when there is none."""
    return model.objects.filter(**named).values_list("pk", flat=True).first() or 0
