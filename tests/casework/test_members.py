"""Who died is told and not asked for, and visits to homes in which nobody is left are called off."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User

from almoner import casework
from almoner.casework.cases.history import history
from almoner.casework.core.vault_rows import people_of
from almoner.casework.models import Case, HouseholdMember, Visit
from almoner.casework.models.work import AHEAD
from almoner.registry.vault import SealedIdentity

pytestmark = pytest.mark.django_db
DAY, DIED = dt.date(2026, 11, 6), dt.date(2026, 11, 3)


def sentences(case: Case) -> list[str]:
    return [line.text for line in history(case)]


def plan(case: Case, worker: User) -> Visit:
    at = dt.datetime(2026, 11, 6, 9)
    return Visit.objects.create(case=case, planned_for=DAY, visitor=worker, planned_at=at)


def another_member() -> None:
    casework.identities().write([SealedIdentity(12, b"x" * 32)])


def test_a_death_is_told_and_the_dead_are_no_longer_asked_for(case: Case, worker: User) -> None:
    another_member()
    casework.sync_members([(1, 11, DAY), (1, 12, DAY)])
    visit = plan(case, worker)
    casework.sync_members([(1, 11, DAY, DIED), (1, 12, DAY)])
    assert any("has died on" in line for line in sentences(case))
    assert [person.person_id for person in casework.people(1)] == [12]
    assert [person.person_id for person in people_of([1])[1]] == [12]
    visit.refresh_from_db()
    assert visit.called_off_at is None  # somebody is still there


def test_a_visit_to_a_household_in_which_nobody_is_left_is_called_off(case: Case, worker: User) -> None:
    plan(case, worker)
    casework.sync_members([(1, 11, DAY, DIED)])
    assert not Visit.objects.filter(AHEAD).exists()
    assert any("called off" in line for line in sentences(case))
    case.refresh_from_db()
    assert case.ended_at is None  # a person ends it
    found = casework.people(1)
    assert [(person.person_id, person.died_on) for person in found] == [(11, DIED)]


def test_a_death_that_was_taken_back_is_told(case: Case) -> None:
    casework.sync_members([(1, 11, DAY, DIED)])
    casework.sync_members([(1, 11, DAY)])
    assert any("taken back" in line for line in sentences(case))
    assert [person.died_on for person in casework.people(1)] == [None]


def test_what_has_not_changed_is_told_once(case: Case) -> None:
    for _ in range(3):
        casework.sync_members([(1, 11, DAY, DIED)])
    assert sum("has died on" in line for line in sentences(case)) == 1


@pytest.mark.parametrize("assessed", [None, [1], [1, 7]])
def test_a_household_without_members_is_told_when_it_was_assessed(
    case: Case, worker: User, assessed: list[int] | None
) -> None:
    plan(case, worker)
    casework.sync_members([(2, 11, DAY)], assessed)
    assert set(HouseholdMember.objects.values_list("household_id", "person_id")) == {(2, 11)}
    assert any("Nobody lives in this household any more" in line for line in sentences(case))
    assert not Visit.objects.filter(AHEAD).exists()


@pytest.mark.parametrize("assessed", [(), [2]])
def test_a_household_that_was_not_assessed_keeps_its_members(case: Case, assessed: list[int]) -> None:
    casework.sync_members([(2, 11, DAY)], assessed)
    assert HouseholdMember.objects.filter(household_id=1).exists()
