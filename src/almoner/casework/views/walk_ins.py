"""Pages of walk-in applications: taking one, its receipt, and its answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from almoner.casework.accounts.access import Right, cases_of, may_or_404, walk_in_for, walk_ins_of
from almoner.casework.core import words
from almoner.casework.core.filters import report_filters
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.core.refusals import Refused
from almoner.casework.core.timing import clock_of
from almoner.casework.models import WalkIn
from almoner.casework.models.among import IdSet
from almoner.casework.presentation.case_forms import DeskForm, RequestForm
from almoner.casework.presentation.forms import AnsweredForm
from almoner.casework.residents import answered_walk_ins, walk_ins
from almoner.casework.residents.answered_walk_ins import Stretch

PAGE = 25
WAITING = Order.by(Key("due_at", dt.datetime))
ANSWERED = Order.by(Key("answered_at", dt.datetime, descending=True))


@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    filters = report_filters(request, AnsweredForm(request.GET))
    chosen = filters.chosen
    answered = chosen.get("list") == "answered"
    mine, now = walk_ins_of(request.user), dt.datetime.now()
    stretch = answered_walk_ins.stretch(chosen.get("before")) if answered else None
    asked = stretch.of(mine) if stretch else mine.filter(answered_at=None)
    if filters.shows_nothing:
        asked = asked.none()
    page = _listing(asked, ANSWERED if answered else WAITING).page(request, _kept(stretch))
    context = {
        "page": page,
        "rows": [(one, None if answered else clock_of(one.due_at, now)) for one in page],
        "answered": answered,
        "stretch": stretch,
        "now": now,
        "pages": _stretches(stretch),
    }
    return render(request, "casework/requests.html", context)


def _listing(asked: QuerySet[WalkIn], order: Order) -> Listing[WalkIn]:
    """Applications in pages. All ids are read first, so that the access rules are evaluated once."""
    found = WalkIn.objects.filter(pk__among=IdSet(asked.values_list("pk", flat=True)))
    return Listing(asked=found, shown=WalkIn.objects.select_related("taken_by"), order=order, size=PAGE)


def _kept(stretch: Stretch | None) -> dict[str, str]:
    """The parameters that the addresses of all pages of a list have."""
    if stretch is None:
        return {}
    return {"list": "answered"} | ({"before": stretch.until.isoformat()} if stretch.until else {})


def _stretches(stretch: Stretch | None) -> dict[str, str]:
    """The addresses of earlier answers and of the latest ones."""
    near = {}
    if stretch and stretch.earlier:
        near["earlier"] = f"?list=answered&before={stretch.first.isoformat()}"
    if stretch and stretch.until:
        near["latest"] = "?list=answered"
    return near


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    feed, form = walk_ins.feed(), DeskForm(request.POST or None)
    questions = walk_ins.asked_for(feed) if feed else []
    if request.method == "POST":
        data = form.cleaned_data if form.is_valid() else {}
        chosen = {name: request.POST.get(name, "") for name, _label, _values in questions}
        try:
            taken = walk_ins.take(request.user, {**data, **chosen})  # type: ignore[arg-type]
            return redirect("request", reference=taken.reference)
        except Refused as refusal:
            messages.error(request, str(refusal))
    choices = [
        (
            name,
            words.in_language(label),
            [(value, words.in_language(text)) for value, text in values.items()],
            request.POST.get(name),
        )
        for name, label, values in questions
    ]
    context = {"possible": feed is not None, "choices": choices, "given": request.POST}
    return render(
        request, "casework/request_new.html", context, status=409 if request.method == "POST" else 200
    )


@require_GET
def show(request: HttpRequest, reference: str) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    return _page(request, walk_in_for(request.user, reference))


@require_POST
def answer(request: HttpRequest, reference: str) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    application = walk_in_for(request.user, reference)
    if application.department:
        raise Http404
    return _answered(request, application, "request")


@require_POST
def appeal(request: HttpRequest, reference: str) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    application, form = walk_in_for(request.user, reference), RequestForm(request.POST)
    try:
        text = form.cleaned_data["text"] if form.is_valid() else ""
        made = walk_ins.appeal(request.user, reference, text)  # type: ignore[arg-type]
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _page(request, application, status=409)
    return redirect("request", reference=made.reference)


@require_http_methods(["GET", "POST"])
def unknown(request: HttpRequest, reference: str) -> HttpResponse:
    """An application of a person who is missing from the register, as the register's department sees it."""
    may_or_404(request.user, Right.REFERRALS)
    application = walk_in_for(request.user, reference)
    return (
        _answered(request, application, "unknown")
        if request.method == "POST"
        else _page(request, application)
    )


def _answered(request: HttpRequest, application: WalkIn, page: str) -> HttpResponse:
    form = RequestForm(request.POST)
    data = form.cleaned_data if form.is_valid() else {}
    try:
        walk_ins.answer(
            request.user,  # type: ignore[arg-type]
            application.reference,
            data.get("ending", ""),
            data.get("note", ""),
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _page(request, application, status=409)
    return redirect(page, reference=application.reference)


def _page(request: HttpRequest, application: WalkIn, status: int = 200) -> HttpResponse:
    walk_ins.saw(request.user, application)  # type: ignore[arg-type]
    case = walk_ins.case_of(application)
    return render(
        request,
        "casework/request.html",
        _shown(request, application)
        | {
            "case": case if case and cases_of(request.user).filter(pk=case.pk).exists() else None,
        },
        status=status,
    )


def _shown(request: HttpRequest, application: WalkIn) -> dict[str, Any]:
    feed = walk_ins.feed()
    values = {name: values for name, _label, values in (walk_ins.asked_for(feed) if feed else [])}
    return {
        "request_": application,
        "clock": clock_of(application.due_at, dt.datetime.now()),
        "matter": [
            words.in_language(values.get(name, {}).get(value) or value)
            for name, value in application.chosen.items()
        ],
        "said": walk_ins.opened(application, "text"),
        "number": walk_ins.opened(application, "number"),
        "name": walk_ins.opened(application, "name"),
        "endings": walk_ins.endings(application),
        "may_answer": walk_ins.may_answer(
            request.user,  # type: ignore[arg-type]
            application,
        )
        if _is_mine(request, application)
        else False,
        "appealed": WalkIn.objects.filter(appeal_of=application).first(),
        "desk": not _is_department(request),
    }


def _is_department(request: HttpRequest) -> bool:
    resolved = request.resolver_match
    return resolved is not None and resolved.url_name == "unknown"


def _is_mine(request: HttpRequest, application: WalkIn) -> bool:
    return bool(application.department) == _is_department(request)
