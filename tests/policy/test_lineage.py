"""Which fields of which feeds stand behind each column of an indicator."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from policy.small_pack import FILES, check, compiled

PERSON = {("people", "resident_no")}


def reads(folder: Path, sql: str, subject: str = "person", column: str = "x") -> set[tuple[str, str]]:
    """What `column` of a new indicator with this SQL rests on."""
    described = (
        f"subject: {subject}\nlabel: {{en: a, zh: b}}\ncolumns:\n  {column}: {{label: {{en: a, zh: b}}, unit:"
        " '1'}\n"
    )
    pack = compiled(folder, {"indicators/extra.sql": dedent(sql), "indicators/extra.yaml": described})
    return set(pack.column(column)[1].reads)


def test_a_column_rests_on_what_it_is_computed_from(tmp_path: Path) -> None:
    sql = "SELECT person_id, max(wage) AS x FROM wages GROUP BY person_id"
    assert reads(tmp_path, sql) == {("wages", "wage"), ("wages", "resident_no")}


@pytest.mark.parametrize(
    "filtered",
    [
        "SELECT person_id, 1 AS x FROM wages WHERE month > :as_of",
        "SELECT person_id, 1 AS x FROM wages GROUP BY person_id, month",
        "SELECT person_id, 1 AS x FROM wages GROUP BY person_id HAVING max(month) > :as_of",
        (
            "SELECT person_id, 1 AS x FROM wages QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY"
            " month) = 1"
        ),
        "SELECT DISTINCT ON (person_id, month) person_id, 1 AS x FROM wages",
        "WITH w AS (SELECT * FROM wages WHERE month > :as_of) SELECT person_id, 1 AS x FROM w",
        "SELECT person_id, 1 AS x FROM (SELECT person_id FROM wages WHERE month > :as_of)",
        (
            "SELECT person_id, 1 AS x FROM people WHERE person_id IN (SELECT person_id FROM wages WHERE month"
            " > :as_of)"
        ),
        (
            "SELECT p.person_id, 1 AS x FROM people p WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id ="
            " p.person_id AND w.month > :as_of)"
        ),
        (
            "SELECT p.person_id, 1 AS x FROM people p JOIN wages w ON w.person_id = p.person_id AND w.month >"
            " :as_of"
        ),
        (
            "SELECT person_id, 1 AS x FROM people SEMI JOIN (SELECT person_id FROM wages WHERE month >"
            " :as_of) USING (person_id)"
        ),
        (
            "SELECT p.person_id, (SELECT count(*) FROM wages w WHERE w.person_id = p.person_id AND w.month >"
            " :as_of) AS x FROM people p"
        ),
        "SELECT person_id, 1 AS x FROM wages WHERE month > :as_of UNION ALL SELECT person_id, 2 FROM clinic",
    ],
)
def test_what_decides_the_rows_counts_as_read(filtered: str, tmp_path: Path) -> None:
    assert ("wages", "month") in reads(tmp_path, filtered)


def test_a_count_of_rows_reads_that_there_are_records(tmp_path: Path) -> None:
    assert reads(tmp_path, "SELECT person_id, count(*) AS x FROM clinic GROUP BY person_id") == {
        ("clinic", "resident_no")
    }


def test_a_left_join_to_unique_rows_counts_only_for_its_own_columns(tmp_path: Path) -> None:
    sql = """
        WITH cost AS (SELECT person_id, sum(cost) AS total FROM clinic GROUP BY person_id)
        SELECT p.person_id, p.birth_date AS x, cost.total AS y
        FROM people AS p LEFT JOIN cost ON cost.person_id = p.person_id
    """
    described = (
        "subject: person\nlabel: {en: a, zh: b}\ncolumns:\n  x: {label: {en: a, zh: b}}\n  y: {label: {en: a,"
        " zh: b}}\n"
    )
    pack = compiled(tmp_path, {"indicators/extra.sql": dedent(sql), "indicators/extra.yaml": described})
    assert pack.column("x")[1].reads == PERSON | {("people", "birth_date")}
    assert pack.column("x")[1].feeds == ("people",)
    assert pack.column("y")[1].feeds == ("clinic", "people")


def test_a_left_join_that_may_repeat_rows_counts_for_every_column(tmp_path: Path) -> None:
    sql = (
        "SELECT p.person_id, p.birth_date AS x FROM people AS p LEFT JOIN clinic AS c ON c.person_id ="
        " p.person_id"
    )
    assert ("clinic", "resident_no") in reads(tmp_path, sql)


@pytest.mark.parametrize(
    ("joined", "charged"),
    [
        (  # unique on the join's column: a column of the right side rests on the whole condition
            """
            WITH cost AS (SELECT person_id, 1 AS found FROM clinic GROUP BY person_id)
            SELECT w.person_id, w.month, c.found AS x FROM wages AS w
            LEFT JOIN cost AS c ON c.person_id = w.person_id AND w.wage > 100
            """,
            ("wages", "wage"),
        ),
        (
            """
            WITH cost AS (SELECT person_id, day, 1 AS found FROM clinic GROUP BY person_id, day)
            SELECT w.person_id, w.month, c.found AS x FROM (SELECT person_id, month FROM wages) AS w
            LEFT JOIN cost AS c ON c.person_id = w.person_id AND c.day = w.month
            """,
            ("clinic", "day"),
        ),
        (
            """
            WITH cost AS (SELECT person_id, day, 1 AS found FROM clinic GROUP BY person_id, day),
            paid AS (SELECT person_id, month AS day FROM wages)
            SELECT w.person_id, w.day, c.found AS x FROM paid AS w LEFT JOIN cost AS c USING (person_id, day)
            """,
            ("wages", "month"),
        ),
        (  # may repeat rows: every column rests on it
            """
            SELECT p.person_id, p.birth_date AS x FROM people AS p
            LEFT JOIN clinic AS c ON c.person_id = p.person_id AND c.cost > 100
            """,
            ("clinic", "cost"),
        ),
        (
            """
            SELECT w.person_id, w.month AS x FROM wages AS w
            LEFT JOIN clinic AS c ON c.person_id = w.person_id AND w.wage > 100
            """,
            ("wages", "wage"),
        ),
    ],
)
def test_the_condition_of_a_left_join_counts_as_read(
    joined: str, charged: tuple[str, str], tmp_path: Path
) -> None:
    largest = f"SELECT person_id, max(x) AS x FROM ({dedent(joined)}) AS joined GROUP BY person_id"
    assert charged in reads(tmp_path, largest)


def test_a_purpose_is_checked_through_the_condition_of_a_left_join(tmp_path: Path) -> None:
    """Nothing but the condition reads `cost`, which is not shared for the signal's purpose."""
    clinic = FILES["contracts/clinic.yaml"].replace("value: [care]", "value: [relief, care]")
    narrow = clinic.replace(
        "value: {en: cost, zh: cost}}\n",
        "value: {en: cost, zh: cost}}\n          - {property: purposes, value: [care]}\n",
    )
    size = """
        SELECT p.household_id, count(c.day) AS members FROM people AS p
        LEFT JOIN (SELECT person_id, day, cost FROM clinic) AS c
          ON c.person_id = p.person_id AND c.cost > 100
        GROUP BY p.household_id
    """
    _, findings = check(tmp_path, {"contracts/clinic.yaml": narrow, "indicators/size.sql": dedent(size)})
    assert {f.rule for f in findings} == {"purpose-not-covered"}
    assert any("`cost` of `clinic`" in f.message for f in findings)


