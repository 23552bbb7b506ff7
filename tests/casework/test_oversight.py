"""Oversight: the trail is searched and its chain computed again, without a name of a resident."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from almoner import casework
from almoner.casework.core.audit import looked
from almoner.casework.models import Case, CaseEvent
from casework.conftest import NAME, NUMBER, PASSWORD
from casework.makers import Outbox
from casework.moves import go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE = "/oversight/"


@pytest.fixture
def auditor(departments: None, signed_in: SignIn) -> Client:
    return signed_in(casework.create_user("auditor", PASSWORD, role="auditor", areas=[]))


def test_the_chain_is_verified_on_the_page(case: Case, auditor: Client) -> None:
    text = auditor.post(PAGE).content.decode()
    assert f"All {CaseEvent.objects.count()} lines match" in text


def test_a_line_that_was_changed_is_told(case: Case, auditor: Client) -> None:
    on = " ON casework_caseevent" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER casework_caseevent_no_update{on}")
        cursor.execute("UPDATE casework_caseevent SET kind = 'take' WHERE number = 2")
    assert "The chain is broken at line 2" in auditor.post(PAGE).content.decode()


def test_a_record_of_who_looked_that_was_changed_is_told(case: Case, worker: User, auditor: Client) -> None:
    looked(worker, case, "case")
    assert "Who looked: 1" in auditor.post(PAGE).content.decode()
    on = " ON casework_accesslog" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER casework_accesslog_no_update{on}")
        cursor.execute("UPDATE casework_accesslog SET page = 'letter'")
    text = " ".join(auditor.post(PAGE).content.decode().split())
    assert "Who looked: The chain is broken at line 1" in text


def test_the_trail_is_searched_by_case_person_and_day(
    case: Case, worker: User, colleague: User, outbox: Outbox, auditor: Client
) -> None:
    casework.apply([[outbox.signal(2)]])
    go(case, worker, "take")
    go(case, colleague, "note", note="asked the village")
    tomorrow = dt.date.today() + dt.timedelta(days=1)

    def found(**asked: object) -> list[str]:
        return [record.kind for _number, record, _shown in auditor.get(PAGE, asked).context["rows"]]

    assert len(found()) == CaseEvent.objects.count()
    assert found(case=case.reference)[:2] == ["note", "take"]
    assert found(who="worker") == ["take"]
    assert found(since=tomorrow) == []
    assert len(found(until=dt.date.today())) == CaseEvent.objects.count()
    assert "asked the village" in auditor.get(PAGE).content.decode()


def test_who_looked_is_searched_too(case: Case, worker: User, auditor: Client) -> None:
    looked(worker, case, "sheet")
    text = auditor.get(PAGE, {"trail": "looks", "case": case.reference}).content.decode()
    assert "Wang Worker" in text
    assert "Visit sheet" in text
    assert auditor.get(PAGE, {"trail": "looks", "who": "nobody"}).context["rows"] == []


def test_older_lines_are_on_further_pages(outbox: Outbox, departments: None, auditor: Client) -> None:
    casework.apply([[outbox.signal(h) for h in range(1, 61)]])
    first = auditor.get(PAGE).context
    assert len(first["rows"]) == 50
    numbers = [number for number, *_rest in first["rows"]]
    second = auditor.get(PAGE + first["older"]).context
    assert next(number for number, *_rest in second["rows"]) == numbers[-1] - 1


def test_the_page_names_no_resident_and_makes_no_query_per_line(
    case: Case, worker: User, outbox: Outbox, auditor: Client
) -> None:
    looked(worker, case, "case")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            text = auditor.get(PAGE).content.decode() + auditor.get(PAGE, {"trail": "looks"}).content.decode()
        assert NAME not in text
        assert NUMBER not in text
        return len(captured)

    few = queries()
    casework.apply([[outbox.signal(h) for h in range(2, 40)]])
    for _ in range(20):
        looked(worker, case, "case")
    assert queries() == few


def test_what_cannot_be_searched_for_is_told(case: Case, auditor: Client) -> None:
    answer = auditor.get(PAGE, {"case": "!!", "since": "yesterday"})
    assert answer.status_code == 200
    assert "Enter a valid date" in answer.content.decode()
