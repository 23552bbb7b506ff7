"""Departments' own systems are told: signed, without personal data, at least once, and nowhere but where
they listen."""

from __future__ import annotations

import datetime as dt
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.outgoing import KINDS
from almoner.casework.models import Case, Department, Endpoint, OutgoingEvent, Referral, ReferralState
from almoner.casework.webhooks import endpoints, posting, sending
from almoner.casework.webhooks.posting import AddressRefused, NotAnswered, addresses_of, parts_of, post
from almoner.errors import AlmonerError
from casework.conftest import NAME, NUMBER, PHONE
from casework.makers import Outbox
from casework.moves import confirmed, go
from casework.receiver import Receiver, is_signed, receiving

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


def waits() -> OutgoingEvent:
    return sending.waiting().get()


def now() -> dt.datetime:
    return dt.datetime.now()


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
    told = sorted(got.event["type"].rpartition(".")[2] for got in receiver.got)
    assert told == ["evidence_stands", "evidence_withdrawn", "evidence_withdrawn", "sent", "taken_back"]
    assert len({got.id for got in receiver.got}) == 5
    assert set(told) <= set(KINDS)


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
        with pytest.raises(workflow.Refused) as told:
            go(case, worker, name, **data)
        return str(told.value)

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


def test_a_receiver_that_drips_is_cut_off_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def drip() -> None:
            connection, _address = server.accept()
            with connection:
                try:
                    for _ in range(200):
                        connection.sendall(b"H")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(NotAnswered):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, True)
        assert time.monotonic() - started < 5
        thread.join()


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


# Secrets


def test_after_a_rotation_both_secrets_sign_for_seven_days(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    confirmed(case, worker)
    at = now()
    new = endpoints.rotate("relief", at)
    sending.deliver()
    assert is_signed(receiver.got[0], secret, time.time())
    assert is_signed(receiver.got[0], new, time.time())
    OutgoingEvent.objects.update(delivered_at=None)
    week = at + dt.timedelta(days=7, seconds=1)
    sending.deliver(week)
    assert not is_signed(receiver.got[1], secret, week.timestamp())
    assert is_signed(receiver.got[1], new, week.timestamp())


def test_a_secret_is_kept_sealed_and_shown_once(case: Case, secret: str, receiver: Receiver) -> None:
    endpoint = Endpoint.objects.get()
    assert secret.encode() not in bytes(endpoint.secret)
    assert endpoints.listen("relief", None, None) is None
    assert secret not in str(endpoints.listening(now()))


def test_without_the_key_nothing_is_sent_and_nothing_is_lost(
    case: Case, worker: User, secret: str, receiver: Receiver, settings: Any
) -> None:
    confirmed(case, worker)
    key, settings.VAULT_KEY = settings.VAULT_KEY, "/nowhere/vault.key"
    assert sending.deliver() == sending.Sent(failed=1)
    assert waits().failure == "VaultError"
    settings.VAULT_KEY = key
    assert sending.deliver(now() + dt.timedelta(minutes=1)) == sending.Sent(delivered=1)


def test_who_is_told_nothing_more_is_told_nothing_more(
    case: Case, worker: User, secret: str, receiver: Receiver
) -> None:
    confirmed(case, worker)
    assert endpoints.stop("relief", now()) == 1
    assert sending.deliver() == sending.Sent()
    assert receiver.got == []
    with pytest.raises(AlmonerError, match="webhook set"):
        endpoints.rotate("relief", now())


def test_a_department_without_an_address_cannot_listen(departments: None, vault_with_mei: None) -> None:
    with pytest.raises(AlmonerError, match="--url"):
        endpoints.listen("relief", None, None)
    with pytest.raises(AlmonerError, match="Choose one of: labour, relief"):
        endpoints.listen("nobody", "https://x.example/", None)
    Department.objects.filter(pk="relief").update(inbox="https://relief.example/hook")
    assert endpoints.listen("relief", None, None)
    assert endpoints.listening(now())[0].url == "https://relief.example/hook"


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


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The name hook.example has these addresses, one answer after the other; gives the list of its look-ups."""
    real, asked = socket.getaddrinfo, list[str]()

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "hook.example":
            return real(host, port, *rest, **more)
        asked.append(host)
        listed = answers[min(len(asked), len(answers)) - 1]
        return [found for address in listed for found in real(address, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


INSIDE = [
    "127.0.0.1",
    "10.0.0.8",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.8",
    "64:ff9b::a00:8",
    "2002:a00:8::1",
    "192.0.2.1",
    "198.18.0.1",
]
NO_HOST = ["0.0.0.0", "169.254.169.254", "fe80::1", "224.0.0.1", "::", "::ffff:169.254.169.254"]  # noqa: S104


@pytest.mark.parametrize("address", [*INSIDE, *NO_HOST])
def test_an_address_inside_is_refused_even_beside_a_public_one(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolving(monkeypatch, ["8.8.8.8", address])
    with pytest.raises(AddressRefused):
        addresses_of(parts_of("https://hook.example/"), private_network=False)


@pytest.mark.parametrize("address", INSIDE)
def test_a_private_network_is_told_where_that_was_allowed(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolving(monkeypatch, [address])
    assert addresses_of(parts_of("https://hook.example/"), private_network=True)


@pytest.mark.parametrize("address", NO_HOST)
def test_a_machines_own_services_are_never_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, [address])
    with pytest.raises(AddressRefused):
        addresses_of(parts_of("https://hook.example/"), private_network=True)


def test_this_machine_is_not_told_unless_that_was_allowed(
    case: Case, worker: User, receiver: Receiver
) -> None:
    endpoints.listen("relief", receiver.url, False)
    confirmed(case, worker)
    sending.deliver()
    assert waits().failure == "address refused"
    assert receiver.got == []
    endpoints.listen("relief", None, True)
    assert sending.deliver(now() + dt.timedelta(minutes=1)) == sending.Sent(delivered=1)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Self-signed, of hook.example."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook.example")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> Iterator[Receiver]:
    with receiving(certificate) as started:
        yield started


Trust = Callable[[], None]


@pytest.fixture
def trust(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Trust:
    return lambda: monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def test_a_certificate_that_nobody_trusts_is_refused_and_one_of_the_authority_accepted(
    case: Case, worker: User, tls: Receiver, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    endpoints.listen("relief", f"https://hook.example:{tls.port}/hook", True)
    confirmed(case, worker)
    sending.deliver()
    assert (waits().failure, tls.got) == ("TLS failed", [])
    trust()
    assert sending.deliver(now() + dt.timedelta(minutes=1)) == sending.Sent(delivered=1)
    assert tls.got[0].headers["host"] == f"hook.example:{tls.port}"


def test_a_certificate_of_another_name_is_refused(tls: Receiver, trust: Trust) -> None:
    trust()
    with pytest.raises(NotAnswered, match="TLS failed"):
        post(f"https://127.0.0.1:{tls.port}/", b"{}", {}, True)


def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(
    tls: Receiver, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust()
    asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    assert post(f"https://hook.example:{tls.port}/hook?a=1", b"{}", {}, True) == (204, None)
    assert (len(asked), tls.got[0].path) == (1, "/hook?a=1")
    with pytest.raises(AddressRefused):
        post(f"https://hook.example:{tls.port}/", b"{}", {}, True)


def test_a_name_that_nobody_has_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotAnswered, match="name not found"):
        post("https://hook.example/", b"{}", {}, False)
