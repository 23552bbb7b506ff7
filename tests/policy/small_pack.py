"""A small pack that compiles, as files in memory, for tests to break."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from almoner.policy import check_pack
from almoner.policy.findings import Finding
from almoner.policy.model.pack import Pack

DAY = dt.date(2026, 11, 1)
PACKS = Path(__file__).parents[2] / "packs"


def contract(
    feed: str, columns: str, purposes: str = "[relief, care]", extra: str = "", sharing: str = "conditional"
) -> str:
    """A contract whose columns are given as `name type key? role? unit?` lines."""
    head = f"""\
        apiVersion: v3.1.0
        kind: DataContract
        id: {feed}
        name: {feed}
        version: 1.0.0
        status: active
        schema:
          - name: {feed}
            logicalType: object
            properties:
    """
    tail = f"""\
        slaProperties:
          - {{property: frequency, value: monthly}}
        customProperties:
          - {{property: label, value: {{en: {feed}, zh: {feed}}}}}
          - {{property: owner, value: bureau}}
          - {{property: sharingClass, value: {sharing}}}
          - {{property: purposes, value: {purposes}}}
          - {{property: legalBasis, value: An agreement}}
    """
    lines = "".join(_column(*line.split()) for line in columns.strip().splitlines())
    return dedent(head) + lines + dedent(tail) + extra


def _column(name: str, kind: str, *more: str) -> str:
    text = f"      - name: {name}\n        logicalType: {kind}\n"
    if "key" in more:
        text += "        required: true\n        primaryKey: true\n"
    if "needed" in more:
        text += "        required: true\n"
    text += f"        customProperties:\n          - {{property: label, value: {{en: {name}, zh: {name}}}}}\n"
    for word in more:
        if "=" in word:
            key, value = word.split("=")
            text += f"          - {{property: {key}, value: {value}}}\n"
    return text


PEOPLE = """
    resident_no string key role=resident_id
    name string role=name
    household_no string role=household
    birth_date date needed role=birth_date
    area_code string role=area
    ethnicity string role=audit_only
    updated_on date needed role=event_time
"""
WAGES = """
    resident_no string key role=resident_id
    month date key role=event_time
    wage number needed unit=CNY/month
"""
CLINIC = """
    resident_no string key role=resident_id
    day date key role=event_time
    cost number unit=CNY
