"""What somebody has who can work on it no longer comes back to the lists, and Today says so."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.accounts import staff
from almoner.casework.accounts.access import visits_of, walk_ins_of
from almoner.casework.cases import handing_back
from almoner.casework.cases.assignment import assign_cases
from almoner.casework.cases.changing import change_case_of
from almoner.casework.cases.departments import deserted
from almoner.casework.cases.handing_back import Returned
from almoner.casework.cases.history import history, lines
from almoner.casework.cases.workflow import act
from almoner.casework.core.audit import verify_chain
from almoner.casework.core.refusals import Refused
from almoner.casework.models import (
    AreaAlert,
    Case,
    CaseEvent,
    Department,
    Membership,
    Referral,
    Visit,
    WalkIn,
)
from casework.conftest import PASSWORD
from casework.makers import Outbox

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
TODAY = dt.date.today()
DAY = dt.timedelta(days=1)
NEAR, FAR = "520101", "520201"  # areas of the cases: 1 to 3, and 4 to 6


@pytest.fixture
def anna(departments: None, outbox: Outbox) -> User:
    """Has the cases 1 to 6, plans the visits 1, 2, 4 and 5, and holds case 2."""
    casework.apply([[outbox.signal(n, area=NEAR if n < 4 else FAR) for n in range(1, 9)]])
    anna = casework.create_user("anna", PASSWORD, areas=["5201", "5202"], full_name="Anna Fictional")
    for n in range(1, 7):
        do(anna, n, "take")
        if n not in {3, 6}:
            do(anna, n, "plan", day=TODAY + n * DAY)
    do(anna, 2, "hold", until=TODAY + 9 * DAY)
    return anna


@pytest.fixture
def ben(departments: None) -> User:
    return casework.create_user("ben", PASSWORD, areas=["5201", "5202"], full_name="Ben Fictional")


def case_of(household: int) -> Case:
    return Case.objects.get(household_id=household)


def do(by: User, household: int, name: str, **data: object) -> Case:
    case = case_of(household)
    return act(by, case.reference, name, case.version, data)


def held_by(user: User) -> tuple[set[int], set[int]]:
    """The households of the cases and of the planned visits that a person has."""
    cases = Case.objects.filter(ended_at=None, assignee=user)
    visits = Visit.objects.filter(made_on=None, called_off_at=None, visitor=user)
    return set(cases.values_list("household_id", flat=True)), set(
        visits.values_list("case__household_id", flat=True)
    )


def off(user: User, by: User) -> None:
    staff.switch(user, by, False)


def granted(role: str, *areas: str, department: str | None = None) -> Callable[[User, User], None]:
    grant = staff.Grant(role, areas, department)
    return lambda user, by: staff.change(user, by, user.first_name, grant, "")


ALL, NONE = {1, 2, 3, 4, 5, 6}, set[int]()
CHANGES = {  # what is done, and the households whose cases stay
    "switched off": (off, NONE),
    "auditor": (granted("auditor", "*"), NONE),
    "policy officer": (granted("policy", "5201"), NONE),
    "data officer": (granted("data"), NONE),
    "administrator": (granted("administrator"), NONE),
    "goes to a department": (granted("department", department="relief"), NONE),
    "no area": (granted("worker"), NONE),
    "other areas": (granted("worker", "5299", "53"), NONE),
    "one area less": (granted("worker", "5201"), {1, 2, 3}),
    "the other area less": (granted("lead", "5202"), {4, 5, 6}),
    "one village of it": (granted("worker", "520101001"), NONE),
    "lead of the same": (granted("lead", "5201", "5202"), ALL),
    "everywhere": (granted("worker", "*"), ALL),
    "only the name": (
        lambda user, by: staff.change(user, by, "Anna B", staff.Grant("worker", ("5201", "5202")), ""),
        ALL,
    ),
    "one area more": (granted("worker", "5201", "5202", "5203"), ALL),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_may_not_be_seen_any_more_is_nobodys(
    anna: User, ben: User, administrator: User, name: str
) -> None:
    changed, stay = CHANGES[name]
    before = {case.pk: case for case in Case.objects.all()}
    changed(anna, administrator)
    assert held_by(anna) == (stay, stay - {3, 6})
    for household in ALL - stay:
        case = case_of(household)
        assert (case.assignee, case.handed_back_from) == (None, anna)
        old = before[case.pk]
        assert (case.state, case.due_at, case.held_until) == (old.state, old.due_at, old.held_until)
        assert case.version == old.version + 1
        event = CaseEvent.objects.filter(case=case).order_by("number").last()
        assert event is not None
        assert (event.kind, event.actor) == ("handed_back", administrator)
        assert "Anna" in history(case)[0].text
        visit = case.visits.first()
        if visit is not None:
            assert (visit.visitor, visit.handed_back_from, visit.called_off_at) == (None, anna, None)
            assert visit.planned_for == TODAY + household * DAY
    assert {v.case.household_id for v in visits_of(ben)} == ALL - stay - {3, 6}
    accounts = CaseEvent.objects.filter(kind="work_handed_back")
    assert [json.loads(event.data) for event in accounts] == (
        [
            {
                "user": anna.pk,
                "username": "anna",
                "cases": len(ALL - stay),
                "visits": len(ALL - stay - {3, 6}),
            }
        ]
        if stay != ALL
        else []
    )
    assert all("anna" in entry.text for entry in lines(list(accounts.select_related("actor"))))
    assert verify_chain().intact
    assert not handing_back.hand_back()  # nothing is left, and nothing twice


@pytest.mark.parametrize("name", ["switched off", "one area less", "goes to a department"])
def test_a_colleague_can_take_it_with_its_visit(
    anna: User, ben: User, administrator: User, lead: User, name: str
) -> None:
    with pytest.raises(Refused):
        do(ben, 4, "take")
    CHANGES[name][0](anna, administrator)
    for household in (4, 5, 6):
        do(ben, household, "take")
    assert held_by(ben) == ({4, 5, 6}, {4, 5})
    assert not Case.objects.filter(household_id__gt=3, handed_back_from__isnull=False).exists()
    assert not Visit.objects.filter(visitor=ben, handed_back_from__isnull=False).exists()
    do(ben, 4, "seen", day=TODAY, found="need")
    assert Visit.objects.get(case__household_id=4).visitor == ben


def test_a_lead_hands_out_what_came_back_in_every_way(
    anna: User, ben: User, administrator: User, lead: User
) -> None:
    off(anna, administrator)
    do(lead, 1, "assign", assignee=ben.pk)
    versions = {case_of(n).reference: case_of(n).version for n in (2, 3, 4)}
    assert assign_cases(lead, versions, ben.pk).given == 3
    assert held_by(ben) == ({1, 2, 3, 4}, {1, 2, 4})
    do(lead, 5, "seen", day=TODAY, found="need")  # without taking it first
    assert Visit.objects.get(case__household_id=5).visitor == lead
    do(lead, 6, "plan", day=TODAY)
    assert handing_back.waiting_of(anna) == Returned(cases=2, visits=0)


def test_a_visit_on_the_case_of_a_colleague_comes_back_alone(
    anna: User, ben: User, administrator: User, lead: User
) -> None:
    do(lead, 1, "assign", assignee=ben.pk)
    assert held_by(anna) == (ALL - {1}, {1, 2, 4, 5})
    off(anna, administrator)
    assert held_by(ben) == ({1}, NONE)
    assert case_of(1).handed_back_from is None
    assert "visit is nobody's" in history(case_of(1))[0].text
    assert 1 in {visit.case.household_id for visit in visits_of(ben)}
    do(ben, 1, "plan", day=TODAY)
    assert held_by(ben) == ({1}, {1})


def test_ended_cases_and_visits_that_were_made_keep_who_had_them(anna: User, administrator: User) -> None:
    do(anna, 1, "seen", day=TODAY, found="need")
    do(anna, 3, "dismiss", outcome="other")
    off(anna, administrator)
    assert Visit.objects.get(case__household_id=1).visitor == anna
    assert (case_of(3).assignee, case_of(3).handed_back_from) == (anna, None)


def test_who_is_switched_on_again_gets_nothing_back_by_itself(
    anna: User, ben: User, administrator: User
) -> None:
    off(anna, administrator)
    do(ben, 1, "take")
    staff.switch(anna, administrator, True)
    assert held_by(anna) == (NONE, NONE)
    do(anna, 4, "take")
    assert held_by(anna) == ({4}, {4})
    assert held_by(ben) == ({1}, {1})


def test_a_change_that_fails_leaves_everything(
    anna: User, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_given: object, **_named: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(handing_back, "append", fails)
    with pytest.raises(RuntimeError):
        off(anna, administrator)
    anna.refresh_from_db()
    assert anna.is_active
    assert held_by(anna) == (ALL, ALL - {3, 6})


PAST = {  # rights that were changed past the functions, as by a script or before an upgrade
    "account": lambda anna: User.objects.filter(pk=anna.pk).update(is_active=False),
    "membership": lambda anna: Membership.objects.filter(user=anna).delete(),
    "role": lambda anna: Membership.objects.filter(user=anna).update(role="auditor"),
    "areas": lambda anna: Membership.objects.filter(user=anna).update(areas=[]),
    "cases moved": lambda _anna: Case.objects.update(area="529901"),
}


@pytest.mark.parametrize("name", PAST)
def test_what_changed_in_another_way_comes_back_on_the_same_day(
    anna: User, ben: User, outbox: Outbox, name: str
) -> None:
    PAST[name](anna)
    casework.sync_sweep(TODAY, 9, 0, [])
    assert held_by(anna) == (NONE, NONE)
    assert case_of(1).handed_back_from == anna
    assert history(case_of(1))[0].who == "Almoner"


def test_what_somebody_may_see_is_left_alone_by_the_daily_look(anna: User, ben: User, lead: User) -> None:
    do(ben, 7, "take")
    do(lead, 8, "take")
    seen = list(Case.objects.order_by("pk").values_list("version", "assignee"))
    casework.sync_sweep(TODAY, 9, 0, [])
    assert list(Case.objects.order_by("pk").values_list("version", "assignee")) == seen


def test_a_form_that_somebody_had_open_is_stale(anna: User, lead: User, administrator: User) -> None:
    before = case_of(1)
    off(anna, administrator)
    from almoner.casework.core.refusals import Stale

    with pytest.raises(Stale):
        act(lead, before.reference, "take", before.version, {})
    with change_case_of(before.pk, touch=False) as (case, _change):
        assert case.assignee is None


def test_today_and_its_lists_say_what_came_back(
    anna: User,
    ben: User,
    vault_with_mei: None,
    administrator: User,
    strangers: list[User],
    signed_in: SignIn,
) -> None:
    client = signed_in(administrator)
    answer = client.post(reverse("person-action", args=[anna.pk, "off"]), follow=True).content.decode()
    assert "6 cases and 4 visits of this person came back to the lists" in answer
    html = signed_in(ben).get(reverse("today")).content.decode()
    assert "6 cases and 4 visits of Anna Fictional came back to the list and wait for somebody." in html
    listed = signed_in(ben).get("/queue/?list=back").context["rows"]
    assert {row.case.household_id for row in listed} == ALL
    visits = signed_in(ben).get(reverse("visits")).content.decode()
    assert visits.count("Take the case, and the visit is yours.") == 4
    page = signed_in(ben).get(reverse("case", args=[case_of(1).reference])).content.decode()
    assert "nobody: the visitor cannot make it any more" in page
    for household in (1, 2, 4, 5, 6):
        do(ben, household, "take")
    html = signed_in(ben).get(reverse("today")).content.decode()
    assert "1 case of Anna Fictional came back to the list" in html
    do(ben, 3, "take")
    assert "came back to the list" not in signed_in(ben).get(reverse("today")).content.decode()
    for stranger in strangers[:1]:
        assert "Anna" not in signed_in(stranger).get(reverse("today")).content.decode()


def test_a_colleague_sees_of_it_what_lies_in_their_areas(
    anna: User, administrator: User, signed_in: SignIn
) -> None:
    near = casework.create_user("near", PASSWORD, areas=["5201"])
    off(anna, administrator)
    assert "3 cases and 2 visits of Anna" in signed_in(near).get(reverse("today")).content.decode()
    assert {v.case.household_id for v in visits_of(near)} == {1, 2}


def test_a_request_of_no_area_is_not_lost_with_who_took_it(departments: None, administrator: User) -> None:
    everywhere = casework.create_user("everywhere", PASSWORD, areas=["*"])
    lead = casework.create_user("some_lead", PASSWORD, role="lead", areas=["5201"])
    worker = casework.create_user("some_worker", PASSWORD, areas=["5201"])
    now = dt.datetime.now()
    WalkIn.objects.create(number_index=b"n" * 32, known=True, taken_at=now, taken_by=everywhere, due_at=now)
    assert [walk_ins_of(user).count() for user in (everywhere, lead, worker)] == [1, 0, 0]
    off(everywhere, administrator)
    assert [walk_ins_of(user).count() for user in (everywhere, lead, worker)] == [0, 1, 0]


def test_a_department_without_people_is_told(
    case: Case,
    clerk: User,
    lead: User,
    worker: User,
    alert: AreaAlert,
    administrator: User,
    signed_in: SignIn,
) -> None:
    Referral.objects.update(state="sent", sent_at=dt.datetime.now(), due_at=dt.datetime.now() + DAY)
    assert deserted(lead) == []
    off(clerk, administrator)
    assert [(one.label, one.referrals, one.alerts) for one in deserted(lead)] == [("Relief office", 1, 1)]
    assert [(one.referrals, one.alerts) for one in deserted(worker)] == [(1, 0)]
    html = signed_in(lead).get(reverse("today")).content.decode()
    assert "Nobody can sign in for Relief office." in html
    Department.objects.filter(pk="relief").update(inbox="https://relief.example/hook")
    assert deserted(lead) == []  # it has a system of its own
    Department.objects.filter(pk="relief").update(inbox="console")
    staff.switch(clerk, administrator, True)
    assert deserted(lead) == []
