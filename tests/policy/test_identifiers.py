"""A pack says how its numbers are checked, and what is wrong with what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.small_pack import FILES, check

FILE = "identifiers/membership_number.yaml"
GOOD = """\
label: {en: Membership number, zh: 会员号}
length: [9, 11]
pattern: "[0-9]+"
check_digit: luhn
reference: The association's rules of 2020
"""
NAMED = FILES["contracts/people.yaml"].replace(
    "role, value: resident_id}",
    "role, value: resident_id}\n          - {property: identifier, value: membership_number}",
    1,
)


def test_a_contract_names_a_file_of_the_pack(tmp_path: Path) -> None:
    pack, findings = check(tmp_path, {FILE: GOOD, "contracts/people.yaml": NAMED})
    assert pack is not None, "\n".join(map(str, findings))
    found = next(p.identifier for p in pack.membership_feed.properties if p.identifier)
    assert (found.id, found.module, found.lengths, found.check_digit) == (
        "membership_number",
        None,
        (9, 11),
        "luhn",
    )


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("length: [9, 11]", "length: nine", "wrong-type"),
        ("length: [9, 11]", "length: 0", "wrong-type"),
        ("length: [9, 11]", "lenght: 9", "unknown-key"),
        ('pattern: "[0-9]+"', 'pattern: "[0-9+"', "pattern"),
        ("check_digit: luhn", "check_digit: lun", "wrong-value"),
        ("check_digit: luhn", "birth_date: {at: 4, format: yyyyMMdd}", "range"),
        ("check_digit: luhn", "birth_date: {at: 0, format: yyyyMMdd}", "wrong-type"),
        ("check_digit: luhn", "birth_date: {at: 1, format: ddMMyyyy}", "wrong-value"),
        ("reference: The association's rules of 2020", "", "missing-key"),
        ("label: {en: Membership number, zh: 会员号}", "label: {en: Membership number}", "translation"),
        ('length: [9, 11]\npattern: "[0-9]+"\ncheck_digit: luhn', "", "missing-key"),
    ],
)
def test_what_is_wrong_is_told_with_advice(tmp_path: Path, old: str, new: str, rule: str) -> None:
    assert old in GOOD
    pack, findings = check(tmp_path, {FILE: GOOD.replace(old, new), "contracts/people.yaml": NAMED})
    assert pack is None
    assert {f.file for f in findings} == {FILE}
    assert {f.rule for f in findings} == {rule} or rule == "translation"
    assert all(f.advice for f in findings)


SPELLED = FILES["contracts/people.yaml"]
ADDED = "role, value: household}"


@pytest.mark.parametrize(
    ("added", "rule"),
    [
        ("{property: length, value: twelve}", "spelling"),
        ("{property: length, value: 0}", "spelling"),
        ("{property: padding, value: '0'}", "spelling"),
        ("{property: length, value: 12}\n          - {property: padding, value: 0}", "spelling"),
        ("{property: length, value: 12}\n          - {property: padding, value: '00'}", "spelling"),
        ("{property: placeholders, value: none}", "spelling"),
        ("{property: placeholders, value: [0]}", "spelling"),
        ("{property: spelling, value: cod}", "wrong-value"),
        ("{property: spelling, value: text}\n          - {property: length, value: 12}", "spelling"),
        ("{property: length, value: 12}\n          - {property: padding, value: '0'}", None),
        ("{property: spelling, value: text}", None),
        ("{property: placeholders, value: []}", None),
    ],
)
def test_the_spelling_of_a_column_is_checked(tmp_path: Path, added: str, rule: str | None) -> None:
    assert ADDED in SPELLED
    text = SPELLED.replace(ADDED, f"{ADDED}\n          - {added}", 1)
    _, findings = check(tmp_path, {"contracts/people.yaml": text})
    assert {f.rule for f in findings} == ({rule} if rule else set())
