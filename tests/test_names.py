"""The engine knows no policy: nothing under src names a signal, a programme, a department or a country."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [p for p in (ROOT / "src").rglob("*") if p.suffix in {".py", ".html", ".sql", ".scss", ".js"}]
COUNTRIES = r"China|Germany|Guizhou|Gansu|Chongqing|中国|贵州|甘肃|重庆"


def policy_ids() -> list[str]:
    found: set[str] = set()
    for pack in (ROOT / "packs").iterdir():
        found |= {p.stem for folder in ("signals", "programmes") for p in (pack / folder).glob("*.yaml")}
        departments = (pack / "departments.yaml").read_text(encoding="utf-8")
        found |= set(re.findall(r"^([a-z_]+):", departments, re.MULTILINE))
    return sorted(found)


def test_there_are_ids_to_look_for_and_files_to_look_in() -> None:
    assert len(policy_ids()) > 10
    assert len(SOURCES) > 100


@pytest.mark.parametrize("name", policy_ids())
def test_no_source_names_an_id_of_a_pack(name: str) -> None:
    word = re.compile(rf"\b{re.escape(name)}\b")
    assert [str(p) for p in SOURCES if word.search(p.read_text(encoding="utf-8"))] == []


def test_no_source_names_a_country() -> None:
    word = re.compile(rf"\b(?:{COUNTRIES})\b")
    assert [str(p) for p in SOURCES if word.search(p.read_text(encoding="utf-8"))] == []
