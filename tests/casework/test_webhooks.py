"""Departments' own systems are told: signed, without personal data, at least once, and nowhere but where
they listen."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.outgoing import KINDS
from almoner.casework.models import Case, Department, OutgoingEvent, Referral, ReferralState
from almoner.casework.webhooks import endpoints, posting, sending
from almoner.casework.webhooks.addresses import AddressRefused, parts_of
from casework.conftest import NAME, NUMBER, PHONE
from casework.makers import Outbox
from casework.moves import confirmed, go
from casework.receiver import Receiver, is_signed, receiving
from casework.sent_messages import now, waits

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def secret(case: Case, receiver: Receiver) -> str:
    """The relief office listens."""
    made = endpoints.listen("relief", receiver.url, True)
    assert made is not None
    return made


# What is told, and that it is true


def test_what_is_sent_is_told_signed_and_without_personal_data(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    referral = confirmed(case, worker)
    assert sending.deliver() == sending.Sent(delivered=1)
    got = receiver.got[0]
    assert (got.path, got.headers["content-type"]) == ("/hook", "application/cloudevents+json")
    assert is_signed(got, secret, time.time())
    event = got.event
    assert (event["specversion"], event["type"], event["subject"]) == (
        "1.0",
        "almoner.referral.sent",
        referral.reference,
    )
    assert event["id"] == got.id
    assert referral.due_at is not None
    assert event["data"] == {
        "referral": referral.reference,
        "version": referral.version,
        "programme": "monthly_relief",
        "state": "sent",
        "amount": "1702.50",
        "unit": "CNY/month",
        "due_at": referral.due_at.astimezone().isoformat(timespec="seconds"),
    }
    text = got.body.decode() + json.dumps(got.headers)
    assert not any(word in text for word in (NAME, NUMBER, PHONE, case.reference))
    assert sending.deliver() == sending.Sent()


def test_a_signature_holds_for_this_body_this_time_and_this_secret_only(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    confirmed(case, worker)
    sending.deliver()
    got = receiver.got[0]
    other = type(got)(got.path, got.headers, got.body.replace(b"1702.50", b"9702.50"))
    moved = type(got)(
        got.path,
        got.headers | {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) + 1)},
        got.body,
    )
    renamed = type(got)(got.path, got.headers | {"webhook-id": "another"}, got.body)
    assert not any(is_signed(one, secret, time.time()) for one in (other, moved, renamed))
    assert not is_signed(got, secret, time.time() + 3600), "an old event that is played again"
    assert not is_signed(got, endpoints.rotate("relief", now()), time.time())


def test_the_same_event_has_the_same_id_at_every_try_so_that_a_replay_shows(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    receiver.answers = [500]
    confirmed(case, worker)
    sending.deliver()
    sending.deliver(now() + dt.timedelta(minutes=2))
    first, second = receiver.got
    assert first.id == second.id
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert is_signed(second, secret, time.time() + 120)


def test_an_event_is_of_the_transaction_that_it_tells_about(case: Case, worker: User, secret: str) -> None:
    def breaks() -> None:
        with transaction.atomic():
            confirmed(case, worker)
            assert OutgoingEvent.objects.count() == 1
            raise LookupError

    with pytest.raises(LookupError):
        breaks()
    assert not OutgoingEvent.objects.exists()
    assert Referral.objects.get().state == ReferralState.PROPOSED


def test_whom_nobody_made_a_secret_for_is_told_nothing(case: Case, worker: User) -> None:
    Department.objects.update(inbox="https://relief.example/hook")
    confirmed(case, worker)
    assert not OutgoingEvent.objects.exists()


def test_evidence_that_goes_and_comes_back_is_told_while_the_department_works_on_it(
    case: Case, worker: User, outbox: Outbox, secret: str, receiver: Receiver
) -> None:
    casework.apply([[outbox.proposal(1, "cleared"), outbox.proposal(1, "changed")]])
    assert not OutgoingEvent.objects.exists(), "what was not sent is nobody's affair"
    referral = confirmed(case, worker)
    casework.apply([[outbox.proposal(1, "cleared")]])
    casework.apply([[outbox.proposal(1, "raised")]])
    casework.apply([[outbox.proposal(1, "cleared")]])
    go(case, worker, "take-back", referral=referral.reference, note="asked by mistake")
    casework.apply([[outbox.proposal(1, "raised")]])
    sending.deliver()
    kinds = sorted(got.event["type"].rpartition(".")[2] for got in receiver.got)
    assert kinds == ["evidence_stands", "evidence_withdrawn", "evidence_withdrawn", "sent", "taken_back"]
    assert len({got.id for got in receiver.got}) == 5
    assert set(kinds) <= set(KINDS)


def test_what_comes_back_is_proposed_anew_and_sent_again(
    case: Case, worker: User, clerk: User, colleague: User, secret: str, receiver: Receiver
) -> None:
    referral = confirmed(case, worker)
    returned = workflow.answer(clerk, referral.reference, "return", referral.version, "papers are missing")
    go(case, worker, "again", referral=referral.reference)
    assert Referral.objects.get().state == ReferralState.PROPOSED
    go(case, worker, "send")
    go(case, colleague, "agree")
    again = Referral.objects.get()
    assert (again.state, again.note, again.answered_at) == (ReferralState.SENT, "", None)
    assert again.version > returned.version
    sending.deliver()
    assert [got.event["data"]["version"] for got in receiver.got] == [referral.version, again.version]


def test_only_a_running_referral_is_taken_back_by_a_named_person_with_a_reason(
    case: Case, worker: User, clerk: User, secret: str
) -> None:
    referral = confirmed(case, worker)

    def refused(name: str, **data: object) -> str:
        with pytest.raises(workflow.Refused) as refusal:
            go(case, worker, name, **data)
        return str(refusal.value)

    assert refused("take-back", referral=referral.reference) == "Write a note."
    assert (
        refused("take-back", referral="another", note="x")
        == "This cannot be done in the referral's present state."
    )
    assert (
        refused("again", referral=referral.reference)
        == "This cannot be done in the referral's present state."
    )
    workflow.answer(clerk, referral.reference, "accept", referral.version, "")
    go(case, worker, "take-back", referral=referral.reference, note="the family moved")
    event = case.events.order_by("-number")[0]
    assert (event.kind, event.actor, json.loads(event.data)["note"]) == (
        "referral_taken_back",
        worker,
        "the family moved",
    )
    with pytest.raises(Http404):
        workflow.answer(clerk, referral.reference, "done", referral.version + 2, "")
    assert Referral.objects.get().state == ReferralState.TAKEN_BACK


def test_what_lost_its_evidence_is_not_proposed_by_hand(
    case: Case, worker: User, clerk: User, outbox: Outbox
) -> None:
    referral = confirmed(case, worker)
    workflow.answer(clerk, referral.reference, "return", referral.version, "no such household")
    casework.apply([[outbox.proposal(1, "cleared")]])
    go(case, worker, "again", referral=referral.reference)
    assert Referral.objects.get().state == ReferralState.WITHDRAWN


# Trying again


FAILURES: list[tuple[Any, str]] = [
    (500, "answered 500"),
    (404, "answered 404"),
    ((302, {"Location": "/elsewhere"}), "answered 302"),
    ("close", "no connection (RemoteDisconnected)"),
    ("silent", "time-out"),
]


@pytest.mark.parametrize(("answer", "why"), FAILURES)
def test_what_fails_is_tried_again_later_and_then_arrives(
    case: Case,
    worker: User,
    secret: str,
    receiver: Receiver,
    answer: Any,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.5)
    receiver.answers = [answer]
    confirmed(case, worker)
    at = now()
    assert sending.deliver(at) == sending.Sent(failed=1)
    event = waits()
    assert (event.tries, event.failure, event.claimed_until) == (1, why, None)
    assert dt.timedelta(seconds=15) <= event.next_at - at <= dt.timedelta(seconds=30)
    assert sending.deliver(at + dt.timedelta(seconds=10)) == sending.Sent(), "not before its time"
    assert sending.deliver(at + dt.timedelta(seconds=31)) == sending.Sent(delivered=1)
    assert [got.path for got in receiver.got] == ["/hook", "/hook"], "a redirect is not followed"


def test_after_twelve_tries_it_is_given_up_with_its_reason_and_can_be_queued_again(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    receiver.answers = [500] * 12
    confirmed(case, worker)
    at, pauses = now(), list[dt.timedelta]()
    for _ in range(12):
        sending.deliver(at)
        event = OutgoingEvent.objects.get()
        pauses.append(event.next_at - at)
        at = event.next_at
    assert (event.tries, event.given_up_at is not None) == (12, True)
    assert pauses[7] > 16 * pauses[1], "longer each time"
    assert all(pause <= dt.timedelta(hours=6) for pause in pauses)
    assert sending.deliver(at + dt.timedelta(days=1)) == sending.Sent()
    letter = sending.dead_letters()[0]
    assert (letter["id"], letter["failure"]) == (event.pk, "answered 500")
    assert sending.backlog()["relief"].given_up == 1
    assert sending.again([event.pk], at) == 1
    assert sending.deliver(at) == sending.Sent(delivered=1)
    assert len({got.id for got in receiver.got}) == 1
    assert sending.again(None, at) == 0, "what was delivered is not given up"


def test_who_asks_for_quiet_gets_it_and_keeps_nobody_else_waiting(
    case: Case, worker: User, outbox: Outbox, secret: str, receiver: Receiver
) -> None:
    receiver.answers = [(503, {"Retry-After": "3600"})]
    referral = confirmed(case, worker)
    casework.apply([[outbox.proposal(1, "cleared")]])
    with receiving() as labour:
        endpoints.listen("labour", labour.url, True)
        OutgoingEvent.objects.create(
            id="other",
            department="labour",
            kind="sent",
            referral=referral,
            body="{}",
            made_at=now(),
            next_at=now(),
        )
        at = now()
        assert sending.deliver(at) == sending.Sent(delivered=1, failed=1)
        assert len(labour.got) == 1
    assert sending.deliver(at + dt.timedelta(minutes=59)) == sending.Sent()
    assert len(receiver.got) == 1
    assert sending.deliver(at + dt.timedelta(minutes=61)) == sending.Sent(delivered=2)


@pytest.mark.parametrize("asked", ["soon", "-5", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 30])
def test_a_retry_after_that_means_nothing_changes_nothing(
    case: Case, worker: User, secret: str, receiver: Receiver, asked: str
) -> None:
    receiver.answers = [(429, {"Retry-After": asked})]
    confirmed(case, worker)
    at = now()
    sending.deliver(at)
    assert waits().next_at - at <= dt.timedelta(seconds=30)


def test_who_is_gone_is_not_asked_again(case: Case, worker: User, secret: str, receiver: Receiver) -> None:
    receiver.answers = [410]
    confirmed(case, worker)
    assert sending.deliver() == sending.Sent(failed=1, given_up=1)
    assert sending.dead_letters()[0]["failure"] == "answered 410"


def test_a_claim_of_a_process_that_died_ends_by_itself(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    confirmed(case, worker)
    at = now()
    event = waits()
    assert sending._claim(event, at), "one process has it"
    assert not sending._claim(event, at), "and no other"
    assert sending.deliver(at) == sending.Sent()
    assert sending.deliver(at + sending.CLAIM + dt.timedelta(seconds=1)) == sending.Sent(delivered=1)
    assert not sending._claim(event, at + dt.timedelta(days=1)), "what was delivered is nobody's"


def test_what_was_delivered_is_forgotten_after_thirty_days(case: Case, worker: User, secret: str) -> None:
    confirmed(case, worker)
    sending.deliver()
    sending.deliver(now() + dt.timedelta(days=29))
    assert OutgoingEvent.objects.exists()
    sending.deliver(now() + dt.timedelta(days=31))
    assert not OutgoingEvent.objects.exists()


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "relief.example",
        "ftp://relief.example/",
        "http://relief.example/",
        "https://",
        "https://a:b@relief.example/",
        "https://x/#y",
        "https://x:0/",
        "https://x:99999/",
        "https://x/a b",
        "https://[::1",
        "https://xn\u00e9/",
        "javascript:alert(1)",
        "https://x/\n",
    ],
)
def test_what_is_no_address_to_be_told_at_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        parts_of(url)


# TLS
