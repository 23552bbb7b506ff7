"""Readers that fail, crash, need much memory or never end: their file is refused, and the next is read."""

from __future__ import annotations

import gzip
import io
import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.errors import DeliveryRefused
from almoner.intake import limits, reader_process
from almoner.registry.quarantine import entries
from feeds import WAGE_HEAD, WAGE_HEADER, Place, number, write_workbook


@pytest.fixture(autouse=True)
def own_readers() -> Iterator[None]:
    """Each test begins and ends without a reader."""
    reader_process.end_all()
    yield
    reader_process.end_all()


def table(**changed: pa.Array) -> pa.Table:
    columns = {
        "resident_no": pa.array([number(n) for n in (11, 12, 13)]),
        "month": pa.array(["2026-10"] * 3),
        "employer_code": pa.array(["E1", "E2", "E3"]),
        "wage": pa.array([1.0, 2.0, 3.0]),
    }
    return pa.table(columns | changed)


def parquet(path: Path, content: pa.Table) -> Path:
    pq.write_table(content, path)
    return path


def text(*values: bytes) -> pa.Array:
    """Text whose bytes may be anything."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


def refused(place: Place, file: Path) -> str:
    with pytest.raises(DeliveryRefused) as refusal:
        place.take(file, "wages")
    return str(refusal.value)


def next_goes_in(place: Place, folder: Path) -> None:
    good = write_workbook(folder / "good.xlsx", [WAGE_HEADER, [number(50), "2026-10", "E", 1]])
    assert place.take(good, "wages").rows_new == 1


BAD_BYTES = [
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\x80abc",
    b"a\xc0\xafb",
    b"\xe4\xb8",
    b"\xce\xba\xce",
]


@pytest.mark.parametrize("bad", BAD_BYTES)
@pytest.mark.parametrize("column", ["resident_no", "month", "employer_code"])
def test_a_value_that_is_not_utf8_costs_its_row_only(
    place: Place, tmp_path: Path, bad: bytes, column: str
) -> None:
    good = [str(v).encode() for v in table().column(column).to_pylist()]
    file = parquet(tmp_path / "d.parquet", table(**{column: text(good[0], bad, good[2])}))
    receipt = place.take(file, "wages")
    assert (receipt.rows_new, receipt.rows_quarantined, dict(receipt.rules)) == (2, 1, {"encoding": 1})
    assert [e.faults[0].line for e in entries(place.engine)] == [2]


@pytest.mark.parametrize(
    "cast",
    [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_of_every_type_is_read(place: Place, tmp_path: Path, cast: pa.DataType) -> None:
    content = table(employer_code=pa.array(["甲", "乙", None]).cast(cast))
    receipt = place.take(parquet(tmp_path / "d.parquet", content), "wages")
    assert (receipt.rows_new, dict(receipt.rules)) == (2, {"required": 1})


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(30, 2), pa.decimal256(60, 4)),
    ],
    ids=str,
)
def test_numbers_of_every_width_are_read(place: Place, tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array([1, 2, 3], pa.int64())
    wage = (
        values.cast(pa.float32()).cast(kind) if pa.types.is_floating(kind) else values.cast(kind, safe=False)
    )
    assert place.take(parquet(tmp_path / "d.parquet", table(wage=wage)), "wages").rows_new == 3
    assert {float(w) for _, w in place.open_rows("wages", "wage")} >= {1.0, 2.0, 3.0}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("value", [-(2**63) + 1, 2**63 - 1, 2**62, -(2**40), 10**18])
def test_a_day_beyond_all_calendars_is_held_back_or_its_file_refused(
    place: Place, tmp_path: Path, unit: str, value: int
) -> None:
    file = tmp_path / "d.parquet"
    try:
        parquet(file, table(month=pa.array([value] * 3, pa.timestamp(unit))))
    except pa.ArrowInvalid:
        return  # it cannot even be written
    try:
        assert place.take(file, "wages").rows_new in (0, 3)
    except DeliveryRefused as refusal:
        assert "d.parquet" in str(refusal)  # noqa: PT017 - one of two ends
    next_goes_in(place, tmp_path)


def _names_not_utf8(folder: Path) -> Path:
    file = parquet(folder / "d.parquet", table())
    file.write_bytes(file.read_bytes().replace(b"employer_code", b"employer\xff\xfe\xffde"))
    return file


def _endless_value(folder: Path) -> Path:
    """A megabyte that a million rows have: a terabyte."""
    one = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["A" * 1_000_000]))
    rest = {n: table().column(n).combine_chunks().take(pa.array([0] * 1_000_000)) for n in WAGE_HEADER}
    return parquet(folder / "d.parquet", pa.table(rest | {"employer_code": one}))


def _strings_of_gigabytes(folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.worksheets[0].append(WAGE_HEADER)
    book.save(small := io.BytesIO())
    with (
        zipfile.ZipFile(small) as source,
        zipfile.ZipFile(folder / "d.xlsx", "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in source.namelist():
            if name != "xl/sharedStrings.xml":
                out.writestr(name, source.read(name))
        with out.open("xl/sharedStrings.xml", "w", force_zip64=True) as strings:
            for _ in range(600):
                strings.write(b"A" * limits.MIB)
    return folder / "d.xlsx"


def _entities(folder: Path) -> Path:
    """A billion laughs."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(WAGE_HEADER)
    book.save(small := io.BytesIO())
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 20) for n in range(1, 12))
    head = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">' + laughs + b"]>"
    with (
        zipfile.ZipFile(small) as source,
        zipfile.ZipFile(folder / "d.xlsx", "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in source.namelist():
            data = source.read(name)
            if "sheet1" in name:
                data = head + data.replace(b"resident_no", b"&l11;")
            out.writestr(name, data)
    return folder / "d.xlsx"


def _packed(repeated: bytes, times: int) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with gzip.open(folder / "d.csv.gz", "wb", 1) as file:
            file.write(WAGE_HEAD)
            for _ in range(times):
                file.write(repeated)
        return folder / "d.csv.gz"

    return write


HARMFUL = [
    pytest.param(_names_not_utf8, "UTF-8|Parquet|cannot be read", id="names-not-utf8"),
    pytest.param(_endless_value, "Parquet|memory|ended the reader", id="terabyte-of-parquet"),
    pytest.param(_strings_of_gigabytes, "too large: its texts", id="strings-of-gigabytes"),
    pytest.param(_entities, "not a readable", id="entities"),
    pytest.param(_packed(b"\n" * limits.MIB, 300), r"unpacks to more than 2\d\d MB", id="blank-lines"),
    pytest.param(_packed(b"A" * limits.MIB, 300), r"unpacks to more than 2\d\d MB", id="one-endless-line"),
]


@pytest.mark.parametrize(("write", "words"), HARMFUL)
def test_a_file_that_unpacks_without_end_is_refused(
    place: Place, tmp_path: Path, write: Callable[[Path], Path], words: str
) -> None:
    file = write(tmp_path)
    assert file.stat().st_size < 20 * limits.MIB
    with pytest.raises(DeliveryRefused, match=words):
        place.take(file, "wages")
    next_goes_in(place, tmp_path)


@pytest.mark.parametrize("number_of_signal", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_reader_that_is_ended_costs_its_file_only(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number_of_signal: int
) -> None:
    receive = reader_process._Reader.receive

    def ended(self: reader_process._Reader) -> tuple[bytes, memoryview]:
        os.kill(self._process.pid, number_of_signal)
        self._process.wait()
        return receive(self)

    file = parquet(tmp_path / "d.parquet", table())
    with monkeypatch.context() as patch:
        patch.setattr(reader_process._Reader, "receive", ended)
        before = place.counts()
        for _ in range(5):  # what was written before its end may still be read
            try:
                place.take(file, "wages")
            except DeliveryRefused as refusal:
                assert "ended the reader" in str(refusal)  # noqa: PT017 - it may have answered in time
                assert place.counts() == before
                break
    next_goes_in(place, tmp_path)


def test_a_reader_that_says_nothing_is_ended(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = parquet(tmp_path / "d.parquet", table())
    with monkeypatch.context() as patch:
        patch.setattr(limits, "READER_SILENT_SECONDS", 1)
        patch.setattr(reader_process._Reader, "ask", lambda *_: None)
        assert "ended the reader" in refused(place, file)
    next_goes_in(place, tmp_path)


def test_one_reader_reads_many_files_and_ends_with_its_process(place: Place, tmp_path: Path) -> None:
    reader_process.end_all()
    held = b"1" * (limits.READER_KEPT_BYTES + 1)  # what its parent holds is not the reader's
    file = parquet(tmp_path / "d.parquet", table())
    readers = set()
    for n in range(5):
        place.take(file, "wages", f"2026-11-05T08:00:0{n}")
        refused(place, _names_not_utf8(tmp_path))
        parquet(file, table())
        readers.add(reader_process._idle[0]._process.pid)
    assert len(readers) == 1
    del held
    reader_process.end_all()
    with pytest.raises(ProcessLookupError):
        os.kill(readers.pop(), 0)
