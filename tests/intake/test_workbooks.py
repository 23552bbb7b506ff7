"""Workbooks: every sheet is read or named, and what cannot be read is named for what it is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from almoner.errors import DeliveryRefused
from almoner.registry.quarantine import entries
from feeds import WAGE_HEADER, Place, number, write_csv, write_workbook

CHINESE = ["公民身份号码", "月份", "单位代码", "工资"]
Sheets = list[tuple[str, list[list[object]]]]


def row(n: int) -> list[object]:
    return [number(n), "2026-10", f"E{n}", 3000.5]


def book(path: Path, sheets: Sheets, hidden: tuple[str, ...] = (), merged: tuple[str, ...] = ()) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for title, rows in sheets:
        sheet = made.create_sheet(title)
        for cells in rows:
            sheet.append(cells)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
        for cells_merged in merged:
            sheet.merge_cells(cells_merged)
    made.save(path)
    return path


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_every_sheet_with_the_header_is_read(place: Place, tmp_path: Path, count: int) -> None:
    sheets: Sheets = [
        (f"Township {n}", [["Title"], [], WAGE_HEADER if n % 2 else CHINESE, row(10 + n), row(40 + n)])
        for n in range(count)
    ]
    receipt = place.take(book(tmp_path / "d.xlsx", sheets), "wages", through="2026-10-31")
    assert (receipt.rows_new, receipt.unread) == (2 * count, ())
    assert str(receipt.complete_through) == "2026-10-31"


def test_sheets_may_have_their_columns_in_another_order(place: Place, tmp_path: Path) -> None:
    sheets: Sheets = [("a", [WAGE_HEADER, row(11)]), ("b", [WAGE_HEADER[::-1], row(12)[::-1]])]
    assert place.take(book(tmp_path / "d.xlsx", sheets), "wages").rows_new == 2


OTHER_SHEETS: list[list[list[object]]] = [
    [["Notes"], ["Filled in by the office"]],
    [["resident_no", "month"], [number(30), "2026-10"]],
    [["公民身份号码", "月份", "单位代码", "工资（万元）"], row(30)],
    [[row(30)[0], "2026-10", "E", 1], row(31)],
    [["x"] * 40],
]


@pytest.mark.parametrize("other", OTHER_SHEETS, ids=["notes", "columns", "unit", "data", "wide"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("through", ["2026-10-31", None])
def test_a_sheet_that_is_not_read_is_named_and_nothing_counts_as_complete(
    place: Place, tmp_path: Path, other: list[list[object]], first: bool, through: str | None
) -> None:
    sheets: Sheets = [("Heping", other), ("Xinhua", [WAGE_HEADER, row(11)])]
    file = book(tmp_path / "d.xlsx", sheets if first else sheets[::-1])
    receipt = place.take(file, "wages", through=through)
    assert (receipt.rows_new, receipt.unread, receipt.complete_through) == (1, ("sheet 'Heping'",), None)
    again = place.take(file, "wages", through="2026-10-31")
    assert (again.already_taken_in, again.unread, again.complete_through) == (True, ("sheet 'Heping'",), None)


@pytest.mark.parametrize("empty", [[], [[None, None]], [[" "], ["", None]]])
def test_an_empty_sheet_is_nothing(place: Place, tmp_path: Path, empty: list[list[object]]) -> None:
    sheets: Sheets = [("a", [WAGE_HEADER, row(11)]), ("b", empty)]
    receipt = place.take(book(tmp_path / "d.xlsx", sheets), "wages")
    assert (receipt.rows_new, receipt.unread, receipt.notes) == (1, (), ())


def test_a_hidden_sheet_is_named_and_not_read(place: Place, tmp_path: Path) -> None:
    sheets: Sheets = [("a", [WAGE_HEADER, row(11)]), ("old", [WAGE_HEADER, row(12)])]
    receipt = place.take(book(tmp_path / "d.xlsx", sheets, hidden=("old",)), "wages")
    assert receipt.rows_new == 1
    assert any("'old'" in note for note in receipt.notes)


def test_a_fault_names_sheet_and_row_in_its_line(place: Place, tmp_path: Path) -> None:
    bad = [number(12), "2026-13", "E", 1]
    sheets: Sheets = [("a", [WAGE_HEADER, row(11)]), ("b", [WAGE_HEADER, row(13), bad])]
    place.take(book(tmp_path / "d.xlsx", sheets), "wages")
    assert [e.faults[0].line for e in entries(place.engine)] == [20_000_003]


@pytest.mark.parametrize(
    ("merged", "held_back"),
    [
        (("A3:A5",), 3),
        (("D3:D4",), 2),
        (("B2:C2",), 1),
        (("A2:D2", "A4:A6"), 4),
        (("A6:D6",), 1),
        (("E2:E6",), 0),
        (("F1:H1",), 0),
        (("A2:A6", "B2:B6"), 5),
    ],
)
def test_rows_with_merged_cells_of_the_contract_are_held_back(
    place: Place, tmp_path: Path, merged: tuple[str, ...], held_back: int
) -> None:
    sheets: Sheets = [("a", [WAGE_HEADER, *([*row(n), "note"] for n in range(20, 25))])]
    sheets[0][1][0] = [*WAGE_HEADER, "note"]
    receipt = place.take(book(tmp_path / "d.xlsx", sheets, merged=merged), "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (5 - held_back, held_back)
    assert dict(receipt.rules) == ({"merged_cell": held_back} if held_back else {})


def _changed(change: Callable[[str, bytes], bytes | None]) -> bytes:
    """A good workbook with some of its parts changed, or left out."""
    good, out = io.BytesIO(), io.BytesIO()
    made = openpyxl.Workbook()
    for cells in (WAGE_HEADER, row(11)):
        made.worksheets[0].append(cells)
    made.save(good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            text = change(name, source.read(name))
            if text is not None:
                archive.writestr(name, text)
    return out.getvalue()


def _flagged(at: int, value: int) -> bytes:
    """A workbook of which every entry has a byte of its heads changed: 6 is the flags, 8 the method."""
    data = bytearray(_changed(lambda _, text: text))
    for sign, shift in ((b"PK\x03\x04", at), (b"PK\x01\x02", at + 2)):
        place = data.find(sign)
        while place >= 0:
            data[place + shift] = value
            place = data.find(sign, place + 4)
    return bytes(data)


def _zip(*names: str, **texts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, texts.get(name.split(".")[0], "x"))
    return out.getvalue()


STRICT = (
    b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    b"http://purl.oclc.org/ooxml/spreadsheetml/main",
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)

ODD: list[tuple[str, bytes, str]] = [
    ("d.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    ("d.csv", OLE + "EncryptionInfo".encode("utf-16-le"), "protected by a password"),
    ("d.xlsx", OLE + "Workbook".encode("utf-16-le"), "old .xls workbook"),
    ("d.xlsx", OLE + "WordDocument".encode("utf-16-le"), "old .doc document"),
    ("d.xlsx", _flagged(6, 1), "protected by a password"),
    ("d.xlsx", _flagged(8, 99), "protected by a password"),
    ("d.xlsx", _flagged(8, 12), "is not a readable"),
    ("d.xlsx", _flagged(8, 98), "is not a readable"),
    (
        "d.xlsx",
        _changed(lambda _, t: t.replace(*STRICT)),
        "Strict Open XML.*Save it as .xlsx",
    ),
    ("d.xlsx", _changed(lambda n, t: None if "Content_Types" in n else t), "ZIP archive|workbook"),
    ("d.xlsx", _changed(lambda n, t: None if "workbook.xml" in n else t), "is not a readable"),
    ("d.xlsx", _changed(lambda n, t: None if "sheet1" in n else t), "is not a readable|empty"),
    ("d.xlsx", _changed(lambda n, t: t[:200] if "sheet1" in n else t), "is not a readable|empty"),
    ("d.xlsx", _changed(lambda n, t: t.replace(b"<", b"&") if "sheet1" in n else t), "is not a readable"),
    ("d.xlsx", _changed(lambda n, t: b"" if "sheet1" in n else t), "is not a readable"),
    ("d.xlsx", _changed(lambda n, t: b"\xff" * 99 if "styles" in n else t), "is not a readable"),
    ("d.xlsx", _changed(lambda _, t: t)[:-300], "is not a readable"),
    ("d.xlsx", _changed(lambda _, t: t)[:100], "is not a readable"),
    ("d.xlsx", _zip("wages.csv"), "a ZIP archive of 1 files"),
    ("d.xlsx", _zip("a.csv", "b.csv"), "a ZIP archive of 2 files"),
    ("d.csv", _zip("a.csv"), "a ZIP archive"),
    ("d.csv", _changed(lambda _, t: t), "a workbook .*name end in .xlsx"),
    ("d.parquet", _changed(lambda _, t: t), "a workbook"),
    ("d.xlsx", _zip("word/document.xml", "[Content_Types].xml"), "a document"),
    ("d.xlsx", _zip("ppt/presentation.xml", "[Content_Types].xml"), "a presentation"),
    ("d.xlsx", _zip("xl/workbook.bin", "[Content_Types].xml"), "binary workbook"),
    ("d.xlsx", _zip("mimetype", mimetype="application/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"),
    ("d.xlsx", b"PAR1" + bytes(99), "a Parquet file"),
    ("d.xlsx", b"\x1f\x8b\x08" + bytes(99), "gzip"),
    ("d.xlsx", b"<html><table>", "a web page"),
    ("d.csv", b"\xef\xbb\xbf <!DOCTYPE html>", "a web page"),
    ("d.csv", b"<table><tr>", "a web page"),
    (
        "d.xlsx",
        b"<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'>",
        "of 2003",
    ),
    ("d.csv", b"<?xml version='1.0'?><rows/>", "an XML file"),
    ("d.xlsx", ",".join(WAGE_HEADER).encode(), "a text, not a .xlsx"),
    ("d.xlsx", ",".join(CHINESE).encode("gb18030"), "a text, not a .xlsx"),
    ("d.parquet", ",".join(CHINESE).encode(), "a text, not a Parquet"),
    ("d.csv", b"\x89PNG\r\n\x1a\n" + bytes(40), "an image"),
    ("d.xlsx", b"\xff\xd8\xff\xe0" + bytes(40), "an image"),
    ("d.csv", b"GIF89a" + bytes(40), "an image"),
    ("d.csv", b"%PDF-1.7", "a PDF"),
    ("d.csv", b"Rar!\x1a\x07\0", "a RAR archive"),
    ("d.csv", b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    ("d.csv", b"BZh91AY&SY", "bzip2"),
    ("d.csv", b"\xfd7zXZ\0", "compressed by xz"),
    ("d.csv", b"\x28\xb5\x2f\xfd" + bytes(9), "zstd"),
    ("d.csv", b"{\\rtf1 x}", "a document"),
    ("d.csv", b"SQLite format 3\0", "an SQLite database"),
    ("d.csv", b"MZ\x90\0\x03", "a program"),
    ("d.csv", bytes(5_000), "zero bytes"),
    ("d.xlsx", bytes(5_000), "zero bytes"),
    ("d.xlsm", b"PK", "with macros. Save it as .xlsx"),
    ("d.xls", OLE, "old .xls workbook. Save it as .xlsx"),
    ("d.xlsb", b"PK", "binary workbook"),
    ("d.ods", b"PK", "OpenDocument"),
    ("d.zip", b"PK", "ZIP archive"),
    ("d.json", b"[]", "one object a line"),
    ("d.docx", b"PK", "a document"),
    ("d.dbf", b"x", "unknown kind of file"),
]


@pytest.mark.parametrize(("name", "data", "words"), ODD, ids=[f"{n}-{w[:20]}-{len(d)}" for n, d, w in ODD])
def test_a_refusal_says_what_the_file_is(
    place: Place, tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DeliveryRefused, match=words) as refusal:
        place.take(tmp_path / name, "wages")
    assert str(refusal.value).startswith(name)
    assert "Traceback" not in str(refusal.value)
    good = write_workbook(tmp_path / "good.xlsx", [WAGE_HEADER, row(50)])
    assert place.take(good, "wages").rows_new == 1


def test_text_that_begins_like_a_program_or_an_image_is_text(place: Place, tmp_path: Path) -> None:
    for n, title in enumerate(("BMI", "MZ", "II", "GIFTS")):
        file = write_csv(tmp_path / f"{n}.csv", [title], [WAGE_HEADER, row(60 + n)])
        assert place.take(file, "wages").rows_new == 1
