"""Visits: planned, on paper, and what was seen; notes; who looked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.workflow import Refused
from almoner.casework.models import AccessLog, Case, Visit
from casework.conftest import NAME, PHONE
from casework.makers import Outbox
from casework.moves import go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
TODAY = dt.date.today()
DAY = dt.timedelta(days=1)


def test_a_visit_is_planned_moved_and_recorded(case: Case, worker: User) -> None:
    go(case, worker, "take")
    go(case, worker, "plan", day=TODAY + DAY)
    go(case, worker, "plan", day=TODAY)
    go(case, worker, "seen", day=TODAY, found="need", note="door was open")
    visit = Visit.objects.get()
    assert (visit.planned_for, visit.made_on, visit.found, visit.visitor) == (TODAY, TODAY, "need", worker)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"found": "bad feeling"},
        {"found": "false_alarm"},
        {"found": "false_alarm", "reason": "bad feeling"},
        {"found": "need", "day": TODAY + DAY},
    ],
)
def test_what_was_seen_is_structured(case: Case, worker: User, data: dict[str, object]) -> None:
    go(case, worker, "take")
    go(case, worker, "plan", day=TODAY)
    with pytest.raises(Refused):
        go(case, worker, "seen", **{"day": TODAY} | data)
    go(case, worker, "seen", day=TODAY, found="false_alarm", reason="records_late")
    assert Visit.objects.get().reason == "records_late"


def test_a_finding_decides_nothing_by_itself(case: Case, worker: User) -> None:
    go(case, worker, "take", "start")
    go(case, worker, "plan", day=TODAY)
    go(case, worker, "seen", day=TODAY, found="not_found")
    assert case.state == "verifying"


def test_no_visit_is_planned_for_the_past_and_none_recorded_without_a_plan(case: Case, worker: User) -> None:
    go(case, worker, "take")
    with pytest.raises(Refused):
        go(case, worker, "plan", day=TODAY - DAY)
    with pytest.raises(Refused, match="Plan a visit first"):
        go(case, worker, "seen", day=TODAY, found="need")


def test_a_case_has_one_visit_ahead_and_none_when_it_has_ended(case: Case, worker: User) -> None:
    go(case, worker, "take")
    go(case, worker, "plan", day=TODAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        Visit.objects.create(case=case, planned_for=TODAY, visitor=worker, planned_at=dt.datetime.now())
    go(case, worker, "dismiss", outcome="moved")
    assert Visit.objects.get().called_off_at is not None


def test_the_list_of_visits_is_my_own_and_names_nobody(
    case: Case, worker: User, colleague: User, signed_in: SignIn
) -> None:
    go(case, worker, "take")
    go(case, worker, "plan", day=TODAY)
    text = signed_in(worker).get(reverse("visits")).content.decode()
    assert case.reference in text
    assert NAME not in text
    assert case.reference not in signed_in(colleague).get(reverse("visits")).content.decode()


def test_a_visit_leaves_the_list_with_the_area(case: Case, worker: User, signed_in: SignIn) -> None:
    go(case, worker, "take")
    go(case, worker, "plan", day=TODAY)
    worker.membership.areas = ["5299"]
    worker.membership.save()
    assert case.reference not in signed_in(worker).get(reverse("visits")).content.decode()


def test_the_sheet_has_what_a_visitor_needs_and_its_print_is_recorded(
    case: Case, worker: User, signed_in: SignIn
) -> None:
    text = signed_in(worker).get(reverse("sheet", args=[case.reference])).content.decode()
    for expected in (
        NAME,
        PHONE,
        "Ask who still earns",
        "Nobody was met",
        "The records are late",
        "Monthly relief",
    ):
        assert expected in text, expected
    assert AccessLog.objects.get().page == "sheet"


def test_the_case_page_shows_visits_notes_and_who_looked(
    case: Case, worker: User, colleague: User, signed_in: SignIn
) -> None:
    go(case, worker, "take")
    go(case, worker, "plan", day=TODAY)
    go(case, worker, "seen", day=TODAY, found="already_helped")
    go(case, colleague, "note", note="asked the village")
    signed_in(colleague).get(reverse("case", args=[case.reference]))
    text = signed_in(worker).get(reverse("case", args=[case.reference])).content.decode()
    for expected in (
        "Already helped",
        "asked the village",
        "Wang Worker",
        "colleague",
        "Household&#x27;s page",
    ):
        assert expected in text, expected
    assert 'value="already_helped" checked' in text


def test_a_form_that_cannot_be_read_is_told_and_changes_nothing(
    case: Case, worker: User, signed_in: SignIn
) -> None:
    go(case, worker, "take")
    answer = signed_in(worker).post(
        reverse("case-action", args=[case.reference, "plan"]), {"version": case.version, "day": "tomorrow"}
    )
    assert answer.status_code == 400
    assert "Enter a valid date" in answer.content.decode()
    assert not Visit.objects.exists()


def test_a_case_is_handed_over_to_somebody_who_works_there(
    case: Case, worker: User, colleague: User, strangers: list[User], clerk: User
) -> None:
    go(case, worker, "take")
    for other in (*strangers, clerk):
        with pytest.raises(Refused, match="works in the area"):
            go(case, worker, "assign", assignee=other.pk)
    go(case, worker, "assign", assignee=colleague.pk, note="on leave")
    assert case.assignee == colleague
    with pytest.raises(Refused):
        go(case, worker, "assign", assignee=worker.pk)


def test_somebody_of_another_area_cannot_plan_or_see(case: Case, strangers: list[User]) -> None:
    for stranger in strangers:
        for name in ("plan", "seen", "note", "agree", "assign"):
            with pytest.raises(Http404):
                workflow.act(stranger, case.reference, name, case.version, {})


def test_the_pages_run_no_query_per_visit(
    worker: User,
    departments: None,
    outbox: Outbox,
    signed_in: SignIn,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    casework.apply([[outbox.signal(h) for h in range(1, 31)]])
    for case in Case.objects.all():
        go(case, worker, "take")
        go(case, worker, "plan", day=TODAY)
    client = signed_in(worker)
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        assert len(client.get(reverse("visits")).context["rows"]) == 30
