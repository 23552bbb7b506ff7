"""A negative amount takes its original back, wholly or in part; it is held back only where nothing stands."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from almoner.policy.model.feeds import Feed, Property
from almoner.registry.quarantine import entries
from almoner.registry.reversals import Fate, Flow, Remembered, decide
from almoner.registry.scope import scope_views
from feeds import CARE, FEEDS, WAGES, Place, number, write_csv


def reverses(feed: Feed, *more: Property, of: tuple[str, ...] = ()) -> Feed:
    columns = tuple(replace(p, negative="reverses") if p.type == "number" else p for p in feed.properties)
    return replace(feed, properties=columns + more, reversal_of=of)


INSURED = Property(name="insured", type="number", minimum=0, negative="reverses")
REVERSING = FEEDS | {
    "care": reverses(CARE, INSURED),
    "wages": reverses(WAGES, of=("month", "employer_code")),
}
CARE_COLUMNS = ["care_no", "resident_no", "settled_on", "self_paid", "insured"]
Row = tuple[str, int, str, int, int | None]  # care_no, person, day, self_paid, insured


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", REVERSING, in_file=False)
    yield place
    place.close()


class Files:
    """Delivers rows in files, one minute after the other."""

    def __init__(self, place: Place) -> None:
        self.place, self.count, self.at = place, 0, dt.datetime(2026, 11, 5, 8)

    def care(self, rows: list[Row]) -> Any:
        self.count += 1
        self.at += dt.timedelta(minutes=1)
        cells = [[no, number(who), day, paid, insured] for no, who, day, paid, insured in rows]
        file = write_csv(self.place.folder / f"care{self.count}.csv", CARE_COLUMNS, cells)
        return self.place.take(file, "care", str(self.at))

    def wages(self, rows: list[tuple[int, str, int]]) -> Any:
        self.count += 1
        self.at += dt.timedelta(minutes=1)
        names = ["resident_no", "month", "employer_code", "wage"]
        cells = [[number(who), month, "E", wage] for who, month, wage in rows]
        return self.place.take(
            write_csv(self.place.folder / f"wages{self.count}.csv", names, cells), "wages", str(self.at)
        )


def sums(place: Place) -> dict[str, tuple[Any, Any]]:
    found: dict[str, list[Any]] = defaultdict(lambda: [0, 0])
    for who, paid, insured in place.open_rows("care", "self_paid, insured"):
        found[who][0] += paid
        found[who][1] += insured or 0
    return {who: (a, b) for who, (a, b) in found.items() if (a, b) != (0, 0)}


def rules(place: Place) -> list[str]:
    return sorted(fault.rule for entry in entries(place.engine) for fault in entry.faults)


def flow(key: str, *amounts: int | None, time: int = 1, line: int | None = None, who: int = 1) -> Flow:
    return Flow(key=key, group=(who,), amounts=amounts, time=time, line=line)


DECIDED: list[tuple[str, list[Flow], list[Flow], list[tuple[Fate, str | None]]]] = [
    ("all of one", [flow("r", -5)], [flow("a", 5)], [(Fate.CLOSES, "a")]),
    ("all of the one that fits", [flow("r", -5)], [flow("a", 4), flow("b", 5)], [(Fate.CLOSES, "b")]),
    ("a part of the only one", [flow("r", -2)], [flow("a", 5)], [(Fate.REDUCES, "a")]),
    ("a part of the only large one", [flow("r", -4)], [flow("a", 3), flow("b", 5)], [(Fate.REDUCES, "b")]),
    ("a part of one of two", [flow("r", -2)], [flow("a", 3), flow("b", 5)], [(Fate.COUNTS, None)]),
    ("two together", [flow("r", -7)], [flow("a", 3), flow("b", 5)], [(Fate.COUNTS, None)]),
    ("more than there is", [flow("r", -9)], [flow("a", 3), flow("b", 5)], [(Fate.EXCEEDS, None)]),
    ("nothing there", [flow("r", -9)], [], [(Fate.WITHOUT_ORIGINAL, None)]),
    ("another person's", [flow("r", -5)], [flow("a", 5, who=2)], [(Fate.WITHOUT_ORIGINAL, None)]),
    ("both signs", [flow("r", -5, 3)], [flow("a", 5, 3)], [(Fate.SIGNS, None)]),
    ("an amount not stated", [flow("r", -5, None)], [flow("a", 5, 3)], [(Fate.CLOSES, "a")]),
    ("an amount never stated", [flow("r", -5, 0)], [flow("a", 5, None)], [(Fate.CLOSES, "a")]),
    ("one amount differs", [flow("r", -5, -2)], [flow("a", 5, 3)], [(Fate.REDUCES, "a")]),
    ("its own key first", [flow("a", -5)], [flow("a", 5), flow("b", 5)], [(Fate.CLOSES, "a")]),
    ("a part by its own key", [flow("a", -2)], [flow("a", 5), flow("b", 5)], [(Fate.REDUCES, "a")]),
    ("more than its own key", [flow("a", -6)], [flow("a", 5), flow("b", 9)], [(Fate.EXCEEDS, None)]),
    (
        "two of two",
        [flow("r", -5), flow("q", -5)],
        [flow("a", 5), flow("b", 5)],
        [(Fate.CLOSES, "b"), (Fate.CLOSES, "a")],
    ),
    (
        "the second too many",
        [flow("r", -5), flow("q", -5)],
        [flow("a", 5)],
        [(Fate.CLOSES, "a"), (Fate.WITHOUT_ORIGINAL, None)],
    ),
    (
        "exact before part",
        [flow("r", -2), flow("q", -5)],
        [flow("a", 5), flow("b", 3)],
        [(Fate.CLOSES, "a"), (Fate.REDUCES, "b")],
    ),
    (
        "two parts of one",
        [flow("r", -2), flow("q", -2)],
        [flow("a", 5)],
        [(Fate.REDUCES, "a"), (Fate.REDUCES, "a")],
    ),
    (
        "two parts that are all",
        [flow("r", -2), flow("q", -3)],
        [flow("a", 5)],
        [(Fate.REDUCES, "a"), (Fate.CLOSES, "a")],
    ),
    (
        "an earlier row before a later",
        [flow("r", -5, time=3)],
        [flow("a", 5, time=2), flow("b", 5, time=4)],
        [(Fate.CLOSES, "a")],
    ),
    (
        "negative rows count",
        [flow("r", -4)],
        [flow("a", 3), flow("b", 3), flow("n", -3)],
        [(Fate.EXCEEDS, None)],
    ),
]


@pytest.mark.parametrize(
    ("reversals", "originals", "fates"), [c[1:] for c in DECIDED], ids=[c[0] for c in DECIDED]
)
def test_what_a_reversal_takes_back(
    reversals: list[Flow], originals: list[Flow], fates: list[tuple[Fate, str | None]]
) -> None:
    found = decide(reversals, originals, {})
    assert [(d.fate, d.original.key if d.original else None) for d in found] == fates


def test_a_reversal_that_came_before_takes_nothing_further() -> None:
    closed = {"r": Remembered(amounts=(-5,), original="a", before=(5,), after=None)}
    assert [d.fate for d in decide([flow("r", -5)], [flow("b", 5)], closed)] == [Fate.KNOWN]
    reduced = {"r": Remembered(amounts=(-2,), original="a", before=(5,), after=(3,))}
    assert [d.fate for d in decide([flow("r", -2)], [flow("a", 3)], reduced)] == [Fate.KNOWN]
    again = decide([flow("r", -2)], [flow("a", 5)], reduced)  # the original came once more
    assert [(d.fate, d.after) for d in again] == [(Fate.REDUCES, (3,))]
    other = decide([flow("r", -3)], [flow("a", 3)], reduced)  # the reversal was corrected
    assert [(d.fate, d.after) for d in other] == [(Fate.REDUCES, (2,))]


def trial(chance: random.Random, who: int) -> tuple[list[Row], tuple[int, int], int]:
    """Rows of a person in order, the sums that hold at the end, and how many reversals find nothing."""
    originals = [
        (f"S{who}-{n}", 100 * chance.randint(10, 99) + n, 100 * chance.randint(0, 9) + n)
        for n in range(chance.randint(0, 3))
    ]
    rows: list[Row] = [(no, who, f"2026-09-{n + 1:02}", a, b) for n, (no, a, b) in enumerate(originals)]
    paid, insured = sum(a for _, a, _ in originals), sum(b for _, _, b in originals)
    if not originals:
        return [(f"R{who}", who, "2026-09-20", -5, -5)], (0, 0), 1
    no, a, b = chance.choice(originals)
    match chance.choice(["none", "all", "part", "same key", "parts"]):
        case "all":
            rows.append((f"{no}-R", who, "2026-09-21", -a, -b))
            paid, insured = paid - a, insured - b
        case "part":
            rows.append((f"{no}-R", who, "2026-09-21", -(a // 3), None))
            paid -= a // 3
        case "same key":
            rows.append((no, who, "2026-09-21", -a, -b))
            paid, insured = paid - a, insured - b
        case "parts":
            rows.append((f"{no}-P", who, "2026-09-21", -7, None))
            rows.append((f"{no}-Q", who, "2026-09-22", -11, None))
            paid -= 18
    return rows, (paid, insured), 0


@pytest.mark.parametrize("files", [1, 2, 3, 4])
def test_sums_are_right_after_any_reversals_in_any_files(place: Place, files: int) -> None:
    """120 persons for each number of files, with up to three originals and two reversals. The rows of a
    person come in order; then all rows come once more, and the reversals alone."""
    chance, deliver = random.Random(files), Files(place)
    trials = {who: trial(chance, who) for who in range(120)}
    parts: list[list[Row]] = [[] for _ in range(files)]
    for rows, _, _ in trials.values():
        cuts = sorted(chance.randint(0, len(rows)) for _ in range(files - 1))
        for n, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
            parts[n] += rows[start:end]
    expected = {number(who): sums for who, (_, sums, _) in trials.items() if sums != (0, 0)}
    held = sum(n for _, _, n in trials.values())
    everything = [row for rows, _, _ in trials.values() for row in rows]
    for part in filter(None, parts):
        receipt = deliver.care(part)
        counted = receipt.rows_new + receipt.rows_corrected + receipt.rows_unchanged
        assert receipt.rows_read == counted + receipt.rows_duplicate + receipt.rows_quarantined
    assert sums(place) == expected
    assert rules(place) == ["reversal_without_original"] * held
    deliver.care(everything)
    assert sums(place) == expected
    receipt = deliver.care([row for row in everything if row[3] < 0])
    assert sums(place) == expected
    assert (receipt.rows_new, receipt.rows_corrected) == (0, 0)


def test_a_reversal_of_a_month_takes_that_month_back(place: Place) -> None:
    deliver = Files(place)
    deliver.wages([(1, "2026-08", 900), (1, "2026-09", 900), (2, "2026-09", 500), (3, "2026-09", 70)])
    receipt = deliver.wages(
        [(1, "2026-09", -900), (2, "2026-09", -200), (3, "2026-08", -70), (4, "2026-09", -1)]
    )
    rows = [(who, m.month, w) for who, m, w in place.open_rows("wages", "month, wage")]
    assert sorted(rows) == sorted([(number(1), 8, 900), (number(2), 9, 300), (number(3), 9, 70)])
    assert (receipt.rows_corrected, receipt.rows_withdrawn, receipt.rows_quarantined) == (2, 1, 2)
    assert rules(place) == ["reversal_without_original"] * 2
    again = deliver.wages([(2, "2026-09", -200), (1, "2026-09", -900)])
    assert (again.rows_unchanged, place.open_rows("wages", "wage")) == (
        2,
        place.open_rows("wages", "wage"),
    )
    assert sum(w for _, w in place.open_rows("wages", "wage")) == 1270


def test_the_original_stands_for_the_past(place: Place) -> None:
    deliver = Files(place)
    deliver.care([("S1", 1, "2026-10-03", 60_000, None)])
    before = deliver.at
    deliver.care([("S1-R", 1, "2026-10-04", -60_000, None), ("S2", 1, "2026-10-04", 600, None)])

    def seen(at: dt.datetime) -> list[Decimal]:
        select = scope_views(REVERSING, at, None)["care"]
        return [v for (v,) in place.engine.rows(f"SELECT self_paid FROM ({select})")]

    assert seen(before) == [60_000]
    assert seen(deliver.at) == [600]


def test_what_counts_is_kept_as_a_negative_row(tmp_path: Path) -> None:
    counting = tuple(replace(p, negative="counts") if p.type == "number" else p for p in CARE.properties)
    place = Place(tmp_path / "home", FEEDS | {"care": replace(CARE, properties=counting)}, in_file=False)
    rows = [["S1", number(1), "2026-10-03", 600], ["S2", number(1), "2026-10-04", -700]]
    receipt = place.take(write_csv(place.folder / "c.csv", CARE_COLUMNS[:4], rows), "care")
    assert receipt.rows_new == 2
    assert sum(v for _, v in place.open_rows("care", "self_paid")) == -100
    place.close()


def test_a_contract_without_it_refuses_negative_amounts_as_before(tmp_path: Path) -> None:
    place = Place(tmp_path / "home", in_file=False)
    rows = [["S1", number(1), "2026-10-03", -600]]
    assert place.take(write_csv(place.folder / "c.csv", CARE_COLUMNS[:4], rows), "care").rules == {
        "minimum": 1
    }
    place.close()
