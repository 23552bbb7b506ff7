"""watch.yaml: what it says is what the pack has; each fault is found at its line; a child changes it piece
by piece."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from policy.small_pack import DAY, FILES, check, compiled, contract, write

PLACES = contract(
    "places",
    "area_code string key role=area\nparent_code string role=parent_area\nkind string",
    extra="  - {property: shared, value: true}\n",
).replace(
    "      - name: kind\n        logicalType: string\n",
    "      - name: kind\n        logicalType: string\n        quality:\n          - type: library\n          "
    "  metric: invalidValues\n            mustBe: 0\n            arguments: {validValues: [county, town,"
    " village]}\n",
)
WATCH = dedent("""\
    points:
      label: {en: Points, zh: 点}
      groups:
        poor:
          label: {en: Poor families, zh: 困难家庭}
          subject: household
          purpose: relief
          when: income < :line * members
        ill:
          label: {en: Ill people, zh: 患病人员}
          subject: person
          purpose: care
          when: cost_year > 1000
    lines:
      label: {en: Lines, zh: 线}
      themes:
        income: {label: {en: Income, zh: 收入}, department: bureau}
        health: {label: {en: Health, zh: 健康}}
    areas:
      label: {en: Areas, zh: 片}
      column: kind
      levels:
        town: {label: {en: Town, zh: 镇}}
        village: {label: {en: Village, zh: 村}}
      alarm:
        label: {en: Jump, zh: 激增}
        levels: [village]
        chance: :chance
        least: "5"
        ratio: 2
        months: "12"
        fewest_months: "6"
        department: bureau
        within: {amount: 5, unit: working_days}
        check: {en: Ask, zh: 询问}
        why: {en: Because, zh: 因为}
        expires_days: 90
    surface:
      label: {en: Surface, zh: 面}
    """)
CHANCE = dedent("""\
    metadata: {label: {en: Chance, zh: 概率}, unit: "1", reference: Notice 5}
    values:
      2024-01-01: 0.05
    """)
WATCHED = {"contracts/places.yaml": PLACES, "watch.yaml": WATCH, "parameters/chance.yaml": CHANCE}


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return compiled(tmp_path, WATCHED)


def test_the_four_layers_are_read(pack: Pack) -> None:
    watch = pack.watch
    assert watch is not None
    assert {g.id: g.subject for g in watch.groups.values()} == {"poor": "household", "ill": "person"}
    assert {line.id: line.department for line in watch.lines.values()} == {"income": "bureau", "health": None}
    assert watch.surface == {"en": "Surface", "zh": "面"}
    assert watch.areas is not None
    assert (watch.areas.feed, watch.areas.column, list(watch.areas.levels)) == (
        "places",
        "kind",
        ["town", "village"],
    )
    assert watch.areas.alarm is not None
    assert watch.areas.alarm.chance.parameters == ("chance",)
    assert watch.areas.alarm.within.amount == 5


def test_a_pack_needs_no_watch(tmp_path: Path) -> None:
    assert compiled(tmp_path).watch is None


@pytest.mark.parametrize(
    ("old", "new", "at", "rule", "says"),
    [
        ("when: income < :line", "when: incom < :line", "incom <", "unknown-column", "`income`"),
        ("cost_year > 1000", "cost_year", "when: cost_year", "condition-type", "true, false or unknown"),
        ("income < :line * members", "income < members", "income < members", "unit-mismatch", "CNY/month"),
        (
            "purpose: care",
            "purpose: relief",
            "cost_year > 1000",
            "purpose-not-covered",
            "not shared for `relief`",
        ),
        ("purpose: care", "purpose: caring", "purpose: caring", "unknown-purpose", "`care`"),
        ("subject: person", "subject: household", "cost_year > 1000", "subject-mismatch", "about a person"),
        (
            "department: bureau}\n    health",
            "department: office}\n    health",
            "department: office}",
            "unknown-department",
            "`bureau`",
        ),
        (
            "    department: bureau\n",
            "    department: office\n",
            "department: office",
            "unknown-department",
            "`bureau`",
        ),
        ("column: kind", "column: sort", "column: sort", "unknown-column", "`places` has no column `sort`"),
        ("    town: {label", "    city: {label", "city: {label", "unknown-level", "never `city`"),
        ("levels: [village]", "levels: [hamlet]", "levels: [hamlet]", "unknown-level", "no level `hamlet`"),
        ("chance: :chance", "chance: :chanc", "chance: :chanc", "unknown-parameter", "`chance`"),
        (
            "chance: :chance",
            "chance: :share",
            "chance: :share",
            "parameter-by-area",
            "compared with one another",
        ),
        ("ratio: 2", "ratio: members", "ratio: members", "column-in-threshold", "for all areas alike"),
        ("ratio: 2", "ratio: true", "ratio: true", "condition-type", "a number"),
        ("    income: {label", "    incomes: {label", "theme: income", "unknown-theme", "`incomes`"),
        (
            "    health: {label: {en: Health, zh: 健康}}",
            "    health: {label: {en: Health}}",
            "health: {label",
            "missing-translation",
            "zh",
        ),
        ("    poor:\n", "    Poor:\n", "Poor:", "name", "cannot be a name"),
        ("surface:\n", "surfaces:\n", "surfaces:", "unknown-key", "`surface`"),
        ("    why: {en: Because, zh: 因为}\n", "", "alarm:", "missing-key", "`why`"),
    ],
)
def test_a_fault_is_found_at_its_line(
    tmp_path: Path, old: str, new: str, at: str, rule: str, says: str
) -> None:
    assert old in WATCH
    broken = WATCH.replace(old, new, 1)
    pack, findings = check(tmp_path, {**WATCHED, "watch.yaml": broken})
    assert pack is None
    mine = [f for f in findings if f.rule == rule]
    assert mine, "\n".join(map(str, findings))
    where = "signals/poor.yaml" if rule == "unknown-theme" else "watch.yaml"
    source = FILES.get(where, broken)
    expected = next(n for n, line in enumerate(source.splitlines(), 1) if at in line)
    assert (where, expected) in [(f.file, f.line) for f in mine], "\n".join(map(str, findings))
    assert any(says in f"{f.message} {f.advice}" for f in mine), "\n".join(map(str, findings))


def test_areas_need_a_feed_that_says_what_belongs_to_what(tmp_path: Path) -> None:
    _, findings = check(tmp_path, {**WATCHED, "contracts/places.yaml": FILES["contracts/places.yaml"]})
    assert [(f.file, f.rule) for f in findings] == [("watch.yaml", "missing-areas")]


def test_a_child_replaces_a_group_and_keeps_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "parent", WATCHED)
    child = tmp_path / "child"
    child.mkdir()
    (child / "pack.yaml").write_text("name: child\nextends: ../parent\n", encoding="utf-8")
    (child / "watch.yaml").write_text(
        dedent("""\
            points:
              groups:
                poor:
                  label: {en: Very poor families, zh: 特困家庭}
                  subject: household
                  purpose: relief
                  when: income = 0
            lines:
              themes:
                flood: {label: {en: Floods, zh: 洪涝}}
            """),
        encoding="utf-8",
    )
    watch = compile_pack(child, as_of=DAY).watch
    assert watch is not None
    assert watch.groups["poor"].when.sql == "income = 0"
    assert set(watch.groups) == {"poor", "ill"}
    assert set(watch.lines) == {"income", "health", "flood"}
    assert watch.areas is not None


def test_another_watch_is_another_pack(tmp_path: Path) -> None:
    first = compiled(tmp_path / "a", WATCHED)
    second = compiled(
        tmp_path / "b", {**WATCHED, "watch.yaml": WATCH.replace("income < :line * members", "income = 0")}
    )
    assert first.hash != second.hash
