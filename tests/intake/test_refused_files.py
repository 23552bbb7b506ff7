"""Files that are refused whole."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.errors import DeliveryRefused
from almoner.intake import limits
from feeds import GOOD_WAGE, LAST_WAGE, WAGE_HEAD, WAGE_HEADER, Place, number, write_csv, write_workbook


def _bytes(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def _parquet(**columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "d.parquet")
        return folder / "d.parquet"

    return write


def _truncated_parquet(folder: Path) -> Path:
    file = _parquet(resident_no=[number(1)], month=["2026-10"], employer_code=["E"], wage=[1.0])(folder)
    file.write_bytes(file.read_bytes()[:-20])
    return file


def _damaged_workbook(folder: Path) -> Path:
    file = write_workbook(folder / "d.xlsx", [WAGE_HEADER])
    file.write_bytes(file.read_bytes()[:900])
    return file


MOST = 30_000  # bad rows, in place of a quarter of a million
OF_NOTHING = {  # some kilobytes each, and a thousand times that in quarantine
    "nulls.parquet": _parquet(**{name: pa.nulls(MOST + 1, pa.string()) for name in WAGE_HEADER}),
    "nulls.jsonl.gz": _bytes(
        "nulls.jsonl.gz",
        gzip.compress(json.dumps(dict.fromkeys(WAGE_HEADER, "1")).encode() + b"\nnull" * MOST),
    ),
    "long.csv.gz": _bytes("long.csv.gz", gzip.compress(WAGE_HEAD + (b"x" * limits.MIB + b"\n") * 5)),
}
PACKED = gzip.compress(WAGE_HEAD + GOOD_WAGE * 5000)


REFUSALS = [
    pytest.param(_bytes("d.csv", b""), "empty", id="empty"),
    pytest.param(_bytes("d.csv", b"\n\n \n"), "empty", id="blank-lines-only"),
    pytest.param(_bytes("d.csv.gz", gzip.compress(b"")), "empty", id="empty-gzip"),
    pytest.param(_bytes("d.csv.gz", PACKED[:-30]), "truncated", id="truncated-gzip"),
    pytest.param(_bytes("d.csv.gz", WAGE_HEAD + GOOD_WAGE), "gzip", id="not-a-gzip"),
    pytest.param(_bytes("d.csv", PACKED), "gzip", id="gzip-without-its-name"),
    pytest.param(_bytes("d.csv", b"resident_no,month,employer_code\n"), "wage", id="missing-column"),
    pytest.param(_bytes("d.csv", GOOD_WAGE + LAST_WAGE), "lacks the columns", id="no-header"),
    pytest.param(
        _bytes("d.csv", WAGE_HEAD.replace(b"month", b"wage") + GOOD_WAGE),
        "more than once|lacks",
        id="doubled-column",
    ),
    pytest.param(
        _bytes("d.csv", "resident_no,公民身份号码,month,employer_code,wage\n".encode()),
        "more than once",
        id="name-and-label",
    ),
    pytest.param(_bytes("d.csv", (WAGE_HEAD + GOOD_WAGE).decode().encode("utf-16")), "UTF-16", id="utf-16"),
    pytest.param(_bytes("d.xls", b"\xd0\xcf\x11\xe0"), "old .xls workbook. Save it as", id="old-workbook"),
    pytest.param(_bytes("d.csv", b"\xd0\xcf\x11\xe0" + b"0" * 99), "xls", id="old-workbook-named-csv"),
    pytest.param(_bytes("d.pdf", b"%PDF-1.7"), "a PDF", id="wrong-extension"),
    pytest.param(_bytes("d.parquet", b"PAR1 and no more"), "Parquet", id="not-parquet"),
    pytest.param(_bytes("d.parquet", WAGE_HEAD), "Parquet", id="csv-named-parquet"),
    pytest.param(_truncated_parquet, "Parquet", id="truncated-parquet"),
    pytest.param(
        _parquet(resident_no=["a"], month=[1], employer_code=["E"], wage=[1.0]),
        "month has the type",
        id="wrong-type",
    ),
    pytest.param(
        _parquet(resident_no=["a"], month=["2026-10"], employer_code=["E"], wage=[[1.0]]),
        "wage has the type",
        id="nested",
    ),
    pytest.param(
        _parquet(resident_no=[1.5], month=["2026-10"], employer_code=["E"], wage=[1.0]),
        "resident_no has",
        id="float-number",
    ),
    pytest.param(_bytes("d.xlsx", b"PK\x03\x04 no workbook"), "xlsx", id="not-a-workbook"),
    pytest.param(_damaged_workbook, "xlsx", id="damaged-workbook"),
    pytest.param(_bytes("d.jsonl", WAGE_HEAD + GOOD_WAGE), "JSON", id="csv-named-json"),
    pytest.param(_bytes("d.jsonl", b'{"other": 1}\n'), "lacks the columns", id="json-of-something-else"),
    pytest.param(_bytes("d.jsonl", b"\n"), "empty", id="empty-json"),
    pytest.param(lambda folder: folder / "missing.csv", "cannot be read", id="missing-file"),
]


@pytest.mark.parametrize(("write", "words"), REFUSALS)
def test_a_broken_file_is_refused_whole_and_nothing_changes(
    place: Place, tmp_path: Path, write: Callable[[Path], Path], words: str
) -> None:
    file, before = write(tmp_path), place.counts()
    with pytest.raises(DeliveryRefused, match=words) as refusal:
        place.take(file, "wages")
    assert place.counts() == before
    assert not any(number(n) in str(refusal.value) for n in range(20))
    follow_up = place.take(
        write_csv(tmp_path / "next.csv", WAGE_HEADER, [[number(2), "2026-10", "E", "1"]]), "wages"
    )
    assert follow_up.rows_new == 1


@pytest.mark.parametrize("name", OF_NOTHING)
def test_a_small_file_cannot_fill_the_disk_with_bad_rows(
    place: Place, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BAD_ROWS", MOST)
    monkeypatch.setattr(limits, "MOST_BAD_CHARACTERS", 4 * limits.MIB)
    file, before = OF_NOTHING[name](tmp_path), place.counts()
    assert file.stat().st_size < 100_000
    with pytest.raises(DeliveryRefused, match=r"of bad rows|bad rows, so none of it was taken in"):
        place.take(file, "wages")
    assert place.counts() == before


def test_an_unknown_feed_is_refused(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused, match="no feed 'tax'"):
        place.take(write_csv(tmp_path / "d.csv", WAGE_HEADER, []), "tax")


def test_a_delivery_older_than_the_last_of_its_feed_is_refused(place: Place, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "d.csv", WAGE_HEADER, [[number(11), "2026-09", "E", "1"]])
    with pytest.raises(DeliveryRefused, match="order in which they arrived"):
        place.take(file, "wages", "2026-10-31")
