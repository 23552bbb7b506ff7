"""How far a stream was taken in, and whom it touched: written in the transaction of the facts themselves.

`offset_of` is the last event of each feed that the facts hold. What is touched waits to be assessed:
households, feeds whose watermark moved, or everybody. The cycle that looks forgets it, and notes in the
same transaction whom casework is to be told of; that is forgotten after it was. So a process that dies in
between leaves nobody out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.policy.model.pack import Feed
from almoner.registry.deliveries import Noted, Receipt
from almoner.registry.schema import fact_columns, fact_table
from almoner.registry.writing import Outcome

EVERYBODY = 0  # no household has this id
MOST_TOUCHED = 50_000  # rows of a file; from so many on everybody is looked at instead
_TABLES = {
    "stream_offset": "feed VARCHAR, seq BIGINT",
    "touched": "household_id BIGINT, closed BOOLEAN",  # closed: a row of theirs was corrected or withdrawn
    "due": (
        "household_id BIGINT"
    ),  # the day or a watermark concerns them; they are assessed beside those who were touched
    "moved_watermark": "feed VARCHAR",
    "stream_mark": "name VARCHAR, value VARCHAR",
    "untold": (
        "cycle_id BIGINT, household_id BIGINT, doubtful BOOLEAN"
    ),  # casework may not have what this cycle found of them
    "timelines_due": "household_id BIGINT",  # their timelines are to be computed anew
}


def ensure(engine: Engine) -> None:
    """Create what is missing."""
    for name, columns in _TABLES.items():
        engine.execute(f"CREATE TABLE IF NOT EXISTS registry.{name} ({columns})")


def offsets(engine: Engine) -> dict[str, int]:
    """By feed, the last event that was taken in."""
    return dict(engine.rows("SELECT feed, max(seq) FROM registry.stream_offset GROUP BY feed"))


def move_offsets(engine: Engine, through: Mapping[str, int]) -> None:
    """Write down, by feed, the last event that is being taken in."""
    rows = {"feed": pa.array(through.keys(), pa.string()), "seq": pa.array(through.values(), pa.int64())}
    with engine.offer("offsets_moved", pa.table(rows)):
        engine.execute("DELETE FROM registry.stream_offset WHERE feed IN (SELECT feed FROM offsets_moved)")
        engine.execute("INSERT INTO registry.stream_offset SELECT feed, seq FROM offsets_moved")


def mark(engine: Engine, name: str) -> str | None:
    """A remembered value, for instance the day of the last tick."""
    return engine.value("SELECT value FROM registry.stream_mark WHERE name = $name", {"name": name})  # type: ignore[no-any-return]


def set_mark(engine: Engine, name: str, value: str) -> None:
    """Remember a value, within the caller's transaction."""
    engine.execute("DELETE FROM registry.stream_mark WHERE name = $name", {"name": name})
    engine.execute("INSERT INTO registry.stream_mark VALUES ($name, $value)", {"name": name, "value": value})


