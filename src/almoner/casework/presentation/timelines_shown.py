"""The timelines of a household over months, for its case's page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from almoner.casework.cases.timelines import months_of
from almoner.casework.core import words
from almoner.casework.figures import line_chart
from almoner.casework.figures.charts import Chart
from almoner.casework.models import HouseholdTimelines, Rule

if TYPE_CHECKING:
    from almoner.casework.core.vault_rows import Person
    from almoner.casework.models import Case
    from almoner.casework.presentation.evidence import Presenter


@dataclass(frozen=True)
class Shown:
    """One timeline of the household or of a person in it; the title has the person's name."""

    title: str
    unit: str
    meaning: str
    chart: Chart


def over_months(found: Case, members: Sequence[Person], present: Presenter) -> list[Shown]:
    """The household's own timelines, then those of each member, in the pack's order. People who moved out
    are skipped."""
    if not found.is_open:
        return []
    kept = (
        HouseholdTimelines.objects.filter(household_id=found.household_id)
        .values_list("lines", flat=True)
        .first()
    )
    if not kept:
        return []
    rules = {rule.key: rule for rule in Rule.objects.filter(kind="timeline")}
    order = {member.person_id: n for n, member in enumerate(members, 1)}
    names = {member.person_id: member.name or "–" for member in members}
    here = [
        line
        for line in kept
        if line["timeline"] in rules and (line["person"] is None or line["person"] in names)
    ]
    here.sort(key=lambda line: (order.get(line["person"], 0), rules[line["timeline"]].position))
    return [
        _shown(line, rules[line["timeline"]].body, names.get(line["person"], ""), present) for line in here
    ]


def _shown(line: Mapping[str, Any], body: Mapping[str, Any], person: str, present: Presenter) -> Shown:
    label, unit = words.in_language(body["label"]), present.unit(body["unit"])
    rows = months_of(line)
    title = _("%(what)s: %(person)s") % {"what": label, "person": person} if person else label
    chart = line_chart.over_months(_sentence(title, rows, body["unit"], present), label, unit, rows)
    return Shown(title, unit, words.in_language(body["meaning"]), chart)


def _sentence(
    title: str, rows: Sequence[tuple[dt.date, float | None]], unit: str | None, present: Presenter
) -> str:
    known = [value for _month, value in rows if value is not None]
    return _("%(what)s, %(first)s to %(last)s: lowest %(low)s, highest %(high)s, latest %(latest)s.") % {
        "what": title,
        "first": words.month(rows[0][0]),
        "last": words.month(rows[-1][0]),
        "low": present.amount(min(known), unit),
        "high": present.amount(max(known), unit),
        "latest": present.amount(known[-1], unit),
    }
