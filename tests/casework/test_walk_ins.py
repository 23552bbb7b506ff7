"""Requests at the desk: an event of the pack's feed, a receipt with a clock, an answer, an appeal; and
people whom no register knows."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from almoner import casework, home
from almoner.casework.core import inbox
from almoner.casework.core.refusals import Refused
from almoner.casework.models import AccessLog, Case, CaseEvent, FeedState, ReferralState, WalkIn
from almoner.casework.residents import walk_ins
from almoner.casework.sync import pack_tables
from almoner.policy.model.pack import Pack
from almoner.registry.vault import SealedIdentity, create_key, open_vault
from almoner.stream.inbox import Inbox
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import Outbox, install_terms
from casework.moves import go
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
UNKNOWN = "110101198001010010"
WORDS = "The roof has come down over the kitchen."


@pytest.fixture
def desk(
    db: None, base: Pack, departments: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An installation of the base pack whose registers know Mei, in household 1."""
    made = home.create(tmp_path / "home", "base")
    create_key(made.vault_key)
    Inbox(made.folder, open_vault(made.vault_key)).close()
    monkeypatch.setenv("ALMONER_HOME", str(made.folder))
    settings.VAULT_KEY = str(made.vault_key)
    casework.sync_departments(base)
    pack_tables.sync(base)
    vault = open_vault(made.vault_key)
    clear = {"number": NUMBER, "name": NAME, "phone": PHONE}
    sealed = {field: vault.seal(11, field, text) for field, text in clear.items()}
    casework.identities().write([SealedIdentity(person_id=11, number_index=vault.index(NUMBER), **sealed)])
    casework.sync_members([(1, 11, dt.date(2026, 11, 6))])
    yield made.folder
    inbox.inbox().close()
    inbox._inbox.cache_clear()


@pytest.fixture
def case(desk: Path, outbox: Outbox) -> Case:
    """What the rules found about Mei's household."""
    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    return Case.objects.get()


@pytest.fixture
def registrar(desk: Path) -> User:
    """Of the department that keeps the population register."""
    owner = FeedState.objects.get(pk="population_register").owner
    return casework.create_user("registrar", PASSWORD, role="department", areas=[], department=owner)


def form_data(**more: Any) -> dict[str, Any]:
    return {"number": NUMBER, "text": WORDS, "matter": "housing", "name": NAME} | more


def waiting(desk: Path) -> list[dict[str, Any]]:
    """The rows of events in the inbox."""
    found = inbox.inbox().take("help_requests", 0, 100, 10**6)
    return [json.loads(event.data or "null") for event in found]