class Touched:
    """Whom rows concern that are being written: gathered delivery by delivery (`add`), noted at once
    (`write`), in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._everybody = False
        self._found: dict[str, list[pa.Table]] = {"household_id": [], "person_id": []}

    def add(
        self, feed: Feed, judged: str, *, corrected: bool, withdrawn: bool = False, everybody: bool = False
    ) -> None:
        """Those of the rows of a feed that were just written, or `withdrawn`, of which the table `judged`
        says what was known before. `corrected`: some took the place of others. `everybody`: they are so
        many that everybody is looked at; whose rows were closed is noted still.
        """
        self._everybody |= everybody or feed.shared
        columns = fact_columns(feed)
        if feed.shared:
            return
        if "household_id" in columns and (feed.membership or "person_id" not in columns):
            column = "household_id"
        elif "person_id" in columns:
            column = "person_id"
        else:
            return
        new = (
            f"SELECT DISTINCT {column} AS subject, false AS closed FROM {judged} WHERE NOT same AND {column}"
            " IS NOT NULL"
        )
        old = f"""SELECT DISTINCT {column} AS subject, true AS closed FROM {fact_table(feed)} WHERE {column} IS NOT NULL
            AND rowid IN (SELECT old FROM {judged} WHERE old IS NOT NULL{"" if withdrawn else " AND NOT same"})"""
        asked = ((new, not withdrawn and not everybody), (old, corrected))
        self._found[column] += [self._engine.table(sql) for sql, wanted in asked if wanted]

    def write(self, register: Feed) -> None:
        """Note the households, those too in which the persons live."""
        if self._everybody:
            touch_all(self._engine)
        parts = [self._offered(column) for column in self._found]
        if not any(rows.num_rows for rows in parts):
            return
        with (
            self._engine.offer("households_written", parts[0]),
            self._engine.offer("persons_written", parts[1]),
        ):
            self._engine.execute(
                f"""INSERT INTO registry.touched SELECT subject, closed FROM households_written UNION
                SELECT r.household_id, s.closed FROM persons_written AS s JOIN {fact_table(register)} AS r ON r.person_id = s.subject
                WHERE r.known_to = 'infinity' AND r.household_id IS NOT NULL"""
            )

    def _offered(self, column: str) -> pa.Table:
        return pa.concat_tables([_SUBJECTS.empty_table(), *self._found[column]])


_SUBJECTS = pa.schema([("subject", pa.int64()), ("closed", pa.bool_())])


def noting(engine: Engine, feed: Feed, register: Feed) -> Noted:
    """Notes, in the transaction that takes in a file of the feed, whom its rows concern, and that its
    watermark moved."""
    before = watermark(engine, feed.id)

    def note(outcome: Outcome | None, receipt: Receipt) -> None:
        if receipt.complete_through and (before is None or receipt.complete_through > before):
            note_moved(engine, feed.id)
        changed = receipt.rows_new + receipt.rows_corrected
        if outcome and changed:
            touched = Touched(engine)
            touched.add(
                feed,
                outcome.looked.judged,
                corrected=receipt.rows_corrected > 0,
                everybody=changed > MOST_TOUCHED,
            )
            touched.write(register)

    return note


def touch_all(engine: Engine) -> None:
    engine.execute(f"INSERT INTO registry.touched VALUES ({EVERYBODY}, false)")


def note_due(engine: Engine, households: Sequence[int]) -> None:
    _note(engine, "due", households)


def due(engine: Engine, most: int) -> list[int]:
    """At most so many households whom the day or a watermark concerns, in the order of their ids."""
    return _noted(engine, "due", most)


def everybody_is_touched(engine: Engine) -> bool:
    return bool(engine.rows(f"SELECT 1 FROM registry.touched WHERE household_id = {EVERYBODY} LIMIT 1"))


def touched(engine: Engine, most: int) -> list[int]:
    """At most so many households that wait to be assessed, in the order of their ids."""
    return _noted(engine, "touched", most)


def hand_on(
    engine: Engine, cycle_id: int, households: Sequence[int], doubtful: Sequence[int], *, told: int = 0
) -> None:
    """Within a cycle's transaction: it looked at these, so they wait for casework and for their timelines.
    `doubtful` ones among them have open signals of which nothing is known any more. Of cycles up to `told`
    casework has everything."""
    unsure = set(doubtful)
    looked_at = {
        "household_id": pa.array(households, pa.int64()),
        "doubtful": pa.array([h in unsure for h in households], pa.bool_()),
    }
    with engine.offer("looked_at_now", pa.table(looked_at)):
        for name in ("touched", "due"):
            engine.execute(
                f"DELETE FROM registry.{name} WHERE household_id IN (SELECT household_id FROM looked_at_now)"
            )
        engine.execute("DELETE FROM registry.untold WHERE cycle_id <= $told", {"told": told})
        engine.execute(
            "INSERT INTO registry.untold SELECT $cycle_id, household_id, doubtful FROM looked_at_now",
            {"cycle_id": cycle_id},
        )
        engine.execute("INSERT INTO registry.timelines_due SELECT household_id FROM looked_at_now")


def forget_everybody(engine: Engine) -> None:
    """All were looked at, and casework has what was found."""
    for name in ("touched", "due", "moved_watermark", "untold"):
        engine.execute(f"DELETE FROM registry.{name}")


def untold(engine: Engine) -> dict[int, bool]:
    """Households of which casework may not have what the last cycles found, and whether what was said of
    them is in doubt."""
    return dict(
        engine.rows(
            "SELECT household_id, bool_or(doubtful) FROM registry.untold GROUP BY household_id ORDER BY"
            " household_id"
        )
    )


def forget_untold(engine: Engine, told: int | None) -> None:
    """Casework has what cycles up to `told` found, or (None) all of them."""
    up_to = "" if told is None else f" WHERE cycle_id <= {int(told)}"
    engine.execute(f"DELETE FROM registry.untold{up_to}")


def note_timelines_due(engine: Engine, households: Sequence[int]) -> None:
    _note(engine, "timelines_due", households)


def timelines_due(engine: Engine, most: int) -> list[int]:
    """At most so many households whose timelines are to be computed anew, in the order of their ids."""
    return _noted(engine, "timelines_due", most)


def _note(engine: Engine, table: str, households: Sequence[int]) -> None:
    with engine.offer("noted_now", pa.table({"household_id": pa.array(households, pa.int64())})):
        engine.execute(f"INSERT INTO registry.{table} SELECT household_id FROM noted_now")


def _noted(engine: Engine, table: str, most: int) -> list[int]:
    sql = (
        f"SELECT DISTINCT household_id FROM registry.{table} WHERE household_id <> {EVERYBODY} ORDER BY 1"
        " LIMIT $most"
    )
    return [household for (household,) in engine.rows(sql, {"most": most})]


def forget_timelines_due(engine: Engine, households: Sequence[int] | None) -> None:
    """Their timelines were told; None: those of everybody."""
    if households is None:
        engine.execute("DELETE FROM registry.timelines_due")
        return
    with engine.offer("told_now", pa.table({"household_id": pa.array(households, pa.int64())})):
        engine.execute(
            "DELETE FROM registry.timelines_due WHERE household_id IN (SELECT household_id FROM told_now)"
        )


@dataclass(frozen=True)
class Standing:
    """Of a feed: when its latest delivery came, and the last day that it is complete for."""

    received_at: dt.datetime | None = None
    complete_through: dt.date | None = None


def standings(engine: Engine) -> dict[str, Standing]:
    """By feed, how it stands; feeds of which nothing ever came are left out."""
    sql = "SELECT feed, max(received_at), max(complete_through) FROM registry.delivery GROUP BY feed"
    return {feed: Standing(received_at, through) for feed, received_at, through in engine.rows(sql)}


def watermark(engine: Engine, feed: str) -> dt.date | None:
    """The last day that the feed is complete for."""
    return standings(engine).get(feed, Standing()).complete_through


def note_moved(engine: Engine, feed: str) -> None:
    """Write down that a feed's watermark moved."""
    engine.execute("INSERT INTO registry.moved_watermark VALUES ($feed)", {"feed": feed})


