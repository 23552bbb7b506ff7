"""Fairness: groups beside each other, what differs from all, and no small group that could be found by
what is missing."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.figures.quality import by_area, by_list, together
from almoner.casework.models import Case, CaseSignal
from casework.makers import Outbox, words
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NOW = dt.datetime.now()
AREAS = [
    ("5201", words("Fictional County", "虚构县"), None),
    *((f"52010{n}", words(f"Township {n}", f"第{n}镇"), "5201") for n in range(1, 5)),
    ("520101201", words("Willow Village", "柳树村"), "520101"),
]
SIZES = {"520101": 30, "520101201": 10, "520102": 40, "520103": 4, "520104": 25}


@pytest.fixture
def auditor(departments: None) -> User:
    return casework.create_user("auditor", "a long fictional password", role="auditor", areas=[])


@pytest.fixture
def county(departments: None, outbox: Outbox) -> None:
    """Of the cases of township 1 nine in ten are confirmed, of the others one in ten; every third case was
    found by the watch list."""
    casework.sync_areas(AREAS)
    places = [area for area, count in SIZES.items() for _ in range(count)]
    opened = NOW - dt.timedelta(days=30)
    casework.apply([[outbox.signal(h, area=area, known_at=opened) for h, area in enumerate(places)]])
    CaseSignal.objects.filter(case__household_id__in=range(0, 200, 3)).update(watched=",old,")
    for place, case in enumerate(Case.objects.order_by("household_id")):
        if place % 5 == 0:
            continue  # these stay open; half of them are late
        confirmed = (place % 10 != 1) == case.area.startswith("520101")
        state, outcome = ("confirmed", "") if confirmed else ("dismissed", "false_alarm")
        Case.objects.filter(pk=case.pk).update(
            state=state,
            outcome=outcome,
            decided_at=NOW - dt.timedelta(days=20),
            ended_at=None if confirmed else NOW,
        )
    Case.objects.filter(household_id__in=range(0, 200, 10)).update(due_at=NOW + dt.timedelta(days=1))


def show(client: Client) -> tuple[str, list[dict[str, Any]]]:
    answer = client.get(reverse("fairness"))
    return markup(answer), answer.context["groups"]


def test_areas_under_the_whole_are_compared(county: None) -> None:
    found = by_area(NOW)
    assert {code: tally.cases for code, tally in found.items()} == {
        "520101": 40,
        "520102": 40,
        "520103": 4,
        "520104": 25,
    }
    assert sum(tally.waiting for tally in found.values()) == Case.objects.filter(ended_at=None).count()
    late = Case.objects.filter(ended_at=None, due_at__lt=NOW).count()
    assert sum(tally.overdue for tally in found.values()) == late > 0
    assert together(found.values()).cases == Case.objects.count()


def test_the_watch_list_is_a_group(county: None) -> None:
    found = by_list(NOW)
    listed = CaseSignal.objects.exclude(watched="").values("case_id").distinct().count()
    assert found[True].cases == listed
    assert found[False].cases == Case.objects.count() - listed


def test_a_small_group_takes_the_next_smallest_with_it(
    county: None, auditor: User, signed_in: SignIn
) -> None:
    text, (areas, _lists) = show(signed_in(auditor))
    shown = {name: tally for name, tally, _differs in areas["rows"]}
    assert [name for name, tally in shown.items() if tally is None] == ["Township 3", "Township 4"]
    assert text.count("Too few to be shown") == 2
    assert [row[0] for row in areas["chart"].rows] == ["Township 1", "Township 2"]
    assert "Cases: </span>40</td>" in text
    for number in (4, 25):  # neither is on the page, nor is anything that it follows from
        assert f"Cases: </span>{number}</td>" not in text
    assert areas["whole"].cases == 109


def test_what_differs_from_all_is_said_in_words(county: None, auditor: User, signed_in: SignIn) -> None:
    text, (areas, _lists) = show(signed_in(auditor))
    assert {name: differs for name, tally, differs in areas["rows"] if tally} == {
        "Township 1": True,
        "Township 2": True,
    }
    assert len(re.findall("differs from all", text)) >= 2


def test_late_ones_are_told_of_open_cases(county: None, auditor: User, signed_in: SignIn) -> None:
    text, (areas, _lists) = show(signed_in(auditor))
    whole = areas["whole"]
    assert f"{whole.overdue} of {whole.waiting}" in text


def test_no_name_no_number_and_no_case_is_on_the_page(county: None, auditor: User, signed_in: SignIn) -> None:
    text, _groups = show(signed_in(auditor))
    assert not any(reference in text for reference in Case.objects.values_list("reference", flat=True))


def test_an_empty_console_says_so(auditor: User, signed_in: SignIn) -> None:
    text, _groups = show(signed_in(auditor))
    assert text.count("No case was opened in this time.") == 2