def test_the_desk_asks_what_the_pack_says(desk: Path, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    page = client.get(reverse("request-new")).content.decode()
    for asked in ("Matter", "Income or work", "Housing", "Whole identity number"):
        assert asked in page, asked
    assert "Channel" not in page
    client.cookies["django_language"] = "zh-hans"
    assert "收入或就业" in client.get(reverse("request-new")).content.decode()


def test_a_request_is_an_event_of_the_feed_and_its_page_is_the_receipt(
    desk: Path, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    taken = client.post(reverse("request-new"), form_data())
    request = WalkIn.objects.get()
    assert taken.headers["Location"] == reverse("request", args=[request.reference])
    assert waiting(desk) == [
        {
            "request_no": request.reference,
            "resident_no": NUMBER,
            "requested_on": dt.date.today().isoformat(),
            "channel": "visit",
            "matter": "housing",
        }
    ]
    page = client.get(taken.headers["Location"]).content.decode()
    for shown in (request.reference, WORDS, "Housing", "To be answered by", "Wang Worker"):
        assert shown in page, shown
    assert NUMBER not in page
    assert request.reference in client.get(reverse("requests")).content.decode()
    assert "<strong>1</strong> <span>Not answered yet" in markup(client.get(reverse("today")))


def test_what_was_said_is_sealed_and_of_who_is_known_neither_number_nor_name_is_kept(
    desk: Path, worker: User
) -> None:
    request = walk_ins.take(worker, form_data())
    assert (request.known, request.number, request.name, request.department) == (True, None, None, "")
    assert b"roof" not in bytes(request.text or b"")
    held = str([*WalkIn.objects.values(), *CaseEvent.objects.values()])
    for secret in ("roof", NAME, NUMBER):
        assert secret not in held
    assert (desk / "inbox.sqlite3").read_bytes().count(NUMBER.encode()) == 0
    assert walk_ins.opened(request, "text") == WORDS


def test_the_number_is_taken_in_its_one_spelling(desk: Path, worker: User) -> None:
    for spelled in (
        f" {NUMBER.lower()} ",
        f"\u200b{NUMBER[:6]}\u3000{NUMBER[6:]}\ufeff",
        "".join(chr(ord(c) + 0xFEE0) for c in NUMBER),
        f"'{NUMBER[:6]}-{NUMBER[6:]}'",
    ):
        assert walk_ins.take(worker, form_data(number=spelled)).known
    request = walk_ins.take(worker, form_data(number=f" {NUMBER.lower()} "))
    assert (request.known, waiting(desk)[0]["resident_no"]) == (True, NUMBER)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"number": ""}, "Type the whole"),
        ({"number": None}, "Type the whole"),
        ({"number": "9" * 41}, "Type the whole"),
        ({"number": NUMBER[:-1] + "1"}, "no valid identity number"),
        ({"number": "Mei"}, "no valid identity number"),
        ({"text": ""}, "Write what"),
        ({"matter": ""}, "Choose what it is about"),
        ({"matter": "gold"}, "Choose what it is about"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_kept(
    desk: Path, worker: User, signed_in: SignIn, wrong: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        walk_ins.take(worker, form_data() | wrong)
    sent = {name: value or "" for name, value in (form_data() | wrong).items()}
    answer = signed_in(worker).post(reverse("request-new"), sent)
    assert answer.status_code == 409
    assert (WORDS in answer.content.decode()) == bool(sent["text"])
    assert (WalkIn.objects.count(), waiting(desk)) == (0, [])


def test_without_such_a_feed_or_an_inbox_that_takes_it_nothing_is_kept(
    desk: Path, worker: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox.inbox(), "_largest", 1)
    with pytest.raises(Refused, match="cannot take the request now"):
        walk_ins.take(worker, form_data())
    assert not WalkIn.objects.exists()
    assert not CaseEvent.objects.filter(kind="request_taken").exists()
    FeedState.objects.filter(pk="help_requests").delete()
    assert "has no feed for requests" in signed_in(worker).get(reverse("request-new")).content.decode()
    with pytest.raises(Refused, match="has no feed"):
        walk_ins.take(worker, form_data())


def test_the_page_of_the_case_shows_the_request_and_the_request_its_case(
    case: Case, worker: User, signed_in: SignIn
) -> None:
    request, client = walk_ins.take(worker, form_data()), signed_in(worker)
    assert request.reference in client.get(reverse("case", args=[case.reference])).content.decode()
    assert case.reference in client.get(reverse("request", args=[request.reference])).content.decode()
    assert list(AccessLog.objects.values_list("page", "household_id")) == [("case", 1), ("request", 1)]
    kinds = CaseEvent.objects.filter(case=case, kind__startswith="request").values_list("kind", "actor")
    assert list(kinds) == [("request_taken", worker.pk)]


def test_an_answer_says_what_the_rules_say_and_why(
    case: Case, worker: User, colleague: User, signed_in: SignIn
) -> None:
    request = walk_ins.take(worker, form_data())
    for ending, note, why in (
        ("", "x", "Choose an answer"),
        ("registered", "x", "Choose an answer"),
        ("proposed", "", "Write the reason"),
    ):
        with pytest.raises(Refused, match=why):
            walk_ins.answer(colleague, request.reference, ending, note)
    case.referrals.update(state=ReferralState.WITHDRAWN)
    with pytest.raises(Refused, match="Nothing is proposed"):
        walk_ins.answer(colleague, request.reference, "proposed", "relief")
    case.referrals.update(state=ReferralState.PROPOSED)
    client, address = signed_in(colleague), reverse("request-answer", args=[request.reference])
    assert client.post(address).status_code == 409
    assert (
        client.post(address, {"ending": "proposed", "note": "monthly relief is proposed"}).status_code == 302
    )
    with pytest.raises(Refused, match="already"):
        walk_ins.answer(worker, request.reference, "nothing", "x")
    page = client.get(reverse("request", args=[request.reference])).content.decode()
    for shown in ("Support is proposed or under way", "monthly relief is proposed", "The person appeals"):
        assert shown in page, shown
    assert request.reference in client.get(reverse("requests"), {"list": "answered"}).content.decode()
    assert request.reference not in client.get(reverse("requests")).content.decode()


def test_where_the_rules_find_nothing_a_person_answers_too(desk: Path, worker: User) -> None:
    request = walk_ins.take(worker, form_data())
    assert walk_ins.case_of(request) is None
    walk_ins.answer(worker, request.reference, "nothing", "income is above the line")
    assert CaseEvent.objects.filter(case=None, kind="request_answered").count() == 1
    assert casework.verify_chain().intact


def test_the_database_itself_refuses_an_answer_without_a_reason(desk: Path, worker: User) -> None:
    walk_ins.take(worker, form_data())
    with pytest.raises(IntegrityError), transaction.atomic():
        WalkIn.objects.update(answered_at=dt.datetime.now(), answered_by=worker, ending="nothing")


def test_a_request_and_its_appeal_have_the_packs_clocks(desk: Path, worker: User) -> None:
    install_terms(
        request={"2025-01-01": {"amount": 7, "unit": "hours"}},
        appeal={"2025-01-01": {"amount": 8, "unit": "hours"}},
    )
    first = walk_ins.take(worker, form_data())
    assert first.due_at - first.taken_at == dt.timedelta(hours=7)
    walk_ins.answer(worker, first.reference, "nothing", "income is above the line")
    appeal = walk_ins.appeal(worker, first.reference, "it is not")
    assert appeal.due_at - appeal.taken_at == dt.timedelta(hours=8)


def test_an_appeal_has_its_own_clock_and_another_person_decides(
    desk: Path, worker: User, colleague: User, lead: User, signed_in: SignIn
) -> None:
    first = walk_ins.take(worker, form_data())
    with pytest.raises(Refused, match="no answer to appeal"):
        walk_ins.appeal(worker, first.reference, "no")
    walk_ins.answer(worker, first.reference, "nothing", "income is above the line")
    with pytest.raises(Refused, match="Write why"):
        walk_ins.appeal(worker, first.reference, "")
    client = signed_in(worker)
    assert (
        client.post(reverse("request-appeal", args=[first.reference]), {"text": "it is not"}).status_code
        == 302
    )
    appeal = WalkIn.objects.get(appeal_of=first)
    assert appeal.due_at > first.due_at
    assert "it is not" not in str(WalkIn.objects.values())
    with pytest.raises(Refused, match="made already"):
        walk_ins.appeal(worker, first.reference, "again")
    page = client.get(reverse("request", args=[appeal.reference])).content.decode()
    assert "You gave the first answer." in page
    assert "Answer the person" not in page
    with pytest.raises(Refused, match="Somebody else decides"):
        walk_ins.answer(worker, appeal.reference, "nothing", "no")
    walk_ins.answer(lead, appeal.reference, "nothing", "looked at once more")
    with pytest.raises(Refused, match="no answer to appeal"):
        walk_ins.appeal(lead, appeal.reference, "and again")


def test_whom_no_register_knows_the_registers_department_is_asked_about(
    desk: Path, worker: User, registrar: User, clerk: User, signed_in: SignIn
) -> None:
    request = walk_ins.take(worker, form_data(number=UNKNOWN, name="Nobody Known"))
    assert (request.known, request.department) == (False, registrar.membership.department_id)
    assert "Nobody Known" not in str(WalkIn.objects.values())
    client = signed_in(registrar)
    assert request.reference in client.get(reverse("inbox")).content.decode()
    address = reverse("unknown", args=[request.reference])
    page = client.get(address).content.decode()
    for shown in (UNKNOWN, "Nobody Known", WORDS, "The register knows the person now"):
        assert shown in page, shown
    assert CaseEvent.objects.filter(kind="request_seen", actor=registrar).count() == 1
    assert signed_in(clerk).get(address).status_code == 404
    own = signed_in(worker)
    assert "Answer the person" not in own.get(reverse("request", args=[request.reference])).content.decode()
    assert (
        own.post(
            reverse("request-answer", args=[request.reference]), {"ending": "nothing", "note": "x"}
        ).status_code
        == 404
    )
    assert client.post(address, {"ending": "proposed", "note": "x"}).status_code == 409
    assert client.post(address, {"ending": "registered", "note": "entered today"}).status_code == 302
    assert "entered today" in own.get(reverse("request", args=[request.reference])).content.decode()


def test_a_second_request_of_the_same_person_is_another_event(desk: Path, worker: User) -> None:
    for _ in range(2):
        walk_ins.take(worker, form_data())
    assert len({row["request_no"] for row in waiting(desk)}) == 2


def test_strangers_take_see_and_answer_nothing(
    case: Case, worker: User, registrar: User, strangers: list[User], signed_in: SignIn
) -> None:
    known, unknown = walk_ins.take(worker, form_data()), walk_ins.take(worker, form_data(number=UNKNOWN))
    for stranger in strangers:
        client = signed_in(stranger)
        for request in (known, unknown):
            for name in ("request", "unknown"):
                assert client.get(reverse(name, args=[request.reference])).status_code == 404
            with pytest.raises(Http404):
                walk_ins.answer(stranger, request.reference, "nothing", "no")
            with pytest.raises(Http404):
                walk_ins.appeal(stranger, request.reference, "no")
            assert request.reference not in client.get(reverse("requests")).content.decode()
    for stranger in strangers[2:]:
        with pytest.raises(Http404):
            walk_ins.take(stranger, form_data())
    with pytest.raises(Http404):
        walk_ins.answer(registrar, known.reference, "nothing", "no")
    assert WalkIn.objects.filter(answered_at=None).count() == 2


def test_who_works_the_area_of_the_household_sees_its_requests_wherever_they_were_taken(
    case: Case, strangers: list[User], colleague: User
) -> None:
    elsewhere = next(one for one in strangers if one.username == "elsewhere")
    request = walk_ins.take(elsewhere, form_data())
    assert walk_ins.answer(colleague, request.reference, "proposed", "relief").answered_by == colleague
    assert list(walk_ins.of_household(1)) == [request]
    assert list(walk_ins.of_household(2)) == []


def test_a_case_that_ended_is_still_the_requests_case(case: Case, worker: User) -> None:
    request = walk_ins.take(worker, form_data())
    go(case, worker, "take", "dismiss", outcome="moved")
    assert walk_ins.case_of(request) == case


def test_no_log_line_and_no_address_holds_a_number_a_name_or_a_word(
    desk: Path, worker: User, signed_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_in(worker)
    taken = client.post(reverse("request-new"), form_data(number=UNKNOWN))
    client.get(taken.headers["Location"])
    client.post(reverse("request-new"), form_data(number=UNKNOWN[:-1] + "1"))
    for secret in (UNKNOWN, NAME, "roof"):
        assert secret not in caplog.text + taken.headers["Location"]


def test_the_matter_is_said_in_the_readers_language(desk: Path, worker: User, signed_in: SignIn) -> None:
    request = walk_ins.take(worker, form_data())
    client = signed_in(worker)
    client.cookies["django_language"] = "zh-hans"
    with override("zh-hans"):
        assert "住房" in client.get(reverse("request", args=[request.reference])).content.decode()
