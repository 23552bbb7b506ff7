"""What long lists are counted by gives what looking at each case gives: random places, and each list and
filter worked out once more in Python."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from almoner import casework
from almoner.casework.accounts.access import cases_of, covers, walk_ins_of
from almoner.casework.cases.lists import LISTED, UNLISTED, filtered
from almoner.casework.cases.status import stand
from almoner.casework.figures import figures
from almoner.casework.figures.areas import Areas
from almoner.casework.models import (
    Authorisation,
    Case,
    Check,
    Grievance,
    HouseholdMember,
    Identity,
    Notice,
    Referral,
    Visit,
    WalkIn,
)
from almoner.casework.models.people import INDEXED
from almoner.casework.presentation.forms import LISTS
from almoner.casework.views.today import counts
from casework.makers import Outbox, words

pytestmark = pytest.mark.django_db
NOW = dt.datetime.now().replace(microsecond=0)
DAY = dt.timedelta(days=1)
AREAS = ["520101", "520102", "5202", "5299"]
GROUPS = ["alone", "child", "disabled"]
SIGNALS = ["lost_income", "large_costs", "no_water"]
HOUSEHOLDS = 60
Plain = Callable[[Case], bool]


class Place:
    """Cases in all the states that lists tell of, made by chance. What evidence says goes the way of all
    evidence."""

    def __init__(self, seed: int, people: list[User]) -> None:
        self.chance, self.outbox, self.people = random.Random(seed), Outbox(), people
        self.area = {household: self.chance.choice(AREAS) for household in range(HOUSEHOLDS)}
        for _ in range(3):
            casework.apply([list(self.evidence())])
            for case in Case.objects.filter(ended_at=None).order_by("pk"):
                self.happens(case)
        casework.apply([list(self.evidence())])
        for case in Case.objects.filter(ended_at__isnull=False).order_by("pk"):
            self.joined(case)

    def evidence(self) -> Iterable[Any]:
        chance = self.chance
        for household in chance.sample(range(HOUSEHOLDS), HOUSEHOLDS // 2):
            common = {"known_at": NOW - chance.randint(0, 40) * DAY, "area": self.area[household]}
            for signal in chance.sample(SIGNALS, chance.randint(0, 3)):
                groups = [
                    {"id": g, "label": words(g, g)}
                    for g in chance.sample(GROUPS, chance.choice([0, 0, 1, 2]))
                ]
                layers = chance.choice([None, {"points": groups, "line": None}])
                yield self.outbox.signal(
                    household,
                    chance.choice(["raised", "raised", "cleared"]),
                    signal=signal,
                    layers=layers,
                    theme=chance.choice("ab"),
                    **common,
                )
            for programme in chance.sample(["one", "two"], chance.randint(0, 2)):
                part = chance.choice(["push", "pre_notify", "automatic"])
                yield self.outbox.proposal(
                    household,
                    chance.choice(["raised", "raised", "cleared"]),
                    programme=programme,
                    participation=part,
                    **common,
                )

    def happens(self, case: Case) -> None:
        chance, some = self.chance, {"case": case}
        time = lambda: NOW + chance.randint(-20, 20) * DAY + dt.timedelta(hours=1)  # noqa: E731
        case.assignee = chance.choice([None, *self.people])
        if case.assignee is None:
            case.handed_back_from = chance.choice([None, *self.people])
        case.due_at = chance.choice([case.due_at, time(), dt.datetime(9999, 12, 31)])
        case.held_until = chance.choice([None, None, None, NOW.date() + chance.randint(-2, 2) * DAY])
        case.state = chance.choice(["detected", "verifying", "confirmed", "supporting", "follow_up"])
        if chance.random() < 0.2:
            case.state, case.ended_at, case.decided_at = (
                chance.choice(["closed", "dismissed"]),
                NOW - chance.randint(0, 9) * DAY,
                NOW,
            )
        case.save()
        for referral in Referral.objects.filter(case=case, state="proposed").order_by("pk"):
            referral.state = chance.choice(["proposed", "sent", "accepted", "returned", "done"])
            referral.due_at, referral.answered_at = time(), time() - 20 * DAY
            referral.save()
        if (
            chance.random() < 0.3
            and not Visit.objects.filter(case=case, made_on=None, called_off_at=None).exists()
        ):
            Visit.objects.create(**some, planned_for=NOW, visitor=self.people[0], planned_at=NOW)
        if chance.random() < 0.3 and not Check.objects.filter(case=case, decided_at=None).exists():
            Check.objects.create(
                **some, what="close", asked_by=self.people[0], asked_at=NOW, due_at=NOW + DAY
            )
        if chance.random() < 0.4 and not Notice.objects.filter(case=case, ended_at=None).exists():
            answered = {"answered_at": NOW, "answer": "accepted"} if chance.random() < 0.3 else {}
            ended = NOW if chance.random() < 0.3 else None
            Notice.objects.create(
                **some,
                code_index=chance.randbytes(32),
                made_at=NOW,
                made_by=self.people[0],
                answer_by=time(),
                ended_at=ended,
                **answered,
            )
        if chance.random() < 0.3:
            kind = chance.choice(["appeal", "person", "correction"])
            Grievance.objects.get_or_create(
                **some,
                kind=kind,
                about="",
                answered_at=None,
                defaults={"person_id": 1, "asked_at": NOW, "due_at": NOW + DAY},
            )
        for referral in Referral.objects.filter(case=case).order_by("pk")[:1]:
            if chance.random() < 0.4 and not Authorisation.objects.filter(referral=referral).exists():
                settled = chance.choice([None, None, NOW])
                Authorisation.objects.create(
                    **some,
                    referral=referral,
                    asked=[],
                    text={},
                    made_at=NOW,
                    made_by=self.people[0],
                    due_at=time(),
                    settled_at=settled,
                )
        stand(stood := Case.objects.get(pk=case.pk))
        Case.objects.filter(pk=case.pk).update(
            untold=stood.untold, silent_since=stood.silent_since
        )  # the clock stays as chance chose it

    def joined(self, case: Case) -> None:
        others = Case.objects.filter(ended_at=None).exclude(household_id=case.household_id).order_by("pk")
        if self.chance.random() < 0.7:
            Case.objects.filter(pk=case.pk).update(joined_to=self.chance.choice(list(others)))


class Once_more:  # noqa: N801 - reads as what it is
    """The lists by looking at each case."""

    def __init__(self, me: User) -> None:
        self.me, self.today = me, NOW.date()
        self.cases = [
            case for case in Case.objects.select_related("joined_to") if covers(me.membership, case.area)
        ]
        self.signals = {case.pk: list(case.signals.filter(cleared_on=None)) for case in self.cases}
        self.all_signals = {case.pk: case.signals.exists() for case in self.cases}
        self.referrals = list(Referral.objects.select_related("case"))
        self.visits = set(
            Visit.objects.filter(made_on=None, called_off_at=None).values_list("case_id", flat=True)
        )

    def of(self, name: str) -> set[int]:
        return {case.pk for case in self.cases if getattr(self, f"is_{name}")(case)}

    def _has(self, case: Case, which: Callable[[Referral], bool]) -> bool:
        return any(r.case_id == case.pk and which(r) for r in self.referrals)

    def _working(self, case: Case) -> bool:
        return case.ended_at is None and (case.held_until is None or case.held_until <= self.today)

    def is_open(self, case: Case) -> bool:
        return self._working(case) and case.assignee_id in {None, self.me.pk}

    def is_mine(self, case: Case) -> bool:
        return self._working(case) and case.assignee_id == self.me.pk

    def is_team(self, case: Case) -> bool:
        return self._working(case) and case.assignee_id is not None

    def is_unassigned(self, case: Case) -> bool:
        return self._working(case) and case.assignee_id is None

    def is_back(self, case: Case) -> bool:
        return case.ended_at is None and case.handed_back_from is not None

    def is_overdue(self, case: Case) -> bool:
        return self._working(case) and case.due_at < NOW

    def is_second(self, case: Case) -> bool:
        return case.ended_at is None and Check.objects.filter(case=case, decided_at=None).exists()

    def is_asked(self, case: Case) -> bool:
        return Grievance.objects.filter(case=case, answered_at=None, kind__in=["appeal", "person"]).exists()

    def is_telling(self, case: Case) -> bool:
        notified = Notice.objects.filter(case=case, ended_at=None).exists()
        return (
            case.ended_at is None
            and not notified
            and self._has(case, lambda r: r.state == "proposed" and r.participation in {"push", "pre_notify"})
        )

    def is_unanswered(self, case: Case) -> bool:
        over = Notice.objects.filter(case=case, ended_at=None, answered_at=None, answer_by__lt=NOW).exists()
        over = (
            over
            or Authorisation.objects.filter(
                case=case, ended_at=None, settled_at=None, due_at__lt=NOW
            ).exists()
        )
        return case.ended_at is None and over and case.pk not in self.visits

    def is_returned(self, case: Case) -> bool:
        return case.state in {"confirmed", "supporting"} and self._has(case, lambda r: r.state == "returned")

    def is_departments(self, case: Case) -> bool:
        def is_over(r: Referral) -> bool:
            waits = r.state in {"sent", "accepted"} and r.due_at is not None and r.due_at < NOW
            return (
                waits
                and (r.case.ended_at is None or r.case.joined_to_id is not None)
                and case.pk in {r.case_id, r.case.joined_to_id}
            )

        return case.ended_at is None and any(is_over(r) for r in self.referrals)

    def is_withdrawn(self, case: Case) -> bool:
        return case.ended_at is None and self.all_signals[case.pk] and not self.signals[case.pk]

    def is_held(self, case: Case) -> bool:
        return case.ended_at is None and case.held_until is not None and case.held_until > self.today

    def is_new(self, case: Case) -> bool:
        return case.opened_at.date() >= self.today - 6 * DAY

    def is_given(self, case: Case) -> bool:
        since = self.today - 29 * DAY
        return self._has(
            case, lambda r: r.state == "done" and r.answered_at is not None and r.answered_at.date() >= since
        )

    def is_all(self, case: Case) -> bool:
        return case.ended_at is None

    def is_ended(self, case: Case) -> bool:
        return case.state in {"dismissed", "closed"}


@pytest.fixture
def people(departments: None) -> list[User]:
    areas = {"all": ["*"], "two": ["520101", "5202"], "one": ["5201"], "nowhere": []}
    return [casework.create_user(name, None, areas=found) for name, found in areas.items()]


@pytest.fixture(params=range(4))
def place(request: pytest.FixtureRequest, people: list[User]) -> Place:
    return Place(request.param, people)


def test_each_list_holds_what_looking_at_each_case_finds(place: Place) -> None:
    areas, found = Areas(), 0
    for user in place.people:
        plain = Once_more(user)
        for name in LISTS:
            assert set(filtered(user, {"list": name}, areas).values_list("pk", flat=True)) == plain.of(
                name
            ), (name, user)
            found += bool(plain.of(name))
    assert found > 30  # or the place would prove nothing


def test_the_figures_of_today_are_those_counts(place: Place) -> None:
    for user in place.people:
        plain, counted = Once_more(user), counts(user, NOW)
        names = LISTS.keys() & counted.keys()
        assert len(names) == 14
        assert {name: counted[name] for name in names} == {name: len(plain.of(name)) for name in names}
        for name, which in figures.lateness(NOW).items():
            assert counted[name] == cases_of(user).filter(which, ended_at=None).count(), name


def test_weeks_that_are_over_are_kept_as_they_would_be_counted(place: Place) -> None:
    for case in Case.objects.order_by("pk"):
        opened = NOW - dt.timedelta(minutes=place.chance.randrange(120 * 24 * 60))
        ended = case.ended_at and opened + dt.timedelta(minutes=place.chance.randrange(30 * 24 * 60))
        Case.objects.filter(pk=case.pk).update(opened_at=opened, ended_at=ended)
    days = [NOW.date() + dt.timedelta(days=later) for later in (0, 1, 6, 7, 20)]
    counted = [[figures.by_week(user, day).rows for day in days] for user in place.people]
    figures.keep_weeks(NOW)
    assert [[figures.by_week(user, day).rows for day in days] for user in place.people] == counted
    Case.objects.update(opened_at=NOW)
    now = [figures.by_week(user, NOW.date()).rows for user in place.people]
    assert [rows[:-1] for rows in now] == [rows[:-1] for rows, *_later in counted]
    assert any(rows[-1] != was[-1] for rows, (was, *_later) in zip(now, counted, strict=True))


@pytest.mark.parametrize("many", [False, True])
def test_the_watch_list_by_cases_is_the_watch_list_by_signals(place: Place, many: bool) -> None:
    user, areas = place.people[0], Areas()
    plain = Once_more(user)
    conditions: dict[str, Callable[[str], bool]] = {
        LISTED: bool,
        UNLISTED: lambda watched: not watched,
        **{g: lambda watched, g=g: f",{g}," in watched for g in GROUPS},
    }
    for chosen, holds in conditions.items():
        expected = {
            case.pk
            for case in plain.cases
            if case.ended_at is None and any(holds(s.watched) for s in plain.signals[case.pk])
        }
        found = filtered(user, {"list": "all", "watch": chosen}, areas, many=many).values_list(
            "pk", flat=True
        )
        assert expected
        assert sorted(found) == sorted(expected)


def test_ended_cases_say_it_too(place: Place) -> None:
    for case in Case.objects.all():
        watched = list(case.signals.filter(cleared_on=None).values_list("watched", flat=True))
        assert (case.listed, case.unlisted) == (any(watched), "" in watched)


def test_requests_are_those_of_the_own_people(place: Place) -> None:
    chance = place.chance
    for household in range(HOUSEHOLDS):
        index = chance.randbytes(32)
        if chance.random() < 0.8:
            Identity.objects.create(person_id=household, number_index=index)
        if chance.random() < 0.8:
            HouseholdMember.objects.create(household_id=household, person_id=household, as_of=NOW)
        WalkIn.objects.create(
            number_index=index,
            known=True,
            area=chance.choice(["", "", *AREAS]),
            taken_at=NOW,
            taken_by=chance.choice(place.people),
            due_at=NOW + chance.randint(-3, 3) * DAY,
        )
    for user in place.people:
        mine = {request.pk for request in WalkIn.objects.all() if _is_mine(user, request)}
        assert set(walk_ins_of(user).values_list("pk", flat=True)) == mine
    assert 0 < len(mine) < HOUSEHOLDS


def _is_mine(user: User, request: WalkIn) -> bool:
    person = Identity.objects.filter(number_index=bytes(request.number_index)).first()
    members = (
        HouseholdMember.objects.filter(person_id=person.person_id)
        if person
        else HouseholdMember.objects.none()
    )
    cases = Case.objects.filter(household_id__in=members.values("household_id"))
    own = request.taken_by_id == user.pk or (request.area and covers(user.membership, request.area))
    return bool(
        own or "*" in user.membership.areas or any(covers(user.membership, case.area) for case in cases)
    )


def test_a_number_is_looked_up_in_its_index(lead: User, worker: User) -> None:
    """Without its condition SQLite reads all residents, for each request that waits."""
    found = Identity.objects.filter(INDEXED, number_index=b"n" * 32)
    if connection.vendor == "sqlite":
        assert "identity_by_number" in found.explain()
        assert "identity_by_number" in walk_ins_of(worker).explain()


def test_cases_of_somebodys_areas_are_a_range_of_an_index(worker: User) -> None:
    """As a pattern, SQLite tries it on each case there is."""
    if connection.vendor == "sqlite":
        assert "area>? AND area<?" in cases_of(worker).filter(ended_at=None).explain()
