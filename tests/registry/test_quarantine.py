"""Nothing that was delivered is lost: a row in quarantine can be listed, exported, retried and dismissed."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.errors import AlmonerError
from almoner.intake.faults import RowFault
from almoner.registry.deliveries import DeliveryReceipt
from almoner.registry.quarantine import Entry, dismiss, entries, export_csv
from almoner.registry.retrying import retry
from feeds import FEEDS, Place, number, write_csv

NAMES = ["resident_no", "month", "employer_code", "wage"]
NOW = dt.datetime.fromisoformat("2026-11-09")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", in_file=False)
    rows = [
        [number(1), "2026-09", "E", 5],
        [number(2), "2026-09", "E", -5],
        [number(3), "2026-13", "=cmd()", 5],
    ]
    place.take(write_csv(tmp_path / "w.csv", NAMES, rows), "wages")
    yield place
    place.close()


def lower_minimum(place: Place, minimum: float | None) -> None:
    wages = FEEDS["wages"]
    properties = tuple(replace(p, minimum=minimum) if p.name == "wage" else p for p in wages.properties)
    place.feeds = {**FEEDS, "wages": replace(wages, properties=properties)}


def again(place: Place) -> list[DeliveryReceipt]:
    return retry(place.engine, place.vault, place.store, place.feeds, NOW)


def test_a_list_can_be_narrowed(place: Place) -> None:
    assert [e.faults[0].line for e in entries(place.engine)] == [3, 4]
    assert [e.faults[0].line for e in entries(place.engine, feed="wages", rule="formula")] == [4]
    assert entries(place.engine, feed="care") == entries(place.engine, state="dismissed") == []


def test_an_export_cannot_run_a_formula_and_shows_no_number(place: Place) -> None:
    rows = list(csv.DictReader(io.StringIO(export_csv(entries(place.engine)))))
    assert [(r["line"], r["column"], r["value"]) for r in rows] == [
        ("3", "wage", "'-5"),
        ("4", "employer_code", "'=cmd()"),
        ("4", "month", "2026-13"),
    ]
    assert not any(number(n) in str(rows) for n in (2, 3))
    assert all(r["advice_en"] and r["advice_zh"] for r in rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "  @"])
@pytest.mark.parametrize("column", ["feed", "file", "column", "value"])
def test_no_cell_of_an_export_begins_a_formula(start: str, column: str) -> None:
    """A department's file says what its columns, its values and the file itself are called."""
    fault = RowFault(feed="wages", file="w.csv", line=3, column="wage", value="5", rule="formula")
    evil = replace(fault, **{column: f"{start}SUM(1+1)"})
    (row,) = csv.DictReader(io.StringIO(export_csv([Entry(1, 1, "open", None, (evil,))]), newline=""))
    assert row[column] == f"'{start}SUM(1+1)"
    assert [cell for cell in row.values() if cell.lstrip(" ")[:1] in set("=+-@\t\r\n＝＋－＠")] == []


@pytest.mark.parametrize("value", ["5", "2026-13", "E-1", "x@y", "a=1", "柳树村", " ", ""])
def test_what_is_no_formula_is_exported_as_it_is(value: str) -> None:
    entry = Entry(
        1,
        1,
        "open",
        None,
        (RowFault(feed="wages", file="w.csv", line=3, column="wage", value=value, rule="formula"),),
    )
    (row,) = csv.DictReader(io.StringIO(export_csv([entry])))
    assert (row["value"], row["line"]) == (value, "3")


def test_a_retry_takes_in_what_the_contract_now_allows_and_only_once(place: Place) -> None:
    assert again(place) == []
    lower_minimum(place, -10)
    (receipt,) = again(place)
    assert (receipt.rows_new, receipt.rows_quarantined, receipt.complete_through) == (1, 1, None)
    assert sorted(wage for _, wage in place.open_rows("wages", "wage")) == [-5, 5]
    assert [e.state for e in entries(place.engine, state=None)] == ["retried", "open"]
    before = place.counts()
    assert again(place) == []
    assert place.counts() == before


def test_a_retry_does_not_replace_what_came_later(place: Place, tmp_path: Path) -> None:
    place.take(
        write_csv(tmp_path / "later.csv", NAMES, [[number(2), "2026-09", "E", 7]]), "wages", "2026-11-06"
    )
    lower_minimum(place, -10)
    assert again(place) == []
    assert sorted(wage for _, wage in place.open_rows("wages", "wage")) == [5, 7]


def test_a_row_is_dismissed_with_a_reason_only(place: Place) -> None:
    first = entries(place.engine)[0].quarantine_id
    with pytest.raises(AlmonerError, match="reason"):
        dismiss(place.engine, [first], " ", NOW)
    assert dismiss(place.engine, [first], "the department withdrew it", NOW) == 1
    assert dismiss(place.engine, [first], "once more", NOW) == 0
    assert [e.reason for e in entries(place.engine, state="dismissed")] == ["the department withdrew it"]
