"""The list of answered requests, in pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner.casework.models import WalkIn
from almoner.casework.residents import answered_walk_ins
from casework.reading import markup

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


def answered_requests_of(by: User, times: list[dt.datetime]) -> list[str]:
    made = [
        WalkIn(
            number_index=b"n" * 32,
            known=True,
            taken_at=at,
            taken_by=by,
            due_at=at,
            answered_at=at,
            answered_by=by,
            ending="nothing",
            note="x",
        )
        for at in times
    ]
    return [one.reference for one in WalkIn.objects.bulk_create(made)]


@pytest.mark.parametrize("many", [0, 1, 2, 3, 4, 6, 7])
def test_many_answers_are_read_in_stretches_and_each_is_in_one(
    lead: User, strangers: list[User], signed_in: SignIn, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(answered_walk_ins, "AT_ONCE", 3)
    noon = dt.datetime(2026, 11, 20, 12)
    made = answered_requests_of(
        lead, [noon - n // 2 * dt.timedelta(days=1) for n in range(many)]
    )  # two in one moment
    for who, shown in ((lead, made), (strangers[0], [])):
        client, address, found = signed_in(who), reverse("requests") + "?list=answered", list[str]()
        for _stretch in range(many + 1):
            answer = client.get(address)
            found += [one.reference for one, _clock in answer.context["rows"]]
            near = answer.context["pages"]
            assert ("Earlier answers" in answer.content.decode()) == ("earlier" in near)
            assert ("Latest answers" in answer.content.decode()) == ("before=" in address)
            if "earlier" not in near:
                break
            address = reverse("requests") + near["earlier"]
        assert "earlier" not in near
        assert found == shown


def test_few_answers_are_counted_as_ever_and_many_with_their_days(
    lead: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered_walk_ins, "AT_ONCE", 3)
    noon, client, page = dt.datetime(2026, 11, 20, 12), signed_in(lead), reverse("requests")
    answered_requests_of(lead, [noon - n * dt.timedelta(days=1) for n in range(3)])
    few = markup(client.get(page, {"list": "answered"}))
    assert "<strong>3</strong> requests were answered.</p>" in few
    answered_requests_of(lead, [noon - dt.timedelta(days=9)])
    many = markup(client.get(page, {"list": "answered"}))
    assert "<strong>3</strong> requests were answered from Nov. 18, 2026 to" in many
    last = markup(client.get(page, {"list": "answered", "before": "2026-11-18T12:00:00"}))
    assert "<strong>1</strong> request was answered from Nov. 11, 2026 to Nov. 18, 2026." in last
    for typed in ("", "yesterday", "2026-11-18T12:00:00+08:00", "9999-12-31T23:59:59", "0001-01-01"):
        assert client.get(page, {"list": "answered", "before": typed}).status_code == 200


def test_the_pages_of_a_stretch_stay_in_it(
    lead: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered_walk_ins, "AT_ONCE", 30)
    noon, client = dt.datetime(2026, 11, 20, 12), signed_in(lead)
    made = answered_requests_of(lead, [noon - n * dt.timedelta(days=1) for n in range(70)])
    address, found = reverse("requests") + "?list=answered", list[str]()
    for _page in range(5):
        answer = client.get(address)
        found += [one.reference for one, _clock in answer.context["rows"]]
        near = answer.context["pages"]
        address = reverse("requests") + (answer.context["page"].next or near.get("earlier") or "")
    assert found == made
