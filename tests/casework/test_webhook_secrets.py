"""The secrets that sign messages to departments."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from almoner.casework.models import Case, Department, Endpoint, OutgoingEvent
from almoner.casework.webhooks import endpoints, sending
from almoner.errors import AlmonerError
from casework.moves import confirmed
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
