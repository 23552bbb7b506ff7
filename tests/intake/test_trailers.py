"""A last row of totals is no record, and a file that has other rows than it counts vouches for nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from almoner.policy.model.feeds import Feed, FullList, Trailer
from almoner.registry import completeness
from almoner.registry.deliveries import DeliveryReceipt
from feeds import FEEDS, WAGE_HEADER, WAGES, Place, number

WORDS = ("合计", "总计", "Total")
BEHIND, IN_WAGE = Trailer(words=WORDS), Trailer(words=WORDS, rows="wage")
Cells = list[object]
Writer = Callable[[Path, list[Cells]], Path]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", in_file=False)
    yield place
    place.close()


def described(place: Place, terms: Trailer | None, **more: object) -> None:
    feed: Feed = replace(WAGES, trailer=terms, **more)  # type: ignore[arg-type]
    place.feeds = {**FEEDS, "wages": feed}


def as_csv(path: Path, rows: list[Cells]) -> Path:
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return path.with_suffix(".csv")


def as_gzip(path: Path, rows: list[Cells]) -> Path:
    plain = as_csv(path, rows)
    packed = plain.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return packed


def as_workbook(path: Path, rows: list[Cells]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx")


WRITERS: list[Writer] = [as_csv, as_gzip, as_workbook]


def records(count: int, month: str = "2026-10") -> list[Cells]:
    return [[number(n), month, "E", 1500 + n] for n in range(count)]


def take(place: Place, write: Writer, *rows: Cells, at: str = "2026-11-05") -> DeliveryReceipt:
    file = write(place.folder / f"wages-{at}", [list(WAGE_HEADER), *rows])
    return place.take(file, "wages", f"{at}T08:00:00", through="2026-10-31")


def through(place: Place) -> str:
    return str(completeness.watermarks(place.engine).get("wages", ""))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("terms", "last", "reason"),
    [
        (BEHIND, ["合计3", None, None, None], None),
        (BEHIND, ["合计：3 行", None, None, None], None),
        (BEHIND, [" 合 计 共3条", None, None, None], None),
        (BEHIND, ["Total: 3", None, None, None], None),
        (BEHIND, ["TOTAL 3 rows", None, None, None], None),
        (BEHIND, ["ｔｏｔａｌ ３", None, None, None], None),
        (BEHIND, [None, "总计 3", None, None], None),
        (BEHIND, ["Total 3", None, None, 4503], None),
        (BEHIND, ["Total", None, None, 4503], None),
        (BEHIND, ["合计"], None),
        (BEHIND, ["合计 3"], None),
        (BEHIND, ["合计 4"], "row_count"),
        (BEHIND, ["合计 2", None, None, None], "row_count"),
        (BEHIND, ["Total: 1200", None, None, None], "row_count"),
        (BEHIND, ["合计 0", None, None, None], "row_count"),
        (IN_WAGE, ["合计", None, None, 3], None),
        (IN_WAGE, ["合计", None, None, "3.0"], None),
        (IN_WAGE, ["合计", None, None, "3 人"], None),
        (IN_WAGE, ["Total 3", None, None, None], None),
        (IN_WAGE, ["合计", None, None, 4], "row_count"),
        (IN_WAGE, ["合计", None, None, 2_000_000], "row_count"),
        (IN_WAGE, ["合计", None, None, None], "trailer"),
        (IN_WAGE, ["合计", None, None, "3 of 4"], "trailer"),
        (IN_WAGE, ["合计"], "trailer"),
    ],
)
def test_the_last_row_is_taken_off_and_its_count_compared(
    place: Place, write: Writer, terms: Trailer, last: Cells, reason: str | None
) -> None:
    described(place, terms)
    receipt = take(place, write, *records(3), last)
    assert (receipt.rows_read, receipt.rows_new, receipt.rows_quarantined) == (3, 3, 0)
    assert [d.rule for d in receipt.doubts] == ([reason] if reason else [])
    assert through(place) == ("" if reason else "2026-10-31")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_file_that_was_cut_off_before_its_last_row_vouches_for_nothing(
    place: Place, write: Writer, rows: int
) -> None:
    described(place, BEHIND)
    receipt = take(place, write, *records(rows))
    assert receipt.rows_new == rows
    assert [d.rule for d in receipt.doubts] == ["trailer"]
    assert through(place) == ""
    assert not take(place, write, *records(rows), [f"合计 {rows}"], at="2026-11-06").doubts
    assert through(place) == "2026-10-31"


@pytest.mark.parametrize("write", WRITERS)
def test_a_row_of_totals_that_is_not_the_last_one_goes_to_quarantine(place: Place, write: Writer) -> None:
    described(place, BEHIND, held_back_share=1)
    first, *others = records(3)
    receipt = take(place, write, first, ["合计 1", None, None, None], *others, ["合计 4", None, None, None])
    assert (receipt.rows_read, receipt.rows_new, receipt.rows_quarantined) == (4, 3, 1)
    assert receipt.rules == {"trailer": 1}
    assert not receipt.doubts


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("last", [["合计 3", None, None, None], ["Totally", "2026-10", "E", 1]])
def test_without_a_contract_or_another_word_the_row_is_held_back_as_any_other(
    place: Place, write: Writer, last: Cells
) -> None:
    described(place, None if "合计" in str(last[0]) else BEHIND)
    receipt = take(place, write, *records(3), last)
    assert (receipt.rows_read, receipt.rows_quarantined) == (4, 1)


@pytest.mark.parametrize(
    ("totals", "reason"),
    [
        (("合计 2", "合计 3"), None),
        ((None, "合计 5"), None),
        (("合计 2", "合计 5"), "row_count"),
        (("合计 2", "合计 2"), "row_count"),
        (("合计 2", None), "trailer"),
    ],
)
def test_each_sheet_has_totals_or_the_last_one_has_those_of_all(
    place: Place, totals: tuple[str | None, str | None], reason: str | None
) -> None:
    described(place, BEHIND)
    book = openpyxl.Workbook()
    sheets = [book.active, book.create_sheet()]
    for sheet, rows, total in zip(sheets, (records(5)[:2], records(5)[2:]), totals, strict=True):
        for row in [list(WAGE_HEADER), *rows, *([[total]] if total else [])]:
            sheet.append(row)  # type: ignore[union-attr]
    book.save(place.folder / "wages.xlsx")
    receipt = place.take(place.folder / "wages.xlsx", "wages", through="2026-10-31")
    assert (receipt.rows_read, receipt.rows_new) == (5, 5)
    assert [d.rule for d in receipt.doubts] == ([reason] if reason else [])


def test_a_merged_cell_and_a_column_outside_the_contract_do_not_hide_the_totals(place: Place) -> None:
    described(place, IN_WAGE)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["No.", *WAGE_HEADER])
    for place_in_list, row in enumerate(records(3), 1):
        sheet.append([place_in_list, *row])
    sheet.append(["合 计", None, None, None, 3])
    sheet.merge_cells("A5:D5")
    book.save(place.folder / "wages.xlsx")
    receipt = place.take(place.folder / "wages.xlsx", "wages", through="2026-10-31")
    assert (receipt.rows_read, receipt.rows_quarantined, receipt.doubts) == (3, 0, ())


def test_the_last_row_of_a_large_file_is_found_behind_a_full_slice(place: Place) -> None:
    described(place, BEHIND)
    for count in (65_535, 65_536, 65_537):
        lines = [",".join(WAGE_HEADER), *(f"{number(n)},2026-10,E,1" for n in range(count)), f"合计 {count}"]
        file = place.folder / f"wages{count}.csv"
        file.write_text("\n".join(lines), encoding="utf-8")
        receipt = place.take(file, "wages", f"2026-11-05T08:00:{count % 60:02d}", through="2026-10-31")
        assert (receipt.rows_read, receipt.rows_quarantined, receipt.doubts) == (count, 0, ())


@pytest.mark.parametrize(("last", "waits"), [("合计 39", 0), ("合计 40", 1), (None, 1)])
def test_a_whole_list_that_miscounts_takes_nothing_back_by_itself(
    place: Place, last: str | None, waits: int
) -> None:
    described(place, BEHIND, full_list=FullList(by_period=True))
    take(place, as_csv, *records(40), ["合计 40"])
    receipt = take(place, as_csv, *records(39), *([[last]] if last else []), at="2026-11-06")
    assert (receipt.withdrawals_waiting, receipt.rows_withdrawn) == (waits, 1 - waits)
