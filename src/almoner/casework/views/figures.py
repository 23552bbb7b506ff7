"""Pages of figures for oversight: quality of signals, fairness between groups, and blind spots."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from almoner.casework.accounts.access import Right, may_or_404
from almoner.casework.core import words
from almoner.casework.figures import charts
from almoner.casework.figures import quality as tallies
from almoner.casework.figures.areas import Areas
from almoner.casework.figures.charts import Chart, Share
from almoner.casework.figures.gaps import missing_periods
from almoner.casework.figures.quality import SMALLEST, Tally
from almoner.casework.models import Label
from almoner.casework.sync import blind_spots

Named = tuple[str, Tally | None]


@require_GET
def quality(request: HttpRequest) -> HttpResponse:
    """Outcomes by signal, those with most cases first."""
    may_or_404(request.user, Right.OVERSIGHT)
    labels = dict(Label.objects.filter(kind="signal").values_list("key", "words"))
    at, counted = tallies.kept("signal", dt.datetime.now())
    found = sorted(counted.items(), key=lambda pair: (-pair[1].cases, pair[0]))
    rows: list[Named] = [(words.in_language(labels.get(key, key)), tally) for key, tally in found]
    context = {"rows": rows, "chart": _chart(_("Signal"), rows), "smallest": SMALLEST, "at": at}
    return render(request, "casework/quality.html", context)


@require_GET
def fairness(request: HttpRequest) -> HttpResponse:
    """Outcomes by the groups that casework knows: areas and the watch list."""
    may_or_404(request.user, Right.OVERSIGHT)
    now, areas = dt.datetime.now(), Areas()
    (at, by_area), (_at, by_list) = tallies.kept("area", now), tallies.kept("list", now)
    listed = {True: _("On the watch list"), False: _("Not on the watch list")}
    groups = [
        _group(
            _("By area"),
            _("Area"),
            by_area,
            {code: areas.short(code) or _("No area known") for code in by_area},
        ),
        _group(_("By the watch list"), _("Watch list"), by_list, listed),
    ]
    return render(request, "casework/fairness.html", {"groups": groups, "smallest": SMALLEST, "at": at})


@require_GET
def blind(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.OVERSIGHT)
    context = {
        "feeds": blind_spots.feeds(dt.date.today()),
        "missing": missing_periods(),
        "signals": [(one, charts.percent(one.share)) for one in blind_spots.unknown()],
        "sweep": blind_spots.sweep(),
    }
    return render(request, "casework/blind_spots.html", context)


def _group(title: str, of: str, found: Mapping[Any, Tally], names: Mapping[Any, str]) -> dict[str, Any]:
    """A table of groups with their total and a chart; groups that differ from the total are marked."""
    whole = tallies.together(found.values())
    rows: list[Named] = sorted(
        ((names[key], tally) for key, tally in tallies.suppress_small_groups(found).items()),
        key=lambda row: row[0],
    )
    compared = [(name, tally, _differs(tally, whole)) for name, tally in rows]
    return {"title": title, "of": of, "rows": compared, "whole": whole, "chart": _chart(of, rows, whole)}


def _differs(tally: Tally | None, whole: Tally) -> bool:
    """Whether the share of all groups lies outside this group's interval."""
    if tally is None or tally.share is None or whole.share is None:
        return False
    return not tally.share.low <= whole.share.share <= tally.share.high


def _chart(of: str, rows: Iterable[Named], whole: Tally | None = None) -> Chart | None:
    found = [
        Share(name, tally.share.share, tally.share.low, tally.share.high)
        for name, tally in rows
        if tally is not None and tally.share
    ]
    if not found:
        return None
    low, high = min(found, key=lambda one: one.value), max(found, key=lambda one: one.value)
    label = _("Share confirmed: lowest %(low)s (%(low_name)s), highest %(high)s (%(high_name)s).") % {
        "low": charts.percent(low.value),
        "low_name": low.name,
        "high": charts.percent(high.value),
        "high_name": high.name,
    }
    line = whole.share.share if whole and whole.share else None
    return charts.shares(label, of, _("Confirmed, of those decided"), found, line)
