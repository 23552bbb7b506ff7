"""Copy departments, calendar and areas from a pack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction

from almoner.casework.models import Area, CalendarDay, Department, Label

if TYPE_CHECKING:
    from almoner.policy.model.pack import Pack


def sync_departments(pack: Pack) -> None:
    """Store departments with names and hours, and the names of units."""
    rows = [
        Department(
            id=d.id,
            label=dict(d.label),
            opens=d.opens,
            closes=d.closes,
            inbox=d.inbox,
            identity=list(d.identity),
        )
        for d in pack.departments.values()
    ]
    changing = ["label", "opens", "closes", "inbox", "identity"]
    Department.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=changing)
    units = [Label(kind="unit", key=unit, words=dict(words)) for unit, words in pack.units.items()]
    Label.objects.bulk_create(
        units, update_conflicts=True, unique_fields=["kind", "key"], update_fields=["words"]
    )


def sync_calendar(pack: Pack) -> None:
    """Store the pack's holidays and working weekends. Days that a person has edited are kept."""
    with transaction.atomic():
        edited = set(CalendarDay.objects.exclude(edited_by=None).values_list("day", flat=True))
        CalendarDay.objects.filter(edited_by=None).delete()
        days = [(day, working) for day, working in pack.holidays.items() if day not in edited]
        CalendarDay.objects.bulk_create(CalendarDay(day=day, working=working) for day, working in days)


def sync_areas(rows: Iterable[tuple[str, Mapping[str, str], str | None]]) -> None:
    """Store names of areas. A row is (code, names by language, code of the enclosing area or None)."""
    areas = {
        code: Area(code=code, name_en=name.get("en") or "", name_zh=name.get("zh") or "", parent=parent or "")
        for code, name, parent in rows
    }
    Area.objects.bulk_create(
        areas.values(),
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["name_en", "name_zh", "parent"],
    )


def set_day(user: User, calendar_day: CalendarDay) -> None:
    """Store a person's entry for one day; later packs keep it. Clocks that already run keep their due
    time."""
    calendar_day.edited_by = user
    calendar_day.save()
