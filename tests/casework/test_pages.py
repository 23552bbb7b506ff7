"""Each page: what it shows, to whom, and what it never tells."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.models import AccessLog, AreaAlert, CalendarDay, Case, Referral
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import FRIDAY, Outbox
from casework.moves import confirmed

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def test_lists_that_are_shared_hold_nothing_of_others(
    case: Case, alert: AreaAlert, strangers: list[User], signed_in: SignIn
) -> None:
    for username, page in (
        ("elsewhere", "queue"),
        ("nowhere", "queue"),
        ("labourer", "inbox"),
        ("labourer", "areas"),
    ):
        client = signed_in(next(s for s in strangers if s.username == username))
        text = client.get(reverse(page), {"list": "all"}).content.decode()
        assert case.reference not in text
        assert alert.reference not in text


def test_the_queue_opens_on_mine_and_unassigned_of_my_areas(
    worker: User, colleague: User, outbox: Outbox, signed_in: SignIn
) -> None:
    casework.apply(
        [[outbox.signal(h, area=area) for h, area in enumerate(["520101", "520102", "520199", "53"], 1)]]
    )
    mine, others, free, foreign = Case.objects.order_by("household_id")
    Case.objects.filter(pk=mine.pk).update(assignee=worker)
    Case.objects.filter(pk=others.pk).update(assignee=colleague)
    text = signed_in(worker).get(reverse("queue")).content.decode()
    assert mine.reference in text
    assert free.reference in text
    assert others.reference not in text
    assert foreign.reference not in text


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"list": "mine"}, {1}),
        ({"list": "unassigned"}, {2, 3}),
        ({"list": "all"}, {1, 2, 3}),
        ({"list": "all", "signal": "silent"}, {2}),
        ({"list": "all", "level": "red"}, {2}),
        ({"list": "all", "area": "520199"}, {3}),
        ({"list": "overdue"}, {3}),
        ({"list": "held"}, {4}),
        ({"list": "ended"}, {5}),
    ],
)
def test_the_queue_filters_and_says_the_filter_in_words(
    worker: User, outbox: Outbox, signed_in: SignIn, chosen: dict[str, str], shown: set[int]
) -> None:
    soon, past = dt.datetime.now(), dt.datetime(2020, 1, 6)
    casework.apply(
        [
            [
                outbox.signal(1, known_at=soon),
                outbox.signal(2, signal="silent", level="red", known_at=soon),
                outbox.signal(3, area="520199", known_at=past),
                outbox.signal(4, known_at=soon),
                outbox.signal(5, known_at=soon),
            ]
        ]
    )
    Case.objects.filter(household_id=1).update(assignee=worker)
    Case.objects.filter(household_id=4).update(
        held_until=soon.date() + dt.timedelta(days=9), level="blue", area="5201"
    )
    Case.objects.filter(household_id=5).update(state="closed", ended_at=soon)
    if chosen.get("list") == "all":
        shown = shown | ({4} if set(chosen) == {"list"} else set())
    response = signed_in(worker).get(reverse("queue"), chosen)
    assert {row.case.household_id for row in response.context["rows"]} == shown
    assert f"<strong>{len(shown)}</strong> case" in response.content.decode()


def test_the_queue_puts_the_most_urgent_first(worker: User, outbox: Outbox, signed_in: SignIn) -> None:
    casework.apply(
        [[outbox.signal(h, known_at=FRIDAY + dt.timedelta(days=d)) for h, d in ((1, 9), (2, 1), (3, 5))]]
    )
    rows = signed_in(worker).get(reverse("queue")).context["rows"]
    assert [row.case.household_id for row in rows] == [2, 3, 1]


def test_no_page_runs_a_query_per_row(worker: User, clerk: User, outbox: Outbox, signed_in: SignIn) -> None:
    def queries(page: str, user: User) -> int:
        client = signed_in(user)
        client.get(page)
        with CaptureQueriesContext(connection) as captured:
            client.get(page)
        return len(captured)

    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    Referral.objects.update(state="sent", due_at=FRIDAY)
    few = [queries(reverse("queue"), worker), queries(reverse("inbox"), clerk)]
    casework.apply([[change for h in range(2, 40) for change in (outbox.signal(h), outbox.proposal(h))]])
    Referral.objects.update(state="sent", due_at=FRIDAY)
    counted = 1  # a list of more than one page is counted
    many = [queries(reverse("queue"), worker), queries(reverse("inbox"), clerk)]
    assert many == [few[0], few[1] + counted]


def test_the_case_page_says_why_first_with_source_date_value_and_rule(
    case: Case, worker: User, signed_in: SignIn
) -> None:
    text = signed_in(worker).get(reverse("case", args=[case.reference])).content.decode()
    for expected in (
        NAME,
        NUMBER,
        "Income of the last months, 812.5 CNY a month",
        "Insured wages",
        "Labour office",
        "Oct. 15, 2026",
        "complete through Oct. 31, 2026",
        "812.50 CNY a month",
        "Notice 12 of 2026",
        "Ask who still earns",
        "567.50 × 3 = 1,702.50",
        "1,702.50 CNY a month",
    ):
        assert expected in text, expected
    headings = re.findall(r"<h2[^>]*>([^<]+)<", text)
    assert headings[0] == "Why it is here"


def test_each_look_at_personal_data_is_recorded(
    case: Case, worker: User, clerk: User, signed_in: SignIn
) -> None:
    signed_in(worker).get(reverse("case", args=[case.reference]))
    referral = confirmed(case, worker)
    signed_in(clerk).get(reverse("referral", args=[referral.reference]))
    looks = AccessLog.objects.order_by("id").values_list("user__username", "household_id", "page")
    assert list(looks) == [("worker", 1, "case"), ("clerk", 1, "referral")]


def test_a_department_sees_its_referral_and_nothing_else_of_the_case(
    case: Case, worker: User, clerk: User, signed_in: SignIn
) -> None:
    proposed = Referral.objects.get()
    client = signed_in(clerk)
    assert client.get(reverse("referral", args=[proposed.reference])).status_code == 404
    referral = confirmed(case, worker)
    assert (
        f'href="{reverse("referral", args=[referral.reference])}"'
        in client.get(reverse("inbox")).content.decode()
    )
    text = client.get(reverse("referral", args=[referral.reference])).content.decode()
    assert "1,702.50 CNY a month" in text
    assert "Ask who still earns" not in text
    assert case.reference not in text
    assert client.get(reverse("case", args=[case.reference])).status_code == 404
    answered = client.post(
        reverse("referral-action", args=[referral.reference, "accept"]), {"version": referral.version}
    )
    assert answered.status_code == 302


def test_the_second_of_two_workers_is_told_on_the_page(
    case: Case, worker: User, colleague: User, signed_in: SignIn
) -> None:
    address, seen = reverse("case-action", args=[case.reference, "take"]), {"version": case.version}
    assert signed_in(worker).post(address, seen).status_code == 302
    second = signed_in(colleague).post(address, seen)
    assert second.status_code == 409
    assert "This has changed since you opened it" in second.content.decode()


def test_moves_are_post_only_and_need_the_csrf_token(case: Case, worker: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(worker, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("case-action", args=[case.reference, "take"])
    assert client.get(address).status_code == 405
    assert client.post(address, {"version": case.version}).status_code == 403


def test_no_address_and_no_log_line_names_a_person(
    case: Case, worker: User, signed_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_in(worker)
    texts = [
        client.get(page).content.decode()
        for page in (reverse("queue"), reverse("case", args=[case.reference]))
    ]
    addresses = " ".join(re.findall(r'(?:href|action)="([^"]*)"', " ".join(texts)))
    for secret in (NAME, NUMBER, PHONE):
        assert secret not in addresses
        assert secret not in caplog.text
        assert secret not in texts[0]


def test_every_page_has_a_strict_policy_and_is_not_kept(case: Case, worker: User, signed_in: SignIn) -> None:
    for response in (
        Client().get(reverse("sign-in")),
        signed_in(worker).get(reverse("case", args=[case.reference])),
    ):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert (
            response.headers["Cache-Control"] == "no-store" or "no-cache" in response.headers["Cache-Control"]
        )
        assert not re.search(r"<script|\sstyle=|\son[a-z]+=", response.content.decode())


def test_what_records_say_is_escaped(
    worker: User, outbox: Outbox, signed_in: SignIn, vault_with_mei: None
) -> None:
    evil = {"en": "<img src=x onerror=alert(1)>", "zh": "<b>"}
    casework.apply([[outbox.signal(1, check=evil, why=evil, label=evil)]])
    client = signed_in(worker)
    for page in (reverse("queue"), reverse("case", args=[Case.objects.get().reference])):
        assert "<img" not in client.get(page).content.decode()


def test_five_wrong_passwords_lock_the_user_out(worker: User) -> None:
    client, address = Client(), reverse("sign-in")
    for _ in range(5):
        last = client.post(address, {"username": "worker", "password": "wrong"})
    assert last.status_code == 429
    assert client.post(address, {"username": "worker", "password": PASSWORD}).status_code == 429


def test_the_right_password_opens_the_queue(worker: User) -> None:
    client = Client()
    answer = client.post(reverse("sign-in"), {"username": "worker", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("queue")


def test_the_language_is_chosen_in_the_footer_and_kept(case: Case, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    client.post(reverse("set_language"), {"language": "zh-hans", "next": reverse("queue")})
    text = client.get(reverse("case", args=[case.reference])).content.decode()
    for expected in (
        "立案原因",
        "近几个月收入为每月 812.5 元",
        "劳动局",
        "2026年10月15日",
        "1,702.50 CNY/月",
    ):
        assert expected in text


def test_an_administrator_edits_the_calendar_and_sees_no_case(
    case: Case, administrator: User, signed_in: SignIn
) -> None:
    client = signed_in(administrator)
    client.post(reverse("calendar"), {"day": "2027-02-06", "working": "yes", "note": "Spring Festival"})
    day = CalendarDay.objects.get(day=dt.date(2027, 2, 6))
    assert (day.working, day.edited_by) == (True, administrator)
    assert client.get(reverse("case", args=[case.reference])).status_code == 404


def test_a_household_without_a_key_says_so_and_shows_nothing(
    case: Case, settings: object, tmp_path: object
) -> None:
    from almoner.errors import VaultError

    settings.VAULT_KEY = f"{tmp_path}/missing.key"  # type: ignore[attr-defined]
    with pytest.raises(VaultError):
        casework.people(1)


def test_a_department_finds_what_it_has_answered(
    case: Case, worker: User, clerk: User, strangers: list[User], signed_in: SignIn
) -> None:
    referral = confirmed(case, worker)
    workflow.answer(clerk, referral.reference, "return", referral.version, "not our area")
    client = signed_in(clerk)
    assert referral.reference not in client.get(reverse("inbox")).content.decode()
    text = client.get(reverse("inbox"), {"list": "answered"}).content.decode()
    assert f'href="{reverse("referral", args=[referral.reference])}"' in text
    assert "not our area" in text
    labourer = signed_in(next(s for s in strangers if s.username == "labourer"))
    assert referral.reference not in labourer.get(reverse("inbox"), {"list": "answered"}).content.decode()
