"""A code means the same however it is spelled, and a damaged one is never another code."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.intake.spelling import respell
from almoner.policy.model.feeds import Feed, Property, Role
from feeds import AREAS, CARE, METERS, Place, number, write_csv, write_workbook

NOTHING_SEEN = [
    chr(c)
    for c in (
        *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x2070),
        *range(0xFE00, 0xFE10), 0xFEFF, 0xAD, 0x34F, 0x61C, 0x115F, 0x180E, 0x3164, 0xFFA0, 0xE0100, 0xE0020,
    )
]  # fmt: skip
BLANKS = [
    " ",
    "\t",
    "\n",
    "\r\n",
    *map(chr, (0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x202F, 0x205F, 0x3000)),
]
QUOTES = ["'", "’", "‘", "＇", "`", '"', "“", "′", "''"]
ANYWHERE = [*NOTHING_SEEN, *BLANKS]
CODES = ["52010211", "H8", "710000101001", "00123", "E000017", "HH-12/3", "XK7:2"]
WIDE = {c: chr(ord(c) + 0xFEE0) for c in map(chr, range(0x21, 0x7F))}
DIGITS_ELSEWHERE = ["٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⓪①②③④⑤⑥⑦⑧⑨"]


def spellings(code: str) -> Iterator[str]:
    """Many ways in which a code comes that are seen as the same code."""
    for sign, at in product(ANYWHERE, (0, 1, len(code) - 1, len(code))):
        yield code[:at] + sign + code[at:]
    for left, right in product([*QUOTES, ""], [*QUOTES, ""]):
        yield left + code + right
    yield "".join(WIDE[c] for c in code)
    yield f'="{code}"'
    for digits in DIGITS_ELSEWHERE:
        yield code.translate(str.maketrans("0123456789", digits))
    if code.isdigit():
        yield from (f"{code}{end}" for end in (".0", ".", ".00", ",0", "．０", ".0 ", "\u200b.0", ".000000"))
    if "-" in code:
        yield from (code.replace("-", hyphen) for hyphen in "‐‑‒–—−－﹘")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("capitals", [False, True])
def test_what_looks_the_same_is_the_same(code: str, capitals: bool) -> None:
    tried = list(spellings(code))
    assert len(tried) > 300
    assert {repr(s): respell(s, capitals=capitals) for s in tried} == {repr(s): code for s in tried}


@pytest.mark.parametrize(
    ("text", "code", "capital"),
    [
        ("h8", "h8", "H8"),
        ("New York", "New York", "NEWYORK"),
        ("New \u200b  York ", "New York", "NEWYORK"),
        ("贵A 123 45", "贵A12345", "贵A12345"),
        ("A01.2", "A01.2", "A01.2"),
        ("12.5", "12.5", "12.5"),
        ("1.2.0", "1.2.0", "1.2.0"),
        ("52010219500312997.0", "52010219500312997.0", "52010219500312997.0"),
        ("——", "-", "-"),
        (" / ", "-", "-"),
        ("\u200b", "", ""),
        ("", "", ""),
        ("=A1+1", "=A1+1", "=A1+1"),
    ],
)
def test_nothing_else_is_changed(text: str, code: str, capital: str) -> None:
    assert (respell(text, capitals=False), respell(text, capitals=True)) == (code, capital)


def test_what_is_spelled_once_stays_as_it_is() -> None:
    for code in CODES:
        for text in spellings(code):
            once = respell(text, capitals=True)
            assert respell(once, capitals=True) == once


# By column of codes: its feed, and its position in the rows of `row`.
COLUMNS = {"household": ("meters", 0), "area": ("areas", 0), "key": ("care", 0)}
HEADERS = {
    "meters": ["household_no", "day", "litres"],
    "areas": ["area_code", "area_name"],
    "care": ["care_no", "resident_no", "settled_on", "self_paid"],
}


def row(feed: str, code: str, n: int) -> list[str]:
    """The n-th row of a feed, with this code."""
    if feed == "meters":
        return [code, f"{2000 + n // 300}-{n % 300 // 25 + 1:02}-{n % 25 + 1:02}", "1"]
    return [code, "Place"] if feed == "areas" else [code, number(1), "2026-10-01", "1"]


def _csv(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    return write_csv(path.with_suffix(".csv"), header, rows)


def _xlsx(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    return write_workbook(path.with_suffix(".xlsx"), [header, *rows])


def _parquet(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    columns = {name: [cells[n] for cells in rows] for n, name in enumerate(header)}
    pq.write_table(pa.table(columns), path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def _json(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    lines = [json.dumps(dict(zip(header, cells, strict=True))) for cells in rows]
    path.with_suffix(".jsonl").write_text("\n".join(lines), encoding="utf-8")
    return path.with_suffix(".jsonl")


WRITERS = [_csv, _parquet, _json, _xlsx]
Writer = Callable[[Path, list[str], list[list[str]]], Path]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    feeds = {f.id: f for f in (METERS, AREAS, CARE, PADDED)}
    place = Place(tmp_path / "home", feeds, in_file=False)
    yield place
    place.close()


PADDED = Feed(
    **{f.name: getattr(CARE, f.name) for f in dataclasses.fields(CARE)}
    | {
        "id": "padded",
        "properties": (
            Property(name="payment_no", type="string", required=True, key=True, length=8, padding="0"),
            CARE.properties[1],
            CARE.properties[2],
            Property(name="school_code", type="string", spelling="code", length=6, pattern="^[A-Z]"),
            Property(name="note", type="string"),
        ),
    }
)


def codes(place: Place, feed: str, column: str) -> set[object]:
    return {c for (c,) in place.engine.rows(f"SELECT {column} FROM facts.{feed} WHERE known_to = 'infinity'")}


@pytest.mark.parametrize("write", WRITERS, ids=["csv", "parquet", "json-lines", "workbook"])
@pytest.mark.parametrize("column", COLUMNS)
def test_one_code_in_many_spellings_is_one_in_every_kind_of_file(
    place: Place, tmp_path: Path, column: str, write: Writer
) -> None:
    feed, _ = COLUMNS[column]
    tried = [s for s in spellings("52010211") if write is not _xlsx or not ("\r" in s or s[0] == "=")]
    if write is _csv:
        tried = [s for s in tried if not s.endswith("\r\n")]
    rows = [row(feed, text, n) for n, text in enumerate(tried)]
    receipt = place.take(write(tmp_path / "d", HEADERS[feed], rows), feed)
    assert receipt.rows_quarantined == 0
    if column == "household":
        assert place.engine.value("SELECT count(*) FROM registry.household") == 1
        assert receipt.rows_new == len(tried)
    else:
        assert codes(place, feed, HEADERS[feed][0]) == {"52010211"}


SCIENTIFIC = [
    *("5.20102E+11", "5.2e+11", "5,20102E+11", "5E+11", "5.0E11", "5.20102e11", "1e+16", "5e11", "-5.2E+11"),
    *("5.20102 E+11", "５.２Ｅ＋１１", "5.20102E+11\u200b", "'5.20102E+11", '="5.20102E+11"', "5.20102E-05"),
]
MISSING = [
    *(
        "0",
        "00",
        "000000",
        "-",
        "--",
        "—",
        "/",
        "／",
        "N/A",
        "n/a",
        "NULL",
        "none",
        "None",
        "NaN",
        "nan",
        "nil",
    ),
    *("0.0", " 0 ", "０", "'0", "...", "、", "undefined", "_"),
]
GROUPED = ["52,010,211", "5,201,021", "1,234"]
ROUNDED = ["520102195003129984.0", "5201021950031299.0", "520102195003129984."]
INCOMPLETE = ["5201****11", "520?0211", "*", "5201\ufffd211", "5.20102×10^11"]
ERRORS = ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "####", "#n/a"]
FORMULAS = ["=A1", "=52010211", '="1"&"2"']
BY_RULE = {
    "scientific_notation": SCIENTIFIC,
    "placeholder": MISSING,
    "number_format": GROUPED,
    "precision_lost": ROUNDED,
    "incomplete_code": INCOMPLETE,
    "error_cell": ERRORS,
    "formula": FORMULAS,
    "required": ["", " ", "\u3000", "'", "\u200b"],
}
DAMAGED = [(text, rule) for rule, texts in BY_RULE.items() for text in texts]


@pytest.mark.parametrize("write", [_csv, _json], ids=["csv", "json-lines"])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_damaged_code_is_held_back_with_its_reason(
    place: Place, tmp_path: Path, column: str, write: Writer
) -> None:
    feed, _ = COLUMNS[column]
    rows = [row(feed, text, n) for n, (text, _) in enumerate(DAMAGED)] + [row(feed, "H8", len(DAMAGED))]
    receipt = place.take(write(tmp_path / "d", HEADERS[feed], rows), feed)
    assert (receipt.rows_new, receipt.rows_quarantined) == (1, len(DAMAGED))
    first = 2 if write is _csv else 1
    named = set(
        place.engine.rows(
            "SELECT line, rule FROM registry.fault JOIN registry.quarantine USING (quarantine_id)"
        )
    )
    missed = [(text, rule) for n, (text, rule) in enumerate(DAMAGED) if (n + first, rule) not in named]
    assert missed == []


def test_numbers_of_json_are_read_as_they_are_written(place: Place, tmp_path: Path) -> None:
    texts = {
        "52010211": None,
        "52010211.0": None,
        "5.20102E+11": "scientific_notation",
        "5e+11": "scientific_notation",
        "0": "placeholder",
        "1e400": "scientific_notation",
        "520102195003129984.0": "precision_lost",
    }
    lines = [
        f'{{"household_no": {text}, "day": "2026-10-0{n + 1}", "litres": 1.50}}'
        for n, text in enumerate(texts)
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(lines))
    receipt = place.take(tmp_path / "d.jsonl", "meters")
    assert (receipt.rows_new, receipt.rows_quarantined) == (2, 5)
    assert place.engine.value("SELECT count(*) FROM registry.household") == 1
    assert {rule for (rule,) in place.engine.rows("SELECT rule FROM registry.fault")} == set(
        texts.values()
    ) - {None}


def test_the_contract_says_length_padding_pattern_and_what_stands_for_nothing(
    place: Place, tmp_path: Path
) -> None:
    header = ["payment_no", "resident_no", "settled_on", "school_code", "note"]
    good = ["123", "00000123", "123.0", " 0123", "１２３"]
    rows = [
        *([text, number(1), "2026-10-01", "AB 0017"[:7], "0"] for text in good),
        ["124", number(1), "2026-10-01", "none", "5.2E+11"],
        ["125", number(1), "2026-10-01", "-", "a  b"],
        ["126", number(1), "2026-10-01", "AB17", ""],
        ["127", number(1), "2026-10-01", "120017", ""],
        ["123456789", number(1), "2026-10-01", "AB0017", ""],
        ["A1", number(1), "2026-10-01", "AB0017", ""],
    ]
    receipt = place.take(write_csv(tmp_path / "d.csv", header, rows), "padded")
    taken = place.engine.rows("SELECT payment_no, school_code, note FROM facts.padded ORDER BY 1")
    assert taken == [
        ("00000123", "AB0017", "0"),
        ("00000124", None, "5.2E+11"),
        ("00000125", None, "a  b"),
    ]
    assert receipt.rules == {"code_length": 3, "pattern": 1}


def test_a_contract_may_say_that_zero_is_a_code(tmp_path: Path) -> None:
    key = Property(name="area_code", type="string", role=Role.AREA, required=True, key=True, placeholders=())
    feed = dataclasses.replace(AREAS, properties=(key, AREAS.properties[1]))
    place = Place(tmp_path / "home", {feed.id: feed}, in_file=False)
    receipt = place.take(
        write_csv(tmp_path / "d.csv", HEADERS["areas"], [["0", "Place"], ["00", "Place"]]), "areas"
    )
    assert (receipt.rows_new, receipt.rows_quarantined) == (2, 0)
    place.close()
