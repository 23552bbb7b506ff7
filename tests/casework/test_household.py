"""The household's own page: what opens it, what it tells, and what a household may ask for."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.http import Http404
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.cases.workflow import Refused
from almoner.casework.models import (
    AccessLog,
    Case,
    CaseEvent,
    CaseState,
    Grievance,
    Notice,
    Referral,
    WrongTry,
)
from almoner.casework.residents import grievances, notices
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import Outbox, condition, words
from casework.moves import go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
ENTER, PAGE = "/household/", "/household/page/"
FACT = NUMBER[-4:]


@pytest.fixture
def notice(case: Case, worker: User) -> tuple[Notice, str]:
    """A notice that tells of the case's one signal, and its code."""
    go(case, worker, "take")
    return notices.make(worker, case.reference, case.version, [case.signals.get().pk])


@pytest.fixture
def household(notice: tuple[Notice, str]) -> Client:
    client = Client()
    assert client.post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 302
    return client


def fact_of(notice: Notice) -> str:
    return grievances.noticed_facts(notice)[0][1][0].about


def test_code_and_one_more_fact_open_the_page(notice: tuple[Notice, str]) -> None:
    for code, fact in ((notice[1], FACT), (f" {notice[1][:5].upper()}-{notice[1][5:]} ", FACT.lower())):
        client = Client()
        assert client.post(ENTER, {"code": code, "fact": fact}).status_code == 302
        assert "Income of the last months" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        (None, "0000"),
        (None, ""),
        ("aaaaaaaaaa", FACT),
        ("", FACT),
        (None, NUMBER),
        ("x" * 50, FACT),
    ],
)
def test_anything_else_looks_the_same_and_opens_nothing(
    notice: tuple[Notice, str], code: str | None, fact: str
) -> None:
    client = Client()
    answer = client.post(ENTER, {"code": notice[1] if code is None else code, "fact": fact})
    assert answer.status_code == 403
    assert "The code or number is not correct." in answer.content.decode()
    assert client.get(PAGE).status_code == 404


def test_after_five_wrong_facts_the_right_one_does_not_open_either_for_an_hour(
    notice: tuple[Notice, str],
) -> None:
    for _ in range(5):
        Client().post(ENTER, {"code": notice[1], "fact": "0000"})
    locked = Client().post(ENTER, {"code": notice[1], "fact": FACT})
    assert locked.status_code == 403
    assert "The code or number is not correct." in locked.content.decode()
    Notice.objects.update(locked_until=dt.datetime.now() - dt.timedelta(seconds=1))
    assert Client().post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 302


def test_an_address_has_twenty_wrong_tries_an_hour(notice: tuple[Notice, str]) -> None:
    for number in range(20):
        Client().post(ENTER, {"code": f"wrong{number}", "fact": FACT})
    assert Client().post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 403
    assert (
        Client().post(ENTER, {"code": notice[1], "fact": FACT}, REMOTE_ADDR="198.51.100.7").status_code == 302
    )
    WrongTry.objects.update(at=dt.datetime.now() - dt.timedelta(hours=2))
    assert Client().post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 302


def test_an_address_cannot_be_feigned(notice: tuple[Notice, str]) -> None:
    for number in range(20):
        Client().post(
            ENTER, {"code": "wrong", "fact": FACT}, headers={"X-Forwarded-For": f"198.51.100.{number}"}
        )
    assert Client().post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 403


def test_neither_code_nor_address_is_kept(notice: tuple[Notice, str]) -> None:
    Client().post(ENTER, {"code": "wrong", "fact": FACT}, REMOTE_ADDR="198.51.100.7")
    held = [*Notice.objects.values(), *WrongTry.objects.values(), *CaseEvent.objects.values()]
    assert notice[1] not in str(held)
    assert "198.51.100" not in str(held)


def test_a_new_notice_ends_the_older_one_and_its_session(
    household: Client, notice: tuple[Notice, str], case: Case, worker: User
) -> None:
    case.refresh_from_db()
    notices.make(worker, case.reference, case.version, notice[0].told)
    assert household.get(PAGE).status_code == 404
    assert Client().post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 403


def test_the_page_closes_by_itself_and_by_hand(household: Client, notice: tuple[Notice, str]) -> None:
    session = household.session
    session["household"] = {
        "notice": notice[0].reference,
        "until": (dt.datetime.now() - dt.timedelta(1)).isoformat(),
    }
    session.save()
    assert household.get(PAGE).status_code == 404
    household.post(ENTER, {"code": notice[1], "fact": FACT})
    assert household.get(PAGE).status_code == 200
    household.post("/household/leave/")
    assert household.get(PAGE).status_code == 404


