"""Timelines of a pack: what they become, what they are charged for, and every fault with its line and its
words."""

from __future__ import annotations

from pathlib import Path

import pytest

from almoner.policy import archive, compile_pack, pack_files
from almoner.policy.authoring.changes import changes
from almoner.policy.findings import Finding
from policy.small_pack import DAY, check, compiled, write

YAML = """\
subject: household
label: {en: Wages, zh: 工资}
unit: CNY/month
meaning: {en: All members, zh: 全体成员}
holes: {wages: a month without a record is a gap}
"""
SQL = """\
SELECT m.household_id, w.month, sum(w.wage) AS value
FROM wages AS w
JOIN member AS m ON m.person_id = w.person_id
WHERE w.month > :wages_month - INTERVAL 24 MONTH AND w.month <= :wages_month
GROUP BY m.household_id, w.month
"""
FILES = {"timelines/earned.yaml": YAML, "timelines/earned.sql": SQL}
AT_SQL, AT_YAML = "timelines/earned.sql", "timelines/earned.yaml"


def test_a_timeline_knows_what_it_reads_and_for_what_that_is_shared(tmp_path: Path) -> None:
    made = compiled(tmp_path, FILES).timelines["earned"]
    assert (made.subject, made.unit, made.label["zh"], made.meaning["en"]) == (
        "household",
        "CNY/month",
        "工资",
        "All members",
    )
    assert made.feeds == ("people", "wages")
    assert {("wages", "wage"), ("wages", "month")} <= made.reads
    assert made.purposes == ("relief",)  # people are shared for care too, wages are not
    assert made.parameters == ("wages_month",)
    assert "CAST($wages_month AS DATE)" in made.sql


def test_a_pack_without_timelines_has_none(tmp_path: Path) -> None:
    assert compiled(tmp_path).timelines == {}


def test_its_files_are_part_of_the_hash_and_of_the_archive(tmp_path: Path) -> None:
    plain, other = compiled(tmp_path / "a"), compiled(tmp_path / "b", FILES)
    assert plain.hash != other.hash
    assert FILES.keys() <= pack_files(tmp_path / "b").keys()
    kept = archive(tmp_path / "b", tmp_path / "kept")
    assert compile_pack(kept, as_of=DAY).timelines == other.timelines


def test_a_child_inherits_timelines_and_replaces_them_by_name(tmp_path: Path) -> None:
    write(tmp_path / "parent", FILES | {"timelines/other.yaml": YAML, "timelines/other.sql": SQL})
    head = "name: child\nversion: 1.0.0\nlabel: {en: Child, zh: 子}\nextends: ../parent\n"
    own = {"pack.yaml": head, AT_YAML: YAML.replace("工资", "收入")}
    for name, text in own.items():
        (tmp_path / "child" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "child" / name).write_text(text, encoding="utf-8")
    child = compile_pack(tmp_path / "child", as_of=DAY)
    assert {n: t.label["zh"] for n, t in child.timelines.items()} == {"earned": "收入", "other": "工资"}


def test_what_differs_between_two_packs_names_the_timeline(tmp_path: Path) -> None:
    without, old = compiled(tmp_path / "none"), compiled(tmp_path / "old", FILES)
    (new,) = changes(without, old)
    assert (new.part, new.item, new.before, new.after) == ("timelines", "earned", None, "Wages / 工资")
    (change,) = changes(
        old, compiled(tmp_path / "new", FILES | {AT_YAML: YAML.replace("All members", "Everybody")})
    )
    assert (change.part, change.path, change.after) == ("timelines", "meaning.en", "Everybody")


def found(folder: Path, file: str, old: str, new: str) -> list[Finding]:
    assert old in FILES[file]
    return list(check(folder, FILES | {file: FILES[file].replace(old, new)})[1])


