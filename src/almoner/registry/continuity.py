"""A household is its people, not its number: it keeps its id when the register gives them another number.

When rows of the population register bring people under other numbers, each household keeps its id with the
largest part of its people; of equal parts it stays with the number, then with the head. A number that goes to
other people gets a new id. People count as of one household for `RECENT_DAYS` after they left it, so a family
whose members move one after the other arrives as one. Numbers with more people than the contract's
`mostMembers`, or marked `collective`, are no families: their people are in no household.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry.schema import fact_table

RECENT_DAYS = 92  # a quarter: registers send the members of a family that moves in one to three months
COLLECTIVE = "registry.collective"
_IN, _KNOWN, _AFFECTED, _AFTER = "home_in", "home_known", "home_affected", "home_after"
_MOVED = "home_moved"
_SHARED = "SELECT household_id FROM registry.collective"


@dataclass(frozen=True)
class Homes:
    """What a delivery of the register does to households.

    `moved` gives by the id that a number had, or would have had, the id that it gets. `collective` are ids of
    numbers that became collective. `along` has the persons outside the delivery with the id that they get.
    """

    moved: Mapping[int, int]
    collective: frozenset[int]
    along: pa.Table

    @property
    def households(self) -> list[int]:
        """All households that are concerned."""
        others = (h for h in self.along.column("household_id").to_pylist() if h is not None)
        return sorted({*self.moved, *self.moved.values(), *self.collective, *others})


def settle(engine: Engine, feed: Feed, received_at: dt.datetime) -> Homes | None:
    """Give the identified rows of the register the households that their people keep. None: nothing changes.

    Needs `identified` and `household_seen`, and changes both.
    """
    if not feed.membership or not feed.with_role(Role.HOUSEHOLD) or not feed.with_role(Role.RESIDENT_ID):
        return None
    any_known = bool(engine.rows(f"SELECT 1 FROM {fact_table(feed)} WHERE known_to = 'infinity' LIMIT 1"))
    if not any_known and not feed.most_members and not feed.marked("collective"):
        return None
    _find_affected(engine, feed, any_known)
    homes = _homes(engine, feed, received_at) if engine.value(f"SELECT count(*) FROM {_AFFECTED}") else None
    if homes:
        _give(engine, feed, homes)
    if any_known:
        _keep_gone(engine, feed)
    _leave_collective(engine, feed)
    engine.drop(_IN, _KNOWN, _AFFECTED, _AFTER)
    return homes


def seen(feed: Feed) -> str:
    return quote(name_of("household_seen", feed))


def _identified(feed: Feed) -> str:
    return quote(name_of("identified", feed))


def _flags(feed: Feed, row: str) -> str:
    return f"{marked(feed, 'gone', row)} AS gone, {marked(feed, 'heads', row)} AS head"


def marked(feed: Feed, which: str, row: str) -> str:
    """SQL for whether a row of the register has one of the values that the contract marks so."""
    found = feed.marked(which)  # type: ignore[arg-type]
    if found is None:
        return "false"
    prop, values = found
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"coalesce({row}.{quote(prop.name)}::VARCHAR IN ({listed}), false)"


def _find_affected(engine: Engine, feed: Feed, any_known: bool) -> None:
    """Fill `_AFFECTED` with the ids of numbers under which people come who were not there before.

    Numbers that are too large, or marked, are among them; those known to be collective are not.
    """
    register = fact_table(feed)
    engine.materialize(
        _IN,
        f"""
        SELECT p.person_id, p.household_id, h.is_new, {marked(feed, "collective", "p")} AS shared,
          {_flags(feed, "p")}
        FROM {_identified(feed)} AS p
        JOIN {seen(feed)} AS h ON h.household_id = p.household_id
        WHERE p.household_id NOT IN ({_SHARED})
        """,
    )
    large = f" OR count(*) FILTER (NOT gone) > {feed.most_members}" if feed.most_members else ""
    too_large = f"SELECT household_id FROM {_IN} GROUP BY household_id HAVING bool_or(shared){large}"
    if not any_known:
        engine.materialize(_AFFECTED, too_large)
        return
    engine.materialize(
        _KNOWN,
        f"""
        SELECT person_id, household_id
        FROM {register}
        WHERE known_to = 'infinity' AND person_id IN (SELECT person_id FROM {_IN})
        """,
    )
    engine.materialize(
        _AFFECTED,
        f"""
        WITH other AS (
          SELECT i.household_id, k.household_id AS before
          FROM {_IN} AS i
          LEFT JOIN {_KNOWN} AS k USING (person_id)
          WHERE k.household_id IS DISTINCT FROM i.household_id
            AND (k.household_id IS NOT NULL OR NOT i.is_new)
        ),
        numbers AS (
          SELECT household_id FROM other
          UNION
          SELECT before FROM other WHERE before IS NOT NULL
        )
        SELECT household_id FROM numbers UNION {too_large}
        """,
    )


def _homes(engine: Engine, feed: Feed, received_at: dt.datetime) -> Homes | None:
    register, here = fact_table(feed), f"household_id IN (SELECT household_id FROM {_AFFECTED})"
    engine.materialize(
        _AFTER,
        f"""
        SELECT person_id, household_id AS number, gone, head, shared, true AS delivered
        FROM {_IN}
        WHERE {here}
        UNION ALL
        SELECT r.person_id, r.household_id, {_flags(feed, "r")}, {marked(feed, "collective", "r")}, false
        FROM {register} AS r
        WHERE r.known_to = 'infinity' AND r.{here}
          AND r.person_id NOT IN (SELECT person_id FROM {_identified(feed)})
        """,
    )
    since = received_at - dt.timedelta(days=RECENT_DAYS)
    pairs = engine.rows(
        f"""
        WITH before AS (
          SELECT r.person_id, r.household_id, min(r.known_from) AS since
          FROM {register} AS r
          WHERE r.known_to > $since AND r.{here} AND NOT {marked(feed, "gone", "r")}
          GROUP BY ALL
        ),
        first_seen AS (
          SELECT *, household_id = arg_min(household_id, (since, household_id)) OVER w AS first
          FROM before
          WINDOW w AS (PARTITION BY person_id)
        )
        SELECT b.household_id, a.number, count(*) FILTER (b.first), count(*), count(*) FILTER (a.head)
        FROM first_seen AS b
        JOIN {_AFTER} AS a USING (person_id)
        WHERE NOT a.gone
        GROUP BY ALL
        """,
        {"since": since},
    )
    lived_in = {
        home
        for (home,) in engine.rows(
            f"SELECT DISTINCT household_id FROM {register} AS r WHERE known_to > $since AND {here}",
            {"since": since},
        )
    }
    most = feed.most_members or 0
    numbers = {
        number: (living, bool(shared) or bool(most and living > most))
        for number, living, shared in engine.rows(
            f"SELECT number, count(*) FILTER (NOT gone), bool_or(shared) FROM {_AFTER} GROUP BY number"
        )
    }
    collective = frozenset(number for number, (_, is_shared) in numbers.items() if is_shared)
    kept = _matched([pair for pair in pairs if pair[1] not in collective])
    moved = _moved(
        engine, feed, kept, {n for n, (living, s) in numbers.items() if living and not s}, lived_in
    )
    if not moved and not collective:
        return None
    return Homes(moved, collective, _along(engine, moved, collective))


def _matched(pairs: list[tuple[int, int, int, int, int]]) -> dict[int, int]:
    """By number the household that it gets.

    A pair is household, number, people in both who were first seen in this household, all people in both, and
    heads among them.
    """
    kept: dict[int, int] = {}
    settled: set[int] = set()
    ranked = sorted(pairs, key=lambda p: (-p[2], p[0] != p[1], -p[3], -p[4], p[0], p[1]))
    for home, number, *_counts in ranked:
        if home not in settled and number not in kept:
            kept[number] = home
            settled.add(home)
    return kept


def _moved(
    engine: Engine, feed: Feed, kept: Mapping[int, int], numbers: set[int], lived_in: set[int]
) -> dict[int, int]:
    """The ids of numbers that change. A number gets a new id when its own went to others, or is others'."""
    moved = {number: home for number, home in kept.items() if number != home}
    gone_elsewhere = set(moved.values())
    fresh = sorted(n for n in numbers - kept.keys() if n in gone_elsewhere or n in lived_in)
    if fresh:
        last = engine.value(
            f"""
            SELECT max(household_id)
            FROM (
              SELECT household_id FROM registry.household
              UNION ALL
              SELECT household_id FROM {seen(feed)}
            )
            """
        )
        moved |= {number: int(last) + n for n, number in enumerate(fresh, 1)}
    return moved


