"""What a stored body looks like to people."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from almoner import casework
from almoner.casework.cases.history import history
from almoner.casework.core import words as said
from almoner.casework.models import Case, CaseSignal, Label, Referral
from almoner.casework.presentation.evidence import Presenter
from casework.makers import Outbox, condition, words

pytestmark = pytest.mark.django_db


def test_the_last_step_of_a_proposal_is_its_amount_and_has_the_unit(outbox: Outbox) -> None:
    casework.apply([[outbox.proposal(1, amount=900)]])
    proposal = Presenter().proposal(Referral.objects.get())
    assert [step.value for step in proposal.steps] == ["567.5", "900 CNY a month"]
    assert proposal.amount == "900 CNY a month"


def test_a_source_names_its_owner_by_id_or_as_the_body_says(outbox: Outbox, departments: None) -> None:
    named = condition()
    named["operands"][0]["feeds"][0]["owner"] = words("Public security", "公安")
    casework.apply([[outbox.signal(1, evidence=[condition(), named])]])
    facts = Presenter().reason(CaseSignal.objects.get()).facts
    assert [fact.sources[0].owner for fact in facts] == ["Labour office", "Public security"]


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (1, "visit", "1 visit", "1 次走访"),
        (2, "visit", "2 visits", "2 次走访"),
        (1.0, "day", "1 day", "1 天"),
        (0.5, "litre", "0.5 litre", "0.5 litre"),
        (80, "year", "80 years", "80 岁"),
        (3, "1", "3", "3"),
    ],
)
def test_a_number_agrees_with_its_unit(value: float, unit: str, english: str, chinese: str) -> None:
    assert said.quantity(value, unit) == english
    with override("zh-hans"):
        assert said.quantity(value, unit) == chinese


def test_units_that_the_pack_names_are_written_in_its_words(outbox: Outbox) -> None:
    Label.objects.create(kind="unit", key="CNY", words=words("CNY", "元"))
    casework.apply([[outbox.proposal(1)]])
    with override("zh-hans"):
        assert Presenter().proposal(Referral.objects.get()).amount == "1,702.50 元/月"
        assert "1,702.50 元/月" in history(Case.objects.get())[0].text
