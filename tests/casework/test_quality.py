"""Quality: what became of cases by signal; shares with their interval, medians, and small numbers that are
not shown."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Callable
from math import sqrt
from statistics import NormalDist

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from almoner import casework
from almoner.casework.core import words
from almoner.casework.figures.quality import (
    FRESH,
    SMALLEST,
    Tally,
    by_list,
    by_signal,
    is_of_today,
    keep,
    kept,
    median,
    suppress_small_groups,
    together,
    wilson,
)
from almoner.casework.models import Case, Visit
from casework.makers import Outbox

SignIn = Callable[[User], Client]
NOW = dt.datetime.now()


@pytest.fixture
def auditor(departments: None) -> User:
    return casework.create_user("auditor", "a long fictional password", role="auditor", areas=[])


# --- Shares and medians
# -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 5_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_what_a_test_of_the_share_would_not_refuse(pair: tuple[int, int]) -> None:
    """Wilson's limits are the shares p at which |hits/of - p| is just z standard errors of p: they are
    looked for by halving."""
    hits, of = pair
    z, share = NormalDist().inv_cdf(0.975), hits / of

    def limit(inside: float, outside: float) -> float:
        for _ in range(80):
            p = (inside + outside) / 2
            refused = abs(share - p) > z * sqrt(p * (1 - p) / of)
            inside, outside = (inside, p) if refused else (p, outside)
        return inside

    found = wilson(hits, of)
    assert found.share == share
    assert found.low == pytest.approx(limit(share, 0.0), abs=1e-6)
    assert found.high == pytest.approx(limit(share, 1.0), abs=1e-6)


def test_the_interval_is_that_of_the_textbook() -> None:
    """Of Newcombe (Statistics in Medicine 17, 1998), table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29."""
    found = [wilson(hits, of) for hits, of in ((81, 263), (15, 148), (0, 20), (1, 29))]
    limits = [(round(one.low, 4), round(one.high, 4)) for one in found]
    assert limits == [(0.2553, 0.3662), (0.0624, 0.1605), (0.0, 0.1611), (0.0061, 0.1718)]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_the_median_of_counted_values_is_that_of_the_values(values: list[int]) -> None:
    assert median(Counter(values)) == statistics.median(values)


def test_nothing_has_no_median() -> None:
    assert median({}) is None


def test_shares_and_medians_of_few_are_not_told() -> None:
    few, enough = (Tally(cases=n, confirmed=n, days=Counter({3: n})) for n in (SMALLEST - 1, SMALLEST))
    assert (few.share, few.median, few.late) == (None, None, None)
    assert enough.share is not None
    assert enough.median == 3


# --- Small numbers
# ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_hidden_group_is_never_what_is_missing_to_the_whole(sizes: list[int]) -> None:
    groups = {place: Tally(cases=size) for place, size in enumerate(sizes)}
    shown = suppress_small_groups(groups)
    assert shown.keys() == groups.keys()
    assert all(shown[place] is None for place, size in enumerate(sizes) if size < SMALLEST)
    hidden = [sizes[place] for place, tally in shown.items() if tally is None]
    if hidden and len(hidden) < len(sizes):
        assert len(hidden) > 1
        assert sum(hidden) >= SMALLEST
    if all(size >= SMALLEST for size in sizes):
        assert not hidden


def test_no_more_is_hidden_than_must_be() -> None:
    groups = {name: Tally(cases=cases) for name, cases in {"a": 3, "b": 12, "c": 12, "d": 90}.items()}
    assert [name for name, tally in suppress_small_groups(groups).items() if tally is None] == ["a", "b"]
    groups = {name: Tally(cases=cases) for name, cases in {"a": 6, "b": 7, "c": 12}.items()}
    assert [name for name, tally in suppress_small_groups(groups).items() if tally is None] == ["a", "b"]


def test_together_is_the_sum() -> None:
    one, other = (
        Tally(
            cases=5,
            visited=1,
            confirmed=2,
            false_alarms=1,
            other=1,
            waiting=1,
            overdue=1,
            days=Counter({2: 3, 9: 1}),
        ),
        Tally(
            cases=7,
            visited=2,
            confirmed=0,
            false_alarms=3,
            other=0,
            waiting=4,
            overdue=2,
            days=Counter({2: 3}),
        ),
    )
    assert together([one, other]) == Tally(
        cases=12,
        visited=3,
        confirmed=2,
        false_alarms=4,
        other=1,
        waiting=5,
        overdue=3,
        days=Counter({2: 6, 9: 1}),
    )
    assert together([]) == Tally()


# --- Counted by the database
# --------------------------------------------------------------------------------------------------


def decide(cases: list[Case], state: str, outcome: str = "", days: int = 4) -> None:
    """As if a person had decided these cases so many calendar days after they were opened."""
    for case in cases:
        at = dt.datetime.combine(case.opened_at.date() + dt.timedelta(days=days), dt.time(0, 1))
        ended = at if state in {"dismissed", "closed"} else None
        Case.objects.filter(pk=case.pk).update(state=state, outcome=outcome, decided_at=at, ended_at=ended)


@pytest.fixture
def county(worker: User, outbox: Outbox) -> list[Case]:
    """30 cases of falling income of 23:30 some days ago, two of them with a second signal; and one that is
    too old to count."""
    opened = dt.datetime.combine(NOW.date() - dt.timedelta(days=40), dt.time(23, 30))
    casework.apply(
        [
            [
                *(outbox.signal(h, known_at=opened) for h in range(1, 31)),
                *(outbox.signal(h, signal="silent", known_at=opened) for h in (1, 2)),
                outbox.signal(31, known_at=NOW - dt.timedelta(days=366)),
            ]
        ]
    )
    cases = list(Case.objects.order_by("household_id"))
    decide(cases[:8], "confirmed", days=1)
    decide(cases[8:12], "closed", days=3)
    decide(cases[12:15], "dismissed", "false_alarm", days=6)
    decide(cases[15:17], "dismissed", "moved", days=30)
    decide(cases[30:], "confirmed", days=2)
    day = NOW.date()
    for case in cases[:3]:
        for back in (1, 2):  # twice visited is visited
            Visit.objects.create(
                case=case,
                visitor=worker,
                planned_for=day,
                planned_at=NOW,
                made_on=day - dt.timedelta(days=back),
                found="need",
            )
    Visit.objects.create(case=cases[3], visitor=worker, planned_for=day, planned_at=NOW)  # not made yet
    return cases


@pytest.mark.django_db
def test_each_signal_tells_what_became_of_its_cases(county: list[Case]) -> None:
    found = by_signal(NOW)
    income, silent = found["lost_income"], found["silent"]
    assert (income.cases, income.visited, income.confirmed, income.false_alarms, income.other) == (
        30,
        3,
        12,
        3,
        2,
    )
    assert income.days == Counter({1: 8, 3: 4, 6: 3, 30: 2})  # whole calendar days, of an evening too
    assert (income.decided, income.median) == (17, 3)
    assert income.share is not None
    assert income.share.share == pytest.approx(12 / 17)
    assert (silent.cases, silent.visited, silent.confirmed) == (2, 2, 2)


@pytest.mark.django_db
def test_a_case_counts_once_for_a_signal_that_several_members_have(county: list[Case]) -> None:
    again = county[0].signals.get(signal="lost_income")
    again.pk, again.key = None, "signal:lost_income:person:11"
    again.save(force_insert=True)
    assert by_signal(NOW)["lost_income"].cases == 30


@pytest.mark.django_db
def test_the_page_shows_them_with_intervals_and_says_what_is_left_out(
    county: list[Case], auditor: User, signed_in: SignIn
) -> None:
    answer = signed_in(auditor).get(reverse("quality"))
    text = answer.content.decode()
    rows = dict(answer.context["rows"])
    assert next(iter(rows)) == "Income fell"  # most cases first
    assert "71 %" in text
    low, high = wilson(12, 17).low, wilson(12, 17).high
    assert f"{100 * low:.0f} % – {100 * high:.0f} %" in text
    (row,) = answer.context["chart"].rows  # the signal with two decisions has no share
    assert row == ("Income fell", "71 %", f"{100 * low:.0f} % – {100 * high:.0f} %")


@pytest.mark.django_db
def test_an_empty_console_says_so(auditor: User, signed_in: SignIn) -> None:
    answer = signed_in(auditor).get(reverse("quality"))
    assert answer.context["chart"] is None
    assert "No case was opened in this time." in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["quality", "fairness", "blind-spots"])
def test_strangers_get_404(
    worker: User, lead: User, clerk: User, strangers: list[User], signed_in: SignIn, page: str
) -> None:
    for user in (worker, lead, clerk, *strangers):
        assert signed_in(user).get(reverse(page)).status_code == 404
    assert Client().get(reverse(page)).status_code == 302


@pytest.mark.django_db
def test_the_page_reads_the_database_a_few_times_whatever_it_holds(
    county: list[Case],
    outbox: Outbox,
    auditor: User,
    signed_in: SignIn,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    client = signed_in(auditor)
    casework.apply([[outbox.signal(h, signal=f"signal_{h % 30}") for h in range(100, 200)]])
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        client.get(reverse("quality"))


@pytest.mark.django_db
def test_a_sweep_keeps_what_it_counts_and_the_page_says_when(
    county: list[Case], auditor: User, signed_in: SignIn
) -> None:
    casework.sync_sweep(NOW.date(), 1, 0, [])
    live, (at, found) = by_signal(NOW), kept("signal", dt.datetime.now())
    assert found == live
    assert kept("list", at)[1] == by_list(NOW)
    decide(county[20:25], "confirmed")
    client = signed_in(auditor)
    assert client.get(reverse("quality")).context["rows"][0][1].confirmed == 12
    assert f"Counted on {words.moment(at)}." in client.get(reverse("fairness")).content.decode()
    later = at + FRESH
    assert kept("signal", later) == (later, by_signal(later))
    assert by_signal(later)["lost_income"].confirmed == 17


def test_a_worker_counts_once_a_day(case: Case) -> None:
    at = dt.datetime(2026, 11, 10, 3)
    assert not is_of_today(at)
    keep(at)
    assert is_of_today(at + dt.timedelta(hours=23))
    assert kept("signal", at + dt.timedelta(hours=23))[0] == at
    assert not is_of_today(at + dt.timedelta(hours=25))
    assert casework.sync_tallies_daily()
    assert not casework.sync_tallies_daily()
