"""A person keeps their id when the register corrects their number.

Somebody who comes under a number that nobody had, with the name, the birth date and the household (or the
name, birth date, telephone and address) of one person whom the delivery does not name, is that person. Where
the birth date was corrected with the number, it may be another: the record under the old number no longer
holds, so that nobody counts twice, and the receipt says so. Numbers and names are compared by blind indexes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.slices import LINE
from almoner.intake.validate import name_of, stage_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import facts
from almoner.registry.continuity import RECENT_DAYS, marked
from almoner.registry.identity import pads
from almoner.registry.schema import fact_table
from almoner.registry.sealing import contact_known, identity_hash_sql, name_hash_sql
from almoner.registry.vault import Vault

NUMBER_LOG = "registry.number_change"
LINKED, SUPERSEDED, APART, UNDONE = "linked", "superseded", "apart", "undone"
RETURNED = "returned"  # the number before is in use again
_ARRIVED, _PAIRS, _PARTED, _CHANGES = "number_arrived", "number_pairs", "number_parted", "number_changes"
_REPLACED = f"SELECT before FROM {NUMBER_LOG} WHERE state = '{LINKED}'"
_NEAR_DAYS = 3653  # ten years: a parent and a child of one name are further apart
_NEAR_DIGITS = 2  # what a slip of the pen, or two digits exchanged, changes


@dataclass(frozen=True)
class Corrections:
    """What a delivery does to numbers, as rows of `person_id`, `number_index`, and the `before` of it.

    `linked` numbers belong to a known person; those that are `apart` no longer do, for both were delivered.
    `superseded` persons are in the register under another number, most likely. `dropped` counts rows that
    only say that an old number is gone. `returned` are old numbers that are in use again.
    """

    linked: pa.Table
    apart: pa.Table
    superseded: pa.Table
    returned: pa.Table
    dropped: int = 0


def settle(engine: Engine, vault: Vault, feed: Feed, received_at: dt.datetime) -> Corrections | None:
    """Give the identified rows of the register the persons whose numbers were corrected.

    None where nothing changes. Needs `person_seen` and `identified`, and changes both.
    """
    wanted = (Role.RESIDENT_ID, Role.NAME, Role.BIRTH_DATE, Role.HOUSEHOLD)
    if not feed.membership or not all(feed.with_role(role) for role in wanted):
        return None
    if not engine.rows(f"SELECT 1 FROM {fact_table(feed)} LIMIT 1"):
        return None
    apart = _part(engine, feed)
    returned = engine.table(
        f"""
        SELECT DISTINCT number_index
        FROM ({_number_of_line(feed)})
        WHERE NOT gone AND number_index IN ({_REPLACED})
        """
    )
    dropped = _drop_replaced(engine, feed, _REPLACED)
    _find(engine, vault, feed, received_at)
    linked = _pairs(engine, "exact AND is_new")
    superseded = _pairs(engine, "NOT (exact AND is_new) AND known")
    if linked.num_rows:
        with engine.register(_CHANGES, linked):
            gone = f"SELECT p.number_index FROM {_seen(feed)} p JOIN {_CHANGES} c USING (person_id)"
            dropped += _drop_replaced(engine, feed, gone)
            _give(engine, feed, "identified", "false")
            _give(engine, feed, "person_seen", "true")
    engine.drop(_ARRIVED, _PAIRS)
    if not dropped and not any(rows.num_rows for rows in (linked, apart, superseded, returned)):
        return None
    return Corrections(linked, apart, superseded, returned, dropped)


def _column(feed: Feed, role: Role) -> str:
    prop = feed.with_role(role)
    return quote(prop.name) if prop else "NULL"


def _seen(feed: Feed) -> str:
    return quote(name_of("person_seen", feed))


def _identified(feed: Feed) -> str:
    return quote(name_of("identified", feed))


def _number_of_line(feed: Feed) -> str:
    """A SELECT of `_line`, `number_index` and whether the row says that somebody is `gone`."""
    number = _column(feed, Role.RESIDENT_ID)
    return f"""
        SELECT i.{LINE}, i.person_id, p.number_index, {marked(feed, "gone", "i")} AS gone
        FROM {_identified(feed)} AS i
        JOIN {quote(stage_of(feed))} AS s USING ({LINE})
        JOIN {_seen(feed)} AS p ON p.number = s.{number}
        """


def _drop_replaced(engine: Engine, feed: Feed, numbers: str) -> int:
    """Drop rows that say that nobody has a number any more which was corrected. Gives how many."""
    if feed.marked("gone") is None:
        return 0
    lines = f"SELECT {LINE} FROM ({_number_of_line(feed)}) WHERE gone AND number_index IN ({numbers})"
    found = engine.rows(lines)
    if found:
        facts.drop_lines(engine, feed, ", ".join(str(line) for (line,) in found))
    return len(found)


def _part(engine: Engine, feed: Feed) -> pa.Table:
    """Give numbers ids of their own that were taken for corrections, and stand beside the old ones now."""
    nobody = pa.table(
        {"person_id": pa.array([], pa.int64()), "number_index": pa.array([], pa.binary())}
        | {"was": pa.array([], pa.int64())}
    )
    if not engine.rows(f"SELECT 1 FROM {NUMBER_LOG} WHERE state IN ('{LINKED}', '{RETURNED}') LIMIT 1"):
        return nobody
    engine.materialize(
        _PARTED,
        f"""
        WITH alive AS (
          SELECT DISTINCT person_id, number_index FROM ({_number_of_line(feed)}) WHERE NOT gone
        ),
        twice AS (
          SELECT DISTINCT n.number_index, n.person_id
          FROM {NUMBER_LOG} AS n
          JOIN alive AS a ON a.person_id = n.person_id AND a.number_index = n.number_index
          JOIN alive AS b ON b.person_id = n.person_id AND b.number_index <> n.number_index
          WHERE n.state IN ('{LINKED}', '{RETURNED}')
        )
        SELECT
          number_index,
          person_id AS was,
          greatest(
            (SELECT coalesce(max(person_id), 0) FROM registry.person),
            (SELECT coalesce(max(person_id), 0) FROM {_seen(feed)})
          ) + row_number() OVER (ORDER BY number_index) AS person_id
        FROM twice
        """,
    )
    parted = engine.table(f"SELECT person_id, number_index, was FROM {_PARTED} ORDER BY ALL")
    if parted.num_rows:
        lines = engine.table(
            f"""
            SELECT l.{LINE}, t.person_id AS gets
            FROM ({_number_of_line(feed)}) AS l
            JOIN {_PARTED} AS t USING (number_index)
            """
        )
        with engine.register("lines_parted", lines):
            engine.materialize(
                name_of("identified", feed),
                f"""
                SELECT i.* REPLACE (coalesce(l.gets, i.person_id) AS person_id)
                FROM {_identified(feed)} AS i
                LEFT JOIN lines_parted AS l USING ({LINE})
                """,
            )
        engine.materialize(
            name_of("person_seen", feed),
            f"""
            SELECT s.* REPLACE (
              coalesce(t.person_id, s.person_id) AS person_id,
              s.is_new OR t.person_id IS NOT NULL AS is_new
            )
            FROM {_seen(feed)} AS s
            LEFT JOIN {_PARTED} AS t USING (number_index)
            """,
        )
    engine.drop(_PARTED)
    return parted


def _find(engine: Engine, vault: Vault, feed: Feed, received_at: dt.datetime) -> None:
    """Fill `_PAIRS`: who came under a new number, and who they may be; one to one.

    `exact`: nothing but the number differs. `known`: of the same household.
    """
    register, birth = fact_table(feed), _column(feed, Role.BIRTH_DATE)
    engine.materialize(
        _ARRIVED,
        f"""
        SELECT DISTINCT
          i.person_id, p.number_index, p.is_new, i.household_id, i.{birth} AS born,
          {name_hash_sql(vault, feed)} AS name_hash, {identity_hash_sql(vault, feed)} AS identity_hash,
          {contact_known(feed)} AS reachable
        FROM {_identified(feed)} AS i
        JOIN {quote(stage_of(feed))} AS s USING ({LINE})
        JOIN {_seen(feed)} AS p USING (person_id)
        WHERE NOT {marked(feed, "gone", "i")}
          AND i.person_id NOT IN (SELECT person_id FROM {register})
        """,
        pads(vault),
    )
    engine.materialize(
        _PAIRS,
        f"""
        WITH alike AS (
          SELECT DISTINCT
            a.*, o.person_id AS old, o.number_index AS before, a.identity_hash = o.identity_hash AS same
          FROM {_ARRIVED} AS a
          JOIN registry.person AS o ON o.name_hash = a.name_hash OR o.identity_hash = a.identity_hash
          WHERE o.person_id <> a.person_id
            AND o.person_id NOT IN (
              SELECT person_id FROM {_identified(feed)} AS i WHERE NOT {marked(feed, "gone", "i")}
            )
            AND NOT EXISTS (
              FROM {NUMBER_LOG} AS n
              WHERE n.state = '{APART}' AND n.number_index = a.number_index AND n.person_id = o.person_id
            )
        ),
        last_known AS (
          SELECT
            person_id,
            arg_max(household_id, (known_to, known_from)) AS household_id,
            arg_max({birth}, (known_to, known_from)) AS born
          FROM {register}
          WHERE known_to > $since AND person_id IN (SELECT old FROM alike)
          GROUP BY person_id
        ),
        judged AS (
          SELECT
            a.person_id, a.number_index, a.is_new, a.old, a.before,
            coalesce(a.household_id = k.household_id, false) AS known,
            a.born = k.born AND (
              coalesce(a.household_id = k.household_id, false) OR (a.same AND a.reachable)
            ) AS exact,
            abs(date_diff('day', a.born::DATE, k.born::DATE)) < {_NEAR_DAYS}
              AND hamming(strftime(a.born, '%Y%m%d'), strftime(k.born, '%Y%m%d')) <= {_NEAR_DIGITS} AS near
          FROM alike AS a
          JOIN last_known AS k ON k.person_id = a.old
        ),
        likely AS (
          SELECT DISTINCT ON (person_id, old) * FROM judged WHERE exact OR (known AND near)
          ORDER BY person_id, old, before
        )
        SELECT *
        FROM likely
        QUALIFY count(*) OVER (PARTITION BY person_id) = 1 AND count(*) OVER (PARTITION BY old) = 1
        """,
        {"since": received_at - dt.timedelta(days=RECENT_DAYS)},
    )


def _pairs(engine: Engine, condition: str) -> pa.Table:
    """`person_id` of the known person, `was` of the one who came, and the two numbers' indexes."""
    return engine.table(
        f"""
        SELECT old AS person_id, person_id AS was, number_index, before
        FROM {_PAIRS}
        WHERE {condition}
        ORDER BY ALL
        """
    )


