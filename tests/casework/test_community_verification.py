"""Lists that are made from records and confirmed on the spot, line by line, before anything is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import casework
from almoner.casework.cases import participation
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.models import (
    AccessLog,
    Case,
    CaseEvent,
    Check,
    CommunityVerification,
    Referral,
    ReferralState,
)
from almoner.casework.residents import community_verification
from casework.conftest import NAME
from casework.makers import Outbox, on_a_list
from casework.moves import go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
WHY = "the shop is still open"


@pytest.fixture
def line(departments: None, vault_with_mei: None, outbox: Outbox) -> Referral:
    """Of household 1, in a case of its own: it came from records, without a signal."""
    casework.apply([[outbox.proposal(1, programme="listed", **on_a_list())]])
    return Referral.objects.get()


def say(by: User, line: Referral, *, confirmed: bool = True, note: str = "") -> None:
    line.refresh_from_db()
    community_verification.say(by, line.reference, line.version, confirmed, note)
    line.refresh_from_db()


def test_the_department_on_the_spot_sees_who_what_and_by_when(
    line: Referral, clerk: User, signed_in: SignIn
) -> None:
    client = signed_in(clerk)
    assert "1 line of a list to confirm on the spot" in client.get(reverse("inbox")).content.decode()
    page = client.get(reverse("lists")).content.decode()
    for expected in (NAME, "Monthly relief: 1,702.50 CNY a month", "It is right"):
        assert expected in page, expected
    assert line.check_due_at is not None
    assert "Recent income" not in page
    assert AccessLog.objects.get().page == "list"


def test_a_line_is_sent_only_after_it_was_confirmed(line: Referral, worker: User, clerk: User) -> None:
    case = go(line.case, worker, "take", "start", "confirm")
    assert not Check.objects.exists()
    assert "not been confirmed on the spot" in str(participation.missing(line))
    with pytest.raises(Refused, match="Nothing can be sent yet"):
        go(case, worker, "send")
    say(clerk, line)
    assert participation.missing(line) is None
    go(case, worker, "send")
    assert Check.objects.get().about == {line.reference: "1702.50 CNY/month"}


def test_what_is_not_right_needs_its_reason_and_a_person_looks_again(
    line: Referral, worker: User, clerk: User, signed_in: SignIn
) -> None:
    with pytest.raises(Refused, match="Say what is not right"):
        say(clerk, line, confirmed=False)
    say(clerk, line, confirmed=False, note=WHY)
    assert line.state == ReferralState.PROPOSED
    assert line.case.is_open
    go(line.case, worker, "take")
    page = signed_in(worker).get(reverse("case", args=[line.case.reference])).content.decode()
    for expected in (
        f"It was not confirmed on the spot: {WHY}",
        "Ask on the spot once more",
        "A person looks again.",
    ):
        assert expected in page, expected


def test_a_doubted_line_is_asked_once_more_by_who_works_the_case(
    line: Referral, worker: User, colleague: User, clerk: User, signed_in: SignIn
) -> None:
    case = go(line.case, worker, "take")
    with pytest.raises(Refused, match="Nobody on the spot"):
        community_verification.ask_again(worker, case.reference, case.version, line.reference, "seen")
    say(clerk, line, confirmed=False, note=WHY)
    case.refresh_from_db()
    address = reverse("list-again", args=[case.reference, line.reference])
    client = signed_in(worker)
    assert client.post(address, {"version": case.version}).status_code == 409
    with pytest.raises(Refused, match="not assigned to you"):
        community_verification.ask_again(colleague, case.reference, case.version, line.reference, "seen")
    with pytest.raises(Stale):
        community_verification.ask_again(worker, case.reference, case.version - 1, line.reference, "seen")
    assert client.post(address, {"version": case.version, "note": "it was closed in May"}).status_code == 302
    line.refresh_from_db()
    assert line.check_due_at is not None
    case.refresh_from_db()
    assert case.due_at <= line.check_due_at
    say(clerk, line)
    assert participation.missing(line) is None


def test_another_amount_is_confirmed_anew(line: Referral, clerk: User, outbox: Outbox) -> None:
    say(clerk, line)
    assert line.check_due_at is None
    casework.apply([[outbox.proposal(1, "changed", programme="listed", amount=900.0, **on_a_list())]])
    line.refresh_from_db()
    assert line.check_due_at is not None
    assert "not been confirmed on the spot" in str(participation.missing(line))
    say(clerk, line)
    assert participation.missing(line) is None
    casework.apply(
        [
            [
                outbox.proposal(
                    1, "changed", programme="listed", amount=900.0, reference="Another article", **on_a_list()
                )
            ]
        ]
    )
    assert Referral.objects.get().check_due_at is None


def test_another_amount_moves_the_time_to_confirm_it_in_and_never_out(line: Referral, outbox: Outbox) -> None:
    """Who has not confirmed yet confirms the new amount, by the time that runs already."""
    assert line.check_due_at == dt.datetime(2026, 11, 13, 17, 30)  # 5 working days from Friday 6 November
    for day, amount in ((11, 900.0), (12, 950.0)):
        known = dt.datetime(2026, 11, day, 9)
        change = outbox.proposal(
            1, "changed", programme="listed", amount=amount, known_at=known, **on_a_list()
        )
        casework.apply([[change]])
        line.refresh_from_db()
        assert (line.amount, line.check_due_at) == (amount, dt.datetime(2026, 11, 13, 17, 30))


def test_what_is_proposed_again_is_confirmed_within_a_time_of_its_own(line: Referral, outbox: Outbox) -> None:
    casework.apply([[outbox.proposal(1, "cleared", programme="listed", **on_a_list())]])
    known = dt.datetime(2026, 12, 7, 9)
    again = outbox.proposal(1, programme="listed", amount=900.0, known_at=known, **on_a_list())
    casework.apply([[again]])
    line.refresh_from_db()
    assert (line.state, line.check_due_at) == (ReferralState.PROPOSED, dt.datetime(2026, 12, 14, 17, 30))


def test_who_reads_an_older_amount_is_told(line: Referral, clerk: User, signed_in: SignIn) -> None:
    answer = signed_in(clerk).post(
        reverse("line", args=[line.reference]), {"version": line.version - 1, "confirmed": "yes"}
    )
    assert answer.status_code == 409
    assert "has changed since you opened it" in answer.content.decode()
    assert not CommunityVerification.objects.exists()


def test_each_word_is_in_the_trail_and_can_not_be_changed(line: Referral, clerk: User) -> None:
    say(clerk, line, confirmed=False, note=WHY)
    event = CaseEvent.objects.get(kind="list_doubted")
    assert (event.actor, WHY in event.data) == (clerk, True)
    for change in (
        lambda: CommunityVerification.objects.update(confirmed=True),
        lambda: CommunityVerification.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert casework.verify_chain().intact


def test_a_line_that_is_answered_withdrawn_or_of_an_ended_case_is_not_asked(
    line: Referral, clerk: User, worker: User, outbox: Outbox
) -> None:
    say(clerk, line)
    with pytest.raises(Http404):
        say(clerk, line)
    casework.apply(
        [
            [
                outbox.proposal(2, programme="listed", **on_a_list()),
                outbox.proposal(3, programme="listed", **on_a_list()),
            ]
        ]
    )
    casework.apply([[outbox.proposal(2, "cleared", programme="listed", **on_a_list())]])
    ended = Case.objects.get(household_id=3)
    go(ended, worker, "take", "dismiss", outcome="moved")
    for household in (2, 3):
        with pytest.raises(Http404):
            say(clerk, Referral.objects.get(case__household_id=household))


def test_strangers_confirm_and_read_nothing(
    line: Referral, worker: User, lead: User, strangers: list[User], signed_in: SignIn
) -> None:
    for stranger in (*strangers, worker, lead):
        with pytest.raises(Http404):
            say(stranger, line)
        assert NAME not in signed_in(stranger).get(reverse("lists")).content.decode()
    for stranger in strangers:
        with pytest.raises(Http404):
            community_verification.ask_again(stranger, line.case.reference, 1, line.reference, "x")
    assert not AccessLog.objects.exists()


def test_a_longer_list_takes_no_more_queries_and_is_shown_in_parts(
    line: Referral, clerk: User, outbox: Outbox, signed_in: SignIn
) -> None:
    client = signed_in(clerk)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("lists")).status_code == 200
        return len(asked.captured_queries)

    one = queries()
    casework.apply([[outbox.proposal(h, programme="listed", **on_a_list()) for h in range(2, 30)]])
    more = queries()
    assert AccessLog.objects.filter(page="list").count() == 11
    assert more - one <= 9 * 3  # the record of who looked: one look a case
    page, shown = client.get(reverse("lists")).context["page"], 10
    while page.next:
        page = client.get(reverse("lists") + page.next).context["page"]
        assert (page.first, page.count) == (shown + 1, 29)
        shown = page.last
    assert shown == 29


def test_the_line_that_is_overdue_stands_first(
    line: Referral, clerk: User, outbox: Outbox, signed_in: SignIn
) -> None:
    casework.apply([[outbox.proposal(2, programme="listed", **on_a_list())]])
    second = Referral.objects.get(case__household_id=2)
    Referral.objects.filter(pk=second.pk).update(check_due_at=dt.datetime(2026, 1, 1))
    rows = signed_in(clerk).get(reverse("lists")).context["rows"]
    assert [row[0].referral for row in rows] == [second, line]
    assert rows[0][1].tone == "over"
