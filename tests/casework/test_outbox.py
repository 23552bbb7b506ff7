"""What evidence does to cases, and what it never does."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from almoner import casework
from almoner.assessment.templates import Template
from almoner.casework.models import BodyForm, Case, CaseEvent, CaseSignal, CaseState, Referral, ReferralState
from almoner.support.changes import Change
from almoner.support.payloads import Body
from casework.makers import FRIDAY, Outbox

pytestmark = pytest.mark.django_db


def kinds(case: Case) -> list[str]:
    return list(CaseEvent.objects.filter(case=case).order_by("number").values_list("kind", flat=True))


def end(case: Case, state: CaseState) -> None:
    Case.objects.filter(pk=case.pk).update(state=state, ended_at=FRIDAY)


def test_a_raised_signal_opens_a_case_and_says_why(outbox: Outbox, departments: None) -> None:
    done = casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    case = Case.objects.get()
    assert (done.cases_opened, done.signals, done.referrals, done.last_seq) == (1, 1, 1, 2)
    assert (case.state, case.household_id, case.area, case.level) == (
        CaseState.DETECTED,
        1,
        "520101",
        "yellow",
    )
    assert case.due_at == dt.datetime(2026, 11, 13, 17, 30)
    assert kinds(case) == ["opened", "signal_raised", "proposal_raised"]
    assert Referral.objects.get().state == ReferralState.PROPOSED


def test_applying_the_same_changes_twice_changes_nothing(outbox: Outbox) -> None:
    changes = [outbox.signal(1), outbox.proposal(1), outbox.signal(2)]
    casework.apply([changes])
    before = (list(Case.objects.values()), list(CaseSignal.objects.values()), CaseEvent.objects.count())
    again = casework.apply([changes, changes])
    assert (again.cases_opened, again.cases_updated, again.signals, again.last_seq) == (0, 0, 0, 3)
    assert (
        list(Case.objects.values()),
        list(CaseSignal.objects.values()),
        CaseEvent.objects.count(),
    ) == before
    assert casework.last_seq() == 3


def test_a_signal_that_is_raised_again_under_a_new_number_is_not_doubled(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    casework.apply([[outbox.signal(1)]])
    assert CaseSignal.objects.count() == 1
    assert CaseEvent.objects.count() == 2


def test_batches_of_any_size_give_the_same_cases(outbox: Outbox) -> None:
    changes = [outbox.signal(h) for h in range(20)] + [outbox.proposal(h) for h in range(20)]
    casework.apply([[change] for change in changes])
    assert (Case.objects.count(), Referral.objects.count()) == (20, 20)


def test_a_second_signal_joins_the_open_case_and_the_earliest_clock_counts(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    more = casework.apply(
        [[outbox.signal(1, signal="silent", level="red", within={"amount": 24, "unit": "hours"})]]
    )
    case = Case.objects.get()
    assert (more.cases_opened, more.cases_updated) == (0, 1)
    assert (case.level, case.due_at, case.version) == ("red", FRIDAY + dt.timedelta(hours=24), 2)


def test_the_database_refuses_a_second_open_case_of_a_household(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.create(household_id=1, opened_at=FRIDAY, opened_as_of=FRIDAY.date())


def test_a_fault_in_the_middle_leaves_nothing_behind(outbox: Outbox) -> None:
    good, broken = outbox.signal(1), outbox.signal(2, within={"amount": 3, "unit": "moons"})
    with pytest.raises(Exception, match="moons"):
        casework.apply([[good], [broken]])
    assert (Case.objects.count(), CaseEvent.objects.count(), casework.last_seq()) == (0, 0, 0)


def test_a_changed_signal_keeps_its_old_evidence_in_the_trail(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    old = CaseSignal.objects.get().body
    casework.apply([[outbox.signal(1, "changed", level="orange", severity=0.7)]])
    signal, event = CaseSignal.objects.get(), CaseEvent.objects.get(kind="signal_changed")
    assert (signal.level, signal.severity) == ("orange", 0.7)
    assert json.loads(event.data)["body_before"] == {"form": "", "answers": old.stored}


def test_a_clock_is_never_moved_out_by_evidence(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    due = Case.objects.get().due_at
    later = FRIDAY + dt.timedelta(days=3)
    casework.apply([[outbox.signal(1, "changed", severity=0.9, known_at=later)]])
    assert Case.objects.get().due_at == due
    casework.apply([[outbox.signal(1, "changed", level="red", working_days=1, known_at=later)]])
    assert Case.objects.get().due_at < due


@pytest.mark.parametrize(
    ("working_days", "known", "due"),
    [
        (4, dt.datetime(2026, 11, 12, 9), dt.datetime(2026, 11, 13, 17)),  # 4 days from then end on the 18th
        (1, dt.datetime(2026, 11, 12, 18), dt.datetime(2026, 11, 13, 17)),  # on the same day
        (1, dt.datetime(2026, 11, 11, 9), dt.datetime(2026, 11, 12, 17)),
        (4, dt.datetime(2026, 11, 20, 9), dt.datetime(2026, 11, 13, 17)),  # it is over, and stays over
    ],
)
def test_more_urgent_evidence_moves_a_clock_in_and_never_out(
    outbox: Outbox, working_days: int, known: dt.datetime, due: dt.datetime
) -> None:
    """Five working days from Friday 6 November end on the 13th."""
    casework.apply([[outbox.signal(1)]])
    assert CaseSignal.objects.get().due_at == Case.objects.get().due_at == dt.datetime(2026, 11, 13, 17)
    within = {"amount": working_days, "unit": "working_days"}
    casework.apply([[outbox.signal(1, "changed", level="orange", within=within, known_at=known)]])
    assert CaseSignal.objects.get().level == "orange"
    assert CaseSignal.objects.get().due_at == Case.objects.get().due_at == due


def test_a_cleared_signal_neither_closes_nor_changes_the_state_of_a_case(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    casework.apply([[outbox.signal(1, "cleared")]])
    case = Case.objects.get()
    assert (case.state, case.due_at, case.level) == (
        CaseState.DETECTED,
        dt.datetime(2026, 11, 13, 17),
        "yellow",
    )
    assert CaseSignal.objects.get().cleared_on == FRIDAY.date()
    assert kinds(case)[-1] == "signal_cleared"


def test_a_signal_cleared_and_raised_again_in_an_open_case_gets_a_new_clock(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)], [outbox.signal(1, "cleared")]])
    casework.apply([[outbox.signal(1, known_at=FRIDAY + dt.timedelta(days=28))]])
    signal = CaseSignal.objects.get()
    assert (signal.cleared_on, signal.due_at) == (None, dt.datetime(2026, 12, 11, 17))


@pytest.mark.parametrize("state", [CaseState.DISMISSED, CaseState.CLOSED])
def test_a_signal_that_stays_open_does_not_undo_a_decision(outbox: Outbox, state: CaseState) -> None:
    casework.apply([[outbox.signal(1)]])
    end(Case.objects.get(), state)
    done = casework.apply(
        [[outbox.signal(1, "changed", severity=0.9)], [outbox.signal(1, "raised", severity=0.95)]]
    )
    assert done.cases_opened == 0
    assert Case.objects.get().state == state


def test_a_new_raise_after_a_clear_opens_a_new_case_that_names_the_new_evidence(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    first = Case.objects.get()
    end(first, CaseState.DISMISSED)
    casework.apply([[outbox.signal(1, "cleared")], [outbox.signal(1)]])
    second = Case.objects.exclude(pk=first.pk).get()
    data = json.loads(CaseEvent.objects.get(case=second, kind="opened").data)
    assert (data["earlier_case"], data["new_evidence"]["what"]) == (first.reference, "again")


def test_a_more_urgent_level_opens_a_new_case_after_a_dismissal(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    first = Case.objects.get()
    end(first, CaseState.DISMISSED)
    casework.apply([[outbox.signal(1, "changed", level="red", working_days=1)]])
    second = Case.objects.exclude(pk=first.pk).get()
    data = json.loads(CaseEvent.objects.get(case=second, kind="opened").data)
    assert data["new_evidence"] == {"what": "more_urgent", "level_before": "yellow", "level": "red"}
    casework.apply([[outbox.signal(1, "cleared")]])
    assert CaseSignal.objects.get(case=second).cleared_on is not None


def test_what_was_proposed_in_a_dismissed_case_is_carried_over_to_the_next(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    first = Case.objects.get()
    end(first, CaseState.DISMISSED)
    casework.apply([[outbox.signal(1, signal="silent")]])
    second = Case.objects.exclude(pk=first.pk).get()
    assert Referral.objects.get().case_id == second.pk
    assert "carried_over" in kinds(second)


def test_a_proposal_alone_does_not_reopen_a_dismissed_case(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    end(Case.objects.get(), CaseState.DISMISSED)
    assert casework.apply([[outbox.proposal(1)]]).cases_opened == 0
    assert Referral.objects.get().state == ReferralState.PROPOSED


def test_a_proposal_that_clears_before_the_decision_is_withdrawn_and_kept(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1), outbox.proposal(1)], [outbox.proposal(1, "cleared")]])
    assert Referral.objects.get().state == ReferralState.WITHDRAWN
    casework.apply([[outbox.proposal(1, amount=900)]])
    referral = Referral.objects.get()
    assert (referral.state, float(referral.amount or 0)) == (ReferralState.PROPOSED, 900)


def test_what_was_sent_is_never_taken_back_by_evidence(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    Referral.objects.update(state=ReferralState.SENT)
    casework.apply([[outbox.proposal(1, "changed", amount=10)], [outbox.proposal(1, "cleared")]])
    referral = Referral.objects.get()
    assert (referral.state, float(referral.amount or 0)) == (ReferralState.SENT, 1_702.5)
    assert kinds(Case.objects.get())[-2:] == ["evidence_changed", "proposal_cleared"]


def test_a_support_found_anew_after_a_closing_opens_a_case(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    Referral.objects.update(state=ReferralState.DONE)
    end(Case.objects.get(), CaseState.CLOSED)
    assert casework.apply([[outbox.proposal(1, "cleared"), outbox.proposal(1)]]).cases_opened == 1
    assert Referral.objects.count() == 2


def test_bulk_work_makes_no_query_for_a_single_change(outbox: Outbox) -> None:
    def statements(households: range) -> int:
        changes = [outbox.signal(h) for h in households] + [outbox.proposal(h) for h in households]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            casework.apply([changes])
        return sum(len(query["sql"]) > 0 for query in queries)

    few, many = statements(range(10)), statements(range(100, 700))
    assert many - few < 600 / 5


def test_the_trail_holds_no_gap_after_bulk_work(outbox: Outbox) -> None:
    casework.apply(
        [[outbox.signal(h) for h in range(300)], [outbox.signal(h, "cleared") for h in range(300)]]
    )
    check = casework.verify_chain()
    assert (check.intact, check.events) == (True, 900)


def with_form(change: Change) -> Change:
    """The same change as the engine writes it: a form, and the one answer that differs between households."""
    blank = "severity" if change.kind == "signal" else "amount"
    form = Template((blank,), {**change.body, blank: {"$": blank}})
    return dataclasses.replace(change, body=Body.holding([change.body[blank]], form))


def test_bodies_are_kept_as_answers_to_a_form_that_is_stored_once(outbox: Outbox) -> None:
    plain = [outbox.signal(1), outbox.proposal(1), outbox.signal(2, severity=0.2)]
    casework.apply([[with_form(change) for change in plain]])
    assert [s.body for s in CaseSignal.objects.order_by("case__household_id")] == [
        plain[0].body,
        plain[2].body,
    ]
    assert [s.answers for s in CaseSignal.objects.order_by("case__household_id")] == [[0.4], [0.2]]
    assert Referral.objects.get().body == plain[1].body
    assert Referral.objects.get().within == plain[1].body["within"]
    assert BodyForm.objects.count() == 2


def test_the_same_answers_to_the_same_form_are_no_change(outbox: Outbox) -> None:
    casework.apply([[with_form(outbox.signal(1)), with_form(outbox.proposal(1))]])
    before = CaseSignal.objects.get()
    casework.apply([[with_form(outbox.signal(1, "changed")), with_form(outbox.proposal(1, "changed"))]])
    assert kinds(Case.objects.get()) == ["opened", "signal_raised", "proposal_raised"]
    casework.apply([[with_form(outbox.signal(1, "changed", severity=0.9))]])
    event = CaseEvent.objects.get(kind="signal_changed")
    assert json.loads(event.data)["body_before"] == {"form": before.form, "answers": [0.4]}
    assert CaseSignal.objects.get().body["severity"] == 0.9


def test_what_evidence_changes_of_a_row_leaves_all_else_of_it(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1), outbox.proposal(1)]])
    Referral.objects.update(state=ReferralState.SENT, sent_at=FRIDAY, note="kept", version=3)
    Case.objects.update(held_until=FRIDAY.date())
    before = Referral.objects.values().get()
    casework.apply([[outbox.proposal(1, "cleared"), outbox.signal(1, "cleared")]])
    assert Referral.objects.values().get() == before | {"evidence_cleared_on": FRIDAY.date()}
    assert Case.objects.get().held_until == FRIDAY.date()
    assert CaseSignal.objects.get().body["signal"] == "lost_income"


def test_only_what_has_changed_is_written(outbox: Outbox) -> None:
    """SQLite makes each entry of an index anew of which a column is named; so what stayed as it was is not
    named."""
    casework.apply([[outbox.signal(1), outbox.proposal(1, amount=900)]])
    with CaptureQueriesContext(connection) as asked:
        casework.apply(
            [[outbox.signal(1, "changed", severity=0.7), outbox.proposal(1, "changed", amount=910)]]
        )
    written = {
        table: sql
        for sql in (q["sql"] for q in asked)
        for table in ("case", "casesignal", "referral")
        if f"UPDATE casework_{table} " in sql
    }
    named = {
        table: [
            part.split("=")[0].strip()
            for part in sql.split(" SET ")[1].split(" WHERE ")[0].split(", ")
            if "=" in part
        ]
        for table, sql in written.items()
    }
    assert {"version", "severity"} == set(named["case"])
    assert {"severity", "answers"} <= set(named["casesignal"]) <= {"severity", "answers", "form", "pack_hash"}
    assert {"amount", "answers"} <= set(named["referral"]) <= {"amount", "answers", "form", "pack_hash"}
    case, signal, referral = Case.objects.get(), CaseSignal.objects.get(), Referral.objects.get()
    assert (case.severity, signal.severity, referral.amount) == (0.7, 0.7, 910)