def test_a_stranger_to_the_notice_can_do_nothing(
    notice: tuple[Notice, str], worker: User, signed_in: SignIn
) -> None:
    for client in (Client(), signed_in(worker)):
        assert client.get(PAGE).status_code == 404
        for address in ("answer/accepted", "answer/declined", "ask/person", "ask/appeal", "ask/correction"):
            assert client.post(f"/household/{address}/").status_code == 404
    assert not Grievance.objects.exists()


def test_only_what_was_chosen_is_told(case: Case, worker: User, outbox: Outbox) -> None:
    hidden = {"en": "Somebody may be in danger", "zh": "可能有人处于危险"}
    casework.apply([[outbox.signal(1, signal="danger", label=hidden)]])
    go(case, worker, "take")
    chosen = case.signals.get(signal="lost_income").pk
    _notice, code = notices.make(worker, case.reference, case.version, [chosen])
    client = Client()
    client.post(ENTER, {"code": code, "fact": FACT})
    text = client.get(PAGE).content.decode()
    assert "Income of the last months" in text
    assert "danger" not in text


def test_what_rests_on_several_feeds_is_said_once_and_can_be_called_wrong_for_each(
    case: Case, worker: User, signed_in: SignIn, outbox: Outbox
) -> None:
    fact = condition(1.5, 2.5)
    fact["operands"][0]["feeds"].append(
        {"feed": "pensions", "label": words("Pensions", "养老金"), "owner": "relief"}
    )
    casework.apply([[outbox.signal(1, change="changed", evidence=[fact])]])
    go(case, worker, "take")
    case.refresh_from_db()
    data = {"version": case.version, "signals": [case.signals.get().pk]}
    letter = signed_in(worker).post(reverse("notice", args=[case.reference]), data).content.decode()
    assert letter.count("Income of the last months, 1.5") == 1
    code = re.search(r"app-code--big[^>]*>([^<]+)<", letter)
    assert code is not None
    client = Client()
    client.post(ENTER, {"code": code[1], "fact": FACT})
    page = client.get(PAGE).content.decode()
    assert page.count("Income of the last months, 1.5") == 1
    assert page.index("From: Insured wages") < page.index("From: Pensions")
    assert page.count("This is wrong") == 2


def test_the_page_says_what_from_whom_what_is_offered_and_who_looked(
    household: Client, case: Case, worker: User, signed_in: SignIn
) -> None:
    signed_in(worker).get(reverse("case", args=[case.reference]))
    text = household.get(PAGE).content.decode()
    for expected in (
        "Insured wages",
        "Labour office",
        "Monthly relief: 1,702.50 CNY a month",
        "Wang Worker",
        "Case worker",
    ):
        assert expected in text, expected
    assert NAME not in text
    assert NUMBER not in text
    assert case.reference not in text


def test_an_answer_is_recorded_and_changes_nothing_by_itself(household: Client, case: Case) -> None:
    before = list(Referral.objects.values("state", "amount"))
    household.post("/household/answer/declined/")
    assert Notice.objects.get().answer == "declined"
    case.refresh_from_db()
    assert (case.state, list(Referral.objects.values("state", "amount"))) == (CaseState.DETECTED, before)
    household.post("/household/answer/accepted/")
    assert Notice.objects.get().answer == "accepted"
    assert household.post("/household/answer/maybe/").status_code == 404


