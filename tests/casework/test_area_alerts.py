"""Alerts of areas: applied once, shown to whom they concern, answered by a person; and the layers of the
watch on pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.models import AreaAlert, Case, CaseEvent, OutboxPosition
from almoner.errors import AlmonerError
from casework.conftest import PASSWORD
from casework.makers import FRIDAY, Outbox, words
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
LATER = FRIDAY + dt.timedelta(days=30)
GROUP = {"id": "poor", "label": words("Recognised families", "在册家庭")}
LINE = {"id": "income", "label": words("Income", "收入专题"), "department": "relief"}


def layers(listed: bool) -> dict[str, object]:
    points = [GROUP] if listed else []
    return {"points": points, "line": LINE, "areas": {"village": "520101"}, "surface": not listed}


def test_an_alert_opens_no_case_and_is_applied_once(departments: None, outbox: Outbox) -> None:
    change = outbox.area()
    for _ in range(2):
        casework.apply([[change]])
    alert = AreaAlert.objects.get()
    assert (alert.area, alert.signal, alert.department) == ("520101", "lost_income", "relief")
    assert alert.due_at > FRIDAY
    assert OutboxPosition.objects.get().seq == change.seq
    assert not Case.objects.exists()
    assert not CaseEvent.objects.exists()


def test_new_evidence_changes_it_and_keeps_its_clock(alert: AreaAlert, outbox: Outbox) -> None:
    casework.apply([[outbox.area(change="changed", started=15, known_at=LATER)]])
    changed = AreaAlert.objects.get()
    assert changed.body["counts"]["started"] == 15
    assert (changed.due_at, changed.raised_on, changed.version) == (alert.due_at, alert.raised_on, 2)


def test_a_jump_that_is_seen_again_after_it_was_cleared_is_a_new_alert(
    alert: AreaAlert, outbox: Outbox
) -> None:
    casework.apply([[outbox.area(change="cleared", month=None, known_at=LATER)]])
    assert AreaAlert.objects.get().cleared_on == LATER.date()
    casework.apply([[outbox.area(known_at=LATER + dt.timedelta(days=30))]])
    assert AreaAlert.objects.filter(cleared_on=None).count() == 1
    assert AreaAlert.objects.count() == 2


def test_a_lead_sees_the_own_areas_and_a_department_its_own(
    alert: AreaAlert, outbox: Outbox, clerk: User, signed_in: SignIn
) -> None:
    casework.apply([[outbox.area("530101"), outbox.area("520102", department="labour")]])
    here = casework.create_user("here", PASSWORD, role="lead", areas=["5201"])
    shown = {
        user.username: {row.alert.area for row in signed_in(user).get(reverse("areas")).context["alerts"]}
        for user in (here, clerk)
    }
    assert shown == {"here": {"520101", "520102"}, "clerk": {"520101", "530101"}}


def test_the_page_says_why_with_its_months_and_its_neighbours(
    alert: AreaAlert, lead: User, signed_in: SignIn
) -> None:
    casework.sync_areas(
        [("520101", {"en": "Willow", "zh": "柳村"}, "5201"), ("520102", {"en": "Elm", "zh": "榆村"}, "5201")]
    )
    client = signed_in(lead)
    text = client.get(reverse("areas")).content.decode()
    for expected in (
        "Willow: Income fell",
        "Village",
        "October 2026",
        "September 2026",
        "Elm",
        "Relief office looks into it",
        "Ask what closed there.",
        "Notice 12 of 2026",
        "<strong>1</strong> alert stands",
    ):
        assert expected in text, expected
    assert reverse("areas") in client.get(reverse("queue")).content.decode()
    client.post(reverse("set_language"), {"language": "zh-hans", "next": reverse("areas")})
    text = client.get(reverse("areas")).content.decode()
    for expected in ("柳村：收入骤降", "2026年10月", "由救助办核查", "了解当地停产情况。"):
        assert expected in text, expected


def test_what_was_found_is_recorded_once(
    alert: AreaAlert, lead: User, clerk: User, signed_in: SignIn
) -> None:
    page, data = (
        reverse("area-answer", args=[alert.reference]),
        {"version": 1, "cause": "event", "note": "The mill closed"},
    )
    assert signed_in(lead).post(page, {"version": 1, "note": "no cause"}).status_code == 400
    assert signed_in(lead).post(page, data | {"version": 9}).status_code == 409
    assert signed_in(lead).post(page, data).status_code == 302
    answered = AreaAlert.objects.get()
    assert (answered.cause, answered.answered_by, answered.note) == ("event", lead, "The mill closed")
    assert "already" in signed_in(clerk).post(page, data | {"version": 2}).content.decode()
    assert "The mill closed" in signed_in(clerk).get(reverse("areas")).content.decode()


def test_evidence_never_undoes_an_answer(
    alert: AreaAlert, lead: User, outbox: Outbox, signed_in: SignIn
) -> None:
    signed_in(lead).post(reverse("area-answer", args=[alert.reference]), {"version": 1, "cause": "nothing"})
    casework.apply([[outbox.area(change="changed", started=20, known_at=LATER)]])
    assert AreaAlert.objects.get().cause == "nothing"


def test_a_worker_and_an_administrator_have_no_page_of_areas(
    alert: AreaAlert, worker: User, administrator: User, signed_in: SignIn
) -> None:
    for user in (worker, administrator):
        assert signed_in(user).get(reverse("areas")).status_code == 404
        answer = signed_in(user).post(
            reverse("area-answer", args=[alert.reference]), {"version": 1, "cause": "event"}
        )
        assert answer.status_code == 404
    assert AreaAlert.objects.get().answered_at is None


def test_the_page_runs_no_query_per_alert(
    alert: AreaAlert, lead: User, outbox: Outbox, signed_in: SignIn
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = signed_in(lead)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("areas"))
        return len(captured)

    queries()
    few = queries()
    casework.apply([[outbox.area(f"52010{n}", signal=f"s{n}") for n in range(2, 9)]])
    assert queries() == few


def test_explain_tells_of_an_area_and_of_the_alerts_around_a_case(
    alert: AreaAlert, outbox: Outbox, vault_with_mei: None
) -> None:
    casework.apply([[outbox.signal(1, layers=layers(listed=True))]])
    case = Case.objects.get()
    assert "Income fell jumped in 520101, October 2026" in casework.explain("520101", "en")
    text = casework.explain(case.reference, "zh")
    assert "重点监测： 在册家庭" in text
    assert "520101" in text
    assert "新增激增" in text
    with pytest.raises(AlmonerError, match="no area of that code"):
        casework.explain("520199", "en")


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"watch": "*"}, {1}),
        ({"watch": "poor"}, {1}),
        ({"watch": "-"}, {2, 3}),
        ({"theme": "income"}, {1, 2}),
        ({}, {1, 2, 3}),
    ],
)
def test_the_queue_is_filtered_by_layer(
    worker: User, outbox: Outbox, signed_in: SignIn, chosen: dict[str, str], shown: set[int]
) -> None:
    casework.apply(
        [
            [
                outbox.signal(1, layers=layers(listed=True)),
                outbox.signal(2, layers=layers(listed=False)),
                outbox.signal(3, theme="work", layers=None),
            ]
        ]
    )
    response = signed_in(worker).get(reverse("queue"), {"list": "all", **chosen})
    assert {row.case.household_id for row in response.context["rows"]} == shown
    badges = response.content.decode().count("On the watch list: Recognised families")
    assert badges == (1 if 1 in shown else 0)


def test_the_case_page_shows_points_and_line(
    worker: User, outbox: Outbox, signed_in: SignIn, vault_with_mei: None
) -> None:
    casework.apply([[outbox.signal(1, layers=layers(listed=True))]])
    text = markup(signed_in(worker).get(reverse("case", args=[Case.objects.get().reference])))
    assert "On the watch list: Recognised families" in text
    assert "Income · Noticed" in text
