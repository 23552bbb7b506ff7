"""Clocks, approval and levels follow the terms of the pack in use, by the day on which a clock starts."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.cases import authorisations
from almoner.casework.core.clocks import Clocks, WorkingDays, due_at, installed_clocks
from almoner.casework.core.legal_terms import installed_terms, level_names
from almoner.casework.models import Case, CaseState, Check, Department, Notice, Referral, ReferralState, Rule
from almoner.casework.residents import grievances, notices
from almoner.errors import AlmonerError
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Term
from casework.makers import FRIDAY, Outbox, authorised_by_all, base_terms, install_terms
from casework.moves import go
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
ROOT = Path(__file__).parents[2]
ACTS = {  # each term that is a clock in casework, with other hours than all others
    name: {"2025-01-01": {"amount": 100 + n, "unit": "hours"}}
    for n, name in enumerate(("correction", "appeal", "callback", "notice", "authorisation", "approval"))
}


def hours(start: dt.datetime, due: dt.datetime | None) -> float:
    assert due is not None
    return (due - start).total_seconds() / 3600


@pytest.fixture
def notice(case: Case, worker: User) -> Notice:
    install_terms(**ACTS)
    go(case, worker, "take")
    made, _code = notices.make(worker, case.reference, case.version, [case.signals.get().pk])
    case.refresh_from_db()
    return made


def test_a_notice_is_to_be_answered_in_the_packs_time(notice: Notice) -> None:
    assert hours(notice.made_at, notice.answer_by) == 103


@pytest.mark.parametrize(("kind", "allowed"), [("correction", 100), ("appeal", 101), ("person", 102)])
def test_what_a_household_asks_for_has_the_packs_clock(notice: Notice, kind: str, allowed: int) -> None:
    about = grievances.noticed_facts(notice)[0][1][0].about
    grievance = grievances.ask(notice, kind, "this is not right", about)
    assert hours(grievance.asked_at, grievance.due_at) == allowed


def test_an_authorisation_and_an_approval_have_the_packs_clocks(
    case: Case, worker: User, outbox: Outbox
) -> None:
    install_terms(**ACTS)
    casework.apply([[outbox.proposal(1, programme="checked", **authorised_by_all())]])
    go(case, worker, "take")
    wanted = case.referrals.get(programme="checked")
    asked = authorisations.ask(worker, case.reference, case.version, wanted.reference, [11])
    assert hours(asked.made_at, asked.due_at) == 104
    go(case, worker, "start", "confirm")
    check = Check.objects.get()
    assert hours(check.asked_at, check.due_at) == 105


def test_a_time_is_the_value_of_the_day_on_which_the_clock_starts() -> None:
    terms = base_terms(
        appeal={
            "2026-11-06": {"amount": 4, "unit": "days"},
            "2026-11-09": {"amount": 6, "unit": "hours"},
        }
    )
    clocks = Clocks(WorkingDays(terms), {})
    assert clocks.due_by_term(dt.datetime(2026, 11, 8, 23), "appeal") == dt.datetime(2026, 11, 12, 17)
    assert clocks.due_by_term(dt.datetime(2026, 11, 9, 0), "appeal") == dt.datetime(2026, 11, 9, 6)
    early = clocks.due_by_term(dt.datetime(2026, 11, 1, 9), "appeal")
    assert early == dt.datetime(2026, 11, 5, 17), "before its first day the first value holds"


def test_the_times_of_the_base_pack_are_those_that_the_documentation_says() -> None:
    terms, day = base_terms(), dt.date(2026, 11, 30)
    assert {name: terms.time(name, day) for name in (*ACTS, "request", "reminder")} == {
        "correction": Term(10, "working_days"),
        "appeal": Term(15, "working_days"),
        "callback": Term(3, "working_days"),
        "notice": Term(10, "working_days"),
        "authorisation": Term(10, "working_days"),
        "approval": Term(1, "working_days"),
        "request": Term(10, "working_days"),
        "reminder": Term(48, "hours"),
    }


def test_the_weekend_is_the_packs_and_changes_on_its_day() -> None:
    terms = base_terms(weekend={"2026-01-01": ["friday", "saturday"], "2026-11-14": ["sunday"]})
    days = WorkingDays(terms)
    start = dt.datetime(2026, 11, 5, 9)  # a Thursday
    assert due_at(start, 1, "working_days", days, dt.time(17)) == dt.datetime(2026, 11, 8, 17)
    worked = [day for day in range(9, 23) if dt.date(2026, 11, day) in days]
    assert worked == [9, 10, 11, 12, 14, 16, 17, 18, 19, 20, 21], "13 is still a Friday off, 14 is worked"


def test_a_department_without_hours_of_its_own_closes_as_the_terms_say(departments: None) -> None:
    install_terms(
        office_hours={
            "2025-01-01": {"opens": "08:00", "closes": "16:00"},
            "2026-11-07": {"opens": "08:00", "closes": "15:30"},
        }
    )
    Department.objects.filter(pk="labour").update(closes=None)
    within, clocks = {"amount": 2, "unit": "days"}, installed_clocks()
    assert clocks.due(FRIDAY, within, "labour") == dt.datetime(2026, 11, 8, 16)
    assert clocks.due(FRIDAY + dt.timedelta(days=1), within, "") == dt.datetime(2026, 11, 9, 15, 30)
    assert clocks.due(FRIDAY, within, "relief") == dt.datetime(2026, 11, 8, 17, 30)


def test_the_hours_of_a_working_day_order_signals_and_a_new_value_reopens_nothing(
    case: Case, worker: User, outbox: Outbox
) -> None:
    assert case.urgency_hours == 5 * 33.6
    Referral.objects.all().delete()
    go(case, worker, "take", "start", "dismiss", outcome="moved")
    install_terms(working_day={"2025-01-01": 33.6, "2026-11-07": 8})
    later = FRIDAY + dt.timedelta(days=3)
    casework.apply([[outbox.signal(1, "changed", known_at=later, severity=0.9)]])
    assert Case.objects.count() == 1, "the signal is as urgent as it was when it was raised"
    casework.apply([[outbox.signal(2, known_at=later)]])
    assert Case.objects.get(household_id=2).urgency_hours == 5 * 8


@pytest.mark.parametrize("level", ["urgent", "red"])
def test_a_case_that_cannot_wait_ends_by_two(
    case: Case, worker: User, colleague: User, outbox: Outbox, level: str
) -> None:
    casework.apply([[outbox.signal(1, "changed", level=level, working_days=1)]])
    go(case, worker, "take", "dismiss", outcome="moved")
    assert (case.level, case.state) == (level, CaseState.DETECTED)
    go(case, colleague, "agree")
    assert case.state == CaseState.DISMISSED


@pytest.mark.parametrize(("levels", "ends"), [([], True), (["orange"], True), (["urgent"], False)])
def test_the_pack_says_of_which_levels_a_case_ends_by_two(
    case: Case, worker: User, outbox: Outbox, levels: list[str], ends: bool
) -> None:
    tomorrow = (dt.date.today() + dt.timedelta(days=1)).isoformat()
    install_terms(approval_levels={"2025-01-01": levels, tomorrow: ["urgent", "yellow"]})
    casework.apply([[outbox.signal(1, "changed", level="urgent", working_days=1)]])
    go(case, worker, "take", "dismiss", outcome="moved")
    assert (case.ended_at is not None, Check.objects.exists()) == (ends, not ends)


@pytest.mark.parametrize(("least", "waits"), [(1_702.5, True), (1_702.51, False)])
def test_the_pack_says_from_which_amount_a_second_person_approves(
    case: Case, worker: User, least: float, waits: bool
) -> None:
    tomorrow = (dt.date.today() + dt.timedelta(days=1)).isoformat()
    install_terms(approval_amount={"2025-01-01": least, tomorrow: 0})
    go(case, worker, "take", "start", "confirm")
    assert Check.objects.exists() == waits
    assert Referral.objects.get().state == (ReferralState.PROPOSED if waits else ReferralState.SENT)


def test_every_term_of_a_pack_reaches_casework_whole(base: Pack) -> None:
    casework.sync_departments(base)
    assert installed_terms() == base.terms
    assert installed_terms().approval_amount(dt.date(2026, 1, 1)) == Decimal(0)
    assert list(level_names()) == ["urgent", "red", "orange", "yellow"]


def test_without_a_pack_with_terms_no_clock_is_invented(departments: None) -> None:
    Rule.objects.all().delete()
    with pytest.raises(AlmonerError, match="almoner upgrade"):
        installed_clocks()


def test_levels_stand_on_pages_by_the_packs_names_colours_and_order(
    case: Case, lead: User, outbox: Outbox, signed_in: SignIn
) -> None:
    names = [("low", "Low concern", "blue"), ("yellow", "Look soon", "teal")]
    value = [{"level": level, "label": {"en": label, "zh": label}, "colour": c} for level, label, c in names]
    install_terms(levels={"2025-01-01": value}, approval_levels={"2025-01-01": []})
    casework.apply(
        [[outbox.signal(2, level="low", working_days=9), outbox.signal(3, level="gone", working_days=9)]]
    )
    client = signed_in(lead)
    page = markup(client.get(reverse("queue")))
    assert '<span class="app-level app-level--teal"> Look soon </span>' in page
    assert '<span class="app-level"> gone </span>' in page
    chosen = [page.index(f'<option value="{level}">') for level in ("low", "yellow", "gone")]
    assert chosen == sorted(chosen)
    assert "Look soon" in client.get(reverse("case", args=[case.reference])).content.decode()


def test_the_page_of_working_days_names_the_packs_weekend(administrator: User, signed_in: SignIn) -> None:
    client = signed_in(administrator)
    assert "Days off each week: Saturday, Sunday." in client.get(reverse("calendar")).content.decode()
    install_terms(weekend={"2025-01-01": ["friday"]})
    assert "Days off each week: Friday." in client.get(reverse("calendar")).content.decode()


def test_the_policy_page_shows_each_term_with_its_reference(
    base: Pack, departments: None, signed_in: SignIn
) -> None:
    casework.sync_departments(base)
    client = signed_in(casework.create_user("officer", "a long fictional password", role="policy"))
    assert base.terms["appeal"].label["en"] in client.get(reverse("policy")).content.decode()
    for key, value in (("appeal", "15 working days"), ("weekend", "Saturday, Sunday"), ("levels", "Orange")):
        text = client.get(reverse("rule", args=["term", key])).content.decode()
        assert value in text, key
        assert "setting of this pack" in text or "general knowledge" in text


def constants(file: Path) -> list[str]:
    """Where a source file fixes a time allowed, an hour of the day or a level."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        where = f"{file.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Dict):
            units = {"hours", "days", "working_days"}
            fixed = {value.value for value in node.values if isinstance(value, ast.Constant)}
            found += [where] if fixed & units else []
        elif (isinstance(node, ast.Constant) and node.value in {"urgent", "red", "orange", "yellow"}) or (
            isinstance(node, ast.Call) and ast.unparse(node.func) == "dt.time" and node.args
        ):
            found.append(where)
        elif isinstance(node, ast.Compare) and "weekday()" in ast.unparse(node.left):
            found += [where] if isinstance(node.comparators[0], ast.Constant) else []
    return found


def test_the_code_of_casework_fixes_no_term() -> None:
    # `describing.py` shows one made-up referral with its time in the documentation of the API.
    apart = {"migrations", "describing.py"}
    sources = [f for f in (ROOT / "src/almoner/casework").rglob("*.py") if not apart & set(f.parts)]
    assert len(sources) > 100
    assert [where for file in sources for where in constants(file)] == []


@pytest.mark.parametrize(
    "text",
    [
        'WITHIN = {"amount": 10, "unit": "working_days"}',
        'CHECKED = frozenset({"red", "urgent"})',
        "CLOSES = dt.time(17)",
        "worked = day.weekday() < 5",
    ],
)
def test_a_term_in_code_would_be_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(text, encoding="utf-8")
    assert constants(tmp_path / "one.py")
