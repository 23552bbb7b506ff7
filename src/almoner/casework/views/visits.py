"""The page of the user's planned visits, by day."""

from __future__ import annotations

import datetime as dt

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from almoner.casework.accounts.access import Right, may_or_404, visits_of
from almoner.casework.core.timing import clock
from almoner.casework.figures.areas import Areas

PAGE = 50


@require_GET
def visits(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    ahead = visits_of(request.user).select_related("case").order_by("planned_for", "case__area", "id")
    page = Paginator(ahead, PAGE).get_page(request.GET.get("page"))
    areas, now = Areas(), dt.datetime.now()
    rows = [(visit, areas.name(visit.case.area), clock(visit.case, now)) for visit in page]
    near = {}
    if page.has_previous():
        near["previous"] = f"?page={page.previous_page_number()}"
    if page.has_next():
        near["next"] = f"?page={page.next_page_number()}"
    context = {"page": page, "rows": rows, "pages": near, "today": now.date()}
    return render(request, "casework/visits.html", context)
