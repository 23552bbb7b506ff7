"""The page of the working calendar, which administrators edit."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from almoner.casework.accounts.access import Right, may_or_404
from almoner.casework.core.legal_terms import installed_terms, said_weekend
from almoner.casework.models import CalendarDay
from almoner.casework.presentation.forms import DayForm
from almoner.casework.sync.reference_data import set_day


@require_http_methods(["GET", "POST"])
def calendar(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.CALENDAR)
    form = DayForm(request.POST or None)
    if form.is_valid():
        set_day(request.user, CalendarDay(**form.cleaned_data))  # type: ignore[arg-type]
        return redirect("calendar")
    context = {
        "form": form,
        "days": CalendarDay.objects.select_related("edited_by"),
        "weekend": said_weekend(installed_terms(), dt.date.today()),
    }
    return render(request, "casework/calendar.html", context)
