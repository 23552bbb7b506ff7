"""A small pack on three of the base pack's feeds, and a county of a few villages, for tests of what
another pack changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import yaml

import county

BASE = Path(__file__).parents[2] / "packs" / "base"
FEEDS = ("population_register", "areas", "insured_wages")
HOUSEHOLDS = 120
OCTOBER = "2026-10"
VILLAGES = {
    "710000101201": "710000101",
    "710000101202": "710000101",
    "710000102201": "710000102",
}  # village to township

FILES = {
    "pack.yaml": (
        """\
        name: october
        version: 1.0.0
        label: {en: October, zh: 十月}
        languages: [en, zh]
        currency: CNY
        """
    ),
    "indicators/october.yaml": (
        """\
        subject: household
        label: {en: October, zh: 十月}
        columns:
          october_wage: {label: {en: Wages in October, zh: 十月工资}, unit: CNY/month}
          heads: {label: {en: Members, zh: 人数}, unit: person}
        """
    ),
    "indicators/october.sql": (
        """\
        SELECT m.household_id, sum(coalesce(w.wage, 0)) AS october_wage, count(DISTINCT m.person_id) AS heads
        FROM member AS m
        LEFT JOIN insured_wages AS w ON w.person_id = m.person_id AND w.month = DATE '2026-10-01'
        GROUP BY m.household_id
        """
    ),
    "parameters/bar.yaml": (
        """\
        description: The bar
        metadata: {label: {en: Bar, zh: 线}, unit: CNY/month}
        values:
          2024-01-01: {value: 1000, reference: Notice 1}
        """
    ),
    "signals/low_wage.yaml": (
        """\
        label: {en: Low wage, zh: 低工资}
        subject: household
        theme: income
        purpose: social_assistance
        when: october_wage < :bar
        levels:
          - level: red
            when: october_wage = 0
            within: {amount: 2, unit: days}
          - level: yellow
            within: {amount: 5, unit: working_days}
        confirm: {department: civil_affairs}
        check: {en: Ask, zh: 询问}
        why: {en: Because, zh: 因为}
        expires_days: 90
        """
    ),
    "programmes/top_up.yaml": (
        """\
        label: {en: Top-up, zh: 补差}
        subject: household
        kind: cash
        purpose: social_assistance
        signals: [low_wage]
        eligible: october_wage < :bar
        amount:
          - id: gap
            label: {en: Gap, zh: 差额}
            value: :bar - october_wage
        unit: CNY/month
        department: civil_affairs
        within: {amount: 10, unit: working_days}
        participation: confirm
        reference: Notice 2
        """
    ),
    "scenarios/low_wage.yaml": "[]\n",
}


def write(folder: Path, **other: str) -> Path:
    """The pack in `folder`; `other` gives files in place of its own, `/` written as `__`, without the
    suffix `.yaml`."""
    replaced = {f"{name.replace('__', '/')}.yaml": text for name, text in other.items()}
    for name, text in {**FILES, **replaced}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text), encoding="utf-8")
    purposes = {"purposes": yaml.safe_load((BASE / "pack.yaml").read_text("utf-8"))["purposes"]}
    with (folder / "pack.yaml").open("a", encoding="utf-8") as head:
        yaml.safe_dump(purposes, head, allow_unicode=True)
    shutil.copytree(BASE / "identifiers", folder / "identifiers")
    (folder / "contracts").mkdir()
    for feed in FEEDS:
        shutil.copy(BASE / "contracts" / f"{feed}.yaml", folder / "contracts")
    for name in ("departments.yaml", "terms.yaml"):
        shutil.copy(BASE / name, folder)
    return folder


def book() -> county.Book:
    """The small county's people and wages, spread over three villages of two townships."""
    drawn = county.draw(11, HOUSEHOLDS)
    mine = county.Book({key: rows for key, rows in drawn.rows.items() if key[0] in FEEDS})
    mine.rows["areas", 0] = [
        _area("710000", None, "county"),
        *(_area(code, "710000", "township") for code in sorted(set(VILLAGES.values()))),
        *(_area(code, above, "village") for code, above in VILLAGES.items()),
    ]
    for row in mine.rows["population_register", 0]:
        row["area_code"] = village(row["household_no"])
        row["ethnicity"] = "Hill" if int(row["household_no"][1:]) % 20 == 0 else "Vale"
    return mine


def _area(code: str, above: str | None, level: str) -> dict[str, str | None]:
    return {
        "area_code": code,
        "name_en": f"Area {code}",
        "name_zh": f"区{code}",
        "parent_code": above,
        "level": level,
    }


def village(household_no: str) -> str:
    return list(VILLAGES)[int(household_no[1:]) % 3]


def october(records: county.Book) -> dict[str, float]:
    """The October wage of every household, by plain counting: the last word on a month is the
    correction's."""
    home = {r["resident_no"]: r["household_no"] for r in records.rows["population_register", 0]}
    last: dict[str, float] = {}
    for part in (0, 1, 2):
        for row in records.rows.get(("insured_wages", part), []):
            if row["month"] == OCTOBER:
                last[row["resident_no"]] = row["wage"]
    wages = dict.fromkeys(home.values(), 0.0)
    for who, wage in last.items():
        wages[home[who]] += wage
    return wages
