"""Recognition, exit and review on a case: put before a person, with reasons, and never acted on by
themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.history import history
from almoner.casework.models import Case, CaseState, Referral, ReferralState
from almoner.casework.presentation.evidence import Presenter
from almoner.casework.presentation.explanation import explain
from almoner.support.changes import Change
from casework.makers import Outbox, condition, words

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
QUESTION = words("Is the family out of trouble?", "家庭是否已走出困难？")


def asked(
    outbox: Outbox, kind: Any = "exit", change: Any = "raised", household: int = 1, **more: Any
) -> Change:
    """A change of the kind, as a cycle writes it for one household."""
    label = words("Margin family", "低保边缘家庭") if kind == "recognition" else QUESTION
    body = {
        "programme": "margin" if kind == "recognition" else f"margin:{kind}",
        "proposes": kind,
        "category": "margin",
        "label": label,
        "subject": "household",
        "kind": "category",
        "department": "relief",
        "unit": "",
        "amount": None,
        "within": {"amount": 30, "unit": "working_days"},
        "participation": "visit",
        "reference": "Rule 7",
        "signals": [],
        "steps": [],
        "eligible": [condition()],
        "exclusions": [],
        "check": words("Look at the year.", "综合全年研判。"),
        "tier": 2,
        "guards": [
            {
                "label": words("Six months since", "认定满六个月"),
                "holds": True,
                "conditions": [condition(7, 6)],
            }
        ],
        "valid_until": None,
        "review_on": None,
        **more,
    }
    made = outbox.proposal(household, change)
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return Change(**fields | {"kind": kind, "key": f"{kind}:margin:household:{household}", "body": body})


@pytest.mark.parametrize("kind", ["recognition", "exit", "review"])
def test_it_comes_to_the_case_as_a_proposal_without_an_amount(
    outbox: Outbox, departments: None, kind: str
) -> None:
    done = casework.apply([[asked(outbox, kind)]])
    referral = Referral.objects.get()
    assert (done.cases_opened, done.referrals) == (1, 1)
    assert (referral.state, referral.amount, referral.department) == (ReferralState.PROPOSED, None, "relief")
    assert Presenter().proposal(referral).kind == kind


def test_an_exit_changes_no_state_and_takes_nothing_back(case: Case, worker: User, outbox: Outbox) -> None:
    for name in ("take", "start", "confirm"):
        case.refresh_from_db()
        workflow.act(worker, case.reference, name, case.version, {})
    before = list(Referral.objects.values("key", "state", "amount"))
    casework.apply([[asked(outbox)]])
    case.refresh_from_db()
    assert case.state == CaseState.CONFIRMED
    assert [
        r for r in Referral.objects.values("key", "state", "amount") if r["key"] in {b["key"] for b in before}
    ] == before


def test_an_exit_that_the_facts_refute_is_withdrawn_by_evidence(outbox: Outbox, departments: None) -> None:
    casework.apply([[asked(outbox)]])
    casework.apply([[asked(outbox, change="cleared")]])
    assert Referral.objects.get().state == ReferralState.WITHDRAWN
    assert Case.objects.get().is_open


def test_the_page_asks_and_says_that_nothing_ends_by_itself(
    case: Case, worker: User, outbox: Outbox, signed_in: SignIn
) -> None:
    casework.apply([[asked(outbox)]])
    page = signed_in(worker).get(f"/cases/{case.reference}/").content.decode()
    assert QUESTION["en"] in page
    assert "Nothing ends or is reduced by itself" in page
    assert "Six months since" in page
    assert "Look at the year." in page


def test_history_and_explanation_put_the_question(outbox: Outbox, departments: None) -> None:
    casework.apply([[asked(outbox)]])
    case = Case.objects.get()
    assert history(case)[0].text == f"Put before a person: {QUESTION['en']}"
    text = explain(case.reference, "zh")
    assert f"{QUESTION['zh']}，由Relief office" in text.replace("救助办", "Relief office")
    assert "认定满六个月" in text


def test_a_recognition_says_how_long_it_would_hold(outbox: Outbox, departments: None) -> None:
    casework.apply([[asked(outbox, "recognition", valid_until="2027-11-06", review_on="2027-05-06")]])
    terms = Presenter().proposal(Referral.objects.get()).terms
    assert len(terms) == 2
    with override("zh-hans"):
        assert "有效期至" in Presenter().proposal(Referral.objects.get()).terms[0]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"pays_first": True, "verify_within": {"amount": 10, "unit": "working_days"}},
            "It is paid first; forms and verification follow within 10 working days.",
        ),
        ({"lasts": {"amount": 12, "unit": "months"}}, "It is given for 12 months."),
        (
            {"notice": {"amount": 15, "unit": "working_days"}},
            "The person is told 15 working days ahead, then somebody visits.",
        ),
        (
            {"local_check": {"department": "relief", "within": {"amount": 5, "unit": "days"}}},
            "Relief office confirms the list within 5 days.",
        ),
        (
            {"authorises": [words("Check of means", "经济状况核对")]},
            "The authorisation covers: Check of means.",
        ),
        (
            {"causes": [{"label": words("Illness", "因病"), "holds": False, "conditions": []}]},
            "Not helped for this cause yet: Illness.",
        ),
        (
            {
                "goes_on": {
                    "label": words("Over the line through work", "因就业"),
                    "months": 3,
                    "conditions": [],
                }
            },
            "Aid goes on: Over the line through work (month 3).",
        ),
        (
            {"proposes": "support", "participation": "list"},
            "The list is made from records; the family need not apply.",
        ),
    ],
)
def test_the_terms_of_a_programme_are_said_in_sentences(
    outbox: Outbox, departments: None, more: dict[str, Any], sentence: str
) -> None:
    casework.apply([[asked(outbox, "recognition", **more)]])
    assert sentence in Presenter().proposal(Referral.objects.get()).terms