def test_no_answer_is_not_a_no_but_a_visit(
    notice: tuple[Notice, str], case: Case, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    assert client.get("/queue/?list=unanswered").context["page"].count == 0
    yesterday = dt.datetime.now() - dt.timedelta(days=1)
    Notice.objects.update(answer_by=yesterday)
    Case.objects.update(silent_since=yesterday)
    assert client.get("/queue/?list=unanswered").context["page"].count == 1
    go(case, worker, "plan", day=dt.date.today())
    assert client.get("/queue/?list=unanswered").context["page"].count == 0
    assert Notice.objects.get().answer == ""


def test_a_wrong_fact_goes_to_the_department_that_supplied_it(
    household: Client, notice: tuple[Notice, str], case: Case, clerk: User, signed_in: SignIn
) -> None:
    household.post(
        "/household/ask/correction/", {"about": fact_of(notice[0]), "text": "I have no work since May"}
    )
    grievance = Grievance.objects.get()
    assert (grievance.department, grievance.kind) == ("labour", "correction")
    assert b"since May" not in bytes(grievance.text or b"")
    labour = signed_in(
        casework.create_user("labour", PASSWORD, role="department", areas=[], department="labour")
    )
    assert grievance.reference in labour.get("/inbox/").content.decode()
    text = labour.get(f"/facts/{grievance.reference}/").content.decode()
    for expected in ("I have no work since May", "Recent income: <strong>812.50 CNY a month", NAME, NUMBER):
        assert expected in text, expected
    for withheld in (PHONE, "below the line", case.reference, "Monthly relief"):
        assert withheld not in text, withheld
    assert AccessLog.objects.get().page == "fact"
    assert signed_in(clerk).get(f"/facts/{grievance.reference}/").status_code == 404
    assert (
        labour.post(f"/facts/{grievance.reference}/", {"ending": "changed", "note": "x"}).status_code == 409
    )
    assert (
        labour.post(
            f"/facts/{grievance.reference}/", {"ending": "corrected", "note": "it was an error"}
        ).status_code
        == 302
    )
    assert "it was an error" in household.get(PAGE).content.decode()


def test_the_same_is_asked_for_once_at_a_time(household: Client) -> None:
    assert household.post("/household/ask/person/").status_code == 302
    assert household.post("/household/ask/person/").status_code == 409
    assert household.post("/household/ask/correction/", {"about": "1-2-3"}).status_code == 409
    assert household.post("/household/ask/person/", {"text": "x" * 2_000}).status_code == 400
    assert household.post("/household/ask/money/").status_code == 404


def test_an_appeal_is_decided_by_somebody_who_did_nothing_on_the_case(
    household: Client, case: Case, worker: User, colleague: User
) -> None:
    go(case, worker, "dismiss", outcome="moved")
    household.post("/household/ask/appeal/", {"text": "we live here"})
    appeal = Grievance.objects.get()
    with pytest.raises(Refused, match="Somebody else decides"):
        grievances.answer(worker, appeal.reference, "upheld", "no")
    with pytest.raises(Refused, match="Write what"):
        grievances.answer(colleague, appeal.reference, "changed", "")
    grievances.answer(colleague, appeal.reference, "changed", "we look again")
    case.refresh_from_db()
    assert (case.state, case.ended_at, case.assignee) == (CaseState.VERIFYING, None, None)
    with pytest.raises(Refused, match="already"):
        grievances.answer(colleague, appeal.reference, "upheld", "no")
    assert casework.verify_chain().intact


def test_who_only_wrote_a_note_may_decide(household: Client, case: Case, colleague: User) -> None:
    go(case, colleague, "note", note="asked the village")
    household.post("/household/ask/appeal/")
    grievances.answer(colleague, Grievance.objects.get().reference, "upheld", "the line is not reached")


def test_strangers_cannot_answer_and_corrections_are_not_the_workers(
    household: Client, notice: tuple[Notice, str], strangers: list[User], clerk: User, colleague: User
) -> None:
    appeal = grievances.ask(notice[0], "appeal", "")
    correction = grievances.ask(notice[0], "correction", "", fact_of(notice[0]))
    for stranger in (*strangers, clerk):
        with pytest.raises(Http404):
            grievances.answer(stranger, appeal.reference, "upheld", "no")
    with pytest.raises(Http404):
        grievances.answer(colleague, correction.reference, "stands", "no")


def test_the_letter_shows_the_code_once_and_is_recorded(case: Case, worker: User, signed_in: SignIn) -> None:
    go(case, worker, "take")
    client, address = signed_in(worker), reverse("notice", args=[case.reference])
    data = {"version": case.version, "signals": [case.signals.get().pk]}
    text = client.post(address, data).content.decode()
    found = re.search(r"([a-z0-9]{5}-[a-z0-9]{5})</strong>", text)
    assert found is not None
    assert Client().post(ENTER, {"code": found[1], "fact": FACT}).status_code == 302
    assert AccessLog.objects.filter(page="letter").count() == 1
    assert found[1] not in client.get(reverse("case", args=[case.reference])).content.decode()
    assert client.post(address, data).status_code == 409
    case.refresh_from_db()
    assert client.post(address, {"version": case.version}).status_code == 409


def test_the_workers_page_shows_what_the_household_says(
    household: Client, case: Case, worker: User, colleague: User, signed_in: SignIn
) -> None:
    household.post("/household/ask/appeal/", {"text": "<b>we live here</b>"})
    household.post("/household/answer/accepted/")
    text = signed_in(colleague).get(reverse("case", args=[case.reference])).content.decode()
    for expected in ("&lt;b&gt;we live here", "The household accepts", "Answer the household"):
        assert expected in text, expected
    assert (
        "Answer the household"
        not in signed_in(worker).get(reverse("case", args=[case.reference])).content.decode()
    )
    assert signed_in(worker).get("/queue/?list=asked").context["page"].count == 1


def test_no_log_line_holds_a_code_or_a_fact(
    notice: tuple[Notice, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Client().post(ENTER, {"code": notice[1], "fact": "4711"})
    Client().post(ENTER, {"code": notice[1], "fact": FACT})
    assert notice[1] not in caplog.text
    assert "4711" not in caplog.text


def test_the_form_needs_its_token(notice: tuple[Notice, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(ENTER, {"code": notice[1], "fact": FACT}).status_code == 403
    assert client.get(PAGE).status_code == 404
