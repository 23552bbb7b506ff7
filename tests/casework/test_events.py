"""Events of the trail: each kind has its sentence, and one that only a newer version knows harms no page."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.cases.history import SENTENCES, history
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.models import Case, CaseEvent
from casework.conftest import NAME, PASSWORD
from casework.makers import FRIDAY

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NEUTRAL = "An event that this version cannot describe."
OF_A_NEWER_VERSION = [
    pytest.param({"kind": "case_moved_on", "why": NAME}, id="kind"),
    pytest.param({"kind": EventKind.DISMISS, "outcome": "of a later year", "why": NAME}, id="value"),
    pytest.param({"kind": EventKind.HOLD, "why": NAME}, id="payload"),
    pytest.param({"kind": EventKind.ASSIGN, "assignee": 999_999}, id="person"),
]


@pytest.fixture
def auditor(departments: None) -> User:
    return casework.create_user("auditor", PASSWORD, role="auditor", areas=[])


def test_each_kind_has_a_sentence() -> None:
    assert set(SENTENCES) == set(EventKind)
    assert EventKind.read("follow-up") is EventKind.FOLLOW_UP
    assert EventKind.read("case_moved_on") is None


def test_the_kind_is_stored_in_its_column_and_not_in_what_the_event_holds(case: Case) -> None:
    append([NewEvent(case, {"kind": EventKind.FILE_REMOVED, "file": "k7f2", "note": "twice"})], FRIDAY)
    event = CaseEvent.objects.latest("number")
    assert (event.kind, event.data) == ("file_removed", '{"file":"k7f2","note":"twice"}')
    assert casework.verify_chain().intact


@pytest.mark.parametrize("event", OF_A_NEWER_VERSION)
def test_what_only_a_newer_version_knows_is_told_neutrally_on_every_page_that_shows_events(
    case: Case,
    worker: User,
    auditor: User,
    signed_in: SignIn,
    caplog: pytest.LogCaptureFixture,
    event: dict[str, object],
) -> None:
    append([NewEvent(case, event)], FRIDAY)  # type: ignore[arg-type]
    of_case = {"case": case.reference}
    for person, address, asked in (
        (worker, reverse("case", args=[case.reference]), {}),
        (auditor, reverse("oversight"), {}),
        (auditor, reverse("oversight"), of_case),
    ):
        for language, sentence in (("en", NEUTRAL), ("zh-hans", "发生了本版本无法说明的事项。")):
            page = signed_in(person).get(address, asked, headers={"accept-language": language})
            assert page.status_code == 200
            assert page.content.decode().count(sentence) == 1, (address, language)
    logged = [record.getMessage() for record in caplog.records if record.name.endswith(".history")]
    assert len(logged) == 6
    assert all(str(CaseEvent.objects.latest("number").number) in line for line in logged)
    assert NAME not in "".join(logged)


def test_what_is_known_is_told_as_before_and_nothing_is_logged(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "almoner"):
        assert NEUTRAL not in [line.text for line in history(case)]
    assert [record for record in caplog.records if record.name.endswith(".history")] == []