BROKEN = [
    (
        AT_YAML,
        "subject: household",
        "subject: village",
        AT_YAML,
        1,
        "`subject: village` is not one of the values there are.",
    ),
    (AT_YAML, "unit: CNY/month", "unit: CNX/month", AT_YAML, 3, "`CNX` is not a unit."),
    (AT_YAML, "unit:", "units:", AT_YAML, 3, "`units` is not a key here."),
    (AT_YAML, ", zh: 工资", "", AT_YAML, 2, "`label` has no words in: zh."),
    (AT_YAML, ", zh: 全体成员", "", AT_YAML, 4, "`meaning` has no words in: zh."),
    (AT_YAML, "subject: household", "subject: person", AT_SQL, 1, "The first column is `household_id`."),
    (AT_SQL, "FROM wages AS w", "FROM wage AS w", AT_SQL, 2, "There is no table `wage`."),
    (AT_SQL, "sum(w.wage)", "sum(w.pay)", AT_SQL, 1, "There is no column `pay` here."),
    (AT_SQL, "<= :wages_month", "<= :wages_moon", AT_SQL, 4, "There is no parameter `wages_moon`."),
    (
        AT_SQL,
        "sum(w.wage)",
        "sum(w.wage * :share)",
        AT_SQL,
        1,
        "`:share` differs by area, and a timeline's SQL runs once for all areas.",
    ),
    (AT_SQL, "AS value", "AS total", AT_SQL, 1, "The SELECT gives `household_id`, `month`, `total`."),
    (
        AT_SQL,
        ", sum(w.wage) AS value",
        ", 1 AS value, 2 AS more",
        AT_SQL,
        1,
        "The SELECT gives `household_id`, `month`, `value`, `more`.",
    ),
    (
        AT_SQL,
        "GROUP BY m.household_id, w.month",
        "GROUP BY m.household_id, w.month, w.wage",
        AT_SQL,
        1,
        "It does not show that a household has each month once.",
    ),
    (AT_SQL, "sum(w.wage)", "max(w.wage > 3)", AT_SQL, 1, "`value` gives a bool, not a number."),
    (
        AT_SQL,
        "w.month, sum",
        "w.month::VARCHAR AS month, sum",
        AT_SQL,
        1,
        "`month` gives a string, not a date.",
    ),
    (
        AT_SQL,
        "sum(w.wage)",
        "sum(random())",
        AT_SQL,
        1,
        "A pack may not call `random`: it may not give the same answer twice, or read outside the facts.",
    ),
    (AT_SQL, SQL, "DELETE FROM wages", AT_SQL, 1, "This is DELETE, not a SELECT."),
    (
        AT_SQL,
        "WHERE",
        "LEFT JOIN clinic AS c ON c.person_id = w.person_id WHERE",
        AT_SQL,
        1,
        "There is no purpose that all of `clinic`, `people`, `wages` is shared for.",
    ),
    (
        AT_SQL,
        "FROM wages AS w\n",
        "FROM wages AS w\nJOIN people AS p ON p.person_id = w.person_id AND p.ethnicity = 'x'\n",
        AT_SQL,
        3,
        "`ethnicity` of `people` is for audits only.",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "where", "line", "message"), BROKEN)
def test_a_fault_is_said_at_its_line(
    file: str, old: str, new: str, where: str, line: int, message: str, tmp_path: Path
) -> None:
    assert [(f.file, f.line, f.message) for f in found(tmp_path, file, old, new)] == [(where, line, message)]


def test_a_select_that_only_reads_is_asked_for_by_its_name(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, AT_SQL, SQL, "DELETE FROM wages")
    assert finding.advice == "A timeline only reads: write one SELECT."
    found_of_star = check(
        tmp_path / "star", FILES | {AT_SQL: "SELECT * FROM (SELECT person_id, month, wage FROM wages)"}
    )[1]
    assert "`SELECT *` at the outside hides what the timeline gives." in [f.message for f in found_of_star]


@pytest.mark.parametrize(
    ("files", "where", "message"),
    [
        ({AT_YAML: YAML}, AT_YAML, "The timeline has no earned.sql."),
        ({AT_SQL: SQL}, AT_SQL, "The timeline has no earned.yaml."),
    ],
)
def test_half_a_timeline_is_none(files: dict[str, str], where: str, message: str, tmp_path: Path) -> None:
    assert [(f.file, f.line, f.message) for f in check(tmp_path, files)[1]] == [(where, 1, message)]


def test_a_parameter_that_only_a_timeline_reads_must_be_in_force(tmp_path: Path) -> None:
    ended = {
        "parameters/bar.yaml": (
            "metadata:\n  label: {en: Bar, zh: 线}\n  unit: CNY/month\nvalues:\n  2030-01-01: {value: 7,"
            " reference: x}\n"
        )
    }
    files = FILES | ended | {AT_SQL: SQL.replace("WHERE", "WHERE w.wage > :bar AND")}
    (finding,) = check(tmp_path, files)[1]
    assert (
        finding.message
        == "`bar` has no value on 2026-11-01 (it begins on 2030-01-01), and timelines/earned.sql reads it."
    )
