"""Texts that are kept readable hold no identity numbers, and who writes one is told what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.api.models import AnswerKept
from almoner.casework.core.plain_texts import HoldsNumber
from almoner.casework.models import CalendarDay, Case, CaseEvent, Referral, ReferralState
from almoner.policy.model.pack import Pack
from casework.api_systems import System, problem
from casework.moves import confirmed, go
from county import number

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
WHO = number(1, dt.date(1984, 6, 1))
NOTE = f"Spoke with {WHO[:6]} {WHO[6:14]} {WHO[14:]}."


@pytest.fixture
def mine(case: Case, worker: User, base: Pack) -> Case:
    from almoner.casework.sync import pack_tables

    pack_tables.sync(base)
    return go(case, worker, "take")


def test_a_note_with_a_number_is_refused_and_changes_nothing(
    mine: Case, worker: User, signed_in: SignIn
) -> None:
    events = CaseEvent.objects.count()
    with pytest.raises(HoldsNumber, match="Leave the number out"):
        go(mine, worker, "start", note=NOTE)
    page = signed_in(worker).post(
        reverse("case-action", args=[mine.reference, "note"]), {"version": mine.version, "note": NOTE}
    )
    assert page.status_code == 409
    assert "Leave the number out" in page.content.decode()
    mine.refresh_from_db()
    assert (mine.state, CaseEvent.objects.count()) == ("detected", events)
    go(mine, worker, "start", note="Spoke with the mother on 2026-11-09.")


def test_a_day_of_the_calendar_has_none_either(mine: Case, administrator: User, signed_in: SignIn) -> None:
    day = {"day": "2026-12-24", "working": "no", "note": f"Day of {WHO}"}
    page = signed_in(administrator).post(reverse("calendar"), day)
    assert "Leave the number out" in page.content.decode()
    assert not CalendarDay.objects.exists()


def test_a_departments_system_is_told_and_its_key_is_kept_as_a_hash(mine: Case, worker: User) -> None:
    referral = confirmed(mine, worker)
    assert referral.state == ReferralState.SENT
    system = System(referral.department)
    path = f"referrals/{referral.reference}/accept"
    refused = system.post(path, {"version": referral.version, "note": NOTE}, key=f"{WHO}-1")
    assert problem(refused) == (422, "not-valid")
    assert refused.json()["errors"][0]["pointer"] == "#/note"
    assert WHO not in refused.content.decode()
    assert Referral.objects.get().state == ReferralState.SENT
    assert system.post(path, {"version": referral.version}, key=f"{WHO}-1").status_code == 200
    assert WHO not in AnswerKept.objects.get().key


def test_without_a_pack_there_is_nothing_to_check_by(case: Case, worker: User) -> None:
    assert casework.verify_chain().intact
    go(case, worker, "take", note=NOTE)
