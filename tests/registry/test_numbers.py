"""Length, date and check digit decide whether a number is valid; no list of places does."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from stdnum import damm, luhn, verhoeff
from stdnum.iso7064 import mod_11_2, mod_97_10

from almoner.policy.model.identifiers import CHECK_DIGITS, Identifier
from almoner.policy.model.pack import Pack
from almoner.registry.numbers import check_numbers
from feeds import with_check_digit

TODAY = dt.date(2026, 11, 9)
# codes given out at different times, abolished ones, those of residence permits; the last is nobody's
PLACES = [
    "110101",
    "110115",
    "120225",
    "130128",
    "140702",
    "150221",
    "210281",
    "220183",
    "230184",
    "310115",
    "310225",
    "320282",
    "330183",
    "340123",
    "350128",
    "360121",
    "370181",
    "410122",
    "420115",
    "430121",
    "440111",
    "440306",
    "450122",
    "460105",
    "500101",
    "500112",
    "510202",
    "510212",
    "510221",
    "512201",
    "520102",
    "520115",
    "522401",
    "522701",
    "530111",
    "540102",
    "610111",
    "620102",
    "620103",
    "620105",
    "622301",
    "630104",
    "640104",
    "650105",
    "659001",
    "810000",
    "820000",
    "830000",
    "710000",
]
ORDERS = ("001", "996", "997", "998", "999")
BIRTHS = [dt.date(1903, 2, 28) + dt.timedelta(days=1_871 * n) for n in range(24)]
NUMBERS = [
    with_check_digit(f"{place}{born:%Y%m%d}{order}")
    for place in PLACES
    for born in BIRTHS
    for order in ORDERS
    if born <= TODAY
]


@pytest.fixture(scope="module")
def resident(base: Pack) -> Identifier:
    found = base.membership_feed.properties[0].identifier
    assert found is not None
    return found


def faults(identifier: Identifier, *numbers: str) -> list[str | None]:
    """The rule of each number that is wrong or spelled oddly."""
    return [verdict.rule for verdict in check_numbers(identifier, numbers, TODAY)]


def test_everybody_s_number_is_valid_wherever_and_whenever_it_was_given_out(resident: Identifier) -> None:
    assert len(NUMBERS) > 5_000
    assert faults(resident, *NUMBERS) == []


def test_every_mistyped_digit_and_every_swap_of_neighbours_is_found(resident: Identifier) -> None:
    broken = []
    for number in random.Random(3).sample(NUMBERS, 60):
        for at in range(17):
            broken += [
                number[:at] + digit + number[at + 1 :] for digit in "0123456789" if digit != number[at]
            ]
            swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
            broken += [swapped] if swapped != number else []
    assert len(broken) > 9_000
    assert None not in (found := faults(resident, *broken))
    assert len(found) == len(broken)


@pytest.mark.parametrize(
    "born", ["19500231", "19001301", "19990431", "20230229", "00000000", "20261110", "18001231"]
)
def test_a_date_that_nobody_can_be_born_on_is_refused(resident: Identifier, born: str) -> None:
    assert faults(resident, with_check_digit(f"520102{born}997")) == ["identifier_component"]


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("", "identifier_length"),
        ("52010219500312", "identifier_length"),
        ("520102500312997", "identifier_length"),
        (NUMBERS[7][:-1], "identifier_length"),
        (NUMBERS[7] + "0", "identifier_length"),
        ("0" + NUMBERS[7][1:], "identifier_format"),
        (NUMBERS[7][:5] + "O" + NUMBERS[7][6:], "identifier_format"),
        (NUMBERS[7][:17] + "Y", "identifier_format"),
        (NUMBERS[7][:17] + "²", "identifier_format"),
        ("٠" * 18, "identifier_format"),
    ],
)
def test_another_length_or_another_sign_is_refused(resident: Identifier, number: str, rule: str) -> None:
    assert faults(resident, number) == [rule]


def test_the_check_digit_x_and_separators_may_be_written_in_any_way(resident: Identifier) -> None:
    number = next(n for n in NUMBERS if n.endswith("X"))
    for written in (
        number.lower(),
        f"{number[:6]} {number[6:14]} {number[14:]}",
        f"{number[:6]}-{number[6:]}",
    ):
        assert [(v.canonical, v.rule) for v in check_numbers(resident, [written], TODAY)] == [(number, None)]


def made(check_digit: str, body: str) -> str:
    """A number that is right by one of the algorithms."""
    algorithm = {"luhn": luhn, "verhoeff": verhoeff, "damm": damm, "iso7064_mod_11_2": mod_11_2}.get(
        check_digit
    )
    return body + (algorithm.calc_check_digit(body) if algorithm else mod_97_10.calc_check_digits(body))


@pytest.mark.parametrize("name", ["luhn", "verhoeff", "damm", "iso7064_mod_11_2", "iso7064_mod_97_10"])
def test_a_pack_s_own_numbers_are_checked_by_the_algorithm_that_it_names(name: str) -> None:
    identifier = Identifier(id="own", check_digit=name)
    numbers = [made(name, f"{n:09d}") for n in range(1, 500_000, 1_009)]
    assert faults(identifier, *numbers) == []
    wrong = [n[:3] + str((int(n[3]) + 1) % 10) + n[4:] for n in numbers]
    assert set(faults(identifier, *wrong)) == {"identifier_checksum"}
    assert len(faults(identifier, *wrong)) == len(wrong)


def test_every_algorithm_that_a_pack_may_name_exists() -> None:
    for name in CHECK_DIGITS:
        assert faults(Identifier(id="own", check_digit=name), "?") != [None]


def test_several_lengths_and_a_module_of_python_stdnum_work_as_well() -> None:
    short_or_long = Identifier(id="own", lengths=(9, 11), pattern="[0-9]+")
    assert faults(short_or_long, "123456789", "12345678901", "1234567890") == ["identifier_length"]
    assert faults(Identifier(id="de.idnr", module="de.idnr"), "36574261809", "36574261890") == [
        "identifier_checksum"
    ]


def test_what_checked_a_number_changes_with_its_rules(resident: Identifier) -> None:
    versions = {
        Identifier(id="own").version,
        Identifier(id="own", lengths=(9,)).version,
        Identifier(id="other", lengths=(9,)).version,
        Identifier(id="own", lengths=(9,), pattern="[0-9]+").version,
        Identifier(id="own", lengths=(9,), birth_date_at=1).version,
        Identifier(id="own", lengths=(9,), check_digit="luhn").version,
        resident.version,
        Identifier(id="de.idnr", module="de.idnr").version,
    }
    assert len(versions) == 8


def test_an_identifier_is_the_same_after_it_was_stored(resident: Identifier) -> None:
    assert Identifier.from_stored(resident.stored()) == resident
    assert Identifier.from_stored("cn.ric") == Identifier(id="cn.ric", module="cn.ric")
    assert Identifier.from_stored(None) is None
