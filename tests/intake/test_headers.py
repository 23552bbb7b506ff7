"""The header of a table is found among its first rows, with the decorations that offices give to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from almoner.errors import DeliveryRefused
from almoner.intake.headers import HeaderRow, Labels, find
from almoner.intake.limits import HEADER_ROWS
from almoner.policy.reading.contract_text import encoding_fault, unit_words
from feeds import FEEDS, WAGE_HEADER, WAGES, Place, number, write_csv, write_workbook

CHINESE = ["公民身份号码", "月份", "单位代码", "工资"]
ROW = [number(1), "2026-10", "E1", "3000"]
WITH_WORDS = replace(
    WAGES,
    properties=tuple(
        replace(p, unit_words=unit_words(p.unit, {"CNY": {"zh": "元"}, "month": {"zh": "月"}}))
        for p in WAGES.properties
    ),
)

DECORATIONS = [
    "{}",
    " {} ",
    "*{}",
    "* {}",
    "＊{}",
    "{}*",
    "★{}",
    "{}：",
    "{}:",
    "\ufeff{}",
    "{}\u200b",
    "\u3000{}\u3000",
    "{}\u00a0",
    "{}\n",
    "{}(必填)",
    "{}（必填）",
    "{}【必填】",
    "{}[required]",
    "*{}（必填项）",
    "{}\n（选填）",
]


@pytest.mark.parametrize("decoration", DECORATIONS)
@pytest.mark.parametrize("name", [*CHINESE, *WAGE_HEADER])
def test_a_label_is_known_with_its_decorations(name: str, decoration: str) -> None:
    plain, decorated = Labels(WAGES).find(name), Labels(WAGES).find(decoration.format(name))
    assert plain is not None
    assert decorated == plain


@pytest.mark.parametrize(
    "inner", ["公民身份\n号码", "公民 身份号码", "公民身份\r\n号码", "公民\u3000身份号码", "月 份"]
)
def test_line_breaks_and_spaces_within_a_label_do_not_matter(inner: str) -> None:
    assert Labels(WAGES).find(inner) is not None


@pytest.mark.parametrize("unit", ["元", "CNY", "元/月", "CNY/month", "cny/MONTH", "元／月"])
@pytest.mark.parametrize("brackets", ["({})", "（{}）", "[{}]", "【{}】", " ({})", "\n（{}）"])
def test_the_contracts_unit_may_stand_in_brackets(unit: str, brackets: str) -> None:
    assert Labels(WITH_WORDS).find("工资" + brackets.format(unit)) is not None


@pytest.mark.parametrize("other", ["万元", "千元", "税前", "USD", "元/年", "合计", "10000"])
def test_another_unit_in_brackets_is_another_column(tmp_path: Path, place: Place, other: str) -> None:
    assert Labels(WITH_WORDS).find(f"工资（{other}）") is None
    file = write_csv(tmp_path / "d.csv", [*CHINESE[:3], f"工资({other})"], [ROW])
    with pytest.raises(DeliveryRefused, match=r"lacks the columns wage .*Column 4 names wage.*unit"):
        place.take(file, "wages")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("above", range(HEADER_ROWS))
def test_titles_above_the_header_are_passed_over_and_that_is_said(
    tmp_path: Path, place: Place, form: str, above: int
) -> None:
    titles = [
        ["某县2026年10月参保工资表"],
        ["单位：元", "", "", "制表：科室"],
        [""],
        ["基本信息", "", "工资信息", ""],
    ]
    rows = [titles[n % 4] for n in range(above)]
    table = [*rows, CHINESE, ROW, ["合计", "", "", "3000"]]
    number_of_rows = len([r for r in rows if any(r)])
    if form == "csv":
        file = write_csv(tmp_path / "d.csv", table[0], table[1:])
    else:
        file = write_workbook(tmp_path / "d.xlsx", table)
    receipt = place.take(file, "wages")
    assert (receipt.rows_new, receipt.rows_quarantined) == (1, 1)
    assert any(f"row {above + 1};" in note for note in receipt.notes) is bool(number_of_rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "title", ['某县"工资"表', 'a "quote', "x" * 5_000, '"Title, with commas, in quotes"', "a;b,c"]
)
def test_a_title_in_text_does_not_confuse_the_delimiter(
    tmp_path: Path, place: Place, delimiter: str, title: str
) -> None:
    text = "\n".join([title, "", delimiter.join(CHINESE), delimiter.join(ROW)])
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    assert place.take(tmp_path / "d.csv", "wages").rows_new == 1


def test_a_header_with_line_breaks_in_quotes_is_read_in_text(tmp_path: Path, place: Place) -> None:
    file = write_csv(tmp_path / "d.csv", ["公民身份\n号码", "*月份", "单位代码 ", "工资(CNY)"], [ROW])
    assert place.take(file, "wages").rows_new == 1


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_rows_of_data_above_a_header_are_not_lost(tmp_path: Path, place: Place, form: str) -> None:
    table = [ROW, CHINESE, ROW]
    file = (
        write_csv(tmp_path / "d.csv", table[0], table[1:])
        if form == "csv"
        else write_workbook(tmp_path / "d.xlsx", table)
    )
    with pytest.raises(
        DeliveryRefused, match=r"Row 2 looks like the header .* row 1 above it holds data"
    ) as refusal:
        place.take(file, "wages")
    assert ROW[0] not in str(refusal.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["a", "b", "c", "d"], ["1", "2", "3", "4"]], "Row 1 was taken for the header"),
        ([["Title"], ["公民身份号码", "月份", "单位", "工资"]], "Row 2 seems to be the header"),
        ([["x"], ["y"], ["resident_no", "month"]], "Row 3 seems to be the header"),
        ([["resident_no", "wage"], ["1", "2"]], "lacks the columns month, employer_code"),
    ],
)
def test_a_refusal_says_where_the_header_seems_to_be(rows: list[list[str]], words: str) -> None:
    with pytest.raises(DeliveryRefused, match=words):
        find(WAGES, [HeaderRow(n, cells) for n, cells in enumerate(rows, start=1)])


def test_a_header_below_the_first_twenty_rows_is_not_looked_for(tmp_path: Path, place: Place) -> None:
    file = write_csv(tmp_path / "d.csv", ["title"], [["title"]] * HEADER_ROWS + [CHINESE, ROW])
    with pytest.raises(DeliveryRefused, match="first 20 rows"):
        place.take(file, "wages")


@pytest.mark.parametrize("columns", [5, 500, 16_384, 16_385, 40_000])
def test_a_message_is_short_however_wide_the_table_is(tmp_path: Path, place: Place, columns: int) -> None:
    header = [*WAGE_HEADER, *(f"c{n}" for n in range(columns - 4))]
    file = write_csv(tmp_path / "d.csv", header, [[*ROW, *["x"] * (columns - 4)]])
    if columns > 16_384:
        with pytest.raises(DeliveryRefused, match="16,384") as refusal:
            place.take(file, "wages")
        assert len(str(refusal.value)) < 300
    else:
        assert place.take(file, "wages").rows_new == 1


@pytest.mark.parametrize("name", ["utf-8", "gb18030", "cp1252", "latin-1", "big5", "utf-16"])
def test_a_contract_may_state_any_encoding_of_text(name: str) -> None:
    assert encoding_fault(name) is None


@pytest.mark.parametrize("name", ["", "utf-9", "base64", "rot13", "zip", 8, None, ["utf-8"]])
def test_a_contract_may_state_nothing_else(name: object) -> None:
    assert encoding_fault(name) is not None


def test_labels_of_every_feed_are_known() -> None:
    for feed in FEEDS.values():
        for prop in feed.properties:
            assert all(Labels(feed).find(text) == prop for text in (prop.name, *prop.label.values()))
