"""A file withdraws rows by its column `_action`, as an event does."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.errors import DeliveryRefused
from almoner.policy.model.feeds import FullList
from almoner.registry import dirty, quarantine, retrying
from almoner.registry.deliveries import Delivery, DeliveryReceipt, take_in
from feeds import CARE, FEEDS, METERS, REGISTER, SCHOOL, WAGES, Place, number, write_csv, write_workbook

FORMS = ("csv", "xlsx", "parquet", "jsonl")
START = dt.datetime(2026, 11, 5, 8)
Row = dict[str, Any]


class Files:
    """Delivers rows of one feed in files of one form, a minute apart; rows may have any columns."""

    def __init__(self, folder: Path, form: str = "csv", feed: str = "wages", **of_feed: Any) -> None:
        feeds = FEEDS | {feed: replace(FEEDS[feed], **of_feed)}
        self.place, self.form, self.feed = Place(folder / "home", feeds, in_file=False), form, feed
        self.count = 0

    def take(self, *rows: Row, through: str | None = None) -> DeliveryReceipt:
        self.count += 1
        at = START + dt.timedelta(minutes=self.count)
        file = write(self.place.folder / f"file-{self.count}", self.form, list(rows))
        return self.place.take(file, self.feed, str(at), through)

    def open(self) -> list[tuple[Any, ...]]:
        found = self.place.open_rows("wages", "month, wage")
        return [(who, str(month)[:7], float(wage)) for who, month, wage in found]

    def rules(self) -> list[str]:
        return sorted(f.rule for e in quarantine.entries(self.place.engine) for f in e.faults)


def write(path: Path, form: str, rows: list[Row]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if form == "jsonl":
        path = path.with_suffix(".jsonl")
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path
    cells = [[row.get(name) for name in names] for row in rows]
    if form == "csv":
        return write_csv(path.with_suffix(".csv"), names, cells)
    if form == "xlsx":
        return write_workbook(path.with_suffix(".xlsx"), [names, *cells])
    text = {name: [None if r.get(name) is None else str(r[name]) for r in rows] for name in names}
    pq.write_table(
        pa.table({n: pa.array(v, pa.string()) for n, v in text.items()}), path.with_suffix(".parquet")
    )
    return path.with_suffix(".parquet")


def wage(who: int, amount: object = 1, month: str = "2026-10", **more: object) -> Row:
    return key(who, month) | {"wage": amount} | more


def key(who: int, month: str = "2026-10", **more: object) -> Row:
    return {"resident_no": number(who), "month": month, "employer_code": "E"} | more


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    files = Files(tmp_path)
    yield files
    files.place.close()


def counts(receipt: DeliveryReceipt) -> tuple[int, ...]:
    """Read, new, corrected, unchanged, duplicate, quarantined; withdrawn, not standing."""
    return (
        receipt.rows_read,
        receipt.rows_new,
        receipt.rows_corrected,
        receipt.rows_unchanged,
        receipt.rows_duplicate,
        receipt.rows_quarantined,
        receipt.rows_withdrawn,
        receipt.withdrawals_without_row,
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["_action", "_操作", " _ACTION ", "＿操作", "_操作*"])
@pytest.mark.parametrize("said", ["withdraw", "撤销", " Withdraw ", "撤銷", "ｗithdraw"])
def test_a_file_withdraws_a_row_by_its_key(tmp_path: Path, form: str, name: str, said: str) -> None:
    """100 spellings in each form; the file has the key only."""
    files = Files(tmp_path, form)
    files.take(wage(1), wage(2))
    receipt = files.take(key(1, **{name: said}))
    assert counts(receipt) == (1, 0, 1, 0, 0, 0, 1, 0)
    assert (receipt.columns_left_out, receipt.unknown_columns) == ((), ())
    assert files.open() == [(number(2), "2026-10", 1.0)]
    files.place.close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("said", ["", None, "add", "新增", " ADD "])
def test_other_rows_are_as_usual(tmp_path: Path, form: str, said: str | None) -> None:
    files = Files(tmp_path, form)
    receipt = files.take(wage(1, _action=said), wage(2, _action=said))
    assert counts(receipt) == (2, 2, 0, 0, 0, 0, 0, 0)
    assert counts(files.take(wage(1, 5, _action=said), wage(3, _action=said))) == (2, 1, 1, 0, 0, 0, 0, 0)
    files.place.close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("said", ["delete", "撤", "1", "withdraw it", "删除", "?", "withdrawn"])
def test_what_is_neither_is_a_fault_of_that_row(tmp_path: Path, form: str, said: str) -> None:
    files = Files(tmp_path, form)
    files.take(wage(1), wage(2))
    receipt = files.take(wage(1, 9, _action=said), wage(2, 9, _action=""), key(3, _action="撤销"))
    assert counts(receipt) == (3, 0, 1, 1, 0, 1, 0, 1)
    assert files.rules() == ["action"]
    assert "withdraw" in quarantine.entries(files.place.engine)[0].faults[0].advice["en"]
    assert files.open() == sorted([(number(1), "2026-10", 1.0), (number(2), "2026-10", 9.0)])
    assert retry(files) == []  # it is not taken for a row that adds
    files.place.close()


def retry(files: Files) -> list[DeliveryReceipt]:
    place = files.place
    return retrying.retry(place.engine, place.vault, place.store, place.feeds, START + dt.timedelta(hours=9))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_after_any_files_the_facts_are_as_if_by_hand(tmp_path: Path, form: str, seed: int) -> None:
    """128 files of 1 to 14 rows that add, correct, withdraw, repeat and withdraw what does not stand."""
    chance, files = random.Random(f"{form} {seed}"), Files(tmp_path, form)
    held: dict[tuple[int, str], int] = {}
    for n in range(8):
        chosen = [(who, f"2026-{month:02}") for who in range(9) for month in (8, 9)]
        rows, withdrawn, unknown = [], 0, 0
        for at in chance.sample(chosen, chance.randint(1, 14)):
            if chance.random() < 0.4:
                rows.append(key(*at, _action=chance.choice(["withdraw", "撤销"])))
                withdrawn, unknown = withdrawn + (at in held), unknown + (at not in held)
                held.pop(at, None)
            else:
                held[at] = chance.randint(1, 3)
                rows.append(wage(at[0], held[at], at[1]) | ({"_action": "add"} if n % 2 else {}))
        receipt = files.take(*rows)
        assert (receipt.rows_withdrawn, receipt.withdrawals_without_row) == (withdrawn, unknown)
        assert receipt.rows_read == len(rows) == sum(counts(receipt)[1:6])
        expected = [(number(who), month, float(v)) for (who, month), v in held.items()]
        assert files.open() == sorted(expected, key=str)
    files.place.close()


def test_a_row_that_adds_in_a_file_with_the_key_only_is_held_back(files: Files) -> None:
    files.take(wage(1))
    receipt = files.take(key(1, _action="withdraw"), key(2, _action=""))
    assert (receipt.rows_withdrawn, receipt.rows_quarantined) == (1, 1)
    assert files.rules() == ["required"]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_without_the_whole_key_is_refused(tmp_path: Path, form: str) -> None:
    files = Files(tmp_path, form)
    with pytest.raises(DeliveryRefused, match="employer_code"):
        files.take({"resident_no": number(1), "month": "2026-10", "_action": "withdraw"})
    with pytest.raises(DeliveryRefused, match="wage"):
        files.take(key(1))
    files.place.close()


@pytest.mark.parametrize("first", [True, False])
def test_a_key_that_is_withdrawn_and_delivered_is_held_back(files: Files, first: bool) -> None:
    files.take(wage(1), wage(2))
    rows = [key(1, _action="withdraw"), wage(1, 7)]
    receipt = files.take(*(rows if first else rows[::-1]), key(2, _action="withdraw"))
    assert counts(receipt) == (3, 0, 1, 0, 0, 2, 1, 0)
    assert files.rules() == ["conflicting_key", "conflicting_key"]
    assert files.open() == [(number(1), "2026-10", 1.0)]


def test_nor_is_one_of_somebody_who_is_new(files: Files) -> None:
    receipt = files.take(wage(5), key(7, _action="withdraw"), wage(7), key(8, _action="withdraw"), wage(6))
    assert counts(receipt) == (5, 2, 0, 1, 0, 2, 0, 1)
    assert [who for who, *_ in files.open()] == sorted([number(5), number(6)])


def test_a_withdrawal_that_comes_twice_is_told(files: Files) -> None:
    files.take(wage(1))
    twice = key(1, _action="withdraw")
    assert counts(files.take(twice, twice)) == (2, 0, 1, 0, 1, 0, 1, 0)
    assert counts(files.take(twice, key(9, _action="撤销"))) == (2, 0, 0, 2, 0, 0, 0, 2)
    assert files.take(wage(1, 4)).rows_new == 1
    assert files.open() == [(number(1), "2026-10", 4.0)]


def test_a_withdrawal_in_quarantine_stays_one(files: Files) -> None:
    """What was held back is no row that adds, when its contract needs no more than the key."""
    files.take(wage(1), wage(2))
    wrong = key(1, _action="withdraw") | {"resident_no": number(1)[:-1] + "?"}
    assert files.take(wrong, key(2, _action="withdraw")).rows_quarantined == 1
    assert retry(files) == []
    assert files.open() == [(number(1), "2026-10", 1.0)]


def test_a_withdrawal_that_passes_later_withdraws(tmp_path: Path) -> None:
    files = Files(tmp_path, feed="wages", properties=tuple(
        replace(p, pattern="^Z$") if p.name == "employer_code" else p for p in WAGES.properties
    ))  # fmt: skip
    strict, files.place.feeds = files.place.feeds, FEEDS
    files.take(wage(1), wage(2))
    files.place.feeds = strict
    files.take(key(1, _action="withdraw"), key(2, _action="withdraw"))
    files.place.feeds = FEEDS
    files.take(wage(2, 8))  # it came later than the withdrawal, and stays
    receipts = retry(files)
    assert [(r.rows_withdrawn, r.rows_quarantined) for r in receipts] == [(1, 1)]
    assert files.open() == [(number(2), "2026-10", 8.0)]
    assert files.rules() == ["superseded"]
    files.place.close()


def test_a_whole_list_that_withdraws_takes_back_nothing_else(tmp_path: Path) -> None:
    files = Files(tmp_path, full_list=FullList(by_period=True))
    files.take(*(wage(who) for who in range(6)))
    receipt = files.take(wage(1, 2, _action=""), key(3, _action="withdraw"), through="2026-10-31")
    assert (receipt.rows_withdrawn, receipt.withdrawals_waiting) == (1, 0)
    assert any("whole list" in note for note in receipt.notes)
    assert len(files.open()) == 5
    kept = files.take(*(wage(who, 2, _action="") for who in (0, 1, 2, 4)))
    assert (kept.rows_withdrawn, len(files.open())) == (1, 4)  # an empty column changes nothing
    files.place.close()


@pytest.mark.parametrize(
    ("feed", "row", "names"),
    [
        (
            CARE,
            {"care_no": "C1", "resident_no": number(1), "settled_on": "2026-10-01", "self_paid": 1},
            ["care_no"],
        ),
        (METERS, {"household_no": "H1", "day": "2026-10-01", "litres": 3}, ["household_no", "day"]),
        (SCHOOL, {"resident_no": number(1), "day": "2026-10-01", "grade": 3}, ["resident_no", "day"]),
        (
            REGISTER,
            {"resident_no": number(1), "name": "甲", "birth_date": "1950-01-01", "household_no": "H",
             "sex": "male", "updated_on": "2026-10-01"},
            ["resident_no"],
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_key_withdraws(
    tmp_path: Path, form: str, feed: Any, row: Row, names: list[str]
) -> None:
    files = Files(tmp_path, form, feed.id)
    files.take(row)
    receipt = files.take({name: row[name] for name in names} | {"_操作": "撤销"})
    assert receipt.rows_withdrawn == 1
    open_ = f"SELECT count(*) FROM facts.{feed.id} WHERE known_to = 'infinity'"
    assert files.place.engine.value(open_) == 0
    files.place.close()


def test_the_households_of_withdrawn_rows_are_assessed_again(tmp_path: Path) -> None:
    files = Files(tmp_path)
    place = files.place
    register = [[number(who), "甲", "1950-01-01", f"H{who}", "male", "2026-10-01"] for who in (1, 2, 3)]
    names = ["resident_no", "name", "birth_date", "household_no", "sex", "updated_on"]
    place.take(write_csv(place.folder / "register.csv", names, register), "register")
    files.take(wage(1), wage(2), wage(3))
    dirty.ensure(place.engine)
    file = write_csv(
        place.folder / "w.csv", list(key(2, _action="")), [list(key(2, _action="撤销").values())]
    )
    note = dirty.noting(place.engine, WAGES, REGISTER)
    delivery = Delivery(file, "wages", START + dt.timedelta(hours=1))
    take_in(place.engine, place.vault, place.store, place.feeds, delivery, note=note)
    homes = place.engine.rows(
        "SELECT t.household_id, t.closed FROM registry.touched t JOIN facts.register r USING (household_id)"
        " JOIN registry.person p USING (person_id) WHERE p.number_index = $index",
        {"index": place.vault.index(number(2))},
    )
    assert [closed for _, closed in homes] == [True]
    assert place.engine.value("SELECT count(DISTINCT household_id) FROM registry.touched") == 1
    place.close()
