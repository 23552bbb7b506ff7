"""Giving cases of the queue to people, many at once; and the queue as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import casework
from almoner.casework.cases.assignment import HandedOut, assign_cases
from almoner.casework.core.spreadsheet import harmless
from almoner.casework.models import Case, CaseEvent
from casework.conftest import NAME, NUMBER
from casework.makers import Outbox, words

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def ten(departments: None, outbox: Outbox) -> dict[str, int]:
    """Versions of ten cases of area 520101."""
    casework.apply([[outbox.signal(h) for h in range(1, 11)]])
    return dict(Case.objects.values_list("reference", "version"))


def test_a_lead_gives_many_cases_at_once_and_each_has_its_event(
    ten: dict[str, int], lead: User, worker: User
) -> None:
    assert assign_cases(lead, ten, worker.pk) == HandedOut(10, 0, 0)
    assert set(Case.objects.values_list("assignee", "version")) == {(worker.pk, 2)}
    assert CaseEvent.objects.filter(kind="assign", actor=lead).count() == 10
    assert casework.verify_chain().intact


def test_what_changed_in_between_is_left_alone(ten: dict[str, int], lead: User, worker: User) -> None:
    Case.objects.filter(household_id__lte=3).update(version=7)
    assert assign_cases(lead, ten, worker.pk) == HandedOut(7, 3, 0)
    assert Case.objects.filter(assignee=None).count() == 3


def test_a_worker_takes_what_is_free_and_gives_only_what_is_their_own(
    ten: dict[str, int], worker: User, colleague: User
) -> None:
    assert assign_cases(worker, ten, colleague.pk) == HandedOut(0, 0, 10)
    assert assign_cases(worker, ten, worker.pk) == HandedOut(10, 0, 0)
    assert (
        assign_cases(colleague, dict(Case.objects.values_list("reference", "version")), colleague.pk).given
        == 0
    )
    assert (
        assign_cases(worker, dict(Case.objects.values_list("reference", "version")), colleague.pk).given == 10
    )


def test_nobody_is_given_a_case_outside_their_area(
    ten: dict[str, int], lead: User, strangers: list[User], clerk: User
) -> None:
    for other in (*strangers, clerk):
        assert assign_cases(lead, ten, other.pk) == HandedOut(0, 0, 10)
    assert assign_cases(lead, ten, 999_999) == HandedOut(0, 0, 10)


def test_strangers_give_nothing(ten: dict[str, int], strangers: list[User], worker: User) -> None:
    elsewhere, nowhere, labourer, roleless = strangers
    for stranger in (elsewhere, nowhere):
        assert assign_cases(stranger, ten, worker.pk) == HandedOut(0, 0, 10)
    for stranger in (labourer, roleless):
        with pytest.raises(Http404):
            assign_cases(stranger, ten, worker.pk)
    assert Case.objects.filter(assignee=None).count() == 10


def test_a_hundred_take_as_many_queries_as_ten(
    ten: dict[str, int], lead: User, worker: User, outbox: Outbox
) -> None:
    def queries(versions: dict[str, int]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assign_cases(lead, versions, worker.pk)
        return len(captured)

    few = queries(ten)
    casework.apply([[outbox.signal(h) for h in range(11, 101)]])
    many = dict(Case.objects.filter(assignee=None).values_list("reference", "version"))
    assert len(many) == 90
    assert queries(many) == few


def test_the_page_says_what_was_given_and_keeps_the_filter(
    ten: dict[str, int], lead: User, worker: User, signed_in: SignIn
) -> None:
    Case.objects.filter(household_id=1).update(version=9)
    given = {
        "case": [f"{r}:{v}" for r, v in ten.items()],
        "assignee": worker.pk,
        "back": "list=all&evil=\r\nX: 1",
    }
    answer = signed_in(lead).post(reverse("queue-assign"), given, follow=True)
    text = answer.content.decode()
    assert "9 cases were given." in text
    assert "1 case had changed" in text
    assert answer.redirect_chain[0][0].startswith(f"{reverse('queue')}?list=all")
    nothing = signed_in(lead).post(reverse("queue-assign"), {"case": "=1+1"}, follow=True)
    assert "Choose cases, and somebody" in nothing.content.decode()


def test_the_file_holds_the_list_and_no_name(
    ten: dict[str, int], vault_with_mei: None, worker: User, signed_in: SignIn
) -> None:
    answer = signed_in(worker).get(reverse("queue-export"), {"list": "all"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == Case.objects.count()
    assert {row["Why it is here"] for row in rows} == {"Income fell"}
    assert NAME not in text
    assert NUMBER not in text


def test_a_stranger_gets_an_empty_file(ten: dict[str, int], strangers: list[User], signed_in: SignIn) -> None:
    answer = signed_in(strangers[0]).get(reverse("queue-export"), {"list": "all"})
    assert len(b"".join(answer.streaming_content).splitlines()) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"])
def test_no_cell_is_taken_for_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless("Income - fell") == "Income - fell"


def test_a_label_that_looks_like_a_formula_is_escaped_in_the_file(
    worker: User, outbox: Outbox, signed_in: SignIn
) -> None:
    casework.apply([[outbox.signal(1, label=words('=HYPERLINK("http://evil")', "=1"))]])
    answer = signed_in(worker).get(reverse("queue-export"), {"list": "all"})
    assert b"'=HYPERLINK" in b"".join(answer.streaming_content)  # type: ignore[attr-defined]
