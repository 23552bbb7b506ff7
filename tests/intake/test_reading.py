"""The same rows, however a department writes them, are the same facts."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.intake.faults import mask
from almoner.intake.formats import date_format
from almoner.policy.model.feeds import Role
from feeds import SCHOOL, WAGES, Place, number, write_csv

NAMES = ["resident_no", "month", "employer_code", "wage"]
CHINESE = ["公民身份号码", "月份", "单位代码", "工资"]
ROWS = [[number(n), f"2026-0{n}", "单位\n甲" if n == 2 else "乙,丙", f"{n}000.5"] for n in (1, 2, 3)]
EXPECTED = sorted(
    (r[0], dt.date.fromisoformat(f"{r[1]}-01"), r[2].replace("\n", ""), float(r[3])) for r in ROWS
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", in_file=False)
    yield place
    place.close()


def _text(encoding: str, header: list[str], delimiter: str = ",") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        import csv

        with (folder / "d.csv").open("w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([header, *ROWS])
        return folder / "d.csv"

    return write


def _packed(folder: Path) -> Path:
    plain = _text("gb18030", CHINESE)(folder)
    (folder / "d.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    return folder / "d.csv.gz"


def _xlsx(folder: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([f" {name} " for name in CHINESE])
    for no, month, employer, wage in ROWS:
        sheet.append([no, dt.datetime.fromisoformat(f"{month}-01"), employer, float(wage)])
        sheet.append([None] * 4)
    book.save(folder / "d.xlsx")
    return folder / "d.xlsx"


def _parquet(folder: Path) -> Path:
    no, month, employer, wage = zip(*ROWS, strict=True)
    days = [dt.date.fromisoformat(f"{m}-17") for m in month]
    table = pa.table(
        {
            "resident_no": no,
            "month": days,
            "employer_code": pa.array(employer).dictionary_encode(),
            "wage": [float(w) for w in wage],
        }
    )
    pq.write_table(table, folder / "d.parquet")
    return folder / "d.parquet"


def _parquet_packed(folder: Path) -> Path:
    packed = folder / "d.parquet.gz"
    packed.write_bytes(gzip.compress(_parquet(folder).read_bytes()))
    return packed


def _json(folder: Path) -> Path:
    lines = [
        json.dumps(dict(zip(NAMES, [*row[:3], float(row[3])], strict=True)), ensure_ascii=False)
        for row in ROWS
    ]
    (folder / "d.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "d.jsonl"


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(_text("utf-8", NAMES), id="utf-8"),
        pytest.param(_text("utf-8-sig", CHINESE), id="utf-8-with-mark"),
        pytest.param(_text("gb18030", CHINESE), id="gb18030"),
        pytest.param(_text("utf-8", NAMES, ";"), id="semicolons"),
        pytest.param(_text("gb18030", CHINESE, "\t"), id="tabs"),
        pytest.param(_packed, id="gb18030-gzip"),
        pytest.param(_xlsx, id="xlsx"),
        pytest.param(_parquet, id="parquet"),
        pytest.param(_parquet_packed, id="parquet-gzip"),
        pytest.param(_json, id="json-lines"),
    ],
)
def test_every_way_of_writing_gives_the_same_facts(
    place: Place, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    receipt = place.take(write(tmp_path), "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (3, 0)
    assert place.open_rows("wages", "month, employer_code, wage") == EXPECTED


def test_the_line_of_a_fault_counts_quoted_newlines_and_blank_lines(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text(
        f'{",".join(NAMES)}\n{number(1)},2026-09,"a\nb\nc",1\n\n{number(2)},2026-09,E,-1\n', encoding="utf-8"
    )
    place.take(file, "wages")
    assert place.engine.value("SELECT line FROM registry.quarantine") == 6


def test_a_quote_never_closed_does_not_swallow_the_rows_after_it(place: Place, tmp_path: Path) -> None:
    rows = "".join(f"{number(n)},2026-09,E,1\n" for n in range(5, 100))
    (tmp_path / "d.csv").write_text(f'{",".join(NAMES)}\n{number(1)},2026-09,"E,1\n{rows}', encoding="utf-8")
    receipt = place.take(tmp_path / "d.csv", "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (95, 1)


@pytest.mark.parametrize(("text", "grade"), [("3.0", 3), ("3", 3), ("+4", 4), ("5.", 5)])
def test_whole_numbers_keep_their_value(place: Place, tmp_path: Path, text: str, grade: int) -> None:
    place.take(
        write_csv(tmp_path / "d.csv", ["resident_no", "day", "grade"], [[number(1), "2026-09-01", text]]),
        "school",
    )
    assert place.open_rows("school", "grade, boarding") == [(number(1), grade, None)]


@pytest.mark.parametrize("spelling", ["{} ", " {}", "'{}", "{}\t", "{0:.6} {0:.12}", "{}\u3000"])
def test_spellings_of_a_number_are_one_person(place: Place, tmp_path: Path, spelling: str) -> None:
    no = next(number(n) for n in range(200) if number(n).endswith("X"))
    odd = f"{no[:6]} {no[6:]}" if "0:" in spelling else spelling.format(no.lower())
    rows = [
        [no, "2026-08", "E", "1"],
        [odd, "2026-09", "E", "1"],
        [no.translate(str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")), "2026-10", "E", "1"],
    ]
    receipt = place.take(write_csv(tmp_path / "d.csv", NAMES, rows), "wages")
    assert (receipt.rows_new, receipt.new_persons) == (3, 1)


def test_dates_are_read_in_the_contracts_letters() -> None:
    assert (date_format("yyyy-MM").strptime, date_format("yyyy-MM").monthly) == ("%Y-%m", True)
    assert (date_format("yyyy年M月d日").strptime, date_format("dd.MM.yyyy").monthly) == (
        "%Y年%m月%d日",
        False,
    )


@pytest.mark.parametrize("text", ["x", "张三", "张三丰", number(5), "13912345678", "贵州省某县某村12号"])
def test_a_mask_shows_at_most_two_first_and_one_last_character(text: str) -> None:
    shown = mask(text, Role.NAME)
    assert len(shown.replace("***", "")) <= 3
    assert text not in shown
    assert mask(f"no {number(5)}", None) != f"no {number(5)}"


def test_the_properties_of_a_contract_all_reach_the_facts_or_the_vault() -> None:
    assert [p.fact_column for p in WAGES.properties] == ["person_id", "month", "employer_code", "wage"]
    assert SCHOOL.event_time is not None
