"""Timelines of households, stored only for open cases, and only those that concern the case.

Feeds are shared for purposes. A case may show a timeline when one of its signals or proposals serves a
purpose for which all feeds of the timeline are shared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django.db import transaction
from django.db.models import Exists, OuterRef

from almoner.casework.core.batches import batched
from almoner.casework.models import Case, CaseSignal, HouseholdTimelines, Referral, ReferralState
from almoner.casework.models.cases import OPEN

if TYPE_CHECKING:
    from almoner.policy.model.pack import Pack, Programme, Timeline
    from almoner.policy.model.support import Category

AT_ONCE = 5_000  # households
GIVEN_UP = (ReferralState.WITHDRAWN, ReferralState.TAKEN_BACK)
Wanted = Mapping[str, Sequence[int]]  # household ids by timeline


class LineLike(Protocol):
    """One timeline of a household, or of a person in it (`almoner.assessment.timelines`)."""

    @property
    def household_id(self) -> int: ...
    @property
    def person_id(self) -> int | None: ...
    @property
    def timeline(self) -> str: ...
    @property
    def points(self) -> Sequence[tuple[dt.date, float]]: ...


def sync(
    pack: Pack, households: Sequence[int] | None, lines_of: Callable[[Wanted], Iterable[LineLike]]
) -> int:
    """Replace the stored timelines of `households`, or of all with an open case, and delete those of ended
    cases.

    `lines_of` returns the lines for households by timeline. Returns the number of households with a
    timeline.
    """
    forget_ended()
    kept = 0
    for some in batched(open_ones(households), AT_ONCE):
        lines = lines_of(_wanted(pack, some)) if pack.timelines else ()
        _replace(some, lines)
        kept += len(some)
    return kept


def without() -> list[int]:
    """Households whose open case has no timelines yet, because it is new or was opened again."""
    known = HouseholdTimelines.objects.filter(household_id=OuterRef("household_id"))
    return list(Case.objects.filter(OPEN, ~Exists(known)).values_list("household_id", flat=True))


def forget(case: Case) -> None:
    """Delete the timelines of a case that ends."""
    HouseholdTimelines.objects.filter(household_id=case.household_id).delete()


def forget_ended() -> None:
    open_case = Case.objects.filter(OPEN, household_id=OuterRef("household_id"))
    HouseholdTimelines.objects.filter(~Exists(open_case)).delete()


def open_ones(households: Sequence[int] | None) -> list[int]:
    """The households with an open case, in order."""
    if households is None:
        return list(Case.objects.filter(OPEN).order_by("household_id").values_list("household_id", flat=True))
    found = list[int]()
    for some in batched(sorted(set(households)), AT_ONCE):
        found += Case.objects.filter(OPEN, household_id__in=some).values_list("household_id", flat=True)
    return sorted(found)


def _wanted(pack: Pack, households: Sequence[int]) -> dict[str, list[int]]:
    return {t.id: _about(pack, t, households) for t in pack.timelines.values()}


def _about(pack: Pack, timeline: Timeline, households: Sequence[int]) -> list[int]:
    """Households whose open case serves a purpose of the timeline."""
    purposes = set(timeline.purposes)
    signals = [s.id for s in pack.signals.values() if s.purpose in purposes]
    helping: list[Programme | Category] = [*pack.programmes.values(), *pack.categories.values()]
    proposed = [rule.id for rule in helping if purposes & set(rule.purposes)]
    cases = {"case__ended_at": None, "case__household_id__in": households}
    noticed = CaseSignal.objects.filter(signal__in=signals, **cases)
    helped = Referral.objects.filter(programme__in=proposed, **cases).exclude(state__in=GIVEN_UP)
    found = (rows.values_list("case__household_id", flat=True).distinct() for rows in (noticed, helped))
    return sorted({household for some in found for household in some})


def _replace(households: Sequence[int], lines: Iterable[LineLike]) -> None:
    found: dict[int, list[dict[str, Any]]] = {household: [] for household in households}
    for line in lines:
        if line.points:
            found[line.household_id].append(_compact(line))
    rows = [HouseholdTimelines(household_id=household, lines=kept) for household, kept in found.items()]
    with transaction.atomic():
        HouseholdTimelines.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["household_id"],
            update_fields=["lines"],
            batch_size=1_000,
        )


def _compact(line: LineLike) -> dict[str, Any]:
    """The values of consecutive months from the first one on, which takes a third of the space of pairs."""
    held = dict(line.points)
    first, last = _count(min(held)), _count(max(held))
    values = [held.get(month_of(count)) for count in range(first, last + 1)]
    return {
        "timeline": line.timeline,
        "person": line.person_id,
        "since": f"{month_of(first):%Y-%m}",
        "values": values,
    }


def months_of(line: Mapping[str, Any]) -> list[tuple[dt.date, float | None]]:
    """Pairs of month and value from a stored line."""
    first = _count(dt.date.fromisoformat(f"{line['since']}-01"))
    return [(month_of(first + n), value) for n, value in enumerate(line["values"])]


def _count(month: dt.date) -> int:
    return month.year * 12 + month.month - 1


def month_of(count: int) -> dt.date:
    return dt.date(count // 12, count % 12 + 1, 1)