def _give(engine: Engine, feed: Feed, table: str, numbers: str) -> None:
    known = ", p.is_new AND c.was IS NULL AS is_new" if numbers == "true" else ""
    engine.materialize(
        name_of(table, feed),
        f"""
        SELECT p.* REPLACE (coalesce(c.person_id, p.person_id) AS person_id{known})
        FROM {quote(name_of(table, feed))} AS p
        LEFT JOIN {_CHANGES} AS c ON c.was = p.person_id
        """,
    )


def write(engine: Engine, found: Corrections, received_at: dt.datetime, delivery_id: int) -> None:
    """Store whose the numbers are, in the delivery's transaction, before new persons are added."""
    for rows, state in ((found.linked, LINKED), (found.superseded, SUPERSEDED)):
        with engine.register(_CHANGES, rows):
            engine.execute(
                f"""
                INSERT INTO {NUMBER_LOG} (delivery_id, person_id, number_index, before, state, changed_at)
                SELECT $id, person_id, number_index, before, '{state}', $at FROM {_CHANGES}
                """,
                {"id": delivery_id, "at": received_at},
            )
    if found.linked.num_rows:
        with engine.register(_CHANGES, found.linked):
            engine.execute(
                f"""
                INSERT INTO registry.person (person_id, number_index, checked_as, identity_hash, name_hash)
                SELECT c.person_id, c.number_index, any_value(p.checked_as), any_value(p.identity_hash),
                  any_value(p.name_hash)
                FROM {_CHANGES} AS c
                JOIN registry.person AS p ON p.person_id = c.person_id
                GROUP BY c.person_id, c.number_index
                """
            )
    if found.apart.num_rows:
        with engine.register(_CHANGES, found.apart):
            numbers = f"SELECT number_index FROM {_CHANGES}"
            engine.execute(f"DELETE FROM registry.person WHERE number_index IN ({numbers})")
            engine.execute(
                f"""
                UPDATE {NUMBER_LOG}
                SET state = '{APART}', changed_at = $at
                WHERE state IN ('{LINKED}', '{RETURNED}') AND number_index IN ({numbers})
                """,
                {"at": received_at},
            )

    if found.returned.num_rows:
        with engine.register(_CHANGES, found.returned):
            engine.execute(
                f"""
                UPDATE {NUMBER_LOG}
                SET state = '{RETURNED}', changed_at = $at
                WHERE state = '{LINKED}' AND before IN (SELECT number_index FROM {_CHANGES})
                """,
                {"at": received_at},
            )


