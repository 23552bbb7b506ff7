"""Each role, each stranger and each area against each page and call of the URL map. Deny is 404."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from almoner import casework
from almoner.casework.accounts.access import RIGHTS, Right
from almoner.casework.cases import authorisations, files
from almoner.casework.cases.workflow import ANSWERS, MOVES
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import (
    AccessLog,
    AreaAlert,
    Case,
    CaseEvent,
    FeedState,
    Grievance,
    RoleOf,
    Rule,
    WalkIn,
)
from almoner.casework.residents import grievances, notices
from almoner.casework.views.people import ACTIONS
from casework.conftest import NUMBER, PASSWORD
from casework.makers import Outbox, authorised_by_all, on_a_list
from casework.moves import confirmed
from casework.uploads import png

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
OF_ONESELF = {  # test_signing_in.py
    "account_login",
    "mfa_authenticate",
    "outside",
    "openid_connect_callback",
    "begin",
    "account",
    "mfa_index",
    "password",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
}
OPEN_TO_ALL = (
    OF_ONESELF
    | {"sign-in", "set_language", "sign-out", "start", "health", "metrics"}
    | {  # of these two the API's tests tell
        "household-enter",
        "household",
        "household-answer",
        "household-ask",
        "household-leave",  # test_household.py
        "household-authorise",  # test_authorisations.py
    }
)
RIGHT_OF = {  # the right that a page needs; a page that is missing here fails the test
    "today": Right.CASES,
    "queue": Right.CASES,
    "queue-export": Right.CASES,
    "queue-assign": Right.CASES,
    "visits": Right.CASES,
    "case": Right.CASES,
    "sheet": Right.CASES,
    "case-action": Right.CASES,
    "notice": Right.CASES,
    "file": Right.CASES,
    "file-add": Right.CASES,
    "file-remove": Right.CASES,
    "register": Right.CASES,
    "join": Right.CASES,
    "authorise": Right.CASES,
    "consent": Right.CASES,
    "list-again": Right.CASES,
    "requests": Right.CASES,
    "request-new": Right.CASES,
    "request": Right.CASES,
    "request-answer": Right.CASES,
    "request-appeal": Right.CASES,
    "concern": Right.CASES,
    "fact": Right.REFERRALS,
    "unknown": Right.REFERRALS,
    "lists": Right.REFERRALS,
    "line": Right.REFERRALS,
    "inbox": Right.REFERRALS,
    "referral": Right.REFERRALS,
    "referral-action": Right.REFERRALS,
    "areas": Right.AREA_ALERTS,
    "area-answer": Right.AREA_ALERTS,
    "sharing": Right.FEEDS,
    "feed": Right.FEEDS,
    "policy": Right.POLICY,
    "rule": Right.POLICY,
    "oversight": Right.OVERSIGHT,
    "quality": Right.OVERSIGHT,
    "fairness": Right.OVERSIGHT,
    "blind-spots": Right.OVERSIGHT,
    "calendar": Right.CALENDAR,
    "people": Right.PEOPLE,
    "person-new": Right.PEOPLE,
    "person": Right.PEOPLE,
    "person-action": Right.PEOPLE,
}
OF_A_RECORD = {  # of an area or a department
    "case",
    "sheet",
    "case-action",
    "notice",
    "concern",
    "referral",
    "referral-action",
    "fact",
    "area-answer",
    "file",
    "file-add",
    "file-remove",
    "register",
    "join",
    "authorise",
    "consent",
    "list-again",
    "request",
    "request-answer",
    "request-appeal",
    "unknown",
    "line",
}
ONLY_POST = {
    "queue-assign",
    "case-action",
    "notice",
    "concern",
    "referral-action",
    "area-answer",
    "person-action",
    "file-add",
    "file-remove",
    "register",
    "join",
    "authorise",
    "consent",
    "list-again",
    "request-answer",
    "request-appeal",
    "line",
}
PERSONAL = {
    "case",
    "sheet",
    "referral",
    "fact",
    "file",
    "request",
    "lists",
}  # pages that show personal data, and must record it
AREAS = {
    "own": ["520101"],
    "around": ["52"],
    "everywhere": ["*"],
    "elsewhere": ["5299"],
    "nowhere": [],
    "empty": [""],
}
COVERING = {"own", "around", "everywhere"}
EVERY_ADDRESS = {"own", "elsewhere"}  # whoever has these tries every address; the others one of each page


@pytest.fixture
def county(case: Case, alert: AreaAlert, worker: User, outbox: Outbox) -> dict[str, list[str]]:
    """Every address of the console by name, made from the URL map, about a case of area 520101 and the
    relief office."""
    referral = confirmed(case, worker)
    FeedState.objects.create(
        id="wages", position=1, owner="labour", sharing_class="conditional", cadence="monthly"
    )
    Rule.objects.create(
        kind="parameter", key="line", position=1, body={"label": {"en": "Line"}, "unit": "", "values": []}
    )
    casework.apply(
        [
            [
                outbox.proposal(1, programme="checked", **authorised_by_all()),
                outbox.proposal(2, programme="listed", **on_a_list()),
            ]
        ]
    )
    asking, line = case.referrals.get(programme="checked"), Case.objects.get(household_id=2).referrals.get()
    asked = authorisations.ask(worker, case.reference, case_now(case).version, asking.reference, [11])
    file = files.add(worker, case.reference, "visit", "house.png", png(), 100)
    request, unknown = a_request(worker), a_request(worker, known=False, department="relief")
    notice, _code = notices.make(worker, case.reference, case_now(case).version, [case.signals.get().pk])
    Case.objects.filter(pk=case.pk).update(assignee=None)
    appeal = grievances.ask(notice, "appeal", "")
    fact = grievances.ask(notice, "correction", "", grievances.noticed_facts(notice)[0][1][0].about)
    Grievance.objects.filter(pk=fact.pk).update(department="relief")
    of = {
        "file": [[case.reference, file.reference]],
        "file-add": [[case.reference]],
        "file-remove": [[case.reference, file.reference]],
        "register": [[case.reference]],
        "join": [[case.reference]],
        "authorise": [[case.reference]],
        "consent": [[case.reference, asked.reference]],
        "list-again": [[case.reference, asking.reference]],
        "line": [[line.reference]],
        "household-authorise": [[asked.reference]],
        "unknown": [[unknown.reference]],
        **{name: [[request.reference]] for name in ("request", "request-answer", "request-appeal")},
        "notice": [[case.reference]],
        "concern": [[appeal.reference]],
        "fact": [[fact.reference]],
        "household-answer": [["accepted"]],
        "household-ask": [["person"]],
        "case": [[case.reference]],
        "sheet": [[case.reference]],
        "case-action": [[case.reference, name] for name in MOVES],
        "referral": [[referral.reference]],
        "referral-action": [[referral.reference, name] for name in ANSWERS],
        "person": [[worker.pk]],
        "person-action": [[worker.pk, action] for action in ACTIONS],
        "openid_connect_callback": [["authority"]],
        "begin": [["MQ", "now"]],
        "area-answer": [[alert.reference]],
        "feed": [["wages"]],
        "rule": [["parameter", "line"]],
    }
    named = [pattern.name for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)]
    return {str(name): [reverse(str(name), args=args) for args in of.get(str(name), [[]])] for name in named}


def a_request(by: User, *, known: bool = True, department: str = "") -> WalkIn:
    """Of Mei, or of somebody whom the register of `department` does not know."""
    index = opened_vault(str(settings.VAULT_KEY)).index(NUMBER if known else "unknown")
    now = dt.datetime.now()
    return WalkIn.objects.create(
        number_index=index,
        known=known,
        department=department,
        area="5201",
        taken_at=now,
        taken_by=by,
        due_at=now,
    )


def case_now(case: Case) -> Case:
    case.refresh_from_db()
    return case


def everybody(role: str) -> Iterator[tuple[str, str]]:
    """A role with each kind of areas; and people of this department and of another one, whose areas do not
    matter."""
    if role == RoleOf.DEPARTMENT:
        yield from (
            ("own", "relief"),
            ("elsewhere", "labour"),
            ("nowhere", "relief"),
            ("everywhere", "labour"),
        )
    else:
        yield from ((areas, "") for areas in AREAS)


def tried(county: dict[str, list[str]], areas: str) -> dict[str, list[str]]:
    """The addresses that somebody with these areas tries: all of them, or one of each page; where the areas
    make sense, one of each page of a record is enough."""
    if areas in EVERY_ADDRESS:
        return {name: county[name] for name in RIGHT_OF}
    return {name: county[name][:1] for name in (RIGHT_OF if areas == "empty" else OF_A_RECORD)}


def sees_the_record(role: str, areas: str, department: str) -> bool:
    return department == "relief" if role == RoleOf.DEPARTMENT else areas in COVERING


def test_every_page_of_the_map_says_which_right_it_needs(county: dict[str, list[str]]) -> None:
    assert county.keys() - OPEN_TO_ALL == RIGHT_OF.keys()
    assert {right for rights in RIGHTS.values() for right in rights} == set(Right)
    assert set(RIGHTS) == set(RoleOf)


@pytest.mark.parametrize("role", RoleOf.values)
def test_each_page_opens_for_its_right_and_area_and_is_404_for_all_others(
    county: dict[str, list[str]], signed_in: SignIn, role: str
) -> None:
    for areas, department in everybody(role):
        user = casework.create_user(
            f"{areas}-{department}", PASSWORD, role=role, areas=AREAS[areas], department=department or None
        )
        _each_page(tried(county, areas), signed_in(user), user, sees_the_record(role, areas, department))


def _each_page(pages: dict[str, list[str]], client: Client, user: User, sees: bool) -> None:
    role = user.membership.role
    for name, addresses in pages.items():
        right = RIGHT_OF[name]
        allowed = right in RIGHTS[role] and (name not in OF_A_RECORD or sees)
        for page in addresses:
            looks = AccessLog.objects.count()
            status = client.get(page).status_code
            assert status == (405 if name in ONLY_POST else 200 if allowed else 404), (user, page, status)
            seen = allowed and name in PERSONAL and sees
            assert AccessLog.objects.count() - looks == seen, (user, page)
            if name in ONLY_POST and not allowed:
                events = CaseEvent.objects.count()
                sent = client.post(page, {"version": 4, "assignee": user.pk, "cause": "event"})
                assert sent.status_code == 404, (user, page)
                assert CaseEvent.objects.count() == events, (user, page)


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
