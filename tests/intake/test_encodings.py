"""Text in many encodings: a name goes in as it was meant, or its row is held back, or the file is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.errors import DeliveryRefused
from feeds import FEEDS, REGISTER, Place, number

HEADER = ["resident_no", "name", "birth_date", "household_no", "sex", "updated_on"]
CHINESE_HEADER = ["公民身份号码", "姓名", "出生日期", "户号", "性别", "更新日期"]
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗魏卢路梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏"
GIVEN = "伟芳娜静敏杰娟涛明超兰霞平刚桂鹏辉玲华丹斌宇浩凯燕"
CHINESE = [s + g for s, g in zip(SURNAMES, itertools.cycle(GIVEN))] + [
    "欧阳修远",
    "阿依古丽·买买提",
    "㛃𬀩",
    "龘靐",
]
OTHERS = {
    "cp1252": ["Müller", "Schäfer", "Weiß", "Beyoncé", "Núñez", "Ångström", "Jürgen Groß"],
    "cp1250": ["Łukasz Żak", "Šimon Čech", "Dvořák"],
    "cp1251": ["Иван Петров", "Мария", "Сава", "Нина"],
    "cp1253": ["Γιώργος", "Αθηνά", "κΰ"],
    "cp1254": ["Şükrü Çağlar", "İğdır"],
    "cp949": ["김철수", "이영희", "박지성"],
    "big5": ["陳大文", "黃小明", "張學友"],
    "shift_jis": ["山田太郎", "佐藤ハナコ", "高橋"],
    "euc_jp": ["山田太郎", "佐藤ハナコ"],
}


@pytest.fixture
def quiet(tmp_path: Path) -> Place:
    return Place(tmp_path / "quiet", in_file=False)


def write(path: Path, names: list[str], encoding: str, header: list[str] = HEADER) -> Path:
    lines = [",".join(header)]
    lines += [f"{number(n)},{name},1960-02-29,H{n},male,2026-10-01" for n, name in enumerate(names)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def names_in(place: Place, file: Path) -> tuple[set[str | None], int, int]:
    """The names that went in, how many rows were held back, and how many notes there are."""
    before = set(place.store.opened(place.vault))
    assert not before
    try:
        receipt = place.take(file, "register")
    except DeliveryRefused as refused:
        message = str(refused)
    else:
        message = ""
    if message:
        assert "encoding" in message
        return set(), 0, 1
    return (
        {v[0] for v in place.store.opened(place.vault).values()},
        receipt.rows_quarantined,
        len(receipt.notes),
    )


@pytest.mark.parametrize("name", CHINESE)
def test_one_chinese_name_in_gb18030_is_right_or_held_back(quiet: Place, tmp_path: Path, name: str) -> None:
    found, held, notes = names_in(quiet, write(tmp_path / "d.csv", [name], "gb18030"))
    assert found <= {name}
    assert found or held or notes
    quiet.close()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("header", [HEADER, CHINESE_HEADER], ids=["english", "chinese"])
def test_many_chinese_names_go_in(quiet: Place, tmp_path: Path, encoding: str, header: list[str]) -> None:
    found, held, _ = names_in(quiet, write(tmp_path / "d.csv", CHINESE, encoding, header))
    assert found == set(CHINESE)
    assert held == 0
    quiet.close()


@pytest.mark.parametrize("copies", [1, 20])
@pytest.mark.parametrize("encoding", OTHERS)
def test_names_in_another_encoding_are_never_taken_for_others(
    quiet: Place, tmp_path: Path, encoding: str, copies: int
) -> None:
    names = OTHERS[encoding]
    found, held, notes = names_in(quiet, write(tmp_path / "d.csv", names * copies, encoding))
    assert found <= set(names) or notes
    assert found or held or notes
    quiet.close()


@pytest.mark.parametrize("encoding", OTHERS)
def test_an_encoding_that_the_contract_states_is_used(tmp_path: Path, encoding: str) -> None:
    feeds = {**FEEDS, "register": replace(REGISTER, encoding=encoding)}
    place = Place(tmp_path / "stated", feeds=feeds, in_file=False)
    found, held, _ = names_in(place, write(tmp_path / "d.csv", OTHERS[encoding], encoding))
    assert (found, held) == (set(OTHERS[encoding]), 0)
    place.close()


@pytest.mark.parametrize("names", OTHERS.values(), ids=OTHERS.keys())
def test_names_of_every_script_go_in_as_utf8_with_a_mark(
    quiet: Place, tmp_path: Path, names: list[str]
) -> None:
    found, held, _ = names_in(quiet, write(tmp_path / "d.csv", names, "utf-8-sig"))
    assert (found, held) == (set(names), 0)
    quiet.close()


@pytest.mark.parametrize("names", OTHERS.values(), ids=OTHERS.keys())
def test_without_a_mark_they_go_in_or_are_held_back(quiet: Place, tmp_path: Path, names: list[str]) -> None:
    found, held, notes = names_in(quiet, write(tmp_path / "d.csv", names, "utf-8"))
    assert found <= set(names)
    assert len(found) + held == len(names)
    assert bool(notes) is bool(held)
    quiet.close()


@pytest.mark.parametrize(("first", "second"), [("gb18030", "utf-8"), ("utf-8", "gb18030")])
def test_two_exports_in_one_file_do_not_mix_their_signs(
    quiet: Place, tmp_path: Path, first: str, second: str
) -> None:
    a, b = write(tmp_path / "a.csv", CHINESE[:20], first), write(tmp_path / "b.csv", CHINESE[20:40], second)
    (tmp_path / "d.csv").write_bytes(
        a.read_bytes() + b.read_bytes().split(b"\n", 1)[1].replace(b",H", b",HH")
    )
    found, held, notes = names_in(quiet, tmp_path / "d.csv")
    assert found <= set(CHINESE[:40])
    assert held or notes
    quiet.close()


def test_a_contract_that_states_another_encoding_than_the_file_has_is_told(tmp_path: Path) -> None:
    feeds = {**FEEDS, "register": replace(REGISTER, encoding="gb18030")}
    place = Place(tmp_path / "stated", feeds=feeds, in_file=False)
    with pytest.raises(DeliveryRefused, match="is in UTF-8, but the contract of register says gb18030"):
        place.take(write(tmp_path / "d.csv", CHINESE, "utf-8"), "register")
    place.close()