"""

FILES: Mapping[str, str] = {
    "pack.yaml": dedent("""\
        name: small
        version: 0.1.0
        label: {en: Small pack, zh: 小包}
        languages: [en, zh]
        currency: CNY
        purposes:
          relief: {en: Relief, zh: 救助}
          care: {en: Care, zh: 关爱}
        calendar:
          holidays: [2026-01-01]
          working_weekends: [2026-02-14]
        """),
    "departments.yaml": dedent("""\
        bureau:
          label: {en: Bureau, zh: 局}
          hours: {opens: "09:00", closes: "17:00"}
        """),
    "terms.yaml": (PACKS / "base" / "terms.yaml").read_text(encoding="utf-8"),
    "contracts/people.yaml": contract("people", PEOPLE, extra="  - {property: membership, value: true}\n"),
    "contracts/wages.yaml": contract("wages", WAGES, "[relief]"),
    "contracts/clinic.yaml": contract("clinic", CLINIC, "[care]"),
    "contracts/places.yaml": contract(
        "places", "area_code string key role=area\nkind string", extra="  - {property: shared, value: true}\n"
    ),
    "indicators/income.sql": dedent("""\
        -- What a household earned in the last month.
        WITH earned AS (
          SELECT m.household_id, sum(w.wage) AS income
          FROM wages AS w
          JOIN member AS m ON m.person_id = w.person_id
          WHERE w.month >= :as_of - INTERVAL 60 DAY
          GROUP BY m.household_id
        )
        SELECT household_id, income, income * 0.5 AS income_half
        FROM earned
        """),
    "indicators/income.yaml": dedent("""\
        subject: household
        label: {en: Income, zh: 收入}
        columns:
          income:
            label: {en: Income, zh: 收入}
            unit: CNY/month
            meaning: {en: Wages, zh: 工资}
          income_half:
            label: {en: Half the income, zh: 半数收入}
            unit: CNY/month
        """),
    "indicators/size.sql": "SELECT household_id, count(*) AS members\nFROM people\nGROUP BY household_id\n",
    "indicators/size.yaml": dedent("""\
        subject: household
        label: {en: Size, zh: 人数}
        columns:
          members:
            label: {en: Members, zh: 人数}
            unit: person
        """),
    "indicators/illness.sql": "SELECT person_id, sum(cost) AS cost_year\nFROM clinic\nGROUP BY person_id\n",
    "indicators/illness.yaml": dedent("""\
        subject: person
        label: {en: Illness, zh: 疾病}
        columns:
          cost_year:
            label: {en: Cost, zh: 费用}
            unit: CNY
        """),
    "parameters/line.yaml": dedent("""\
        description: What a person needs.
        metadata:
          label: {en: Line, zh: 标准}
          unit: CNY/person/month
        values:
          2024-01-01: {value: 700, reference: Notice 1}
          2026-01-01: {value: 770, reference: Notice 2}
        """),
    "parameters/share.yaml": dedent("""\
        metadata:
          label: {en: Share, zh: 比例}
          unit: "1"
          reference: Notice 3
        default:
          values:
            2024-01-01: 0.5
        "5201":
          values:
            2025-01-01: {value: 0.6, reference: County notice}
        """),
    "signals/poor.yaml": dedent("""\
        label: {en: Poor, zh: 困难}
        subject: household
        theme: income
        purpose: relief
        when: >-
          income < :line * members
          AND income_half < :share * income
        severity: :line * members - income
        levels:
          - level: red
            when: income = 0
            within: {amount: 2, unit: days}
          - level: yellow
            within: {amount: 5, unit: working_days}
        confirm: {department: bureau}
        check: {en: Ask, zh: 询问}
        why: {en: Because, zh: 因为}
        expires_days: 90
        """),
    "signals/ill.yaml": dedent("""\
        label: {en: Ill, zh: 生病}
        subject: person
        theme: health
        purpose: care
        when: cost_year > 1000
        levels:
          - level: orange
            within: {amount: 3, unit: days}
        confirm: {department: bureau}
        check: {en: Ask, zh: 询问}
        why: {en: Because, zh: 因为}
        expires_days: 30
        """),
    "programmes/grant.yaml": dedent("""\
        label: {en: Grant, zh: 补助}
        subject: household
        kind: cash
        purpose: relief
        signals: [poor]
        eligible: income < :line * members
        exclusions:
          - label: {en: Too large, zh: 人多}
            when: members > 20
        amount:
          - id: gap
            label: {en: Gap, zh: 差额}
            value: :line - income / members
          - id: total
            label: {en: Total, zh: 合计}
            value: greatest(gap, 0) * members
        unit: CNY/month
        department: bureau
        within: {amount: 10, unit: working_days}
        participation: confirm
        reference: Notice 4
        """),
    "scenarios/poor.yaml": dedent("""\
        defaults:
          people: {birth_date: 1990-01-01, updated_on: 2026-01-01}
        scenarios:
          - name: One earner, no wage any more
            as_of: 2026-10-01
            complete_through: {wages: 2026-09-30}
            given:
              people:
                - {resident_no: mother, household_no: h1}
              wages:
                - {resident_no: mother, month: {from: 2025-11, to: 2026-02}, wage: 3000}
            expect:
              signals: {poor: red, ill@mother: unknown}
              programmes: {grant: 770}
        """),
}


def write(folder: Path, files: Mapping[str, str | bytes | None] = {}) -> Path:
    """The small pack in `folder`, with `files` in place of its own; None leaves a file out."""
    for name, content in {**FILES, **files}.items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def check(
    folder: Path, files: Mapping[str, str | bytes | None] = {}
) -> tuple[Pack | None, tuple[Finding, ...]]:
    return check_pack(write(folder, files), DAY)


def compiled(folder: Path, files: Mapping[str, str | bytes | None] = {}) -> Pack:
    pack, findings = check(folder, files)
    assert not findings, "\n".join(map(str, findings))
    assert pack is not None
    return pack
