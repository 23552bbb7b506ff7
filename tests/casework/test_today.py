"""Today: every figure is the count of the list that it leads to."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import casework
from almoner.casework.figures.freshness import freshness, late_feeds
from almoner.casework.models import Case, FeedState, Referral
from casework.makers import Outbox
from casework.moves import go
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NOW = dt.datetime.now()


@pytest.fixture
def county(worker: User, colleague: User, outbox: Outbox, vault_with_mei: None) -> None:
    """Cases in all states that the figures tell of, and two that are not the worker's to see."""
    old = NOW - dt.timedelta(days=40)
    casework.apply(
        [
            [
                *(outbox.signal(h, known_at=NOW) for h in range(1, 5)),
                *(outbox.signal(h, known_at=old) for h in range(5, 8)),
                *(outbox.signal(h, known_at=old, area="5299") for h in (8, 9)),
                outbox.proposal(1, known_at=NOW),
                outbox.proposal(2, known_at=NOW),
            ]
        ]
    )
    Case.objects.filter(household_id=2).update(assignee=colleague)
    Case.objects.filter(household_id=5).update(held_until=NOW.date() + dt.timedelta(days=5))
    case = Case.objects.get(household_id=1)
    go(case, worker, "take", "start", "confirm")
    Referral.objects.filter(case__household_id=2).update(state="done", answered_at=NOW - dt.timedelta(days=3))
    Referral.objects.filter(case__household_id=8).update(state="done", answered_at=NOW)


def figures(client: Client) -> dict[str, int]:
    text = markup(client.get(reverse("today")))
    links = re.findall(r'href="([^"]*list=[^"]*)"> ?<strong>([\d,]+)</strong>', text)
    return {address.replace("&amp;", "&"): int(count.replace(",", "")) for address, count in links}


def test_each_figure_is_the_count_of_the_list_behind_it(
    county: None, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    found = figures(client)
    assert len(found) == 15
    assert {address: client.get(address).context["page"].count for address in found} == found
    by_list = {address.split("list=")[1]: count for address, count in found.items()}
    assert by_list == {
        "new": 4,
        "unassigned": 4,
        "back": 0,
        "mine": 1,
        "team": 2,
        "second": 1,
        "held": 1,
        "overdue": 2,
        "given": 1,
        "asked": 0,
        "telling": 0,
        "unanswered": 0,
        "returned": 0,
        "departments": 0,
        "withdrawn": 0,
    }


def test_what_was_given_is_told_by_programme_with_its_sum(
    county: None, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    (row,) = client.get(reverse("today")).context["given"]
    assert (row.programme, row.count, row.amount) == ("Monthly relief", 1, "1,702.50 CNY a month")
    assert client.get(row.address).context["page"].count == 1


def test_figures_hold_nothing_of_others(county: None, strangers: list[User], signed_in: SignIn) -> None:
    elsewhere, nowhere, *_rest = strangers
    assert figures(signed_in(elsewhere))[f"{reverse('queue')}?list=unassigned"] == 2
    assert set(figures(signed_in(nowhere)).values()) == {0}


def test_the_page_makes_as_many_queries_for_many_cases(
    county: None, worker: User, outbox: Outbox, signed_in: SignIn
) -> None:
    def queries() -> int:
        client = signed_in(worker)
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("today"))
        return len(captured)

    few = queries()
    casework.apply([[outbox.signal(h) for h in range(20, 60)]])
    assert queries() == few


@pytest.mark.parametrize(
    ("allowed", "days", "late"),
    [
        (2, 2, False),
        (2, 3, True),
        (41, 41, False),
        (41, 42, True),
        (None, 4_000, False),
    ],
)
def test_a_feed_is_late_by_what_its_contract_says(allowed: int | None, days: int, late: bool) -> None:
    through = NOW.date() - dt.timedelta(days=days)
    feed = FeedState(
        id="wages", position=1, sharing_class="conditional", complete_through=through, late_after_days=allowed
    )
    assert freshness(feed, NOW.date()).is_late is late


def test_late_feeds_are_told_the_latest_first(worker: User, signed_in: SignIn) -> None:
    for number, days in enumerate((5, 50, 1)):
        FeedState.objects.create(
            id=f"feed{number}",
            position=number,
            label={"en": f"Feed {number}"},
            owner="labour",
            cadence="daily",
            sharing_class="conditional",
            complete_through=NOW.date() - dt.timedelta(days=days),
            late_after_days=2,
        )
    assert [one.label for one in late_feeds(NOW.date())] == ["Feed 1", "Feed 0"]
    text = signed_in(worker).get(reverse("today")).content.decode()
    assert text.index("Feed 1") < text.index("Feed 0")
    assert "50 days ago" in text
