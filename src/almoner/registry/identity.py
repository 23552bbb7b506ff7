"""Identify persons and households: numbers become `person_id` and `household_id` by their blind indexes.

Materialized tables of one delivery: `number_seen` (number, canonical, number_index; for known persons
person_id and checked_as), `person_seen` (number, canonical, number_index, person_id, is_new),
`household_seen` (household_no, key_index, household_id, is_new), and `bad_number` if there is one.
`person_expected` serves several deliveries (`expect`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.validate import name_of, stage_of
from almoner.policy.model.feeds import Feed, Property, Role
from almoner.registry.holders import Holders, held_by
from almoner.registry.numbers import NumberVerdict, check_numbers
from almoner.registry.suites import Secret
from almoner.registry.vault import Vault

HOUSEHOLD_PREFIX = "household\x1f"  # no person's number begins so: control characters are refused
_BLOCK_BYTES = 64
_EXPECTED, _INDEXED = "person_expected", "number_indexed"
KEPT = (
    "number_seen",
    "bad_number",
    "household_seen",
    "person_seen",
    "person_kept",
)  # of a delivery, by feed (`name_of`)


def hmac_sql(vault: Vault, text: str) -> str:
    """The blind index of an SQL text (`Vault.index`), vectorised; needs the parameters of `pads`."""
    found = f"encode({text})"
    for place, layer in enumerate(vault.layers):
        inner = layer.suite.hash_sql.format(f"$ipad{place} || {found}")
        found = layer.suite.hash_sql.format(f"$opad{place} || {inner}")
    return found


def index_again_sql(vault: Vault, column: str) -> str:
    """The index of a column of whole indexes under the key before (`Vault.index_again`); needs
    `last_pads`."""
    place = len(vault.layers) - 1
    hashed = vault.layers[place].suite.hash_sql
    return hashed.format(f"$opad{place} || {hashed.format(f'$ipad{place} || {column}')}")


def last_pads(vault: Vault) -> dict[str, Secret]:
    """Those of `pads` that are of the vault's own key."""
    place = len(vault.layers) - 1
    return {name: pad for name, pad in pads(vault).items() if name in {f"ipad{place}", f"opad{place}"}}


def pads(vault: Vault) -> dict[str, Secret]:
    """The inner and outer key pads (RFC 2104) of each layer of the blind index, 64 bytes each, as parameters
    of `hmac_sql`."""
    found = {}
    for place, layer in enumerate(vault.layers):
        key = layer.key.ljust(_BLOCK_BYTES, b"\0")
        found[f"ipad{place}"] = Secret(b ^ 0x36 for b in key)
        found[f"opad{place}"] = Secret(b ^ 0x5C for b in key)
    return found


@dataclass(frozen=True)
class Numbers:
    """Whether any number of a delivery may be of somebody `new`, and whether any is `bad`."""

    new: bool = False
    bad: bool = False


def expect(engine: Engine, vault: Vault, numbers: Sequence[pa.ChunkedArray], holders: Holders) -> None:
    """Look up the persons of several small deliveries' numbers at once, before anything is written.

    Searching the register once for each delivery would take longer than all the rest. The result is a hint:
    numbers without a person are looked up again.
    """
    with engine.register(
        "numbers_expected",
        pa.table({"number": pa.chunked_array([c for n in numbers for c in n.chunks], pa.string())}),
    ):
        engine.materialize(
            _INDEXED,
            f"""
            SELECT number, {hmac_sql(vault, "number")} AS number_index
            FROM (SELECT DISTINCT number FROM numbers_expected WHERE number IS NOT NULL)
            """,
            pads(vault),
        )
    with held_by(engine, "persons_holding", holders.of_numbers(engine, _INDEXED)) as whose:
        engine.materialize(
            _EXPECTED,
            # MATERIALIZED, or DuckDB would compare every index
            f"""
            WITH held AS MATERIALIZED (
              SELECT number_index, person_id, checked_as FROM registry.person WHERE {whose}
            )
            SELECT number, number_index, person_id, checked_as
            FROM {_INDEXED}
            JOIN held USING (number_index)
            """,
        )


def forget_expected(engine: Engine) -> None:
    engine.drop(_EXPECTED, _INDEXED)


