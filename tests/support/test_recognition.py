"""Recognition is proposed, an exit is only asked about, and nothing is ever ended by a cycle."""

from __future__ import annotations

import datetime as dt

import pytest

from almoner.support.recognition import _later
from support.homes import Homes

RICH = 5_000  # over three times the line


def kinds(place: Homes) -> set[str]:
    return {k for k in place.standing() if not k.startswith("proposal")}


def test_the_deepest_tier_that_fits_is_proposed_alone(place: Homes) -> None:
    place.person(1, wage=700, kind="none")
    place.run()
    assert kinds(place) == {"recognition:lowest:1"}


def test_the_next_tier_where_the_deeper_does_not_fit(place: Homes) -> None:
    place.person(1, wage=700, kind="none")
    place.person(2, wage=770, kind="none")
    place.run()
    assert kinds(place) == {"recognition:lowest:1", "recognition:low:2"}
    body = next(b for b in place.changes("recognition") if b["category"] == "lowest")
    assert (body["category"], body["tier"], body["amount"], body["proposes"]) == (
        "lowest",
        1,
        None,
        "recognition",
    )
    assert [c["holds"] for c in body["eligible"]] == [True, False]  # under the line, and on no list


def test_whether_it_is_held_is_unknown_so_nothing_is_proposed_and_it_is_counted(place: Homes) -> None:
    place.person(1, wage=700)
    place.engine.execute("DELETE FROM facts.listed")
    outcome = place.run()
    found = {r.category: r for r in outcome.recognised}
    assert kinds(place) == {"recognition:low:1"}
    assert (found["lowest"].subjects, found["lowest"].proposed, found["lowest"].unknown) == (1, 0, 1)


def test_an_exit_is_a_question_with_every_guard_and_its_value(place: Homes) -> None:
    place.person(1, wage=RICH, measures=1)
    outcome = place.run()
    assert kinds(place) == {"exit:low:1"}
    body = place.changes("exit")[0]
    assert body["label"] == {"en": "Is it over?", "zh": "是否已走出困难？"}
    assert (body["programme"], body["amount"], body["unit"], body["steps"]) == ("low:exit", None, "", [])
    assert [(g["label"]["en"], g["holds"]) for g in body["guards"]] == [
        ("Six months", True),
        ("A measure", True),
    ]
    assert body["guards"][0]["conditions"][0]["left"] == 9
    assert {r.category: r.exits for r in outcome.recognised} == {"low": 1, "lowest": 0}


@pytest.mark.parametrize(
    ("listed", "wage"),
    [
        ({"measures": 0}, RICH),
        ({"measures": None}, RICH),
        ({"measures": 1, "listed_on": dt.date(2026, 5, 1)}, RICH),
        ({"measures": 1}, 2_310),
        ({"measures": 1}, None),
    ],
    ids=["no measure", "measures unknown", "too early", "at the line", "income unknown"],
)
def test_each_guard_keeps_the_exit_from_being_asked_about(
    place: Homes, listed: dict[str, object], wage: float | None
) -> None:
    place.person(1, wage=wage, **listed)
    place.run()
    assert not any(k.startswith("exit") for k in kinds(place))


def test_an_unknown_guard_is_a_blind_spot_and_named(place: Homes) -> None:
    place.person(1, wage=RICH, measures=None)
    low = next(r for r in place.run().recognised if r.category == "low")
    assert (low.holds, low.exits, low.exit_unknown, low.unknown_guards) == (1, 0, 1, (0, 1))


def test_an_exit_is_withdrawn_when_a_guard_no_longer_holds(place: Homes) -> None:
    place.person(1, wage=RICH, measures=1)
    place.run()
    place.change("listed", 1, measures=0)
    place.run()
    assert kinds(place) == set()
    assert [c["change"] for c in place.changes("exit")] == ["raised", "cleared"]


def test_an_exit_that_became_unknown_stays_a_question(place: Homes) -> None:
    place.person(1, wage=RICH, measures=1)
    place.run()
    place.change("listed", 1, measures=None)
    place.run()
    assert kinds(place) == {"exit:low:1"}


def test_after_a_year_a_person_looks_again(place: Homes) -> None:
    place.person(1, wage=1_000, listed_on=dt.date(2025, 10, 31))
    place.person(2, wage=1_000, listed_on=dt.date(2025, 11, 1))
    place.run()
    assert kinds(place) == {"review:low:1"}
    body = place.changes("review")[0]
    assert (body["programme"], body["label"]["zh"]) == ("low:review", "是否继续？")


def test_a_recognition_says_until_when_it_would_hold(place: Homes) -> None:
    place.person(1, wage=800, kind="none")
    place.run()
    body = place.changes("recognition")[0]
    assert (body["category"], body["valid_until"], body["review_on"]) == ("low", "2027-10-31", "2027-10-31")


def test_the_same_cycle_twice_changes_nothing(place: Homes) -> None:
    place.person(1, wage=RICH, measures=1)
    place.person(2, wage=700, kind="none")
    place.run()
    before = len(place.changes("exit")) + len(place.changes("recognition"))
    place.run()
    assert len(place.changes("exit")) + len(place.changes("recognition")) == before == 2


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-12-15", 12, "2027-12-15"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2026-11-30", 1, "2026-12-30"),
    ],
)
def test_months_later_is_the_same_day_or_the_last_of_a_shorter_month(
    day: str, months: int, then: str
) -> None:
    assert _later(dt.date.fromisoformat(day), months) == dt.date.fromisoformat(then)