def without_replaced(engine: Engine, feed: Feed, matched: str) -> str:
    """The `matched` rows of a withdrawal but for those with corrected numbers: a table to read from.

    Whoever takes back the row with the wrong number does not mean the person. `feed` is one of `keys_only`.
    """
    if not feed.membership or not engine.rows(f"{_REPLACED} LIMIT 1"):
        return matched
    lines = f"SELECT {LINE} FROM ({_number_of_line(feed)}) WHERE number_index IN ({_REPLACED})"
    return f"(SELECT * FROM {matched} WHERE {LINE} NOT IN ({lines}))"


def superseded_rows(engine: Engine, feed: Feed, found: Corrections) -> list[int]:
    """The rowids of the facts that hold of superseded persons."""
    if not found.superseded.num_rows:
        return []
    with engine.register(_CHANGES, found.superseded):
        rows = engine.rows(
            f"""
            SELECT rowid
            FROM {fact_table(feed)}
            WHERE known_to = 'infinity' AND person_id IN (SELECT person_id FROM {_CHANGES})
            """
        )
    return [row for (row,) in rows]


def undo(engine: Engine, delivery_id: int, at: dt.datetime) -> None:
    """Take numbers from the persons to whom a delivery gave them: they come as new ones again."""
    mine = f"delivery_id = $id AND state IN ('{LINKED}', '{SUPERSEDED}')"
    engine.execute(
        f"""
        DELETE FROM registry.person
        WHERE number_index IN (
          SELECT number_index FROM {NUMBER_LOG} WHERE delivery_id = $id AND state = '{LINKED}'
        )
        """,
        {"id": delivery_id},
    )
    engine.execute(
        f"UPDATE {NUMBER_LOG} SET state = '{UNDONE}', changed_at = $at WHERE {mine}",
        {"id": delivery_id, "at": at},
    )
