"""The times that people have: each is opened on a known day, and must be due on the day that the rule says.

All is opened on Monday 7 December 2026 at 10:00. Nobody works from 10 to 16 December, a festival of this
fictional calendar, and everybody does on Saturday the 19th. So of the working days after it

- the 1st is Tuesday 8 December, the 3rd Thursday 17 December,
- the 10th is Friday 25 December, the 15th Friday 1 January 2027.

A time ends at 17:00, or when the department closes that has to act: the relief office at 17:30.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User

from almoner import casework
from almoner.casework.cases import authorisations
from almoner.casework.models import CalendarDay, Case, Check, FeedState, Grievance, Notice
from almoner.casework.residents import corrections, grievances, notices, walk_ins
from casework.makers import Outbox, authorised_by_all
from casework.moves import go
from casework.test_walk_ins import UNKNOWN, desk, form_data

__all__ = ["desk"]  # a fixture

pytestmark = pytest.mark.django_db

OPENED = dt.datetime(2026, 12, 7, 10)
FESTIVAL = [dt.date(2026, 12, day) for day in (10, 11, 14, 15, 16)]
WORKED = dt.date(2026, 12, 19)
DAY_1, DAY_3 = dt.datetime(2026, 12, 8, 17), dt.datetime(2026, 12, 17, 17)
DAY_10, DAY_15 = dt.datetime(2026, 12, 25, 17), dt.datetime(2027, 1, 1, 17)


@pytest.fixture(autouse=True)
def today(db: None) -> Iterator[None]:
    CalendarDay.objects.bulk_create(
        [CalendarDay(day=day, working=day == WORKED) for day in (*FESTIVAL, WORKED)]
    )
    with time_machine.travel(OPENED.astimezone(), tick=False):
        yield


@pytest.fixture
def mine(case: Case, worker: User) -> Case:
    return go(case, worker, "take")


@pytest.fixture
def notice(mine: Case, worker: User) -> Notice:
    made, _code = notices.make(worker, mine.reference, mine.version, [mine.signals.get().pk])
    return made


def asked(notice: Notice, kind: str) -> Grievance:
    fact = grievances.noticed_facts(notice)[0][1][0]
    return grievances.ask(notice, kind, "it is not so", fact.about)


def test_an_appeal_is_decided_within_15_working_days(notice: Notice) -> None:
    """docs/desk.md, "Households"; a setting: a lawsuit stays open beside it (社会救助法)."""
    assert asked(notice, "appeal").due_at == DAY_15


def test_a_correction_is_answered_by_the_department_within_10_working_days(notice: Notice) -> None:
    """政务数据共享条例（国务院令第809号）第二十六条, the mechanism of corrections; by the labour office's hours."""
    correction = asked(notice, "correction")
    assert (correction.department, correction.due_at) == ("labour", DAY_10)


def test_a_household_that_asks_for_a_person_is_answered_within_3_working_days(notice: Notice) -> None:
    """docs/desk.md, "Households"; a setting."""
    assert asked(notice, "person").due_at == DAY_3


def test_a_case_that_an_appeal_opens_again_has_15_working_days(
    notice: Notice, mine: Case, worker: User, colleague: User, outbox: Outbox
) -> None:
    """The same time as the appeal itself: the new look is its outcome."""
    casework.apply([[outbox.signal(1, "cleared")]])
    go(mine, worker, "dismiss", outcome="moved")
    appeal = asked(notice, "appeal")
    grievances.answer(colleague, appeal.reference, "changed", "we look again")
    mine.refresh_from_db()
    assert (mine.is_open, mine.due_at) == (True, DAY_15)


@pytest.mark.parametrize(
    ("keeper", "due"), [("labour", DAY_10), ("relief", DAY_10.replace(hour=17, minute=30))]
)
def test_a_register_answers_what_a_worker_reports_within_10_working_days(
    mine: Case, worker: User, keeper: str, due: dt.datetime
) -> None:
    """政务数据共享条例 as for a household's own correction; by the hours of whoever keeps the register."""
    FeedState.objects.create(
        id="register",
        position=1,
        label={"en": "Register", "zh": "登记"},
        owner=keeper,
        sharing_class="conditional",
        cadence="daily",
        fields=[{"name": "no", "role": "resident_id"}, {"name": "home", "role": "household"}],
    )
    said = {"kind": "gone", "person": 11, "text": "She moved."}
    assert corrections.report(worker, mine.reference, mine.version, said).due_at == due


def test_a_notice_waits_10_working_days_for_an_answer_before_somebody_visits(notice: Notice) -> None:
    """docs/desk.md, "How the family takes part"; a setting: no answer is no refusal."""
    assert notice.answer_by == DAY_10


def test_an_authorisation_waits_10_working_days_before_somebody_visits(
    mine: Case, worker: User, outbox: Outbox
) -> None:
    """docs/desk.md, "How the family takes part"; a setting, as for a notice."""
    casework.apply([[outbox.proposal(1, programme="checked", **authorised_by_all())]])
    mine.refresh_from_db()
    wanted = mine.referrals.get(programme="checked")
    assert authorisations.ask(worker, mine.reference, mine.version, wanted.reference, [11]).due_at == DAY_10


@pytest.mark.parametrize("end", [False, True])
def test_a_second_person_approves_within_1_working_day(
    mine: Case, worker: User, outbox: Outbox, end: bool
) -> None:
    """docs/desk.md, "A case"; a setting. Of money, and of the end of a case that cannot wait."""
    if end:
        casework.apply([[outbox.signal(1, "changed", level="red", working_days=1)]])
        go(mine, worker, "dismiss", outcome="moved")
    else:
        go(mine, worker, "start", "confirm")
    assert Check.objects.get().due_at == DAY_1


def test_a_request_at_the_desk_is_answered_within_10_working_days_and_its_appeal_within_15(
    desk: Path, worker: User
) -> None:
    """docs/desk.md, "Requests at the desk"; 重庆市渝中区: an application is decided within 10 working days."""
    first = walk_ins.take(worker, form_data())
    assert first.due_at == DAY_10
    walk_ins.answer(worker, first.reference, "nothing", "the income is above the line")
    assert walk_ins.appeal(worker, first.reference, "it is not").due_at == DAY_15


def test_a_request_of_somebody_unknown_is_answered_within_10_working_days(desk: Path, worker: User) -> None:
    """The same time, by the hours of the department that keeps the register."""
    request = walk_ins.take(worker, form_data(number=UNKNOWN))
    assert not request.known
    assert request.due_at.date() == DAY_10.date()