def moved(engine: Engine) -> list[str]:
    """Feeds whose watermark has moved since somebody looked."""
    return [f for (f,) in engine.rows("SELECT DISTINCT feed FROM registry.moved_watermark ORDER BY 1")]


def forget_moved(engine: Engine, feeds: Sequence[str]) -> None:
    with engine.offer("feeds_looked_at", pa.table({"feed": pa.array(feeds, pa.string())})):
        engine.execute(
            "DELETE FROM registry.moved_watermark WHERE feed IN (SELECT feed FROM feeds_looked_at)"
        )


FEWEST_MERGED = 500  # slices; fewer are left as they are
_SUMMED = (
    "rows_read",
    "rows_new",
    "rows_corrected",
    "rows_unchanged",
    "rows_duplicate",
    "rows_quarantined",
    "faults",
)


def merge_slices(engine: Engine, name: str, fewest: int = FEWEST_MERGED) -> int:
    """Make one delivery a feed and day of the slices that came under `name`, once at least `fewest` are
    too many. Gives how many went.

    A slice that moved its feed's watermark stays, so every watermark is known as of every moment as
    before. Of the others the last stays, with the sums of all, so that the largest number of a delivery
    never falls (`holders` and `compacting` count on it).
    """
    sums = ", ".join(f"sum({c})::BIGINT AS {c}" for c in _SUMMED)
    before = (
        "max(complete_through) OVER (PARTITION BY feed ORDER BY delivery_id ROWS BETWEEN UNBOUNDED PRECEDING"
        " AND 1 PRECEDING)"
    )
    with engine.transaction():
        engine.keep(
            "slices_to_merge",
            f"""WITH told AS (SELECT *, complete_through > coalesce({before}, '-infinity'::DATE) AS moves FROM registry.delivery)
                SELECT max(delivery_id) AS kept, list(delivery_id) AS slices, {sums} FROM told
                WHERE file = $name AND moves IS NOT true GROUP BY feed, received_at::DATE HAVING count(*) > 1""",
            {"name": name},
        )
        gone = int(engine.value("SELECT coalesce(sum(len(slices) - 1), 0) FROM slices_to_merge"))
        if gone >= fewest:
            engine.execute(
                "DELETE FROM registry.delivery WHERE delivery_id IN (SELECT unnest(slices) FROM"
                " slices_to_merge) AND delivery_id NOT IN (SELECT kept FROM slices_to_merge)"
            )
            listed = ", ".join(f"{c} = m.{c}" for c in _SUMMED)
            engine.execute(
                f"UPDATE registry.delivery SET {listed} FROM slices_to_merge AS m WHERE delivery_id = m.kept"
            )
        engine.forget("slices_to_merge")
    return gone if gone >= fewest else 0
