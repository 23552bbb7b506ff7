"""Arrange the stored evidence of area alerts for pages and for `almoner explain`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from almoner.casework.core import words
from almoner.casework.core.timing import ClockView, clock_of
from almoner.casework.figures.areas import Areas
from almoner.casework.models import AreaAlert
from almoner.casework.presentation.evidence import FactView, Presenter


@dataclass(frozen=True)
class Count:
    """Households that newly came under a signal, out of those at risk, in one month or one neighbouring
    area."""

    label: str
    started: str
    at_risk: str


@dataclass(frozen=True, kw_only=True)
class AlertView:
    """An area alert in the active language."""

    alert: AreaAlert
    area: str
    level: str
    signal: str
    theme: str
    month: str
    department: str
    clock: ClockView | None
    facts: tuple[FactView, ...]
    months: tuple[Count, ...]
    neighbours: tuple[Count, ...]
    check: str
    why: str


class AreaPresenter:
    """Turns area alerts into text in the active language; reads names of areas and departments once."""

    def __init__(self) -> None:
        self._present, self._areas = Presenter(), Areas()

    def alert(self, alert: AreaAlert, now: dt.datetime) -> AlertView:
        """The view of an alert; its clock is None once the alert is answered or cleared."""
        body = alert.body
        waits = alert.cleared_on is None and alert.answered_at is None
        return AlertView(
            alert=alert,
            area=self._areas.name(alert.area),
            level=words.in_language(body["level_label"]),
            signal=words.in_language(body["label"]),
            theme=words.in_language(body["theme_label"]),
            month=month(alert.month),
            department=self._present.department(alert.department),
            clock=clock_of(alert.due_at, now) if waits else None,
            facts=self._present.facts(body["evidence"]),
            months=tuple(self._by_month(body["months"])),
            neighbours=tuple(self._by_area(body["neighbours"])),
            check=words.in_language(body["check"]),
            why=words.in_language(body["why"]),
        )

    def _by_month(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[Count]:
        for row in rows:
            yield _count(month(dt.date.fromisoformat(row["month"])), row)

    def _by_area(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[Count]:
        for row in rows:
            yield _count(self._areas.name(row["area"]), row)


def _count(label: str, row: Mapping[str, Any]) -> Count:
    return Count(label, words.number(row["started"]), words.number(row["at_risk"]))


def month(last_day: dt.date) -> str:
    """Month and year of a date, in the active language."""
    return date_format(last_day, "YEAR_MONTH_FORMAT")


def lines(alert: AreaAlert) -> Iterator[str]:
    """The alert as lines of text for a terminal."""
    shown = AreaPresenter().alert(alert, dt.datetime.now())
    values = {"signal": shown.signal, "area": shown.area, "month": shown.month}
    yield _("%(signal)s jumped in %(area)s, %(month)s") % values
    yield from (f"  - {fact.sentence}" for fact in shown.facts)
    for rule in (rule for fact in shown.facts for rule in fact.rules):
        values = {"label": rule.label, "value": rule.value, "reference": rule.reference}
        yield "    " + _("Rule: %(label)s: %(value)s (%(reference)s)") % values
    yield "  " + _("It is addressed to %(department)s.") % {"department": shown.department}
    if shown.alert.cause:
        yield "  " + _("Found there: %(cause)s") % {"cause": shown.alert.get_cause_display()}
    yield "  " + _("What to look at: %(check)s") % {"check": shown.check}
