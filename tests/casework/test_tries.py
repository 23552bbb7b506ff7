"""Guessing: tries are counted by name and by network before anything is hashed or compared, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.casework.accounts import tries
from almoner.casework.core.origin import network_of
from almoner.casework.core.rates import Limit
from almoner.casework.models import Case, Notice, WrongTry
from almoner.casework.residents import notices
from almoner.casework.residents.code_tries import LOCKED, TRIES_A_NETWORK, TRIES_A_NOTICE
from casework.conftest import NUMBER, PASSWORD
from casework.moves import go


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The passwords that were hashed, in order."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    seen: list[str] = []
    encode = MD5PasswordHasher.encode

    def noted(self: Any, password: str, salt: str) -> str:
        seen.append(password)
        return str(encode(self, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    return seen


def sign_in(username: str, password: str, address: str) -> Any:
    given = {"username": username, "password": password}
    return Client().post(reverse("sign-in"), given, REMOTE_ADDR=address)


@pytest.mark.django_db
def test_a_name_is_locked_against_guesses_from_many_networks_before_hashing(
    worker: User, hashed: list[str]
) -> None:
    answers = [sign_in("worker", "wrong", f"198.51.100.{n}").status_code for n in range(52)]
    assert answers[-3:] == [200, 429, 429]
    assert len(hashed) == tries.BY_NAME.most
    right = sign_in("worker", PASSWORD, "203.0.113.9")
    assert (right.status_code, len(hashed)) == (429, tries.BY_NAME.most)
    assert int(right.headers["Retry-After"]) > 0


@pytest.mark.django_db
def test_a_network_is_locked_against_guesses_at_many_names_before_hashing(
    worker: User, hashed: list[str]
) -> None:
    for n in range(tries.BY_NETWORK.most):
        sign_in(f"somebody{n}", "wrong", f"2001:db8:1:2::{n:x}")
    assert len(hashed) == tries.BY_NETWORK.most
    assert sign_in("worker", PASSWORD, "2001:db8:1:2:ffff::1").status_code == 429
    assert len(hashed) == tries.BY_NETWORK.most
    assert sign_in("worker", PASSWORD, "2001:db8:1:3::1").status_code == 302, "another network"


@pytest.mark.django_db
def test_right_passwords_use_nothing_up(worker: User) -> None:
    assert {sign_in("worker", PASSWORD, "192.0.2.1").status_code for _ in range(12)} == {302}
    for _ in range(3):
        answers = [sign_in("worker", "wrong", "192.0.2.1").status_code for _ in range(4)]
        assert answers == [200] * 4
        assert sign_in("worker", PASSWORD, "192.0.2.1").status_code == 302


@pytest.mark.django_db
def test_the_present_password_cannot_be_guessed_on_the_page_that_changes_it(
    worker: User, signed_in: Any
) -> None:
    client = signed_in(worker)
    given = {"old_password": "wrong", "new_password1": "x" * 20, "new_password2": "x" * 20}
    answers = [client.post(reverse("password"), given).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]


def test_tries_at_the_same_time_are_never_more_than_the_limit() -> None:
    limit, together = Limit(most=50, clock=lambda: 0.0, seconds=900), Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return sum(limit.wait("worker") == 0 for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 50


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("nonsense", ""),
    ],
)
def test_an_address_counts_by_its_network(settings: Any, address: str, network: str) -> None:
    assert network_of(RequestFactory().get("/", REMOTE_ADDR=address)) == network
    settings.HTTPS = True
    forwarded = RequestFactory().get("/", REMOTE_ADDR="", headers={"X-Forwarded-For": f"10.0.0.1, {address}"})
    assert network_of(forwarded) == network


# The household's code.


@pytest.fixture
def notice(case: Case, worker: User) -> tuple[Notice, str]:
    go(case, worker, "take")
    return notices.make(worker, case.reference, case.version, [case.signals.get().pk])


@pytest.mark.django_db
def test_whatever_is_wrong_with_code_or_number_costs_the_same(
    notice: tuple[Notice, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from almoner.registry.vault import Vault

    opened: list[int] = []
    open_sealed = Vault.open
    monkeypatch.setattr(Vault, "open", lambda *a: (opened.append(1), open_sealed(*a))[1])

    def cost(code: str, fact: str, network: str) -> tuple[list[str], int]:
        opened.clear()
        with CaptureQueriesContext(connection) as captured:
            assert notices.opened(code, fact, network) is None
        return [one["sql"].split(" ", 1)[0] for one in captured], len(opened)

    wrong_number = cost(notice[1], "0000", "192.0.2.1")
    assert wrong_number[1] > 0
    assert cost("aaaaaaaaaa", NUMBER[-4:], "192.0.2.2") == wrong_number
    assert cost("aaaaaaaaaa", "0000", "192.0.2.3") == wrong_number
    notice[0].refresh_from_db()
    Notice.objects.update(locked_until=notice[0].made_at + 2 * LOCKED)
    assert cost(notice[1], NUMBER[-4:], "192.0.2.4") == wrong_number
    for _ in range(TRIES_A_NETWORK):
        notices.opened("aaaaaaaaaa", "0000", "192.0.2.5")
    blocked = cost("aaaaaaaaaa", "0000", "192.0.2.5")
    assert cost(notice[1], NUMBER[-4:], "192.0.2.5") == blocked


@pytest.mark.django_db
def test_a_right_number_is_no_wrong_try_and_a_wrong_one_is(notice: tuple[Notice, str]) -> None:
    for _ in range(3):
        assert notices.opened(notice[1], "0000", "192.0.2.1") is None
        assert notices.opened(notice[1], NUMBER[-4:], "192.0.2.1") == notice[0]
    assert WrongTry.objects.count() == 3
    for n in range(TRIES_A_NOTICE):
        assert notices.opened(notice[1], "0000", f"192.0.2.{n + 2}") is None
    assert notices.opened(notice[1], NUMBER[-4:], "192.0.2.99") is None
