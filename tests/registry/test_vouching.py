"""A delivery that is not whole is taken in, vouches for nothing, and says why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almoner.errors import DeliveryRefused
from almoner.policy.model.feeds import Feed
from almoner.registry import completeness, vouching
from almoner.registry.deliveries import Delivery, DeliveryReceipt, take_in
from almoner.registry.heads import Stated
from feeds import FEEDS, METERS, WAGES, Place, number, write_csv

NAMES = ["resident_no", "month", "employer_code", "wage"]
MONTHS = [f"2026-{month:02d}" for month in range(1, 8)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    yield place
    place.close()


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def through(place: Place, feed: str = "wages") -> str:
    return str(completeness.watermarks(place.engine).get(feed, ""))


def take(
    place: Place, table: list[list[object]], at: str, stated: str | None = None, **more: Any
) -> DeliveryReceipt:
    file = write_csv(place.folder / f"wages-{at}-{len(table)}.csv", NAMES, table)
    delivery = Delivery(
        file,
        "wages",
        dt.datetime.fromisoformat(f"{at}T08:00:00"),
        day(stated) if stated else None,
        Stated(**more),
    )
    return take_in(
        place.engine,
        place.vault,
        place.store,
        place.feeds,
        delivery,
    )


def rows_of(people: int, *months: str, bad: int = 0) -> list[list[object]]:
    """A wage for each of `people` in each month, the first `bad` of which break the contract."""
    return [[number(n), month, "E", -1 if n < bad else 1500 + n] for month in months for n in range(people)]


def with_terms(place: Place, feed: Feed, **terms: object) -> None:
    place.feeds = {**FEEDS, feed.id: replace(feed, **terms)}  # type: ignore[arg-type]


@pytest.mark.parametrize("stated", ["2026-08-31", None])
@pytest.mark.parametrize(
    ("people", "bad", "share", "whole"),
    [
        (20, 20, 0.02, False),
        (20, 10, 0.02, False),
        (20, 1, 0.02, False),
        (50, 1, 0.02, True),
        (49, 1, 0.02, False),
        (100, 2, 0.02, True),
        (100, 3, 0.02, False),
        (100, 3, 0.05, True),
        (20, 1, 0, False),
        (20, 0, 0, True),
        (20, 20, 1, True),
    ],
)
def test_no_month_is_complete_of_which_a_share_is_held_back(
    place: Place, people: int, bad: int, share: float, whole: bool, stated: str | None
) -> None:
    with_terms(place, WAGES, held_back_share=share, volume_share=0)
    take(place, rows_of(people, *MONTHS), "2026-08-05", "2026-07-31")
    receipt = take(place, rows_of(people, "2026-08", bad=bad), "2026-09-05", stated)
    nothing_in = bad == people and stated is None
    assert through(place) == ("2026-08-31" if whole and not nothing_in else "2026-07-31")
    if not nothing_in:
        assert [d.rule for d in receipt.doubts] == ([] if whole else ["held_back"])
        assert (receipt.complete_through is None) is not whole


@pytest.mark.parametrize("stated", ["2026-08-31", None])
@pytest.mark.parametrize(
    ("before", "came", "share", "fewest", "whole"),
    [
        (120, 60, 0.6, 50, False),
        (120, 71, 0.6, 50, False),
        (120, 72, 0.6, 50, True),
        (120, 118, 0.6, 50, True),
        (120, 240, 0.6, 50, True),
        (40, 10, 0.6, 50, True),
        (40, 10, 0.6, 20, False),
        (40, 31, 0.8, 20, False),
        (40, 32, 0.8, 20, True),
        (120, 1, 0, 50, True),
    ],
)
def test_no_month_is_complete_with_far_fewer_rows_than_usual(
    place: Place, before: int, came: int, share: float, fewest: int, whole: bool, stated: str | None
) -> None:
    with_terms(place, WAGES, volume_share=share, volume_rows=fewest)
    take(place, rows_of(before, *MONTHS), "2026-08-05")
    receipt = take(place, rows_of(came, "2026-08"), "2026-09-05", stated)
    assert through(place) == ("2026-08-31" if whole else "2026-07-31")
    assert [d.rule for d in receipt.doubts] == ([] if whole else ["volume"])
    waiting = vouching.waiting(place.engine)
    assert [str(w.days.through) for w in waiting] == ([] if whole else ["2026-08-31"])


def test_the_second_half_makes_a_month_whole(place: Place) -> None:
    take(place, rows_of(120, *MONTHS), "2026-08-05")
    assert take(place, rows_of(120, "2026-08")[:60], "2026-09-05").doubts
    assert not take(place, rows_of(120, "2026-08")[60:], "2026-09-06").doubts
    assert through(place) == "2026-08-31"
    assert vouching.waiting(place.engine) == []


def test_a_month_that_was_not_whole_is_a_hole_under_the_next(place: Place) -> None:
    take(place, rows_of(120, *MONTHS), "2026-08-05")
    take(place, rows_of(60, "2026-08"), "2026-09-05", "2026-08-31")
    take(place, rows_of(120, "2026-09"), "2026-10-05", "2026-09-30")
    assert completeness.runs_since(place.engine) == {"wages": day("2026-09-01")}
    take(place, rows_of(120, "2026-08"), "2026-10-06")
    assert completeness.runs_since(place.engine) == {"wages": day("2026-01-01")}
    assert through(place) == "2026-09-30"


@pytest.mark.parametrize("people", [1, 3, 6, 50])
@pytest.mark.parametrize("strayed", ["2026-08", "2026-09", "2027-01"])
@pytest.mark.parametrize("came", ["2026-08-05", "2026-09-05"])
def test_a_stray_row_of_another_month_moves_nothing(
    place: Place, people: int, strayed: str, came: str
) -> None:
    with_terms(place, WAGES, held_back_share=1)
    rows = rows_of(people, *MONTHS)
    rows[-1] = [rows[-1][0], strayed, "E", 1]
    take(place, rows, came)
    reached = through(place)
    assert reached <= came
    if people >= 3:
        assert reached == "2026-07-31"


@pytest.mark.parametrize("missing", MONTHS[1:-1])
def test_a_month_that_never_came_is_a_hole(place: Place, missing: str) -> None:
    for month in MONTHS:
        at = f"2026-{int(month[5:]) + 1:02d}-05"
        if month != missing:
            take(place, rows_of(5, month), at)
    (runs,) = completeness.runs(place.engine)["wages"].values()
    (hole,) = completeness.holes(runs)
    assert (str(hole.since)[:7], str(hole.through)[:7]) == (missing, missing)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"rows": 5}, None),
        ({"rows": 6}, "row_count"),
        ({"rows": 4}, "row_count"),
        ({"rows": 0}, "row_count"),
    ],
)
def test_the_number_of_rows_is_the_stated_one(place: Place, more: dict[str, int], rule: str | None) -> None:
    receipt = take(place, rows_of(5, "2026-08"), "2026-09-05", "2026-08-31", **more)
    assert [d.rule for d in receipt.doubts] == ([rule] if rule else [])
    assert through(place) == ("" if rule else "2026-08-31")


@pytest.mark.parametrize(
    ("least", "most", "whole"),
    [(5, 5, True), (6, None, False), (None, 4, False), (None, None, True), (1, 9, True)],
)
def test_the_number_of_rows_is_within_the_contract(
    place: Place, least: int | None, most: int | None, whole: bool
) -> None:
    with_terms(place, WAGES, row_count=(least, most))
    assert bool(take(place, rows_of(5, "2026-08"), "2026-09-05").doubts) is not whole


@pytest.mark.parametrize("stated", ["2026-09-06", "2027-01-31", "2062-10-31", "9999-12-31"])
def test_a_day_to_come_is_refused_and_nothing_changes(place: Place, stated: str) -> None:
    take(place, rows_of(3, "2026-07"), "2026-08-05", "2026-07-31")
    before = place.counts()
    with pytest.raises(DeliveryRefused, match=stated):
        take(place, rows_of(3, "2026-08"), "2026-09-05", stated)
    assert place.counts() == before
    take(place, rows_of(3, "2026-08"), "2026-09-05", "2026-08-31")
    assert through(place) == "2026-08-31"


def test_another_checksum_is_refused(place: Place) -> None:
    with pytest.raises(DeliveryRefused, match="SHA-256"):
        take(place, rows_of(3, "2026-08"), "2026-09-05", sha256="0" * 64)


def test_the_first_file_after_a_wrong_correction_is_a_correction(place: Place) -> None:
    first, wrong = rows_of(3, "2026-08"), [[number(n), "2026-08", "E", 9] for n in range(3)]
    take(place, first, "2026-09-05")
    take(place, wrong, "2026-09-06")
    again = take(place, first, "2026-09-07")
    assert (again.already_taken_in, again.rows_corrected) == (False, 3)
    assert {w for _, w in place.open_rows("wages", "wage")} == {1500.0, 1501.0, 1502.0}
    assert take(place, first, "2026-09-08").already_taken_in


def test_the_same_file_with_its_first_time_is_known_however_much_came_since(place: Place) -> None:
    first = take(place, rows_of(3, "2026-08"), "2026-09-05")
    take(place, rows_of(3, "2026-09"), "2026-10-05")
    again = take(place, rows_of(3, "2026-08"), "2026-09-05")
    assert (again.already_taken_in, again.delivery_id) == (True, first.delivery_id)


def test_half_a_file_that_comes_again_with_a_day_is_still_half_a_file(place: Place) -> None:
    take(place, rows_of(120, *MONTHS), "2026-08-05")
    take(place, rows_of(60, "2026-08"), "2026-09-05")
    again = take(place, rows_of(60, "2026-08"), "2026-09-06", "2026-08-31")
    assert [d.rule for d in again.doubts] == ["volume"]
    assert through(place) == "2026-07-31"


def test_days_before_the_first_row_of_a_sparse_feed_are_no_hole(place: Place) -> None:
    place.feeds = {**FEEDS, "meters": replace(METERS, cadence="daily")}
    for month, days in (("2026-09", (1, 30)), ("2026-10", (3, 28))):
        rows = [["H1", f"{month}-{n:02d}", 1] for n in days]
        file = write_csv(place.folder / f"m{month}.csv", ["household_no", "day", "litres"], rows)
        last = {"2026-09": "2026-09-30", "2026-10": "2026-10-31"}[month]
        place.take(file, "meters", f"2026-{int(month[5:]) + 1}-05T08:00:00", through=last)
    (runs,) = completeness.runs(place.engine)["meters"].values()
    assert len(runs) == 1
    assert through(place, "meters") == "2026-10-31"
