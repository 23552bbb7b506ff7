"""The data of `python -m benchmarks console`: each page that it times has something to show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from almoner import casework
from almoner.casework.cases.timelines import months_of
from almoner.casework.models import Case, HouseholdTimelines, WalkIn
from almoner.policy.model.pack import Pack
from benchmarks import console_bench
from benchmarks.console import page_filling, page_times
from benchmarks.console_bench import Household

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 9, 12)
OPEN, ENDED = 150, 20
TOWNSHIP = f"{console_bench.COUNTY}101"


@pytest.fixture
def users(vault_with_mei: None, base: Pack) -> Mapping[str, User]:
    """Those who look, in a console with some cases."""
    casework.sync_departments(base)
    casework.sync_areas(console_bench.areas())
    made = {name: casework.create_user(name, None, areas=["*"]) for name in ("everywhere", "colleague")}
    made["township"] = casework.create_user("township", None, areas=[TOWNSHIP])
    made["auditor"] = casework.create_user("auditor", None, role="auditor", areas=[])
    households = [Household(n, past=n >= OPEN) for n in range(OPEN + ENDED)]
    casework.apply(console_bench.changes(base, households, 1, 0, NOW))
    page_filling.live(made, OPEN, NOW)
    casework.sync_timelines(base, None, lambda wanted: console_bench.lines(base, wanted, 1, NOW.date()))
    made["department"] = casework.create_user(
        "clerk", None, role="department", areas=[], department=page_times.busiest_department()
    )
    return made


def test_each_page_that_is_timed_opens(users: Mapping[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_times, "TIMES", 0)  # but for once to warm up
    department = users["department"].membership.department_id or ""
    pages = page_times.pages(TOWNSHIP, department)
    assert len(page_times.measured(pages, users, department)) == len(pages) > 60


def test_each_open_case_has_its_timelines_and_the_one_that_is_timed_shows_some(
    users: Mapping[str, User],
) -> None:
    kept = dict(HouseholdTimelines.objects.values_list("household_id", "lines"))
    assert kept.keys() == set(Case.objects.filter(ended_at=None).values_list("household_id", flat=True))
    lines = [line for some in kept.values() for line in some]
    assert len(lines) > OPEN / 2
    months = [months_of(line) for line in lines]
    assert {len(found) for found in months} <= set(range(18, 25))
    assert max(found[-1][0] for found in months) == dt.date(2026, 10, 1)
    page = _page(users, page_times.pages(TOWNSHIP, users["department"].membership.department_id or ""))
    assert "Over the months" in page
    assert "Requests at the desk" in page


def _page(users: Mapping[str, User], pages: list[page_times.Page]) -> str:
    client = Client()
    client.force_login(users["everywhere"], backend="django.contrib.auth.backends.ModelBackend")
    case: Any = client.get(next(page.address for page in pages if page.name == "case"))
    return str(case.content.decode())


def test_people_come_again_and_nothing_is_answered_before_it_was_taken(users: Mapping[str, User]) -> None:
    asked = WalkIn.objects.order_by("pk")
    assert asked.count() == (1 + page_filling.CAME_BEFORE) * asked.values("number_index").distinct().count()
    waiting = asked.filter(answered_at=None).count()
    assert 0 < waiting < asked.count() / 10
    assert all(one.taken_at < one.answered_at <= NOW for one in asked if one.answered_at)
    times = [one.answered_at for one in asked if one.answered_at]
    assert len(set(times)) == len(times)
