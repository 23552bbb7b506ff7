"""Blind spots: feeds that are late or missing with the signals that rest on them, and judgements that stay
unknown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.models import FeedState, Judged, Rule, Sweep
from almoner.casework.sync import blind_spots
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
TODAY = dt.date.today()


@pytest.fixture
def auditor(departments: None) -> User:
    return casework.create_user("auditor", "a long fictional password", role="auditor", areas=[])


def feed(
    name: str, days: int | None, allowed: int | None = 2, shared: str = "conditional", *signals: str
) -> None:
    through = None if days is None else TODAY - dt.timedelta(days=days)
    fields = [{"name": "x", "signals": list(signals)}, {"name": "y", "signals": list(signals[:1])}]
    FeedState.objects.create(
        id=name,
        position=FeedState.objects.count(),
        label={"en": name.title(), "zh": name},
        owner="labour",
        cadence="daily",
        sharing_class=shared,
        complete_through=through,
        late_after_days=allowed,
        fields=fields,
    )


@pytest.fixture
def rules() -> None:
    for place, key in enumerate(("silent", "income")):
        Rule.objects.create(
            kind="signal",
            key=key,
            position=place,
            body={"label": {"en": f"The {key} one", "zh": f"{key}预警"}},
        )


@pytest.fixture
def feeds(rules: None) -> None:
    feed("calm", 1)
    feed("late", 5, 2, "conditional", "silent", "income")
    feed("later", 90, 2, "conditional", "income")
    feed("missing", None, 2, "conditional", "silent")
    feed("rare", 900, None)  # comes when something happens
    feed("secret", None, 2, "not-shared")


def show(client: Client) -> tuple[str, Any]:
    answer = client.get(reverse("blind-spots"))
    return markup(answer), answer.context


def test_missing_feeds_come_first_then_the_latest_with_what_rests_on_them(
    feeds: None, auditor: User, signed_in: SignIn
) -> None:
    found = blind_spots.feeds(TODAY)
    assert [one.feed.feed.pk for one in found] == ["missing", "later", "late"]
    assert [[key for key, _label in one.signals] for one in found] == [
        ["silent"],
        ["income"],
        ["income", "silent"],
    ]
    text, _context = show(signed_in(auditor))
    assert text.index("Missing") < text.index("Later")
    assert reverse("rule", args=["signal", "silent"]) in text
    assert "Nothing delivered yet" in text
    assert "Secret" not in text


def test_without_a_late_feed_it_says_so(rules: None, auditor: User, signed_in: SignIn) -> None:
    feed("calm", 1)
    text, _context = show(signed_in(auditor))
    assert "Every feed is there, and none is late." in text
    assert "No cycle over everybody has been run here yet." in text


def test_what_a_sweep_could_not_judge_is_told_the_least_known_first(
    rules: None, auditor: User, signed_in: SignIn
) -> None:
    casework.sync_sweep(
        TODAY, 12_000, 1, [("silent", 200, 3, 20), ("income", 12_000, 900, 6_000), ("gone", 0, 0, 0)]
    )
    text, context = show(signed_in(auditor))
    assert [(one.key, share) for one, share in context["signals"]] == [
        ("income", "50 %"),
        ("silent", "10 %"),
        ("gone", "0 %"),
    ]
    assert "over 12,000 households" in text
    assert "<strong>1</strong> person has records and no household" in text
    for number in ("6,000", "900", "20"):
        assert f"</span>{number}</td>" in text


def test_a_later_sweep_replaces_all_of_an_earlier_one(rules: None) -> None:
    casework.sync_sweep(TODAY - dt.timedelta(days=1), 5, 5, [("silent", 2, 1, 1), ("income", 2, 1, 1)])
    casework.sync_sweep(TODAY, 6, 0, [("income", 4, 2, 0)])
    assert [(j.signal, j.subjects, j.holds, j.unknown) for j in Judged.objects.all()] == [("income", 4, 2, 0)]
    assert [(s.as_of, s.households, s.unplaced) for s in Sweep.objects.all()] == [(TODAY, 6, 0)]


def test_the_page_is_in_chinese_too(feeds: None, auditor: User, signed_in: SignIn) -> None:
    casework.sync_sweep(TODAY, 12_000, 3, [("income", 12_000, 900, 6_000)])
    client = signed_in(auditor)
    client.cookies["django_language"] = "zh-hans"
    text, _context = show(client)
    assert "盲区" in text
    assert "income预警" in text
    assert "<strong>3</strong> 人有记录" in text
