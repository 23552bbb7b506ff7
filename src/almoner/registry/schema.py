"""The registry's tables in the engine's database. They grow with the pack and never lose a column."""

from __future__ import annotations

from collections.abc import Mapping

from almoner.engines.base import Engine, quote
from almoner.intake.rules import SQL_TYPES
from almoner.policy.model.feeds import Feed
from almoner.registry import code_lengths, completeness

NUMBER = "DECIMAL(18, 4)"  # exact, so that a sum is the same in every order and a replay bit for bit
CLOCKS = {"known_from": "TIMESTAMP", "known_to": "TIMESTAMP", "delivery_id": "INTEGER"}
_TABLES = {
    "person": (  # a person whose number was corrected has several rows
        "person_id BIGINT, number_index BLOB, checked_as VARCHAR, identity_hash BLOB, name_hash BLOB"
    ),
    "number_change": (  # whom a corrected number was given, and which number they had before
        "delivery_id INTEGER, person_id BIGINT, number_index BLOB, before BLOB, state VARCHAR, "
        "changed_at TIMESTAMP"
    ),
    "household": "household_id BIGINT, key_index BLOB",  # without a key: it has no number any more
    "household_change": "delivery_id INTEGER, key_index BLOB, before BIGINT, after BIGINT",
    "collective": "household_id BIGINT, delivery_id INTEGER",  # people under its number are no family
    "delivery": (
        "delivery_id INTEGER, feed VARCHAR, sha256 VARCHAR, file VARCHAR, received_at TIMESTAMP, "
        "complete_through DATE, "
        "rows_read BIGINT, rows_new BIGINT, rows_corrected BIGINT, rows_unchanged BIGINT, "
        "rows_duplicate BIGINT, "
        "rows_quarantined BIGINT, faults BIGINT, rows_withdrawn BIGINT DEFAULT 0"
    ),
    "withdrawal": (
        "delivery_id INTEGER, feed VARCHAR, scope VARCHAR, key VARCHAR, state VARCHAR, changed_at TIMESTAMP"
    ),
    "reversal": (
        "feed VARCHAR, delivery_id INTEGER, reversal VARCHAR, amounts VARCHAR, original VARCHAR, "
        "before VARCHAR, after VARCHAR, known_from TIMESTAMP"
    ),
    "remark": "delivery_id INTEGER, feed VARCHAR, sentence VARCHAR",  # what is odd about people in it
    "quarantine": (
        "quarantine_id BIGINT, delivery_id INTEGER, feed VARCHAR, file VARCHAR, line BIGINT, "
        "row_sealed BLOB, "
        "state VARCHAR, reason VARCHAR, changed_at TIMESTAMP, retried_delivery_id INTEGER"
    ),
    "claim": (  # what a delivery would have vouched for, and why it does not
        "delivery_id INTEGER, feed VARCHAR, part VARCHAR, since DATE, through DATE, stated BOOLEAN, "
        "rule VARCHAR, found BIGINT, expected BIGINT, period DATE, state VARCHAR, changed_at TIMESTAMP"
    ),
    "feed_trail": (
        "done_at TIMESTAMP, who VARCHAR, act VARCHAR, feed VARCHAR, delivery_id INTEGER, through DATE, "
        "reason VARCHAR"
    ),
    "fault": "quarantine_id BIGINT, column_name VARCHAR, value VARCHAR, rule VARCHAR",
}


def fact_columns(feed: Feed) -> dict[str, str]:
    """The columns of a feed's facts that packs may read, with their SQL types, in the contract's order."""
    return {
        p.fact_column: _fact_type(p.fact_column, SQL_TYPES[p.type]) for p in feed.properties if p.fact_column
    }


def fact_table(feed: Feed) -> str:
    return f"facts.{quote(feed.id)}"


def current_facts(feed: Feed) -> str:
    """A SELECT of the feed's facts as they are known now."""
    return f"SELECT * FROM {fact_table(feed)} WHERE known_to = 'infinity'::TIMESTAMP"


def ensure(engine: Engine, feeds: Mapping[str, Feed]) -> None:
    """Create the tables and columns that are missing."""
    engine.execute("CREATE SCHEMA IF NOT EXISTS facts")
    engine.execute("CREATE SCHEMA IF NOT EXISTS registry")
    for name, columns in _TABLES.items():
        engine.execute(f"CREATE TABLE IF NOT EXISTS registry.{name} ({columns})")
    _add_columns(engine)
    completeness.ensure(engine, feeds)
    existing = _existing(engine)
    for feed in feeds.values():
        _ensure_facts(engine, feed, existing.get(feed.id, set()))
    code_lengths.ensure(engine, feeds)


def _add_columns(engine: Engine) -> None:
    """Add the columns to the registry's tables that an older version did not have."""
    sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'registry'"
    existing = set(engine.rows(sql))
    for table, columns in _TABLES.items():
        for column in columns.split(", "):
            if (table, column.split(" ")[0]) not in existing:
                engine.execute(f"ALTER TABLE registry.{table} ADD COLUMN {column}")


def absent(engine: Engine, feeds: Mapping[str, Feed]) -> dict[str, frozenset[str]]:
    """By feed, the columns that the facts do not have yet; all of them for a feed that is new."""
    existing = _existing(engine)
    found = {
        feed.id: frozenset((fact_columns(feed) | CLOCKS).keys() - existing.get(feed.id, set()))
        for feed in feeds.values()
    }
    return {feed: columns for feed, columns in found.items() if columns}


def _ensure_facts(engine: Engine, feed: Feed, existing: set[str]) -> None:
    wanted = fact_columns(feed) | CLOCKS
    if not existing:
        columns = ", ".join(f"{quote(name)} {kind}" for name, kind in wanted.items())
        engine.execute(f"CREATE TABLE {fact_table(feed)} ({columns})")
        return
    for name in wanted.keys() - existing:
        engine.execute(f"ALTER TABLE {fact_table(feed)} ADD COLUMN {quote(name)} {wanted[name]}")


def _existing(engine: Engine) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'facts'"
    for table, column in engine.rows(sql):
        found.setdefault(table, set()).add(column)
    return found


def _fact_type(column: str, kind: str) -> str:
    if column in ("person_id", "household_id"):
        return "BIGINT"
    return NUMBER if kind == "DOUBLE" else kind
