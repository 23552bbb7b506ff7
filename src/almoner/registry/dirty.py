"""Note which households have changed facts since they were last assessed, and which watermarks moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.policy.model.feeds import Feed
from almoner.registry import completeness, trail
from almoner.registry.continuity import Homes
from almoner.registry.deliveries import DeliveryReceipt, Noted
from almoner.registry.schema import fact_columns, fact_table
from almoner.registry.writing import WritingOutcome

EVERYBODY = 0  # no household has this id
HOUSEHOLDS = "SELECT household_id FROM registry.touched"
CLOSED = f"{HOUSEHOLDS} WHERE closed"  # with a row that was corrected or withdrawn
_TABLES = {
    "touched": "household_id BIGINT, closed BOOLEAN",  # closed: a row was corrected or withdrawn
    "moved_watermark": "feed VARCHAR",
}


def ensure(engine: Engine) -> None:
    """Create the tables that are missing."""
    for name, columns in _TABLES.items():
        engine.execute(f"CREATE TABLE IF NOT EXISTS registry.{name} ({columns})")


def any_closed(engine: Engine) -> bool:
    """Whether a waiting household had a row corrected or withdrawn."""
    return bool(engine.rows(f"{CLOSED} LIMIT 1"))


def first_households(engine: Engine, table: str, most: int) -> list[int]:
    """At most `most` households of a table of the schema `registry`, in the order of their ids."""
    sql = f"""
        SELECT DISTINCT household_id
        FROM registry.{table}
        WHERE household_id <> {EVERYBODY}
        ORDER BY household_id
        LIMIT $most
        """
    return [household for (household,) in engine.rows(sql, {"most": most})]


def clear(engine: Engine, relation: str) -> None:
    """Delete the households of `relation` (a table or registered rows with `household_id`), once assessed."""
    engine.execute(
        f"DELETE FROM registry.touched WHERE household_id IN (SELECT household_id FROM {relation})"
    )


def forget_all(engine: Engine) -> None:
    """Delete all households and watermarks, once everybody was assessed."""
    for name in _TABLES:
        engine.execute(f"DELETE FROM registry.{name}")


MOST_DIRTY = 50_000  # rows of a file; when there are more, everybody is assessed


class DirtyHouseholds:
    """Collects the households of rows that are being written.

    They are collected for each delivery (`add`) and written together (`write`), in one transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._everybody = False
        self._found: dict[str, list[pa.Table]] = {"household_id": [], "person_id": []}

    def add(
        self,
        feed: Feed,
        matched: str,
        *,
        corrected: bool,
        withdrawn: bool = False,
        everybody: bool = False,
        homes: Homes | None = None,
        closed: str = "",
    ) -> None:
        """Add the households of a feed's rows that were written or `withdrawn`.

        The table `matched` says what was known before. `corrected`: some rows replaced others. `everybody`:
        the rows are so many that everybody is assessed; only households with closed rows are then collected.
        `homes`: households whose people came under other numbers.
        `closed`: a table of further facts that were taken back, with their rowids as `old`.
        """
        self._everybody |= everybody or feed.shared
        if homes:
            ids = pa.array(homes.households, pa.int64())
            closed_too = pa.array([True] * len(ids), pa.bool_())
            self._found["household_id"].append(pa.table([ids, closed_too], schema=_SUBJECTS))
        column = _subject(feed)
        if column is None:
            return
        new = f"""
            SELECT DISTINCT {column} AS subject, false AS closed
            FROM {matched}
            WHERE NOT same AND {column} IS NOT NULL
            """
        old = f"""
            SELECT DISTINCT {column} AS subject, true AS closed
            FROM {fact_table(feed)}
            WHERE {column} IS NOT NULL
              AND rowid IN (
                SELECT old FROM {matched} WHERE old IS NOT NULL{"" if withdrawn else " AND NOT same"}
              )
            """
        selects = ((new, not withdrawn and not everybody), (old, corrected))
        self._found[column] += [self._engine.table(sql) for sql, wanted in selects if wanted]
        if closed:
            self.add_closed(feed, closed)

    def add_closed(self, feed: Feed, closed: str) -> None:
        """Add the households of facts that were closed; `closed` is a table of their rowids, as `old`."""
        column = _subject(feed)
        if column is None:
            return
        sql = f"""
            SELECT DISTINCT {column} AS subject, true AS closed
            FROM {fact_table(feed)}
            WHERE {column} IS NOT NULL AND rowid IN (SELECT old FROM {closed})
            """
        self._found[column].append(self._engine.table(sql))

    def write(self, register: Feed) -> None:
        """Write the households, also those in which the persons live."""
        if self._everybody:
            mark_all(self._engine)
        parts = [self._subjects(column) for column in self._found]
        if not any(rows.num_rows for rows in parts):
            return
        with (
            self._engine.register("households_written", parts[0]),
            self._engine.register("persons_written", parts[1]),
        ):
            self._engine.execute(
                f"""
                INSERT INTO registry.touched
                SELECT subject, closed
                FROM households_written
                UNION
                SELECT r.household_id, s.closed
                FROM persons_written AS s
                JOIN {fact_table(register)} AS r ON r.person_id = s.subject
                WHERE r.known_to = 'infinity' AND r.household_id IS NOT NULL
                """
            )

    def _subjects(self, column: str) -> pa.Table:
        return pa.concat_tables([_SUBJECTS.empty_table(), *self._found[column]])