def test_member_reads_the_population_register(tmp_path: Path) -> None:
    found = reads(
        tmp_path, "SELECT household_id, count(*) AS x FROM member GROUP BY household_id", "household"
    )
    assert found == {("people", "resident_no"), ("people", "household_no")}


def test_the_table_of_feeds_reads_nobodys_records(tmp_path: Path) -> None:
    sql = (
        "SELECT person_id, max(complete_through) AS x FROM people JOIN feed ON feed.feed = 'wages' GROUP BY"
        " person_id"
    )
    assert reads(tmp_path, sql) == PERSON


def test_aliases_stars_and_lateral_names_are_followed(tmp_path: Path) -> None:
    sql = """
        WITH a AS (SELECT * EXCLUDE (month) FROM wages), b(who, pay) AS (SELECT person_id, wage FROM a)
        SELECT who AS person_id, max(pay * 2) AS doubled, doubled + 1 AS x FROM b GROUP BY who
    """
    described = (
        "subject: person\nlabel: {en: a, zh: b}\ncolumns:\n  x: {label: {en: a, zh: b}}\n  doubled: {label:"
        " {en: a, zh: b}}\n"
    )
    pack = compiled(tmp_path, {"indicators/extra.sql": dedent(sql), "indicators/extra.yaml": described})
    assert pack.column("x")[1].reads == {("wages", "wage"), ("wages", "resident_no")}


def test_an_audit_only_field_hidden_in_a_join_condition_is_found(tmp_path: Path) -> None:
    sql = """
        SELECT a.household_id, count(*) AS members
        FROM people AS a
        JOIN member AS b ON b.person_id = a.person_id
          AND a.ethnicity = 'x'
        GROUP BY a.household_id
    """
    pack, findings = check(tmp_path, {"indicators/size.sql": dedent(sql).strip()})
    assert pack is None
    assert {(f.rule, f.file, f.line) for f in findings} == {("audit-only", "indicators/size.sql", 4)}


def test_an_audit_only_column_that_no_rule_uses_is_allowed(tmp_path: Path) -> None:
    assert ("people", "ethnicity") in reads(tmp_path, "SELECT person_id, ethnicity AS x FROM people")


def test_a_purpose_is_checked_through_ctes_and_filters(tmp_path: Path) -> None:
    sql = """
        WITH sick AS (SELECT DISTINCT person_id FROM clinic)
        SELECT household_id, count(*) AS members FROM people JOIN sick USING (person_id) GROUP BY household_id
    """
    _, findings = check(tmp_path, {"indicators/size.sql": dedent(sql)})
    assert {f.rule for f in findings} == {"purpose-not-covered"}
    assert {f.file for f in findings} == {"signals/poor.yaml", "programmes/grant.yaml"}
    assert all("`clinic`" in f.message for f in findings)


def test_a_property_can_be_narrower_than_its_feed(tmp_path: Path) -> None:
    narrow = FILES["contracts/people.yaml"].replace(
        "value: birth_date}\n", "value: birth_date}\n          - {property: purposes, value: [care]}\n"
    )
    size = (
        "SELECT household_id, count(*) AS members FROM people WHERE birth_date < :as_of GROUP BY household_id"
    )
    _, findings = check(tmp_path, {"contracts/people.yaml": narrow, "indicators/size.sql": size})
    assert {f.rule for f in findings} == {"purpose-not-covered"}
    assert any("`birth_date` of `people`" in f.message for f in findings)