def _along(engine: Engine, moved: Mapping[int, int], collective: frozenset[int]) -> pa.Table:
    ids: list[int | None] = [*moved.values(), *(None for _ in collective)]
    changes = pa.table(
        {
            "number": pa.array([*moved, *collective], pa.int64()),
            "household_id": pa.array(ids, pa.int64()),
        }
    )
    with engine.register(_MOVED, changes):
        return engine.table(
            f"""
            SELECT a.person_id, m.household_id
            FROM {_AFTER} AS a
            JOIN {_MOVED} AS m USING (number)
            WHERE NOT a.delivered AND NOT a.gone
            ORDER BY a.person_id
            """
        )


def _give(engine: Engine, feed: Feed, homes: Homes) -> None:
    """Put the new ids into `identified`. `household_seen` keeps the ids that numbers had."""
    changes = pa.table(
        {
            "was": pa.array([*homes.moved, *homes.collective], pa.int64()),
            "gets": pa.array([*homes.moved.values(), *(None for _ in homes.collective)], pa.int64()),
        }
    )
    with engine.register(_MOVED, changes):
        _replace(engine, feed, f"LEFT JOIN {_MOVED} AS m ON m.was = p.household_id", "m.was", "m.gets")


def _keep_gone(engine: Engine, feed: Feed) -> None:
    """People who left or died stay with the household in which they were, whoever has its number now."""
    gone = f"""
        SELECT k.person_id, k.household_id AS was
        FROM {_KNOWN} AS k
        JOIN {_IN} AS i USING (person_id)
        JOIN {_identified(feed)} AS now USING (person_id)
        WHERE i.gone AND k.household_id IS NOT NULL AND now.household_id IS DISTINCT FROM k.household_id
        """
    if engine.rows(f"{gone} LIMIT 1"):
        _replace(engine, feed, f"LEFT JOIN ({gone}) AS g ON g.person_id = p.person_id", "g.was", "g.was")


def _leave_collective(engine: Engine, feed: Feed) -> None:
    """People who come under a number that is known to be collective are in no household."""
    if engine.rows(f"SELECT 1 FROM {COLLECTIVE} LIMIT 1"):
        join = f"LEFT JOIN (SELECT DISTINCT household_id FROM {COLLECTIVE}) AS c USING (household_id)"
        _replace(
            engine,
            feed,
            join.replace("USING (household_id)", "ON c.household_id = p.household_id"),
            "c.household_id",
            "NULL::BIGINT",
        )


def _replace(engine: Engine, feed: Feed, join: str, found: str, value: str) -> None:
    engine.materialize(
        name_of("identified", feed),
        f"""
        SELECT p.* REPLACE (
          CASE WHEN {found} IS NULL THEN p.household_id ELSE {value} END AS household_id
        )
        FROM {_identified(feed)} AS p
        {join}
        """,
    )