def see_numbers(
    engine: Engine,
    vault: Vault,
    feed: Feed,
    on: dt.date,
    *,
    expected: bool = False,
    ahead: bool = False,
) -> Numbers:
    """Fill `number_seen`, and `bad_number` if a number is wrong; nothing for a feed without numbers.

    Only numbers that were never checked before are checked, for people born by the day `on`. `expected`:
    persons were looked up by `expect`.
    `ahead`: nobody else is looked up, and nothing is filled when somebody may be new.
    """
    prop = feed.with_role(Role.RESIDENT_ID)
    if prop is None:
        return Numbers()
    unchecked = _see_expected(engine, feed, prop) if expected else _see(engine, vault, feed, prop)
    verdicts = check_numbers(prop.identifier, unchecked, on)
    if ahead and _others(unchecked, verdicts):
        return Numbers(new=True)
    if expected and _others(
        unchecked, verdicts
    ):  # somebody new perhaps, or who came with an earlier delivery of these
        unchecked = _see(engine, vault, feed, prop)
        verdicts = check_numbers(prop.identifier, unchecked, on)
    bad = [v for v in verdicts if v.rule]
    if bad:
        with engine.register(
            name_of("bad", feed), pa.table({"number": [v.number for v in bad], "rule": [v.rule for v in bad]})
        ):
            engine.materialize(name_of("bad_number", feed), f"FROM {_table('bad', feed)}")
    _respell(engine, vault, feed, [v for v in verdicts if not v.rule])
    return Numbers(new=_others(unchecked, verdicts), bad=bool(bad))


def _others(numbers: Sequence[str], verdicts: Sequence[NumberVerdict]) -> bool:
    """Whether some of the numbers are valid."""
    return len(numbers) > sum(v.rule is not None for v in verdicts)


def _see(engine: Engine, vault: Vault, feed: Feed, prop: Property) -> list[str]:
    """Fill `number_seen`. Gives the numbers that were never checked by the feed's identifier."""
    engine.materialize(
        name_of("number_seen", feed),
        f"""
        SELECT number, number AS canonical, number_index, person_id, checked_as
        FROM (SELECT number, {hmac_sql(vault, "number")} AS number_index FROM ({_staged(feed, prop)}))
        LEFT JOIN registry.person USING (number_index)
        """,
        pads(vault),
    )
    return _unchecked(engine, feed, prop)


def _see_expected(engine: Engine, feed: Feed, prop: Property) -> list[str]:
    """As `_see`, among expected persons; other numbers have no index."""
    engine.materialize(
        name_of("number_seen", feed),
        f"""
        SELECT s.number, s.number AS canonical, e.number_index, e.person_id, e.checked_as
        FROM ({_staged(feed, prop)}) s
        LEFT JOIN {_EXPECTED} e ON e.number = s.number
        """,
    )
    return _unchecked(engine, feed, prop)


def _staged(feed: Feed, prop: Property) -> str:
    return (
        f"SELECT DISTINCT {quote(prop.name)} AS number FROM {quote(stage_of(feed))} WHERE number IS NOT NULL"
    )


def _table(what: str, feed: Feed) -> str:
    return quote(name_of(what, feed))


def _unchecked(engine: Engine, feed: Feed, prop: Property) -> list[str]:
    unchecked = (
        f"SELECT number FROM {_table('number_seen', feed)} WHERE checked_as IS DISTINCT FROM $identifier"
    )
    numbers: list[str] = (
        engine.table(unchecked, {"identifier": prop.identifier.version if prop.identifier else ""})
        .column(0)
        .to_pylist()
    )
    return numbers


def see_households(engine: Engine, vault: Vault, feed: Feed) -> None:
    """Fill `household_seen`; nothing for a feed without households.

    New households get the next ids in the order of their numbers.
    """
    prop = feed.with_role(Role.HOUSEHOLD)
    if prop is None:
        return
    seen = f"""
        SELECT DISTINCT {quote(prop.name)} AS household_no
        FROM {quote(stage_of(feed))}
        WHERE household_no IS NOT NULL
        """
    index = hmac_sql(vault, f"'{HOUSEHOLD_PREFIX}' || household_no")
    engine.materialize(
        name_of("household_seen", feed),
        f"""
        WITH indexed AS (
          SELECT household_no, {index} AS key_index FROM ({seen})
        )
        SELECT
          household_no,
          key_index,
          h.household_id IS NULL AS is_new,
          coalesce(
            h.household_id,
            (SELECT coalesce(max(household_id), 0) FROM registry.household)
              + row_number() OVER (PARTITION BY h.household_id IS NULL ORDER BY household_no)
          ) AS household_id
        FROM indexed
        LEFT JOIN registry.household h USING (key_index)
        """,
        pads(vault),
    )


