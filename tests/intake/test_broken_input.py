"""Fifty and more kinds of broken input: each is refused clearly or quarantined, and the rest goes in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.registry.quarantine import entries
from feeds import (
    FEEDS,
    GOOD_WAGE,
    LAST_WAGE,
    WAGE_HEAD,
    WAGE_HEADER,
    Place,
    number,
    with_check_digit,
    write_csv,
    write_workbook,
)

SCHOOL_HEADER = ["resident_no", "day", "grade", "boarding", "code", "seen_at"]
REGISTER_HEADER = [
    "resident_no",
    "name",
    "birth_date",
    "household_no",
    "sex",
    "address",
    "phone",
    "updated_on",
]


@dataclass(frozen=True)
class Cell:
    """One wrong cell (or several) in the second of three rows."""

    feed: str
    column: str
    value: str
    rules: tuple[tuple[str | None, str], ...]
    received_at: str = "2026-11-05T08:00:00"


def good_row(feed: str, n: int) -> dict[str, str]:
    rows = {
        "wages": {"month": "2026-10", "employer_code": f"E{n}", "wage": "3000.5"},
        "school": {
            "day": "2026-10-01",
            "grade": "3",
            "boarding": "true",
            "code": "AB123",
            "seen_at": "2026-10-01 08:00:00",
        },
        "register": {
            "name": f"Person {n}",
            "birth_date": "1960-02-29",
            "household_no": f"H{n}",
            "sex": "male",
            "address": "a lane",
            "phone": "13900000000",
            "updated_on": "2026-10-01",
        },
    }
    return {"resident_no": number(n)} | rows[feed]


def one(feed: str, column: str, value: str, *rules: str) -> Any:
    return pytest.param(
        Cell(feed, column, value, tuple((column, r) for r in rules)),
        id=f"{column}-{'-'.join(rules)}-{value[:12]!r}",
    )


BAD_CELLS = [
    one("wages", "wage", "", "required"),
    one("wages", "wage", "   ", "required"),
    one("wages", "wage", "abc", "type_number"),
    one("wages", "wage", "3 CNY", "type_number"),
    one("wages", "wage", "1,234.50", "number_format"),
    one("wages", "wage", "1_000", "number_format"),
    one("wages", "wage", "３０００", "number_format"),
    one("wages", "wage", "NaN", "not_finite"),
    one("wages", "wage", "-Infinity", "not_finite"),
    one("wages", "wage", "1e400", "not_finite", "maximum"),
    one("wages", "wage", "-1", "minimum"),
    one("wages", "wage", "1000000.01", "maximum"),
    one("wages", "wage", "=SUM(A1:A9)", "formula"),
    one("wages", "month", "2026-13", "type_date"),
    one("wages", "month", "10/2026", "type_date"),
    one("wages", "month", "", "required"),
    one("wages", "month", "2026-12", "future"),
    one("wages", "month", "1899-12", "too_old"),
    one("wages", "month", "202610", "type_date"),
    one("wages", "employer_code", "x" * 33, "max_length"),
    one("wages", "employer_code", '=HYPERLINK("a")', "formula"),
    one("wages", "employer_code", "a\x07b", "control_character"),
    one("wages", "employer_code", "\u3000", "required"),
    one("wages", "resident_no", "", "required"),
    one("wages", "resident_no", "'", "required"),
    one("wages", "resident_no", number(7)[:-1], "identifier_length"),
    one("wages", "resident_no", "1101011940010A0014", "identifier_format"),
    one(
        "wages", "resident_no", number(7)[:-1] + ("1" if number(7)[-1] != "1" else "2"), "identifier_checksum"
    ),
    one("wages", "resident_no", with_check_digit("11010119400230001"), "identifier_component"),
    one("wages", "resident_no", "1.10101194001E+17", "scientific_notation"),
    one("school", "grade", "3.5", "type_integer"),
    one("school", "grade", "99999999999999999999", "type_integer"),
    one("school", "grade", "0", "minimum"),
    one("school", "grade", "13", "maximum"),
    one("school", "boarding", "maybe", "type_boolean"),
    one("school", "code", "ab123", "pattern"),
    one("school", "seen_at", "2026-10-01T08:00:00Z", "type_timestamp"),
    one("school", "seen_at", "2026-10-01 25:00:00", "type_timestamp"),
    one("school", "day", "2026-02-29", "type_date"),
    one("school", "day", "01.10.2026", "type_date"),
    one("school", "day", "2026-10-01 13:30:00", "type_date"),
    one("register", "sex", "m", "valid_values"),
    one("register", "birth_date", "2030-01-01", "future"),
    one("register", "birth_date", "0001-01-01", "too_old"),
    one("register", "name", "", "required"),
    one("register", "name", "x" * 81, "max_length"),
    one("register", "address", "y" * 201, "max_length"),
    one("register", "phone", "=1+1", "formula"),
]


@pytest.mark.parametrize("case", BAD_CELLS)
def test_a_bad_cell_costs_its_row_and_names_line_column_and_rule(
    place: Place, tmp_path: Path, case: Cell
) -> None:
    rows = [good_row(case.feed, n) for n in (11, 12, 13)]
    rows[1][case.column] = case.value
    before = place.counts()
    receipt = place.take(
        write_csv(tmp_path / "d.csv", list(rows[0]), [list(r.values()) for r in rows]), case.feed
    )
    assert (receipt.rows_read, receipt.rows_new, receipt.rows_quarantined) == (3, 2, 1)
    (entry,) = entries(place.engine)
    assert {(f.column, f.rule) for f in entry.faults} == set(case.rules)
    assert {(f.feed, f.file, f.line) for f in entry.faults} == {(case.feed, "d.csv", 3)}
    assert all(f.advice["en"] and f.advice["zh"] for f in entry.faults)
    changed = {name for name, count in place.counts().items() if count != before[name]}
    assert changed <= {
        f'facts."{case.feed}"',
        'registry."delivery"',
        'registry."complete_period"',
        'registry."claim"',
        'registry."quarantine"',
        'registry."fault"',
        'registry."person"',
        'registry."household"',
        "vault",
    }


def test_every_fault_of_a_row_is_reported(place: Place, tmp_path: Path) -> None:
    rows = [["", "2026-13", "=A1", "-5"]]
    place.take(write_csv(tmp_path / "d.csv", WAGE_HEADER, rows), "wages")
    (entry,) = entries(place.engine)
    assert {(f.column, f.rule) for f in entry.faults} == {
        ("resident_no", "required"),
        ("month", "type_date"),
        ("employer_code", "formula"),
        ("wage", "minimum"),
    }


def test_rows_that_contradict_each_other_are_all_set_aside(place: Place, tmp_path: Path) -> None:
    rows = [
        [number(11), "2026-10", "E", "1"],
        [number(11), "2026-10", "E", "2"],
        [number(12), "2026-10", "E", "3"],
    ]
    receipt = place.take(write_csv(tmp_path / "d.csv", WAGE_HEADER, rows), "wages")
    assert (receipt.rows_new, receipt.rows_quarantined, receipt.rules) == (1, 2, {"conflicting_key": 2})
    assert [e.faults[0].line for e in entries(place.engine)] == [2, 3]


BROKEN_LINES = [
    pytest.param(b"a,b\n", "cells", id="too-few-cells"),
    pytest.param(b"a,2026-10,E,1,2,3\n", "cells", id="too-many-cells"),
    pytest.param(b"a,2026-10,E\xff\xfe,1\n", "encoding", id="bytes-that-are-no-text"),
    pytest.param(b"a,2026-10,E\x00,1\n", "control_character", id="nul"),
    pytest.param(b"a,2026-10," + b"z" * 140_000 + b",1\n", "too_long", id="huge-field"),
    pytest.param(b"a,2026-10," + b"z" * 3_000_000 + b",1\n", "too_long", id="huge-line"),
    pytest.param(b'a,2026-10,"E,1\n', "quoting", id="quote-never-closed"),
    pytest.param(b'a,2026-10,"E"x,1\n', "quoting", id="text-after-quote"),
]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(("line", "rule"), BROKEN_LINES)
def test_a_broken_line_costs_only_itself(
    place: Place, tmp_path: Path, line: bytes, rule: str, ending: bytes
) -> None:
    file = tmp_path / "d.csv"
    file.write_bytes((WAGE_HEAD + GOOD_WAGE + line + LAST_WAGE).replace(b"\n", ending))
    receipt = place.take(file, "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (2, 1)
    (entry,) = entries(place.engine)
    assert [(f.line, f.rule) for f in entry.faults] == [(3, rule)]


@pytest.mark.parametrize(
    ("cell", "column", "rule"),
    [
        ("=1+2", "wage", "formula"),
        ("#REF!", "wage", "error_cell"),
        (110101194001010019, "resident_no", "precision_lost"),
    ],
)
def test_a_bad_cell_of_a_workbook_costs_its_row(
    place: Place, tmp_path: Path, cell: Any, column: str, rule: str
) -> None:
    bad = dict(zip(WAGE_HEADER, [number(12), "2026-10", "E", 5], strict=True)) | {column: cell}
    file = write_workbook(
        tmp_path / "d.xlsx", [WAGE_HEADER, [number(11), "2026-10", "E", 5.5], list(bad.values())]
    )
    receipt = place.take(file, "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (1, 1)
    assert [(f.line, f.column, f.rule) for f in entries(place.engine)[0].faults] == [(3, column, rule)]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{oops", "json"),
        ("[1, 2]", "json"),
        ('{"wage": {"a": 1}}', "json"),
        ('{"wage": 1, "wage": 2}', "duplicate_column"),
        ('{"wage": NaN}', "not_finite"),
        (r'{"employer_code": "x\ud800"}', "json"),
        (r'{"\udfff": 1}', "required"),
        ('{"employer_code": ' + "[" * 50_000 + "]" * 50_000 + "}", "json"),
        ('{"wage": null}', "required"),
    ],
)
def test_a_bad_line_of_json_costs_only_itself(place: Place, tmp_path: Path, line: str, rule: str) -> None:
    good = {"resident_no": number(11), "month": "2026-10", "employer_code": "E", "wage": 1.5}
    file = tmp_path / "d.jsonl"
    file.write_text(
        f"{json.dumps(good)}\n{line}\n{json.dumps(good | {'employer_code': 'F'})}\n", encoding="utf-8"
    )
    receipt = place.take(file, "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (2, 1)
    faults = entries(place.engine)[0].faults
    assert {f.line for f in faults} == {2}
    assert rule in {f.rule for f in faults}


def test_bad_rows_of_typed_parquet_cost_only_themselves(place: Place, tmp_path: Path) -> None:
    table = pa.table(
        {
            "resident_no": [number(n) for n in range(11, 16)],
            "day": ["2026-10-01"] * 5,
            "grade": [1.0, 2.5, float("nan"), None, 99.0],
        }
    )
    pq.write_table(table, tmp_path / "d.parquet")
    receipt = place.take(tmp_path / "d.parquet", "school")
    assert (receipt.rows_new, receipt.rows_quarantined) == (1, 4)
    assert [e.faults[0].rule for e in entries(place.engine)] == [
        "type_integer",
        "type_integer",
        "required",
        "maximum",
    ]


def test_a_header_alone_is_a_delivery_without_rows(place: Place, tmp_path: Path) -> None:
    receipt = place.take(write_csv(tmp_path / "d.csv", WAGE_HEADER, []), "wages", through="2026-10-31")
    assert (receipt.rows_read, receipt.rows_new, str(receipt.complete_through)) == (0, 0, "2026-10-31")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_number_of_more_digits_than_facts_keep_is_set_aside(
    place: Place, tmp_path: Path, form: str
) -> None:
    names, paid = ["care_no", "resident_no", "settled_on", "self_paid"], [99_999_999_999_999.0, 1e14, 3e20]
    rows = [[f"C{n}", number(n), "2026-10-01", value] for n, value in enumerate(paid)]
    if form == "csv":
        file = write_csv(tmp_path / "care.csv", names, rows)
    else:
        file = tmp_path / "care.parquet"
        pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), file)
    receipt = place.take(file, "care")
    assert (receipt.rows_new, receipt.rows_quarantined, dict(receipt.rules)) == (1, 2, {"too_large": 2})
    assert [(e.faults[0].column, e.faults[0].rule) for e in entries(place.engine)] == [
        ("self_paid", "too_large")
    ] * 2


def test_unknown_columns_are_reported_once_and_not_kept(place: Place, tmp_path: Path) -> None:
    rows = [[number(n), "2026-10", "E", "1", "secret"] for n in (11, 12)]
    receipt = place.take(write_csv(tmp_path / "d.csv", [*WAGE_HEADER, "religion"], rows), "wages")
    assert receipt.unknown_columns == ("religion",)
    assert receipt.rows_new == 2
    assert FEEDS["wages"].property_named("religion") is None
