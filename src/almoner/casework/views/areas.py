"""Pages of area alerts: the evidence, the clock, and the cause that a person found."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from almoner.casework.accounts.access import Right, area_alert_for, area_alerts_of, may_or_404, rights_of
from almoner.casework.cases.workflow import Refused
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.presentation.area_evidence import AreaPresenter
from almoner.casework.presentation.forms import CauseForm
from almoner.casework.sync import area_alerts

PAGE = 25
ORDER = Order.by(Key("answered", int), Key("due_at", dt.datetime), Key("severity", float, descending=True))


@require_GET
def areas(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
def answer(request: HttpRequest, reference: str) -> HttpResponse:
    found = area_alert_for(request.user, reference)
    form = CauseForm(request.POST)
    if not form.is_valid():
        messages.error(request, form.complaint())
        return _page(request, status=400)
    data = form.cleaned_data
    try:
        area_alerts.answer(
            request.user,  # type: ignore[arg-type]
            found.reference,
            data["version"],
            data["cause"],
            data["note"],
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _page(request, status=409)
    return redirect("areas")


def _page(request: HttpRequest, status: int = 200) -> HttpResponse:
    """Active alerts without an answer come first, then by due time."""
    membership = may_or_404(request.user, Right.AREA_ALERTS)
    found = area_alerts_of(request.user)
    answered = Case(When(answered_at=None, then=Value(0)), default=Value(1), output_field=IntegerField())
    standing = found.filter(cleared_on=None).annotate(answered=answered)
    page = Listing(asked=standing, shown=found, order=ORDER, size=PAGE).page(request)
    present, now = AreaPresenter(), dt.datetime.now()
    context = {
        "page": page,
        "alerts": [present.alert(alert, now) for alert in page],
        "past": [
            present.alert(alert, now)
            for alert in found.exclude(cleared_on=None).order_by("-cleared_on", "id")[:PAGE]
        ],
        "causes": CauseForm().causes(),
        "to_queue": Right.CASES in rights_of(membership),
    }
    return render(request, "casework/areas.html", context, status=status)
