"""Identity numbers in free texts and in names of files, however they are written."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.policy.model.identifiers import Identifier
from almoner.policy.model.pack import Pack
from almoner.registry.numbers_in_text import hide_numbers, holds_number
from almoner.registry.vault import Vault
from county import number

WHO = number(1, dt.date(1984, 6, 1))
WIDE = WHO.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
SSN = Identifier(id="us.ssn", module="us.ssn")


@pytest.fixture(scope="module")
def kinds(base: Pack) -> set[Identifier]:
    return {p.identifier for feed in base.feeds.values() for p in feed.properties if p.identifier}


@pytest.mark.parametrize(
    "text",
    [
        WHO,
        f"Asked {WHO}, who was not at home.",
        f"身份证号{WHO}，不在家",
        f"{WHO[:6]} {WHO[6:14]} {WHO[14:]}",
        f"{WHO[:6]}-{WHO[6:14]}-{WHO[14:]}",
        f"a{WHO}b",
        f"1{WHO}",
        WIDE,
        "\u200b".join(WHO),
        f"row 12 {WHO[:10]} {WHO[10:]} 3",
        number(16, dt.date(1950, 1, 2)).lower(),
    ],
)
def test_a_valid_number_is_found_however_it_is_written(kinds: set[Identifier], text: str) -> None:
    assert holds_number(kinds, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Visited on 2026-11-09 and 2026-11-10; 12,500.00 yuan, 3 of 4 rooms, form 20261109-0017",
        WHO[:17] + ("0" if WHO[17] != "0" else "1"),
        WHO[:17],
        f"{WHO[:6]}, {WHO[6:]}",
        "123456789012345678",
        "call 13800000000 or 0851-12345678",
    ],
)
def test_dates_amounts_and_wrong_numbers_are_let_through(kinds: set[Identifier], text: str) -> None:
    assert not holds_number(kinds, text)


def test_numbers_of_a_library_module_are_found_as_whole_words() -> None:
    assert holds_number({SSN}, "is 536-90-4399 now")
    assert not holds_number({SSN}, "is 1536-90-4399 now")


@given(st.text(), st.text())
def test_no_text_around_it_hides_a_number(kinds: set[Identifier], before: str, after: str) -> None:
    assert holds_number(kinds, f"{before}|{WHO}|{after}")


def test_a_number_in_a_files_name_stands_as_its_blind_index() -> None:
    one, other = Vault(b"1" * 32), Vault(b"2" * 32)
    hidden = hide_numbers(f"insured_wages_{WHO}_20261109.csv", one.index)
    assert WHO not in hidden
    assert WHO[:9] not in hidden
    assert hidden.startswith("insured_wages_#")
    assert hidden.endswith("_20261109.csv")
    assert hidden == hide_numbers(f"insured_wages_{WHO}_20261109.csv", one.index)
    assert hidden != hide_numbers(f"insured_wages_{WHO}_20261109.csv", other.index)
    assert "138" not in hide_numbers("wages 13800000000.csv", one.index)
    assert WHO not in hide_numbers(f"wages{WIDE}.csv", one.index)
    assert WHO not in hide_numbers(f"wages{WHO}a.csv", one.index)


@pytest.mark.parametrize(
    "name", ["wages_20261109.csv", "wages_202611091530.csv", "wages-20261109153000.xlsx", "wages 2026-11.csv"]
)
def test_dates_and_times_in_a_files_name_stay(name: str) -> None:
    assert hide_numbers(name, Vault(b"1" * 32).index) == name
