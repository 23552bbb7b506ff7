"""Programmes stand in an order, beside or instead of each other; what is unknown closes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from policy.small_pack import compiled
from policy.support_pack import FILES
from support.homes import Homes, homes


def test_a_later_programme_counts_what_an_earlier_one_would_give(place: Homes) -> None:
    place.person(1, wage=270)
    place.run()
    assert place.standing()["proposal:grant:1"] == 500  # 770 - 270
    assert place.standing()["proposal:extra:1"] == pytest.approx(277)  # half of it, and a tenth of the income


def test_the_cap_holds_after_add_ons(place: Homes) -> None:
    place.person(1, wage=0)
    place.run()
    assert place.standing()["proposal:extra:1"] == 385  # half of 770, under the cap of 770
    body = next(b for b in place.changes("proposal") if b["programme"] == "extra")
    assert [(s["id"], s["value"]) for s in body["steps"]] == [
        ("half", 385.0),
        ("by_members", 0.0),
        ("cap", 770.0),
        ("total_amount", 385.0),
    ]


def test_the_amount_of_an_earlier_programme_is_named_in_the_reasons(place: Homes) -> None:
    place.person(1, wage=270)
    place.run()
    body = next(b for b in place.changes("proposal") if b["programme"] == "extra")
    assert body["eligible"][0]["sentence"] == {"en": "Grant (500) is more than 0", "zh": "补助：500 高于 0"}


def test_what_is_given_instead_leaves_the_other_out(place: Homes) -> None:
    place.person(1, wage=270)
    place.run()
    assert "proposal:last:1" not in place.standing()


def test_of_two_that_are_not_given_together_the_larger_is(place: Homes) -> None:
    place.person(1, wage=270, paid=5)  # helped for its cause, so `extra` does not stand in the way of `last`
    place.run()
    assert {k for k in place.standing() if k.startswith("proposal")} == {
        "proposal:grant:1",
        "proposal:rival:1",
    }


def equal_to_last(programme: str, order: int) -> Mapping[str, str | None]:
    """`programme`, which is not given together with `last` (order 30), and gives the same amount."""
    text = FILES["programmes/rival.yaml"].replace("order: 40", f"order: {order}")
    text = text.replace("/ 5", "/ 10").replace("rival_amount", f"{programme}_amount")
    last = FILES["programmes/last.yaml"].replace("[rival]", f"[{programme}]")
    return {
        **FILES,
        "programmes/rival.yaml": None,
        f"programmes/{programme}.yaml": text,
        "programmes/last.yaml": last,
    }


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("programme", "order", "first"),
    [
        ("rival", 40, "last"),  # of equal amounts the earlier one is given
        ("rival", 20, "rival"),
        ("rival", 30, "last"),  # of an equal order the first by name
        ("best", 30, "best"),
        ("best", 31, "last"),
    ],
)
def test_of_two_equal_amounts_the_one_with_the_smaller_order_is_given_then_the_first_by_name(
    programme: str, order: int, first: str, reverse: bool, tmp_path: Path
) -> None:
    """However the pack's files are listed, and as often as it is asked."""
    made = compiled(tmp_path, equal_to_last(programme, order))
    listed = list(made.programmes.items())
    made = replace(made, programmes=dict(reversed(listed) if reverse else listed))
    with homes(made) as place:
        for n in range(1, 6):
            place.person(n, wage=100 * n, paid=5)
        place.run()
        of_two = [k for k in place.standing() if k.split(":")[1] in {programme, "last"}]
        assert of_two == [f"proposal:{first}:{n}" for n in range(1, 6)]
        before = len(place.changes("proposal"))
        place.run()
        assert len(place.changes("proposal")) == before


def test_of_more_than_two_equal_amounts_one_is_given(tmp_path: Path) -> None:
    rivals = {
        f"programmes/{name}.yaml": (
            FILES["programmes/rival.yaml"]
            .replace("/ 5", "/ 10")
            .replace("rival_amount", f"{name}_amount")
            .replace("subject: household\n", f"subject: household\nnot_with: [{others}]\n")
        )
        for name, others in (("one", "last, two"), ("two", "last, one"))
    }
    last = FILES["programmes/last.yaml"].replace("[rival]", "[one, two]")
    files = {**FILES, **rivals, "programmes/rival.yaml": None, "programmes/last.yaml": last}
    with homes(compiled(tmp_path, files)) as place:
        place.person(1, wage=270, paid=5)
        place.run()
        assert [k for k in place.standing() if k.startswith("proposal")] == [
            "proposal:grant:1",
            "proposal:last:1",
        ]


def test_the_same_cause_is_not_helped_again(place: Homes) -> None:
    place.person(1, wage=270, paid=5)
    place.person(2, wage=270, paid=0)
    place.run()
    assert "proposal:extra:1" not in place.standing()
    assert "proposal:extra:2" in place.standing()


def test_a_cause_that_was_helped_meanwhile_withdraws_the_proposal(place: Homes) -> None:
    place.person(1, wage=270, paid=0)
    place.run()
    place.change("listed", 1, paid=5)
    place.run()
    cleared = {b["key"] for b in place.changes("proposal") if b["change"] == "cleared"}
    assert cleared == {"proposal:extra:household:1"}


def test_a_proposal_stands_while_its_facts_are_unknown(place: Homes) -> None:
    place.person(1, wage=270)
    place.run()
    before = place.standing()
    place.engine.execute("DELETE FROM facts.wages")
    place.run()
    assert place.standing() == before


def test_a_list_is_made_without_any_signal_and_says_who_confirms_it(place: Homes) -> None:
    place.person(1, wage=769)
    place.person(2, wage=770)
    place.run()
    assert [k for k in place.standing() if "rival" in k] == ["proposal:rival:1"]
    body = next(b for b in place.changes("proposal") if b["programme"] == "rival")
    assert body["local_check"] == {"department": "bureau", "within": {"amount": 5, "unit": "days"}}


def test_aid_goes_on_for_some_months_after_the_line_is_passed_through_work(place: Homes) -> None:
    place.person(1, wage=5_000, paid=300, listed_on="2026-04-30")
    place.person(2, wage=5_000, paid=300, listed_on="2026-03-31")
    place.run()
    assert {k: v for k, v in place.standing().items() if "extra" in k} == {"proposal:extra:1": 300}
    body = next(b for b in place.changes("proposal") if b["programme"] == "extra")
    assert (body["amount"], body["goes_on"]["months"], body["steps"]) == (300, 6, [])
    assert [c["holds"] for c in body["goes_on"]["conditions"]] == [True, True, True]


def test_what_is_paid_first_says_when_it_is_verified(place: Homes) -> None:
    place.person(1, wage=270)
    place.run()
    body = next(b for b in place.changes("proposal") if b["programme"] == "extra")
    assert (body["pays_first"], body["verify_within"]) == (True, {"amount": 5, "unit": "working_days"})
    assert body["lasts"] == {"amount": 12, "unit": "months"}
    assert body["authorises"] == [{"en": "Care", "zh": "关爱"}]


def test_some_households_get_what_a_sweep_gives_them(place: Homes) -> None:
    for n in range(1, 9):
        place.person(n, wage=n * 120, measures=n % 2, paid=n % 3)
    place.run([2, 3, 5])
    some = place.standing()
    place.run()
    everybody = {k: v for k, v in place.standing().items() if int(k.rpartition(":")[2]) in {2, 3, 5}}
    assert some == everybody
    assert len(some) > 5
