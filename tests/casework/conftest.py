"""A vault, departments, and a few people with roles; one of them a stranger."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polib
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation

from almoner import casework
from almoner.casework.accounts import tries
from almoner.casework.cases.status import NOTHING, around
from almoner.casework.models import AreaAlert, Case, Department
from almoner.registry.vault import SealedIdentity, create_key, open_vault
from casework.makers import Outbox, install_terms

LOCALE = Path(casework.__file__).parent / "locale"
PASSWORD = "a long fictional password"
NAME, NUMBER, PHONE = "Mei Fictional", "11010119900307803X", "13800000000"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL run what asks a database; what asks none has run beside SQLite already. What is marked
    `postgresql` runs there only."""
    here = _asks_a_database if "ALMONER_TEST_DATABASE_URL" in os.environ else _runs_on_any_database
    config.hook.pytest_deselected(items=[item for item in items if not here(item)])
    items[:] = filter(here, items)


def _runs_on_any_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("postgresql") is None


def _asks_a_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db")) or not {"db", "databases", "installed"}.isdisjoint(
        fixtures
    )


@pytest.fixture(scope="session", autouse=True)
def _catalogue_is_compiled() -> None:
    for catalogue in LOCALE.glob("*/LC_MESSAGES/django.po"):
        compiled = catalogue.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < catalogue.stat().st_mtime:
            polib.pofile(str(catalogue)).save_as_mofile(str(compiled))


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _nobody_has_tried_passwords() -> None:
    tries.forget()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A language that a test or a request chose is not the next test's."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _a_pack_with_terms_is_in_use(request: pytest.FixtureRequest) -> None:
    """As in every installation."""
    marked = request.node.get_closest_marker("django_db")
    if marked:
        request.getfixturevalue("transactional_db" if marked.kwargs.get("transaction") else "db")
        install_terms()


@pytest.fixture(autouse=True)
def _cases_know_what_is_around_them(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever was done in a test: what a case keeps for lists is what its proposals, notices,
    authorisations and visits say now."""
    marked = request.node.get_closest_marker("django_db")
    if marked:
        request.getfixturevalue("transactional_db" if marked.kwargs.get("transaction") else "db")
    yield
    if marked:
        open_cases = {
            case.pk: case for case in Case.objects.filter(ended_at=None).prefetch_related("referrals")
        }
        known = around(open_cases)
        for case in open_cases.values():
            it = known.get(case.pk, NOTHING)
            proposed = any(
                r.state == "proposed" and r.participation in {"push", "pre_notify"}
                for r in case.referrals.all()
            )
            assert (case.untold, case.silent_since) == (proposed and not it.notified, it.silent_since), case


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def departments(db: None) -> None:
    Department.objects.create(
        id="relief", label={"en": "Relief office", "zh": "救助办"}, closes=dt.time(17, 30)
    )
    Department.objects.create(id="labour", label={"en": "Labour office", "zh": "劳动局"})
    install_terms()


@pytest.fixture
def vault_with_mei(db: None, tmp_path: Path, settings: Any) -> None:
    settings.VAULT_KEY = str(tmp_path / "vault.key")
    create_key(tmp_path / "vault.key")
    vault = open_vault(tmp_path / "vault.key")
    clear = {"number": NUMBER, "name": NAME, "phone": PHONE}
    sealed = {field: vault.seal(11, field, text) for field, text in clear.items()}
    casework.identities().write([SealedIdentity(person_id=11, number_index=vault.index(NUMBER), **sealed)])
    casework.sync_members([(1, 11, dt.date(2026, 11, 6))])


@pytest.fixture
def case(departments: None, vault_with_mei: None, outbox: Outbox) -> Case:
    """Household 1 in area 520101, with one signal and one proposal."""
    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    return Case.objects.get()


@pytest.fixture
def alert(departments: None, outbox: Outbox) -> AreaAlert:
    """Of area 520101; it goes to the relief office."""
    casework.apply([[outbox.area("520101")]])
    return AreaAlert.objects.get()


@pytest.fixture
def worker(departments: None) -> User:
    return casework.create_user("worker", PASSWORD, areas=["5201"], full_name="Wang Worker")


@pytest.fixture
def colleague(departments: None) -> User:
    return casework.create_user("colleague", PASSWORD, areas=["520101"])


@pytest.fixture
def lead(departments: None) -> User:
    return casework.create_user("lead", PASSWORD, role="lead", areas=["*"])


@pytest.fixture
def clerk(departments: None) -> User:
    return casework.create_user("clerk", PASSWORD, role="department", areas=[], department="relief")


@pytest.fixture
def administrator(departments: None) -> User:
    return casework.create_user("administrator", PASSWORD, role="administrator", areas=[])


@pytest.fixture
def second_administrator(departments: None) -> User:
    return casework.create_user("second", PASSWORD, role="administrator", areas=[])


@pytest.fixture
def strangers(departments: None) -> list[User]:
    """People who can sign in and have nothing to do with area 520101 or the relief office."""
    return [
        casework.create_user("elsewhere", PASSWORD, areas=["5299"]),
        casework.create_user("nowhere", PASSWORD, areas=[]),
        casework.create_user("labourer", PASSWORD, role="department", areas=[], department="labour"),
        User.objects.create_user("roleless", password=PASSWORD),
    ]


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
