"""What casework copies from a pack, and the people who may sign in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from almoner.casework.models import Area, CalendarDay, Department, Label, Membership, RoleOf
from almoner.errors import AlmonerError

if TYPE_CHECKING:
    from almoner.policy.model import Pack


def sync_departments(pack: Pack) -> None:
    rows = [
        Department(id=d.id, label=dict(d.label), opens=d.opens, closes=d.closes)
        for d in pack.departments.values()
    ]
    Department.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=["label", "opens", "closes"]
    )
    units = [Label(kind="unit", key=unit, words=dict(words)) for unit, words in pack.units.items()]
    Label.objects.bulk_create(
        units, update_conflicts=True, unique_fields=["kind", "key"], update_fields=["words"]
    )


def sync_calendar(pack: Pack) -> None:
    with transaction.atomic():
        edited = set(CalendarDay.objects.exclude(edited_by=None).values_list("day", flat=True))
        CalendarDay.objects.filter(edited_by=None).delete()
        days = [(day, working) for day, working in pack.holidays.items() if day not in edited]
        CalendarDay.objects.bulk_create(CalendarDay(day=day, working=working) for day, working in days)


def sync_areas(rows: Iterable[tuple[str, Mapping[str, str], str | None]]) -> None:
    areas = {
        code: Area(code=code, name_en=name.get("en") or "", name_zh=name.get("zh") or "", parent=parent or "")
        for code, name, parent in rows
    }
    Area.objects.bulk_create(
        areas.values(), update_conflicts=True, unique_fields=["code"],
        update_fields=["name_en", "name_zh", "parent"],
    )  # fmt: skip


def set_day(user: User, calendar_day: CalendarDay) -> None:
    """A person's word on one day; later packs leave it alone. Clocks that run already keep their due time."""
    calendar_day.edited_by = user
    calendar_day.save()


def create_user(
    username: str, password: str, role: str, areas: Sequence[str], department: str | None, full_name: str
) -> User:
    problem = _problem(username, role, department)
    if problem:
        raise AlmonerError(problem)
    user = User(username=username, first_name=full_name)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise AlmonerError(f"This password cannot be used: {' '.join(error.messages)}") from None
    user.set_password(password)
    with transaction.atomic():
        user.save()
        Membership.objects.create(user=user, role=role, areas=list(areas), department_id=department)
    return user


def _problem(username: str, role: str, department: str | None) -> str | None:
    if role not in RoleOf.values:
        return f"Unknown role {role!r}. Write one of: {', '.join(RoleOf.values)}."
    if User.objects.filter(username=username).exists():
        return f"There is a user {username!r} already. Choose another name."
    if department is not None and not Department.objects.filter(pk=department).exists():
        return f"Unknown department {department!r}. The pack's departments are known after the first cycle."
    if role == RoleOf.DEPARTMENT and department is None:
        return "A user of a department needs the department's id."
    return None
