"""Each role, each stranger and each area against each page and call of the URL map. Deny is 404."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from almoner import casework
from almoner.casework import concerns, notices
from almoner.casework.access import RIGHTS, Right
from almoner.casework.models import AccessLog, AreaAlert, Case, CaseEvent, Concern, FeedState, RoleOf, Rule
from almoner.casework.workflow import ANSWERS, MOVES
from casework.conftest import PASSWORD
from casework.moves import confirmed

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
OPEN_TO_ALL = {"sign-in", "set_language", "sign-out", "start", "health", "metrics"} | {  # of these two the API's tests tell
    "household-enter", "household", "household-answer", "household-ask", "household-leave",  # test_household.py
}  # fmt: skip
RIGHT_OF = {  # the right that a page needs; a page that is missing here fails the test
    "today": Right.CASES, "queue": Right.CASES, "queue-export": Right.CASES, "queue-assign": Right.CASES, "visits": Right.CASES,
    "case": Right.CASES, "sheet": Right.CASES, "case-action": Right.CASES, "notice": Right.CASES,
    "concern": Right.CASES, "fact": Right.REFERRALS,
    "inbox": Right.REFERRALS, "referral": Right.REFERRALS, "referral-action": Right.REFERRALS,
    "areas": Right.AREA_ALERTS, "area-answer": Right.AREA_ALERTS,
    "sharing": Right.FEEDS, "feed": Right.FEEDS, "policy": Right.POLICY, "rule": Right.POLICY,
    "oversight": Right.OVERSIGHT, "calendar": Right.CALENDAR,
}  # fmt: skip
OF_A_RECORD = {  # of an area or a department
    "case", "sheet", "case-action", "notice", "concern", "referral", "referral-action", "fact", "area-answer",
}  # fmt: skip
ONLY_POST = {"queue-assign", "case-action", "notice", "concern", "referral-action", "area-answer"}
PERSONAL = {"case", "sheet", "referral", "fact"}  # pages that show personal data, and must record it
AREAS = {
    "own": ["520101"],
    "around": ["52"],
    "everywhere": ["*"],
    "elsewhere": ["5299"],
    "nowhere": [],
    "empty": [""],
}
COVERING = {"own", "around", "everywhere"}


@pytest.fixture
def county(case: Case, alert: AreaAlert, worker: User) -> dict[str, list[str]]:
    """Every address of the console by name, made from the URL map, about a case of area 520101 and the relief office."""
    referral = confirmed(case, worker)
    FeedState.objects.create(
        id="wages", position=1, owner="labour", sharing_class="conditional", cadence="monthly"
    )
    Rule.objects.create(
        kind="parameter", key="line", position=1, body={"label": {"en": "Line"}, "unit": "", "values": []}
    )
    notice, _code = notices.make(worker, case.reference, case_now(case).version, [case.signals.get().pk])
    Case.objects.filter(pk=case.pk).update(assignee=None)
    appeal = concerns.ask(notice, "appeal", "")
    fact = concerns.ask(notice, "correction", "", concerns.told_facts(notice)[0][1][0].about)
    Concern.objects.filter(pk=fact.pk).update(department="relief")
    of = {
        "notice": [[case.reference]], "concern": [[appeal.reference]], "fact": [[fact.reference]],
        "household-answer": [["accepted"]], "household-ask": [["person"]],
        "case": [[case.reference]], "sheet": [[case.reference]], "case-action": [[case.reference, name] for name in MOVES],
        "referral": [[referral.reference]], "referral-action": [[referral.reference, name] for name in ANSWERS],
        "area-answer": [[alert.reference]], "feed": [["wages"]], "rule": [["parameter", "line"]],
    }  # fmt: skip
    named = [pattern.name for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)]
    return {str(name): [reverse(str(name), args=args) for args in of.get(str(name), [[]])] for name in named}


def case_now(case: Case) -> Case:
    case.refresh_from_db()
    return case


def everybody() -> Iterator[tuple[str, str, str]]:
    """Each role with each kind of areas, and a department's people of this and of another one."""
    for role in RoleOf.values:
        for areas in AREAS:
            yield from (
                (role, areas, dep) for dep in (("relief", "labour") if role == RoleOf.DEPARTMENT else ("",))
            )


def sees_the_record(role: str, areas: str, department: str) -> bool:
    return department == "relief" if role == RoleOf.DEPARTMENT else areas in COVERING


def test_every_page_of_the_map_says_which_right_it_needs(county: dict[str, list[str]]) -> None:
    assert county.keys() - OPEN_TO_ALL == RIGHT_OF.keys()
    assert {right for rights in RIGHTS.values() for right in rights} == set(Right)
    assert set(RIGHTS) == set(RoleOf)


@pytest.mark.parametrize(("role", "areas", "department"), list(everybody()))
def test_each_page_opens_for_its_right_and_area_and_is_404_for_all_others(
    county: dict[str, list[str]], signed_in: SignIn, role: str, areas: str, department: str
) -> None:
    user = casework.create_user(
        "somebody", PASSWORD, role=role, areas=AREAS[areas], department=department or None
    )
    client = signed_in(user)
    for name, right in RIGHT_OF.items():
        allowed = right in RIGHTS[role] and (
            name not in OF_A_RECORD or sees_the_record(role, areas, department)
        )
        for page in county[name]:
            looks = AccessLog.objects.count()
            status = client.get(page).status_code
            assert status == (405 if name in ONLY_POST else 200 if allowed else 404), (page, status)
            assert AccessLog.objects.count() - looks == (allowed and name in PERSONAL), page
            if name in ONLY_POST and not allowed:
                events = CaseEvent.objects.count()
                assert (
                    client.post(page, {"version": 4, "assignee": user.pk, "cause": "event"}).status_code
                    == 404
                ), page
                assert CaseEvent.objects.count() == events


def test_somebody_without_a_role_or_no_longer_active_sees_nothing(
    county: dict[str, list[str]], signed_in: SignIn, lead: User
) -> None:
    roleless = User.objects.create_user("roleless", password=PASSWORD)
    clients = [signed_in(roleless), signed_in(lead)]
    User.objects.filter(pk=lead.pk).update(is_active=False)
    for client in clients:
        for name in RIGHT_OF.keys() - ONLY_POST:
            assert all(client.get(page).status_code in {302, 404} for page in county[name])
    assert not AccessLog.objects.exists()


def test_who_is_not_signed_in_is_sent_to_the_sign_in(county: dict[str, list[str]], client: Client) -> None:
    for name in RIGHT_OF:
        for page in county[name]:
            for answer in (client.get(page), client.post(page)):
                assert reverse("sign-in") in answer.headers["Location"]


@pytest.mark.parametrize("role", RoleOf.values)
def test_each_role_lands_on_a_page_of_its_own(signed_in: SignIn, departments: None, role: str) -> None:
    user = casework.create_user("somebody", PASSWORD, role=role, department="relief")
    answer = signed_in(user).get(reverse("start"), follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain
