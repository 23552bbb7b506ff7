"""The page of the user's planned visits, by day."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from almoner.casework.accounts.access import Right, may_or_404, visits_of
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.core.timing import clock
from almoner.casework.figures.areas import Areas

PAGE = 50
ORDER = Order.by(Key("planned_for", dt.date), Key("case__area", str))


@require_GET
def visits(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    ahead = visits_of(request.user)
    page = Listing(asked=ahead, shown=ahead.select_related("case"), order=ORDER, size=PAGE).page(request)
    areas, now = Areas(), dt.datetime.now()
    rows = [(visit, areas.name(visit.case.area), clock(visit.case, now)) for visit in page]
    context = {"page": page, "rows": rows, "today": now.date()}
    return render(request, "casework/visits.html", context)