_SUBJECTS = pa.schema([("subject", pa.int64()), ("closed", pa.bool_())])


def _subject(feed: Feed) -> str | None:
    """The column of a feed's facts that says whose household is concerned, if any does."""
    columns = fact_columns(feed)
    if feed.shared:
        return None
    if "household_id" in columns and (feed.membership or "person_id" not in columns):
        return "household_id"
    return "person_id" if "person_id" in columns else None


def note_closed(engine: Engine, feed: Feed, register: Feed, closed: str) -> None:
    """Mark the households of facts that a person took back; `closed` is a table of their rowids, as `old`."""
    ensure(engine)
    if feed.shared:
        mark_all(engine)
    households = DirtyHouseholds(engine)
    households.add_closed(feed, closed)
    households.write(register)


def noting(engine: Engine, feed: Feed, register: Feed) -> Noted:
    """A note for a file of the feed: it marks the households of its rows, and that the watermark moved.

    It is called in the transaction that takes in the file.
    """

    def note(outcome: WritingOutcome | None, receipt: DeliveryReceipt) -> None:
        if receipt.moved:
            note_moved(engine, feed.id)
        changed = receipt.rows_new + receipt.rows_corrected + receipt.rows_withdrawn
        if outcome and (changed or outcome.staged.homes):
            dirty_households = DirtyHouseholds(engine)
            dirty_households.add(
                feed,
                outcome.staged.matched,
                corrected=receipt.rows_corrected > 0,
                everybody=changed > MOST_DIRTY,
                homes=outcome.staged.homes,
                closed=outcome.closed,
            )
            dirty_households.write(register)

    return note


def mark_all(engine: Engine) -> None:
    engine.execute(f"INSERT INTO registry.touched VALUES ({EVERYBODY}, false)")


def all_are_dirty(engine: Engine) -> bool:
    return bool(engine.rows(f"SELECT 1 FROM registry.touched WHERE household_id = {EVERYBODY} LIMIT 1"))


def dirty_households(engine: Engine, most: int) -> list[int]:
    """At most `most` households that wait to be assessed, in the order of their ids."""
    return first_households(engine, "touched", most)


@dataclass(frozen=True)
class FeedProgress:
    """When a feed's latest delivery came, and the last day that the feed is complete for."""

    received_at: dt.datetime | None = None
    complete_through: dt.date | None = None


def feed_states(engine: Engine) -> dict[str, FeedProgress]:
    """By feed, its progress; feeds without a delivery are left out."""
    through = completeness.watermarks(engine)
    sql = f"SELECT feed, max(received_at) FROM registry.delivery WHERE {trail.NOT_UNDONE} GROUP BY feed"
    return {feed: FeedProgress(at, through.get(feed)) for feed, at in engine.rows(sql)}


def watermark(engine: Engine, feed: str) -> dt.date | None:
    """The last day that the feed is complete for."""
    return feed_states(engine).get(feed, FeedProgress()).complete_through


def note_moved(engine: Engine, feed: str) -> None:
    """Record that a feed's watermark moved."""
    engine.execute("INSERT INTO registry.moved_watermark VALUES ($feed)", {"feed": feed})


def moved(engine: Engine) -> list[str]:
    """Feeds whose watermark moved and which nobody has handled yet."""
    return [f for (f,) in engine.rows("SELECT DISTINCT feed FROM registry.moved_watermark ORDER BY 1")]


def forget_moved(engine: Engine, feeds: Sequence[str]) -> None:
    with engine.register("feeds_looked_at", pa.table({"feed": pa.array(feeds, pa.string())})):
        engine.execute(
            "DELETE FROM registry.moved_watermark WHERE feed IN (SELECT feed FROM feeds_looked_at)"
        )
