"""Departments are reminded of what ends soon; what is over is escalated to who leads the case work. Once
for each due time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.history import history
from almoner.casework.cases.lists import condition, listed
from almoner.casework.models import Case, CaseState, OutgoingEvent, Referral
from almoner.casework.presentation.evidence import Presenter
from almoner.casework.views.today import counts
from almoner.casework.webhooks import endpoints, overdue
from casework.conftest import PASSWORD
from casework.makers import install_terms
from casework.moves import confirmed, go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
MINUTE, TWO_DAYS = dt.timedelta(minutes=1), dt.timedelta(days=2)


@pytest.fixture
def due(case: Case, worker: User) -> dt.datetime:
    """When the referral of the case is due."""
    endpoints.listen("relief", "https://relief.example/hook", None)
    found = confirmed(case, worker).due_at
    assert found is not None
    OutgoingEvent.objects.all().delete()
    return found


def kinds() -> list[str]:
    return list(OutgoingEvent.objects.order_by("made_at").values_list("kind", flat=True))


def test_a_department_is_reminded_two_days_ahead_and_once(case: Case, due: dt.datetime) -> None:
    assert overdue.look(due - TWO_DAYS - MINUTE) == 0
    assert overdue.look(due - TWO_DAYS + MINUTE) == 1
    assert overdue.look(due - MINUTE) == 0
    assert kinds() == ["reminded"]
    assert history(case)[0].text == "Department reminded, due soon: Monthly relief."
    with override("zh-hans"):
        assert "每月救助金" in history(case)[0].text


@pytest.mark.parametrize(("hours", "reminded"), [(49, 0), (47, 1)])
def test_the_time_ahead_of_which_a_department_is_reminded_is_48_hours(
    case: Case, due: dt.datetime, hours: int, reminded: int
) -> None:
    """docs/referrals.md; a setting."""
    assert overdue.look(due - dt.timedelta(hours=hours)) == reminded


def test_the_pack_says_how_long_ahead_a_department_is_reminded(case: Case, due: dt.datetime) -> None:
    day = (due - dt.timedelta(hours=5)).date()
    install_terms(
        reminder={
            "2025-01-01": {"amount": 9, "unit": "hours"},
            (day + dt.timedelta(days=1)).isoformat(): {"amount": 6, "unit": "days"},
        }
    )
    assert overdue.look(due - dt.timedelta(hours=9) - MINUTE) == 0
    assert overdue.look(due - dt.timedelta(hours=9) + MINUTE) == 1


def test_what_is_over_is_escalated_once_for_each_due_time(case: Case, due: dt.datetime) -> None:
    assert overdue.look(due + MINUTE) == 1
    assert overdue.look(due + dt.timedelta(days=9)) == 0
    assert kinds() == ["escalated"]
    assert history(case)[0].text == "Overdue at the department: Monthly relief. The team lead is notified."
    Referral.objects.update(due_at=due + dt.timedelta(days=10))
    assert overdue.look(due + dt.timedelta(days=11)) == 1
    assert casework.verify_chain().intact


def test_what_has_little_time_from_the_start_is_not_reminded_of(case: Case, due: dt.datetime) -> None:
    Referral.objects.update(sent_at=due - dt.timedelta(hours=30))
    assert overdue.look(due - dt.timedelta(hours=29)) == 0


def test_what_was_answered_or_taken_back_is_neither_reminded_of_nor_escalated(
    case: Case, worker: User, clerk: User, due: dt.datetime
) -> None:
    referral = Referral.objects.get()
    workflow.answer(clerk, referral.reference, "return", referral.version, "not ours")
    assert overdue.look(due - MINUTE) == overdue.look(due + MINUTE) == 0
    assert kinds() == []


def test_of_a_case_that_goes_on_in_another_one_it_is_told_there(case: Case, due: dt.datetime) -> None:
    other = Case.objects.create(household_id=2, area="520101", opened_at=due, opened_as_of=due.date())
    Case.objects.filter(pk=case.pk).update(state=CaseState.CLOSED, ended_at=due, joined_to=other)
    assert overdue.look(due + MINUTE) == 1
    assert other.events.get().kind == "referral_escalated"


def test_the_list_holds_it_for_who_works_there_and_for_nobody_else(
    case: Case, worker: User, lead: User, strangers: list[User], due: dt.datetime
) -> None:
    def found(user: User, at: dt.datetime) -> list[int]:
        return list(listed(user).filter(condition(user.pk, "departments", at)).values_list("pk", flat=True))

    assert found(lead, due - MINUTE) == []
    assert found(lead, due + MINUTE) == found(worker, due + MINUTE) == [case.pk]
    assert all(found(stranger, due + MINUTE) == [] for stranger in strangers)
    assert counts(lead, due + MINUTE)["departments"] == 1


def test_queue_today_and_the_departments_inbox_show_it(
    case: Case, lead: User, clerk: User, due: dt.datetime, signed_in: SignIn
) -> None:
    Referral.objects.update(due_at=dt.datetime.now() - MINUTE)
    client = signed_in(lead)
    page = client.get(reverse("queue"), {"list": "departments"}).content.decode()
    assert case.reference in page
    assert "Overdue at a department" in page
    assert "list=departments" in client.get(reverse("today")).content.decode()
    inbox = signed_in(clerk).get(reverse("inbox")).content.decode()
    assert '<strong class="govuk-tag govuk-tag--red">Overdue</strong>' in inbox
    page = signed_in(clerk).get(reverse("referral", args=[Referral.objects.get().reference])).content.decode()
    assert "Overdue at the department" in page


def test_a_lead_takes_it_back_on_the_case(
    case: Case, lead: User, clerk: User, due: dt.datetime, signed_in: SignIn
) -> None:
    referral = Referral.objects.get()
    case.refresh_from_db()
    form = {"version": case.version, "referral": referral.reference, "note": "given to the charity"}
    for stranger in (clerk, casework.create_user("elsewhere", PASSWORD, areas=["5299"])):
        assert (
            signed_in(stranger)
            .post(reverse("case-action", args=[case.reference, "take-back"]), form)
            .status_code
            == 404
        )
    assert (
        signed_in(lead).post(reverse("case-action", args=[case.reference, "take-back"]), form).status_code
        == 302
    )
    assert signed_in(clerk).get(reverse("referral", args=[referral.reference])).status_code == 404
    assert kinds() == ["taken_back"]
    go(case, lead, "again", referral=referral.reference)
    assert history(case)[0].text == "Proposed anew: Monthly relief."


def test_the_case_offers_what_may_be_done_with_each_referral(
    case: Case, lead: User, due: dt.datetime
) -> None:
    def offered() -> str:
        case.refresh_from_db()
        proposal = Presenter().proposal(Referral.objects.get())
        context = {"proposal": proposal, "case": case, "can": workflow.possible(case, lead)}
        return render_to_string("casework/proposal.html", context)

    assert 'action="/cases/' in offered()
    assert "take-back" in offered()
    assert "again" not in offered()
    go(case, lead, "take-back", referral=Referral.objects.get().reference, note="moved")
    assert "again" in offered()
    assert "take-back" not in offered()
