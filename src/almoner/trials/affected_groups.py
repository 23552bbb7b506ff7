"""Find the groups of people that another pack would affect most: counts of persons, small ones withheld.

A count under 10 is withheld. Where it is the only one of its column, the next smallest is withheld too, so
that no difference to a total reveals it (complementary suppression, as in official statistics). Columns that
are kept for audits only (`audit_only`) appear nowhere but in these counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from almoner.assessment.context import AssessmentContext
from almoner.engines import Engine, quote
from almoner.policy.model.feeds import Feed, Role

SMALL = 10  # persons
BANDS = (0, 7, 16, 25, 35, 45, 60, 70, 80)  # years; the first year of each band
PEOPLE = "effects_people"
COUNTED = ("newly_noticed", "no_longer_noticed", "gains", "loses")


@dataclass(frozen=True, kw_only=True)
class AffectedGroup:
    """Counts of persons in one group; None is a withheld count.

    `gains`: some support is new or larger; `loses`: some is gone or smaller.
    """

    attribute: str
    value: str
    persons: int | None
    newly_noticed: int | None
    no_longer_noticed: int | None
    gains: int | None
    loses: int | None


def find(context: AssessmentContext, moved: str) -> tuple[AffectedGroup, ...]:
    """The groups by age, household size, area, and each listed or audit-only column of the register.

    `moved` is the materialized table of `pack_effects`, and the table `effects_area` must be registered. The
    most affected group comes first.
    """
    attributes = _people(context, moved)
    groups = [group for name in attributes for group in withheld(_count(context.engine, name))]
    affected = [g for g in groups if any(getattr(g, name) != 0 for name in COUNTED)]
    context.engine.drop(PEOPLE)
    return tuple(sorted(affected, key=_weight))


def _weight(group: AffectedGroup) -> tuple[float, str, str]:
    """Sort by the largest share of the group that is affected. Withheld counts are 0."""
    largest = max(getattr(group, name) or 0 for name in COUNTED)
    return -largest / (group.persons or 1) if group.persons else 0.0, group.attribute, group.value


def _people(context: AssessmentContext, moved: str) -> list[str]:
    """Materialize a row a person with attributes and changes. Gives the names of the attributes."""
    register = context.pack.membership_feed
    columns = _attributes(context, register)
    listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns.items())
    flags = {
        "newly_noticed": "kind = 'signal' AND change = 'came'",
        "no_longer_noticed": "kind = 'signal' AND change = 'went'",
        "gains": (
            "kind = 'proposal' AND (change = 'came' OR (change = 'changed' AND new_amount > old_amount))"
        ),
        "loses": (
            "kind = 'proposal' AND (change = 'went' OR (change = 'changed' AND new_amount < old_amount))"
        ),
    }
    either = ", ".join(f"coalesce(p.{name}, false) OR coalesce(h.{name}, false) AS {name}" for name in flags)
    summed = ", ".join(f"bool_or({rule}) AS {name}" for name, rule in flags.items())
    context.engine.materialize(
        PEOPLE,
        f"""
        WITH size AS (
          SELECT household_id, count(*) AS persons FROM member GROUP BY household_id
        ),
        of_person AS (
          SELECT person_id, {summed} FROM {moved} WHERE person_id IS NOT NULL GROUP BY person_id
        ),
        of_household AS (
          SELECT household_id, {summed} FROM {moved} WHERE person_id IS NULL GROUP BY household_id
        )
        SELECT {listed}, {either}
        FROM {quote(register.id)} AS r
        JOIN member USING (person_id)
        JOIN size ON size.household_id = member.household_id
        LEFT JOIN wide_household AS w ON w.household_id = member.household_id
        LEFT JOIN effects_area AS e ON e.area = w.area
        LEFT JOIN of_person AS p ON p.person_id = member.person_id
        LEFT JOIN of_household AS h ON h.household_id = member.household_id
        """,
    )
    return list(columns)


def _attributes(context: AssessmentContext, register: Feed) -> dict[str, str]:
    found: dict[str, str] = {}
    born = register.with_role(Role.BIRTH_DATE)
    if born is not None:
        found["age"] = _band(f"date_sub('year', r.{quote(born.name)}, DATE '{context.as_of}')")
    for column in register.properties:
        if column.valid_values or column.role is Role.AUDIT_ONLY:
            found[column.name] = f"coalesce(r.{quote(column.name)}::VARCHAR, '?')"
    found["household size"] = "CASE WHEN size.persons >= 6 THEN '6+' ELSE size.persons::VARCHAR END"
    found["area"] = "coalesce(e.above, '?')"
    return found


def _band(age: str) -> str:
    whens = " ".join(f"WHEN {age} < {upper} THEN '{lower}-{upper - 1}'" for lower, upper in pairwise(BANDS))
    return f"CASE WHEN {age} IS NULL THEN '?' {whens} ELSE '{BANDS[-1]}+' END"


def _count(engine: Engine, attribute: str) -> list[AffectedGroup]:
    counts = ", ".join(f"count(*) FILTER ({name})" for name in COUNTED)
    rows = engine.rows(f"SELECT {quote(attribute)}, count(*), {counts} FROM {PEOPLE} GROUP BY 1 ORDER BY 1")
    names = ("value", "persons", *COUNTED)
    return [AffectedGroup(attribute=attribute, **dict(zip(names, row, strict=True))) for row in rows]


def withheld(groups: Sequence[AffectedGroup]) -> list[AffectedGroup]:
    """The groups of one attribute, without small counts and those that would reveal them."""
    columns: dict[str, list[Any]] = {
        column: _withheld([getattr(g, column) for g in groups]) for column in ("persons", *COUNTED)
    }
    return [
        replace(group, **{column: counts[place] for column, counts in columns.items()})
        for place, group in enumerate(groups)
    ]


def _withheld(counts: Sequence[int]) -> list[int | None]:
    small = {i for i, n in enumerate(counts) if 0 < n < SMALL}
    others = sorted((n, i) for i, n in enumerate(counts) if n >= SMALL)
    if len(small) == 1 and others:
        small.add(others[0][1])
    return [None if i in small else n for i, n in enumerate(counts)]