def see_persons(engine: Engine, feed: Feed, numbers: Numbers) -> bool:
    """Fill `person_seen`, and say whether anybody is new; nothing for a feed without numbers.

    New persons get the next ids, ordered so that members of a household lie together.
    """
    if feed.with_role(Role.RESIDENT_ID) is None:
        return False
    seen, good = (
        _table("number_seen", feed),
        f" ANTI JOIN {_table('bad_number', feed)} USING (number)" if numbers.bad else "",
    )
    if not numbers.new:
        engine.materialize(
            name_of("person_seen", feed),
            f"SELECT number, canonical, number_index, person_id, false AS is_new FROM {seen}{good}",
        )
        return False
    engine.materialize(
        name_of("person_seen", feed),
        f"""
        WITH fresh AS (
          SELECT number_index, min(household_id) AS household_id
          FROM {seen}
          LEFT JOIN ({_homes(feed)}) USING (number)
          WHERE person_id IS NULL
          GROUP BY ALL
        ),
        numbered AS (
          SELECT
            number_index,
            (SELECT coalesce(max(person_id), 0) FROM registry.person)
              + row_number() OVER (ORDER BY household_id NULLS LAST, number_index) AS person_id
          FROM fresh
        )
        SELECT
          number,
          canonical,
          number_index,
          coalesce(s.person_id, n.person_id) AS person_id,
          s.person_id IS NULL AS is_new
        FROM {seen} s
        LEFT JOIN numbered n USING (number_index){good}
        """,
    )
    return bool(engine.rows(f"SELECT 1 FROM {_table('person_seen', feed)} WHERE is_new LIMIT 1"))


def insert_new(engine: Engine, feed: Feed) -> int:
    """Add new households and persons that have facts in this delivery. Gives the number of new persons."""
    columns, identified = {p.fact_column for p in feed.properties}, _table("identified", feed)
    if "household_id" in columns:
        engine.execute(
            f"""
            INSERT INTO registry.household
            SELECT household_id, key_index
            FROM {_table("household_seen", feed)}
            WHERE is_new AND household_id IN (SELECT household_id FROM {identified})
            ORDER BY household_id
            """
        )
    if "person_id" not in columns:
        return 0
    persons = engine.materialize(
        name_of("person_kept", feed),
        f"""
        SELECT person_id, any_value(number_index) AS number_index
        FROM {_table("person_seen", feed)}
        WHERE is_new AND person_id IN (SELECT person_id FROM {identified})
        GROUP BY person_id
        """,
    )
    prop = feed.with_role(Role.RESIDENT_ID)
    engine.execute(
        f"""
        INSERT INTO registry.person (person_id, number_index, checked_as, identity_hash)
        SELECT person_id, number_index, $checked_as, NULL::BLOB
        FROM {_table("person_kept", feed)}
        ORDER BY person_id
        """,
        {"checked_as": prop.identifier.version if prop and prop.identifier else ""},
    )
    return persons


def _homes(feed: Feed) -> str:
    number, home = feed.with_role(Role.RESIDENT_ID), feed.with_role(Role.HOUSEHOLD)
    if not number or not home:
        return "SELECT ''::VARCHAR AS number, 0::BIGINT AS household_id LIMIT 0"
    return f"""
        SELECT s.{quote(number.name)} AS number, min(h.household_id) AS household_id
        FROM {quote(stage_of(feed))} s
        JOIN {_table("household_seen", feed)} h ON h.household_no = s.{quote(home.name)}
        GROUP BY ALL
        """


def _respell(engine: Engine, vault: Vault, feed: Feed, odd: list[NumberVerdict]) -> None:
    """Give numbers with separators the canonical spelling, so that they mean the same person."""
    if not odd:
        return
    data = {"number": [v.number for v in odd], "canonical": [v.canonical for v in odd]}
    named, seen = name_of("odd", feed), name_of("number_seen", feed)
    with engine.register(named, pa.table(data | {"number_index": [vault.index(v.canonical) for v in odd]})):
        engine.materialize(
            seen,
            f"""
            SELECT
              s.number,
              coalesce(o.canonical, s.canonical) AS canonical,
              coalesce(o.number_index, s.number_index) AS number_index,
              CASE WHEN o.number IS NULL THEN s.person_id ELSE o.person_id END AS person_id,
              s.checked_as
            FROM {quote(seen)} s
            LEFT JOIN (
              SELECT odd.*, p.person_id
              FROM {quote(named)} AS odd
              LEFT JOIN registry.person p USING (number_index)
            ) AS o ON o.number = s.number
            """,
        )
