"""What feeds are complete for, and what waits for a person, on the pages of feeds and on Today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.accounts.access import RIGHTS, Right
from almoner.casework.figures import complete_days
from almoner.casework.models import FeedState, RoleOf
from casework.conftest import PASSWORD
from casework.makers import words
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
HEADING = {"en": "Deliveries that wait for a person", "zh-hans": "等待人工处理的数据批次"}
COMMANDS = (
    "almoner feeds HOME release wages 7",
    "almoner withdrawals release HOME 9",
    "almoner withdrawals keep HOME 9",
)


def complete(
    part: str | None = None, since: str | None = None, through: str = "2026-10-31"
) -> dict[str, Any]:
    return {
        "part": part,
        "since": since,
        "through": through,
        "delivery": 5,
        "file": "wages-2026-10.csv",
        "never_came": [["2026-03-01", "2026-03-31"]],
    }


def doubt(rule: str, found: int = 0, expected: int = 0, period: str | None = None) -> dict[str, Any]:
    return {"rule": rule, "found": found, "expected": expected, "period": period}


def claim(*reasons: dict[str, Any], parts: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "delivery": 7,
        "file": "wages-2026-11.csv",
        "parts": list(parts),
        "since": "2026-11-01",
        "through": "2026-11-30",
        "reasons": list(reasons or (doubt("held_back", 1_200, 2_400),)),
    }


LIST = {"delivery": 9, "file": "wages-2026-12.csv", "rows": 1_234}


@pytest.fixture
def feeds(departments: None) -> None:
    for place, name in enumerate(("calm", "wages")):
        FeedState.objects.create(
            id=name,
            position=place,
            label=words(name.title(), f"{name}数据"),
            owner="labour",
            cadence="monthly",
            sharing_class="conditional",
            complete_through=dt.date(2026, 10, 31),
        )


@pytest.fixture
def found(feeds: None) -> None:
    casework.sync_completeness(
        {
            "calm": {"complete": [complete()]},
            "wages": {"complete": [complete()], "waiting": [claim()], "lists_waiting": [LIST]},
            "unknown": {"complete": [complete()]},
        }
    )


def somebody(role: str) -> User:
    department = "relief" if role == RoleOf.DEPARTMENT else None
    return casework.create_user(f"a_{role}", PASSWORD, role=role, areas=["*"], department=department)


@pytest.mark.parametrize("role", [role for role, rights in RIGHTS.items() if Right.FEEDS in rights])
def test_who_may_see_feeds_sees_what_is_complete_and_what_waits(
    role: str, found: None, signed_in: SignIn
) -> None:
    client = signed_in(somebody(role))
    text = markup(client.get(reverse("feed", args=["wages"])))
    for said in ("Oct. 31, 2026", "5 (wages-2026-10.csv)", "Mar 2026", "its beginning", "The whole feed"):
        assert said in text, said
    for said in (*COMMANDS, "1,200 of 2,400 rows are held back", "7 (wages-2026-11.csv)", "1,234"):
        assert said in text, said
    listed = markup(client.get(reverse("sharing")))
    assert HEADING["en"] in listed
    assert reverse("feed", args=["wages"]) in listed
    assert HEADING["en"] not in markup(client.get(reverse("feed", args=["calm"])))


@pytest.mark.parametrize(
    "role",
    [role for role, rights in RIGHTS.items() if Right.FEEDS not in rights and Right.CASES not in rights],
)
def test_nobody_else_learns_of_them(role: str, found: None, signed_in: SignIn) -> None:
    client = signed_in(somebody(role))
    for page in (reverse("sharing"), reverse("feed", args=["wages"]), reverse("feed", args=["none"])):
        assert client.get(page).status_code == 404, page
    assert Client().get(reverse("feed", args=["wages"])).status_code in {302, 404}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_today_tells_of_what_waits_and_says_nothing_when_nothing_does(
    language: str, found: None, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    client.cookies["django_language"] = language
    text = markup(client.get(reverse("today")))
    assert HEADING[language] in text
    assert "7 (wages-2026-11.csv)" in text
    casework.sync_completeness({"wages": {"complete": [complete()]}})
    assert HEADING[language] not in markup(client.get(reverse("today")))


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        (doubt("held_back", 30, 100), "30 of 100 rows are held back.", "100 行中有 30 行被暂扣"),
        (
            doubt("volume", 40, 100, "2026-11-01"),
            "Rows of the period from Nov. 1, 2026: 40, where 100 are usual.",
            "通常为 100 行",
        ),
        (
            doubt("row_count", 1_199, 1_200),
            "Rows that came: 1,199, where 1,200 were stated.",
            "申报为 1,200 行",
        ),
        (doubt("unread"), "A part of the file was not read.", "未能读取"),
        (doubt("trailer"), "The last row, which counts the others, is missing", "缺少末尾的合计行"),
        (doubt("a_later_rule"), "a_later_rule", "a_later_rule"),
    ],
)
def test_each_reason_is_told_in_both_languages(
    reason: dict[str, Any], english: str, chinese: str, feeds: None, worker: User, signed_in: SignIn
) -> None:
    casework.sync_completeness({"wages": {"waiting": [claim(reason)]}})
    client = signed_in(worker)
    for language, said in (("en", english), ("zh-hans", chinese)):
        client.cookies["django_language"] = language
        for page in (reverse("feed", args=["wages"]), reverse("sharing"), reverse("today")):
            assert said in markup(client.get(page)), (page, language)


def test_parts_have_names_and_the_last_ones_behind_come_first(feeds: None) -> None:
    casework.sync_areas([("52", words("County", "县"), None), ("5201", words("Town", "镇"), "52")])
    parts = [complete(f"{n}", "2026-01-01", f"2026-{n:02}-28") for n in range(1, 13)]
    parts += [complete(f"x{n}", "2026-01-01", "2026-12-31") for n in range(40)]
    parts.append(complete("5201", "2026-01-01", "2025-12-31"))
    casework.sync_completeness({"wages": {"complete": parts, "waiting": [claim(parts=("5201", "supplier"))]}})
    feed = FeedState.objects.get(pk="wages")
    shown, more = complete_days.complete_parts(feed)
    assert [one.part for one in shown[:4]] == ["Town", "1", "2", "3"]
    assert (len(shown), more) == (30, 23)
    (waits,) = complete_days.waiting(feed)
    assert waits.reasons[0] == "It is about Town, supplier."


def test_what_waits_no_longer_is_forgotten_and_what_did_not_change_is_not_written(
    found: None, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        casework.sync_completeness(
            {
                "calm": {"complete": [complete()]},
                "wages": {"complete": [complete()], "waiting": [claim()], "lists_waiting": [LIST]},
            }
        )
    casework.sync_completeness({})
    assert {
        (f.pk, len(f.complete), len(f.waiting), len(f.lists_waiting)) for f in FeedState.objects.all()
    } == {
        ("calm", 0, 0, 0),
        ("wages", 0, 0, 0),
    }


def test_names_of_files_are_escaped(feeds: None, worker: User, signed_in: SignIn) -> None:
    casework.sync_completeness({"wages": {"waiting": [claim() | {"file": "<img src=x>.csv"}]}})
    client = signed_in(worker)
    for page in (reverse("feed", args=["wages"]), reverse("sharing"), reverse("today")):
        assert "<img" not in markup(client.get(page)), page
