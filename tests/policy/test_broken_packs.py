"""Every fault is found, at its line, in words, with what to write instead; and it is the only finding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from policy.small_pack import FILES, check


@dataclass(frozen=True)
class Broken:
    """`old` becomes `new` in `file`; `rule` is found at the line that has `at` in it (of `where`, else
    `file`)."""

    rule: str
    file: str
    old: str
    new: str
    at: str
    says: str
    where: str = ""
    also: tuple[str, ...] = ()  # other rules that the same fault breaks


SHAPES = [
    Broken(
        "yaml-syntax", "signals/poor.yaml", "theme: income", "theme: income: high", "income: high", "colon"
    ),
    Broken("yaml-syntax", "pack.yaml", "currency: CNY", "\tcurrency: CNY", "currency: CNY", "not YAML"),
    Broken(
        "duplicate-key",
        "signals/poor.yaml",
        "theme: income",
        "theme: income\ntheme: money",
        "theme: money",
        "twice",
    ),
    Broken(
        "yaml-alias",
        "scenarios/poor.yaml",
        "wages:\n",
        "wages: &x\n        - *x\n",
        "&x",
        "Write the value out",
        also=("wrong-type",),
    ),
    Broken(
        "unknown-key", "signals/poor.yaml", "theme:", "them: x\ntheme:", "them: x", "Write `theme` instead?"
    ),
    Broken(
        "unknown-key",
        "pack.yaml",
        "working_weekends",
        "working_weekend",
        "working_weekend",
        "`working_weekends`",
    ),
    Broken(
        "missing-key", "signals/poor.yaml", "expires_days: 90\n", "", "label:", "`expires_days` is missing"
    ),
    Broken(
        "missing-key",
        "signals/poor.yaml",
        "confirm: {department: bureau}\n",
        "",
        "label:",
        "`confirm` is missing",
    ),
    Broken(
        "missing-key",
        "programmes/grant.yaml",
        "reference: Notice 4\n",
        "",
        "label:",
        "`reference` is missing",
    ),
    Broken(
        "wrong-type", "pack.yaml", "version: 0.1.0", "version: 0.1", "version", 'Write it in quotes: "0.1"'
    ),
    Broken(
        "wrong-type", "signals/poor.yaml", "expires_days: 90", "expires_days: soon", "expires_days", "integer"
    ),
    Broken(
        "wrong-value",
        "signals/poor.yaml",
        "unit: working_days",
        "unit: weeks",
        "unit: weeks",
        "`working_days`",
    ),
    Broken(
        "wrong-value",
        "programmes/grant.yaml",
        "kind: cash",
        "kind: money",
        "kind",
        "Write `cash` or `service`",
    ),
    Broken(
        "missing-translation",
        "signals/poor.yaml",
        "label: {en: Poor, zh: 困难}",
        "label: {en: Poor}",
        "label",
        "zh",
    ),
    Broken(
        "missing-translation",
        "indicators/size.yaml",
        "zh: 人数}\n    unit",
        "zh: ''}\n    unit",
        "Members",
        "zh",
    ),
    Broken(
        "unknown-language",
        "signals/poor.yaml",
        "zh: 困难}",
        "zh: 困难, fr: Pauvre}",
        "fr:",
        "`fr` is not a language",
    ),
    Broken(
        "missing-translation", "pack.yaml", "calendar:", "units: {bag: {en: bag}}\ncalendar:", "bag", "zh"
    ),
    Broken("time", "departments.yaml", '"09:00"', '"nine"', "hours", "`nine` is not a time"),
    Broken(
        "inbox",
        "departments.yaml",
        "  hours:",
        "  inbox: webhook\n  hours:",
        "inbox",
        "`webhook` is no inbox",
    ),
    Broken(
        "inbox",
        "departments.yaml",
        "  hours:",
        "  inbox: http://bureau.example/\n  hours:",
        "inbox",
        "is no inbox",
    ),
    Broken(
        "inbox", "departments.yaml", "  hours:", '  inbox: "https://[x/"\n  hours:', "inbox", "is no inbox"
    ),
    Broken(
        "wrong-value",
        "departments.yaml",
        "  hours:",
        "  identity: [number, income]\n  hours:",
        "identity",
        "income",
    ),
    Broken("wrong-type", "departments.yaml", "  hours:", "  identity: number\n  hours:", "identity", "list"),
    Broken("level-order", "signals/poor.yaml", "level: yellow", "level: red", "levels:", "most urgent first"),
    Broken(
        "level-without-when", "signals/poor.yaml", "    when: income = 0\n", "", "level: red", "never hold"
    ),
]

NAMES = [
    Broken(
        "unknown-purpose", "signals/poor.yaml", "purpose: relief", "purpose: releif", "purpose", "`relief`"
    ),
    Broken(
        "unknown-department",
        "signals/poor.yaml",
        "department: bureau",
        "department: buro",
        "confirm",
        "`bureau`",
    ),
    Broken(
        "unknown-department", "contracts/wages.yaml", "value: bureau", "value: burea", "owner", "`bureau`"
    ),
    Broken("unknown-purpose", "contracts/wages.yaml", "[relief]", "[relief, releif]", "purposes", "`relief`"),
    Broken(
        "unknown-signal", "programmes/grant.yaml", "signals: [poor]", "signals: [pour]", "signals", "`poor`"
    ),
    Broken("unknown-unit", "indicators/size.yaml", "unit: person", "unit: persons", "unit", "Write `person`"),
    Broken(
        "unknown-unit",
        "parameters/line.yaml",
        "CNY/person/month",
        "RMB/person/month",
        "unit",
        "`RMB` is no unit",
    ),
    Broken(
        "unknown-column",
        "signals/poor.yaml",
        "AND income_half",
        "AND income_haif",
        "income_haif",
        "`income_half`",
    ),
    Broken(
        "unknown-column",
        "signals/ill.yaml",
        "cost_year >",
        "line >",
        "line >",
        "Write `:line`; it is a parameter",
    ),
    Broken(
        "unknown-parameter",
        "signals/poor.yaml",
        ":line * members -",
        ":lines * members -",
        ":lines",
        "`line`",
    ),
    Broken(
        "unknown-parameter", "indicators/income.sql", ":as_of -", ":asof -", ":asof", "no parameter `asof`"
    ),
    Broken(
        "unknown-column", "indicators/income.sql", "w.wage)", "w.wages)", "w.wages", "Write `wage` instead?"
    ),
    Broken("unknown-table", "indicators/size.sql", "FROM people", "FROM peoples", "peoples", "`people`"),
    Broken(
        "unknown-table",
        "indicators/income.sql",
        "sum(w.wage)",
        "sum(v.wage)",
        "v.wage",
        "no `v` in this FROM",
    ),
    Broken(
        "unknown-feed",
        "indicators/size.sql",
        "FROM people\n",
        "FROM people\nJOIN feed ON feed.feed = 'peple'\n",
        "peple",
        "`people`",
    ),
    Broken(
        "ambiguous-name",
        "programmes/grant.yaml",
        "id: total",
        "id: income",
        "id: income",
        "a column of an indicator",
    ),
    Broken(
        "unknown-identifier",
        "contracts/people.yaml",
        "role, value: resident_id}",
        "role, value: resident_id}\n          - {property: identifier, value: xx.nothing}",
        "xx.nothing",
        "python-stdnum",
    ),
]

SQL = [
    Broken(
        "sql-syntax", "indicators/size.sql", "FROM people", "FRM FROM WHERE people", "FRM", "does not parse"
    ),
    Broken(
        "sql-statements",
        "indicators/size.sql",
        "GROUP BY household_id",
        "GROUP BY household_id;\nSELECT 1",
        "SELECT 1",
        "2 statements",
    ),
    Broken(
        "sql-not-select",
        "indicators/size.sql",
        FILES["indicators/size.sql"],
        "DELETE FROM people\n",
        "DELETE",
        "DELETE, not a SELECT",
    ),
    Broken(
        "limit",
        "indicators/size.sql",
        "GROUP BY household_id",
        "GROUP BY household_id\nLIMIT 10",
        "LIMIT",
        "who else is there",
    ),
    Broken(
        "select-star",
        "indicators/income.sql",
        "household_id, income, income * 0.5 AS income_half",
        "*, income * 0.5 AS income_half",
        "SELECT *",
        "outside",
    ),
    Broken(
        "forbidden-function",
        "indicators/income.sql",
        ":as_of - ",
        "current_date - ",
        "current_date",
        "`:as_of`",
    ),
    Broken(
        "forbidden-function",
        "indicators/income.sql",
        "sum(w.wage)",
        "sum(w.wage * random())",
        "random",
        "same answer twice",
    ),
    Broken(
        "forbidden-function",
        "signals/ill.yaml",
        "cost_year > 1000",
        "cost_year > random()",
        "when",
        "same answer twice",
    ),
    Broken(
        "orderless-aggregate",
        "indicators/income.sql",
        "sum(w.wage)",
        "any_value(w.wage)",
        "any_value",
        "min(x)",
    ),
    Broken(
        "window-without-partition",
        "indicators/income.sql",
        "income * 0.5 AS",
        "sum(income) OVER () AS",
        "OVER",
        "everybody",
    ),
    Broken(
        "across-households",
        "indicators/income.sql",
        "income * 0.5 AS",
        "sum(income) OVER (PARTITION BY income) AS",
        "OVER",
        "many households",
    ),
    Broken(
        "across-households",
        "indicators/size.sql",
        "count(*) AS members\nFROM people\nGROUP BY household_id",
        "members FROM member\nCROSS JOIN (SELECT count(*) AS members FROM people)",
        "count(*)",
        "many households",
    ),
    Broken(
        "across-households",
        "indicators/size.sql",
        "FROM people\nGROUP BY household_id",
        "FROM people AS a\nJOIN people AS b ON a.area_code = b.area_code\nGROUP BY a.household_id",
        "JOIN",
        "different households",
    ),
    Broken(
        "parameter-by-area",
        "indicators/income.sql",
        "income * 0.5",
        "income * :share",
        ":share",
        "differs by area",
    ),
    Broken("parameter-form", "indicators/income.sql", ":as_of", "$as_of", "$as_of", "Write it as `:name`"),
    Broken(
        "vault-column",
        "indicators/size.sql",
        "count(*)",
        "count(people.name)",
        "name",
        "do not exist as columns",
    ),
    Broken(
        "vault-column",
        "indicators/size.sql",
        "count(*)",
        "count(resident_no)",
        "resident_no",
        "Write `person_id`",
    ),
    Broken(
        "first-column",
        "indicators/size.yaml",
        "subject: household",
        "subject: person",
        "household_id",
        "`person_id` first",
        "indicators/size.sql",
        ("subject-mismatch",),
    ),
    Broken(
        "undescribed-column",
        "indicators/income.sql",
        "SELECT household_id, income,",
        "SELECT household_id, income,\nincome * 2 AS earned_all,",
        "earned_all",
        "not described",
    ),
    Broken(
        "missing-output",
        "indicators/size.yaml",
        "  members:",
        "  size:\n    label: {en: a, zh: b}\n  members:",
        "size:",
        "does not give a column `size`",
    ),
    Broken(
        "sql-refused",
        "indicators/income.sql",
        "income * 0.5",
        "inkome_of(income)",
        "inkome_of",
        "engine refuses",
    ),
    Broken(
        "select-star",
        "indicators/size.sql",
        "SELECT household_id, count(*) AS members",
        "SELECT household_id, COLUMNS('x')",
        "COLUMNS",
        "COLUMNS(...) hides",
        also=("undescribed-column", "missing-output"),
    ),
]

MEANING = [
    Broken(
        "unit-mismatch",
        "signals/poor.yaml",
        "income < :line * members",
        "income < :line",
        "income < :line",
        "CNY/month, but `:line` is in CNY/person/month",
    ),
    Broken(
        "unit-mismatch",
        "signals/poor.yaml",
        ":line * members - income",
        ":line * members - members",
        "severity",
        "but `members` is in person",
    ),
    Broken(
        "unit-mismatch",
        "programmes/grant.yaml",
        "greatest(gap, 0) * members",
        "greatest(gap, 0)",
        "value: greatest",
        "pays in CNY/month",
    ),
    Broken(
        "audit-only",
        "indicators/size.sql",
        "FROM people\n",
        "FROM people\nWHERE ethnicity <> 'x'\n",
        "WHERE",
        "for audits only, and `poor` reads it",
    ),
    Broken(
        "purpose-not-covered",
        "signals/ill.yaml",
        "purpose: care",
        "purpose: relief",
        "cost_year >",
        "`cost`, `resident_no` of `clinic`",
    ),
    Broken(
        "not-shared",
        "contracts/clinic.yaml",
        "value: conditional",
        "value: not-shared",
        "FROM clinic",
        "not shared",
        "indicators/illness.sql",
    ),
    Broken(
        "subject-mismatch",
        "signals/poor.yaml",
        "when: income = 0",
        "when: cost_year = 0",
        "cost_year",
        "about a person",
        also=("purpose-not-covered",),
    ),
    Broken(
        "condition-too-much",
        "signals/ill.yaml",
        "cost_year > 1000",
        "cost_year > (SELECT 1)",
        "when",
        "a subquery",
    ),
    Broken(
        "condition-too-much",
        "signals/ill.yaml",
        "cost_year > 1000",
        "sum(cost_year) > 1000",
        "when",
        "an aggregate",
    ),
    Broken(
        "condition-syntax",
        "signals/ill.yaml",
        "cost_year > 1000",
        "cost_year > AND 1000",
        "when",
        "not an SQL expression",
    ),
    Broken(
        "condition-syntax",
        "signals/ill.yaml",
        "cost_year > 1000",
        "cost_year > 1 FROM x",
        "when",
        "not an SQL expression",
    ),
    Broken(
        "condition-type",
        "signals/ill.yaml",
        "cost_year > 1000",
        "cost_year",
        "when",
        "not true, false or unknown",
    ),
    Broken(
        "condition-refused",
        "signals/ill.yaml",
        "cost_year > 1000",
        "upperr(cost_year) > 1",
        "when",
        "engine refuses",
    ),
    Broken(
        "qualified-column",
        "signals/ill.yaml",
        "cost_year > 1000",
        "illness.cost_year > 1000",
        "when",
        "Write `cost_year` alone",
    ),
    Broken(
        "parameter-without-value",
        "parameters/line.yaml",
        "2024-01-01: {value: 700, reference: Notice 1}\n  2026-01-01",
        "2027-01-01",
        "values",
        "begins on 2027-01-01",
    ),
    Broken(
        "parameter-without-value",
        "parameters/line.yaml",
        "value: 770",
        "value: null",
        "values",
        "it has ended",
    ),
    Broken(
        "missing-reference",
        "parameters/line.yaml",
        "{value: 770, reference: Notice 2}",
        "770",
        "770",
        "no legal reference",
    ),
    Broken("date", "parameters/line.yaml", "2026-01-01:", "2026-13-01:", "2026-13-01", "not a date"),
    Broken(
        "missing-key",
        "parameters/line.yaml",
        "  unit: CNY/person/month\n",
        "",
        "metadata",
        "`unit` is missing",
    ),
]

CONTRACTS = [
    Broken(
        "odcs-invalid", "contracts/wages.yaml", "version: 1.0.0", "version: 1.0", "version: 1.0", "string"
    ),
    Broken(
        "unknown-key",
        "contracts/wages.yaml",
        "logicalType: number",
        "logicaltype: x\n        logicalType: number",
        "logicaltype",
        "`logicalType`",
    ),
    Broken(
        "unknown-key",
        "contracts/wages.yaml",
        "status: active",
        "status: active\nstate: x",
        "state: x",
        "`status`",
    ),
    Broken(
        "unknown-key",
        "contracts/wages.yaml",
        "property: unit",
        "property: units",
        "units",
        "Write `unit` instead?",
    ),
    Broken(
        "wrong-value",
        "contracts/wages.yaml",
        "logicalType: number",
        "logicalType: float",
        "float",
        "not a type",
    ),
    Broken("wrong-value", "contracts/wages.yaml", "value: monthly", "value: month", "frequency", "`monthly`"),
    Broken(
        "wrong-value",
        "contracts/clinic.yaml",
        "sharingClass, value: conditional",
        "sharingClass, value: conditionally",
        "conditionally",
        "`conditional`",
    ),
    Broken(
        "wrong-value",
        "contracts/wages.yaml",
        "value: event_time",
        "value: event_tme",
        "event_tme",
        "`event_time`",
    ),
    Broken(
        "pattern",
        "contracts/places.yaml",
        "name: kind\n        logicalType: string",
        "name: kind\n        logicalType: string\n        logicalTypeOptions: {pattern: '[a-'}",
        "pattern",
        "regular expression",
    ),
    Broken(
        "range",
        "contracts/clinic.yaml",
        "logicalType: number",
        "logicalType: number\n        logicalTypeOptions: {minimum: 5, maximum: 1}",
        "minimum",
        "below the minimum",
    ),
    Broken("feed-name", "contracts/wages.yaml", "id: wages", "id: wage", "id: wage", "Write `wages`"),
    Broken(
        "property-name",
        "contracts/places.yaml",
        "name: kind",
        "name: known_from",
        "known_from",
        "cannot be a column",
    ),
    Broken(
        "membership",
        "contracts/people.yaml",
        "  - {property: membership, value: true}\n",
        "",
        "name",
        "who lives with whom",
        "pack.yaml",
    ),
    Broken(
        "membership",
        "contracts/wages.yaml",
        "[relief]}",
        "[relief]}\n  - {property: membership, value: true}",
        "properties:",
        "who lives with whom",
    ),
    Broken(
        "purpose-wider",
        "contracts/wages.yaml",
        "unit, value: CNY/month}",
        "unit, value: CNY/month}\n          - {property: purposes, value: [care]}",
        "[care]",
        "does not cover",
    ),
    Broken(
        "shared-with-persons",
        "contracts/places.yaml",
        "role, value: area}",
        "role, value: household}",
        "properties:",
        "column about persons",
    ),
]

SCENARIOS = [
    Broken("unknown-signal", "scenarios/poor.yaml", "poor: red", "pour: red", "pour", "`poor`"),
    Broken(
        "unknown-level",
        "scenarios/poor.yaml",
        "poor: red",
        "poor: orange",
        "poor: orange",
        "no level `orange`",
    ),
    Broken("unknown-person", "scenarios/poor.yaml", "ill@mother", "ill@father", "ill@father", "`father`"),
    Broken(
        "unknown-feed",
        "scenarios/poor.yaml",
        "complete_through: {wages",
        "complete_through: {wage",
        "complete_through",
        "`wages`",
    ),
    Broken(
        "unknown-column",
        "scenarios/poor.yaml",
        "wage: 3000",
        "wages: 3000, wage: 1",
        "wages: 3000",
        "Write `wage`",
    ),
    Broken(
        "missing-column", "scenarios/poor.yaml", ", wage: 3000", "", "month:", "`wage` of `wages` is required"
    ),
    Broken("wrong-type", "scenarios/poor.yaml", "wage: 3000", "wage: much", "much", "not a number"),
    Broken("date", "scenarios/poor.yaml", "to: 2026-02", "to: 2024-02", "month:", "no range"),
    Broken("unknown-programme", "scenarios/poor.yaml", "grant: 770", "grants: 770", "grants", "`grant`"),
]

CASES = [*SHAPES, *NAMES, *SQL, *MEANING, *CONTRACTS, *SCENARIOS]


def line_with(text: str, mark: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if mark in line)


@pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.file}-{n}" for n, c in enumerate(CASES)])
def test_a_fault_is_found_at_its_line_with_advice(case: Broken, tmp_path: Path) -> None:
    assert case.old in FILES[case.file]
    text = FILES[case.file].replace(case.old, case.new, 1)
    pack, findings = check(tmp_path, {case.file: text})
    assert pack is None
    rules = sorted({f.rule for f in findings})
    assert rules == sorted({case.rule, *case.also}), "\n".join(map(str, findings))
    where = case.where or case.file
    expected = line_with(text if where == case.file else FILES[where], case.at)
    assert (where, expected) in [(f.file, f.line) for f in findings], "\n".join(map(str, findings))
    assert any(case.says in f"{f.message} {f.advice}" for f in findings), "\n".join(map(str, findings))
    assert all(f.advice and f.message for f in findings)


def test_at_least_forty_kinds_of_fault_are_told_apart() -> None:
    assert len({c.rule for c in CASES}) >= 40


def test_all_faults_of_a_pack_are_told_at_once(tmp_path: Path) -> None:
    files = {
        c.file: FILES[c.file].replace(c.old, c.new, 1)
        for c in (SHAPES[6], NAMES[4], SQL[5], MEANING[16], CONTRACTS[4])
    }
    _, findings = check(tmp_path, files)
    assert {f.rule for f in findings} >= {
        "missing-key",
        "unknown-signal",
        "forbidden-function",
        "missing-reference",
        "wrong-value",
    }
