"""What workers say of a household itself, what the register's department answers, and two cases that go on
as one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import casework
from almoner.casework.cases.workflow import answer
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import (
    AccessLog,
    Case,
    CaseEvent,
    CaseState,
    FeedState,
    Grievance,
    Referral,
    ReferralState,
    Visit,
)
from almoner.casework.residents import corrections, grievances, notices
from almoner.registry.vault import SealedIdentity
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import Outbox, install_terms
from casework.moves import go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def register(departments: None) -> FeedState:
    """The labour office keeps it."""
    fields = [
        {"name": "no", "role": "resident_id", "membership": True},
        {"name": "home", "role": "household", "membership": True},
    ]
    label = {"en": "Population register", "zh": "人口登记"}
    return FeedState.objects.create(
        id="register",
        position=1,
        label=label,
        owner="labour",
        sharing_class="conditional",
        cadence="daily",
        fields=fields,
    )


@pytest.fixture
def mine(case: Case, register: FeedState, worker: User) -> Case:
    return go(case, worker, "take")


@pytest.fixture
def other(mine: Case, outbox: Outbox, worker: User, settings: Any) -> Case:
    """A second household of one person, in the same area, with a less urgent case of the same worker."""
    vault = opened_vault(str(settings.VAULT_KEY))
    casework.identities().write(
        [
            SealedIdentity(
                person_id=12, number_index=vault.index("x"), name=vault.seal(12, "name", "Old Record")
            )
        ]
    )
    casework.sync_members([(2, 12, dt.date(2026, 11, 6))])
    casework.apply([[outbox.signal(2, working_days=9), outbox.proposal(2)]])
    return go(Case.objects.get(household_id=2), worker, "take")


@pytest.fixture
def keeper(departments: None) -> User:
    return casework.create_user("keeper", PASSWORD, role="department", areas=[], department="labour")


def said(kind: str = "gone", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "person": 11, "text": "The neighbours say she moved to her daughter's."} | more


def asked_together(mine: Case, other: Case, worker: User) -> Grievance:
    return corrections.report(worker, mine.reference, mine.version, said("together", other=other.reference))


def agreed(mine: Case, other: Case, worker: User, keeper: User) -> str:
    """The reference of what the register has answered: they are one household."""
    grievance = asked_together(mine, other, worker)
    grievances.answer(keeper, grievance.reference, "corrected", "they are one household")
    for case in (mine, other):
        case.refresh_from_db()
    return grievance.reference


def test_the_register_answers_in_the_packs_time_for_corrections(mine: Case, worker: User) -> None:
    install_terms(correction={"2025-01-01": {"amount": 7, "unit": "hours"}})
    grievance = corrections.report(worker, mine.reference, mine.version, said())
    assert grievance.due_at - grievance.asked_at == dt.timedelta(hours=7)


def test_a_worker_asks_the_register_and_types_nothing_in(mine: Case, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    sent = {"version": mine.version, "subject": "gone-11", "text": "The neighbours say she moved."}
    assert client.post(reverse("register", args=[mine.reference]), sent).status_code == 302
    grievance = Grievance.objects.get()
    assert (grievance.kind, grievance.department, grievance.asked_by, grievance.fact["person"]) == (
        "gone",
        "labour",
        worker,
        11,
    )
    assert b"neighbours" not in bytes(grievance.text or b"")
    page = client.get(reverse("case", args=[mine.reference])).content.decode()
    for expected in (
        "A person is said to live here no longer",
        "The neighbours say she moved.",
        "Asked by Wang Worker",
        "The department that keeps the register answers.",
        "Asked of the register",
    ):
        assert expected in page, expected
    assert not any("neighbours" in data for data in CaseEvent.objects.values_list("data", flat=True))


def test_the_department_sees_who_it_is_about_and_nothing_of_the_case(
    mine: Case, worker: User, keeper: User, clerk: User, signed_in: SignIn
) -> None:
    grievance = corrections.report(worker, mine.reference, mine.version, said())
    client = signed_in(keeper)
    inbox = client.get(reverse("inbox")).content.decode()
    for expected in ("Population register", grievance.reference, "A person is said to live here no longer"):
        assert expected in inbox, expected
    page = client.get(reverse("fact", args=[grievance.reference])).content.decode()
    for expected in (
        NAME,
        NUMBER,
        "The case worker says:",
        "moved to her daughter",
        "Answer the case worker",
    ):
        assert expected in page, expected
    for withheld in (PHONE, mine.reference, "Monthly relief", "Income fell", "The household says"):
        assert withheld not in page, withheld
    assert AccessLog.objects.get().page == "fact"
    assert signed_in(clerk).get(reverse("fact", args=[grievance.reference])).status_code == 404


def test_it_has_a_clock_that_is_the_cases_too_until_it_is_answered(
    mine: Case, worker: User, keeper: User
) -> None:
    Case.objects.filter(pk=mine.pk).update(due_at=dt.datetime(2099, 1, 1))
    mine.signals.update(due_at=dt.datetime(2099, 1, 1))
    grievance = corrections.report(worker, mine.reference, mine.version, said())
    mine.refresh_from_db()
    assert mine.due_at == grievance.due_at > dt.datetime.now()
    grievances.answer(keeper, grievance.reference, "stands", "she was seen here")
    mine.refresh_from_db()
    assert mine.due_at == dt.datetime(2099, 1, 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"kind": "appeal"}, "Choose what is wrong"),
        ({"kind": "correction"}, "Choose what is wrong"),
        ({"kind": None}, "Choose what is wrong"),
        ({"text": ""}, "Write what you saw"),
        ({"person": 12}, "Choose the person"),
        ({"person": None}, "Choose the person"),
        ({"kind": "together", "other": ""}, "No other open case"),
        ({"kind": "together", "other": "abcdefghij"}, "No other open case"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_changes_nothing(
    mine: Case, worker: User, data: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        corrections.report(worker, mine.reference, mine.version, said() | data)
    assert not Grievance.objects.exists()


def test_it_is_asked_once_at_a_time_by_who_works_the_case_and_on_its_present_state(
    mine: Case, worker: User, colleague: User, keeper: User
) -> None:
    with pytest.raises(Refused, match="not assigned to you"):
        corrections.report(colleague, mine.reference, mine.version, said())
    grievance = corrections.report(worker, mine.reference, mine.version, said())
    with pytest.raises(Stale):
        corrections.report(worker, mine.reference, mine.version, said())
    mine.refresh_from_db()
    with pytest.raises(Refused, match="asked already"):
        corrections.report(worker, mine.reference, mine.version, said())
    grievances.answer(keeper, grievance.reference, "stands", "she was seen here")
    mine.refresh_from_db()
    corrections.report(worker, mine.reference, mine.version, said())


def test_without_a_register_nobody_can_be_asked(case: Case, worker: User) -> None:
    go(case, worker, "take")
    with pytest.raises(Refused, match="not known which register"):
        corrections.report(worker, case.reference, case.version, said())


def test_a_feed_that_says_who_lives_where_is_no_register_while_one_is_marked(register: FeedState) -> None:
    fields = [{"name": "no", "role": "resident_id"}, {"name": "home", "role": "household"}]
    FeedState.objects.create(
        id="visits", position=0, owner="relief", sharing_class="conditional", cadence="daily", fields=fields
    )
    assert corrections.register() == register


def test_the_households_own_page_shows_its_own_questions_only(mine: Case, worker: User) -> None:
    corrections.report(worker, mine.reference, mine.version, said())
    mine.refresh_from_db()
    _notice, code = notices.make(worker, mine.reference, mine.version, [mine.signals.get().pk])
    client = Client()
    client.post("/household/", {"code": code, "fact": NUMBER[-4:]})
    assert "live here no longer" not in client.get("/household/page/").content.decode()
    for kind in ("gone", "mistaken", "together"):
        assert client.post(f"/household/ask/{kind}/", {"text": "x"}).status_code == 404


def test_a_case_of_elsewhere_cannot_be_named(mine: Case, outbox: Outbox, worker: User) -> None:
    casework.apply([[outbox.signal(3, area="5299")]])
    with pytest.raises(Refused, match="No other open case"):
        asked_together(mine, Case.objects.get(household_id=3), worker)


def test_what_the_register_has_not_said_joins_nothing(
    mine: Case, other: Case, worker: User, keeper: User
) -> None:
    grievance = asked_together(mine, other, worker)
    mine.refresh_from_db()
    with pytest.raises(Refused, match="has not said"):
        corrections.join(worker, mine.reference, mine.version, grievance.reference)
    grievances.answer(keeper, grievance.reference, "stands", "two households")
    mine.refresh_from_db()
    with pytest.raises(Refused, match="has not said"):
        corrections.join(worker, mine.reference, mine.version, grievance.reference)
    assert Case.objects.filter(ended_at=None).count() == 2


def test_the_less_urgent_case_goes_on_in_the_other_and_nothing_is_lost(
    mine: Case, other: Case, worker: User, keeper: User, signed_in: SignIn
) -> None:
    reference = agreed(mine, other, worker, keeper)
    go(other, worker, "plan", day=dt.date.today())
    client = signed_in(worker)
    page = client.get(reverse("case", args=[other.reference])).content.decode()
    assert "Let them go on as one case" in page
    sent = {"version": other.version, "grievance": reference}
    answered = client.post(reverse("join", args=[other.reference]), sent)
    assert answered.headers["Location"] == reverse("case", args=[mine.reference])
    for case in (mine, other):
        case.refresh_from_db()
    assert (mine.state, other.state, other.joined_to) == (CaseState.DETECTED, CaseState.CLOSED, mine)
    assert other.referrals.get().state == ReferralState.PROPOSED
    assert Visit.objects.get().called_off_at is not None
    last = [CaseEvent.objects.filter(case=case).latest("number").kind for case in (mine, other)]
    assert last == ["joined", "joined_to"]
    assert casework.verify_chain().intact
    assert other.reference in client.get(reverse("case", args=[mine.reference])).content.decode()
    assert (
        "This case goes on in another one"
        in client.get(reverse("case", args=[other.reference])).content.decode()
    )


def test_what_departments_still_have_to_answer_counts_for_the_case_that_goes_on(
    mine: Case, other: Case, worker: User, keeper: User, colleague: User, clerk: User
) -> None:
    go(other, worker, "start", "confirm")
    go(other, colleague, "agree")
    reference = agreed(mine, other, worker, keeper)
    corrections.join(worker, mine.reference, mine.version, reference)
    go(mine, worker, "start", "confirm")
    go(mine, colleague, "agree")
    Referral.objects.filter(case=mine).update(state=ReferralState.DONE)
    go(mine, worker, "support")
    with pytest.raises(Refused, match="has not answered its referral"):
        go(mine, worker, "follow-up")
    mine.refresh_from_db()
    running = other.referrals.get()
    assert mine.due_at == running.due_at
    for name in ("accept", "done"):
        running.refresh_from_db()
        answer(clerk, running.reference, name, running.version, "")
    assert go(mine, worker, "follow-up").state == CaseState.FOLLOW_UP


def test_both_cases_must_be_ones_own_unchanged_and_wait_for_nobody(
    mine: Case, other: Case, worker: User, colleague: User, keeper: User
) -> None:
    reference = agreed(mine, other, worker, keeper)
    version = mine.version
    go(other, worker, "assign", assignee=colleague.pk)
    with pytest.raises(Refused, match=f"Case {other.reference}: .*not assigned to you"):
        corrections.join(worker, mine.reference, version, reference)
    go(other, colleague, "assign", assignee=worker.pk)
    go(other, worker, "start", "confirm")
    with pytest.raises(Refused, match="second person"):
        corrections.join(worker, mine.reference, version, reference)
    go(mine, worker, "note", note="asked again")
    with pytest.raises(Stale):
        corrections.join(worker, mine.reference, version, reference)
    assert Case.objects.filter(ended_at=None).count() == 2


def test_who_may_not_see_the_other_case_cannot_join(
    mine: Case, other: Case, worker: User, keeper: User
) -> None:
    reference = agreed(mine, other, worker, keeper)
    Case.objects.filter(pk=other.pk).update(area="5299")
    with pytest.raises(Http404):
        corrections.join(worker, mine.reference, mine.version, reference)


@pytest.mark.parametrize(
    ("urgency", "opened", "kept"),
    [((24, 48), (2, 1), 0), ((48, 24), (1, 2), 1), ((24, 24), (2, 1), 1), ((None, 72), (1, 2), 1)],
)
def test_the_more_urgent_case_stays_and_of_equal_ones_the_older(
    urgency: tuple[float | None, float], opened: tuple[int, int], kept: int
) -> None:
    pair = [
        Case(pk=n, urgency_hours=hours, opened_at=dt.datetime(2026, 11, day))
        for n, (hours, day) in enumerate(zip(urgency, opened, strict=True), 1)
    ]
    assert corrections.stays(*pair) is corrections.stays(*reversed(pair)) is pair[kept]


def test_strangers_can_neither_ask_nor_join(
    mine: Case, other: Case, worker: User, keeper: User, strangers: list[User], clerk: User
) -> None:
    reference = agreed(mine, other, worker, keeper)
    for stranger in (*strangers, clerk):
        with pytest.raises(Http404):
            corrections.report(stranger, mine.reference, mine.version, said())
        with pytest.raises(Http404):
            corrections.join(stranger, mine.reference, mine.version, reference)


def test_a_form_that_says_nothing_is_told_so(mine: Case, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    assert client.post(reverse("register", args=[mine.reference])).status_code == 400
    assert (
        client.post(
            reverse("register", args=[mine.reference]), {"version": mine.version, "subject": "money"}
        ).status_code
        == 409
    )
    assert client.post(reverse("join", args=[mine.reference])).status_code == 409
    assert not Grievance.objects.exists()


def test_two_who_join_at_once_lock_both_cases_in_one_order(
    mine: Case, other: Case, worker: User, keeper: User
) -> None:
    """In the order of their ids, whichever case was on the page."""
    reference = agreed(mine, other, worker, keeper)
    with CaptureQueriesContext(connection) as asked:
        corrections.join(worker, other.reference, other.version, reference)
    both = f'FROM "casework_case" WHERE "casework_case"."id" IN ({mine.pk}, {other.pk})'
    of_both = [query["sql"].partition(both)[2] for query in asked.captured_queries if both in query["sql"]]
    locked = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    assert of_both == [f' ORDER BY "casework_case"."id" ASC{locked}']
