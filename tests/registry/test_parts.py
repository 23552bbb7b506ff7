"""Where a contract says `completeBy`, each area or supplier is complete for itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.registry import completeness, overview, vouching
from almoner.registry.deliveries import DeliveryReceipt
from feeds import FEEDS, WAGE_HEADER, WAGES, Place, number, write_csv

MONTHS = ["2026-06", "2026-07", "2026-08"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    feeds = {**FEEDS, "wages": replace(WAGES, complete_by="employer_code", volume_rows=20)}
    place = Place(tmp_path / "home", feeds, in_file=False)
    yield place
    place.close()


def take(
    place: Place,
    month: str,
    parts: Sequence[str],
    people: int = 30,
    later: int = 0,
    stated: str | None = None,
) -> DeliveryReceipt:
    """A file of the wages of a month, a day after the month before it was delivered."""
    rows = [[number(n), month, part, 1500] for part in parts for n in range(people)]
    file = write_csv(place.folder / f"{month}-{later}-{'-'.join(parts)}.csv", WAGE_HEADER, rows)
    at = dt.datetime(2026, int(month[5:]) + 1, 5, 8) + dt.timedelta(days=later)
    return place.take(file, "wages", at.isoformat(), stated)


def behind(place: Place) -> list[str]:
    return sorted(completeness.parts_behind(place.engine).get("wages", ()))


@pytest.mark.parametrize("late", [[], ["A"], ["B"], ["C"], ["A", "C"], ["A", "B"]])
def test_a_part_that_did_not_come_is_behind_until_it_comes(place: Place, late: list[str]) -> None:
    for month in MONTHS:
        take(place, month, ["A", "B", "C"])
    take(place, "2026-09", [part for part in "ABC" if part not in late])
    assert completeness.watermarks(place.engine) == {"wages": dt.date(2026, 9, 30)}
    assert behind(place) == late
    by_part = {one.part: str(one.through) for one in overview.of_feeds(place.engine)}
    assert by_part == {part: "2026-08-31" if part in late else "2026-09-30" for part in "ABC"}
    if late:
        take(place, "2026-09", late, later=1)
    assert behind(place) == []


@pytest.mark.parametrize("missed", MONTHS[1:])
def test_a_part_with_a_hole_is_behind_though_it_came_last(place: Place, missed: str) -> None:
    for month in [*MONTHS, "2026-09"]:
        take(place, month, ["A"] if month == missed else ["A", "B"])
    assert behind(place) == ["B"]
    (hole,) = completeness.holes(completeness.runs(place.engine)["wages"]["B"])
    assert str(hole.since)[:7] == missed


@pytest.mark.parametrize(("people", "whole"), [(30, True), (18, True), (17, False), (3, False)])
def test_half_of_one_part_leaves_that_part_behind_only(place: Place, people: int, whole: bool) -> None:
    for month in MONTHS:
        take(place, month, ["A", "B"])
    take(place, "2026-09", ["A"])
    receipt = take(place, "2026-09", ["B"], people, later=1)
    assert [d.rule for d in receipt.doubts] == ([] if whole else ["volume"])
    assert behind(place) == ([] if whole else ["B"])
    assert [w.part for w in vouching.waiting(place.engine)] == ([] if whole else ["B"])
