"""Keep facts clustered by household, so that the engine reads few blocks for one household.

Rows arrive in the order of deliveries. A pass moves them, a range of households at a time, so that those of
one household lie together; later rows lie behind them, in order of arrival. Nothing but the place of a row
changes. A step moves one range in one transaction, together with the progress of the pass, so it can be
interrupted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from almoner.engines.base import Engine, quote
from almoner.policy.model.feeds import Feed
from almoner.registry.facts import cluster_columns
from almoner.registry.schema import fact_table

STEP_ROWS = 250_000  # at first; then as many as STEP_SECONDS allow
FEWEST_ROWS, MOST_ROWS = 20_000, 2_000_000
STEP_SECONDS = 0.3
FEWEST_BEHIND = 122_880  # rows of one row group: fewer cost the same wherever they lie
SHARE_BEHIND = 0.1  # of a feed's rows: fewer are not worth a pass
_TABLE = "feed VARCHAR, through INTEGER, target INTEGER, next_key BIGINT"
_MOVING = "rows_to_move"


@dataclass(frozen=True)
class Pass:
    """The progress of a feed: rows of deliveries up to `through` are clustered.

    While a pass runs, `next_key` is set, and rows of deliveries up to `target` with a smaller key are
    clustered too.
    """

    through: int = 0
    target: int = 0
    next_key: int | None = None


@dataclass(frozen=True)
class CompactedRows:
    """What one step did."""

    feed: str
    rows: int
    seconds: float
    done: bool  # the feed's pass has ended


@dataclass(kw_only=True)
class Compaction:
    """Takes the feeds of one installation through their passes, step by step.

    Steps grow and shrink to take `seconds` each. A pass begins when more than `share` of a feed's rows, and
    at least `fewest`, lie behind its clustered part.
    """

    engine: Engine
    feeds: Mapping[str, Feed]
    fewest: int = FEWEST_BEHIND
    share: float = SHARE_BEHIND
    seconds: float = STEP_SECONDS
    rows: int = STEP_ROWS
    _left: list[str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.engine.execute(f"CREATE TABLE IF NOT EXISTS registry.clustered ({_TABLE})")

    def look(self) -> bool:
        """Find the feeds that need a pass or are in one. False when there is none."""
        self._left = [feed.id for feed in self.feeds.values() if _may_move(feed) and self._wants(feed)]
        return bool(self._left)

    @property
    def under_way(self) -> bool:
        return bool(self._left)

    @property
    def feeds_left(self) -> int:
        return len(self._left or ())

    def step(self) -> CompactedRows | None:
        """Move one range; None when no feed of `look` is left."""
        if not self._left:
            return None
        feed = self.feeds[self._left[0]]
        started = perf_counter()
        with self.engine.transaction():
            rows, done = _move(self.engine, feed, _pass_of(self.engine, feed), self.rows)
        seconds = perf_counter() - started
        if not done:
            fitting = int(self.rows * min(2.0, max(0.25, self.seconds / max(seconds, 1e-3))))
            self.rows = min(MOST_ROWS, max(FEWEST_ROWS, fitting))
        else:
            self._left.pop(0)
        return CompactedRows(feed.id, rows, seconds, done)

    def _wants(self, feed: Feed) -> bool:
        progress = _pass_of(self.engine, feed)
        if progress.next_key is not None:
            return True
        behind, rows = self.engine.rows(
            f"SELECT count(*) FILTER (delivery_id > $through), count(*) FROM {fact_table(feed)}",
            {"through": progress.through},
        )[0]
        return bool(behind and behind >= max(self.fewest, rows * self.share))


def digest(engine: Engine, feeds: Iterable[Feed]) -> str:
    """One value for all facts with both clocks, whatever their order."""
    lines = []
    for feed in sorted(feeds, key=lambda f: f.id):
        counted = engine.rows(
            f"""
            SELECT count(*), bit_xor(hash(f)), sum((hash(f) // 4)::BIGINT)::VARCHAR
            FROM {fact_table(feed)} AS f
            """
        )[0]
        lines.append(f"{feed.id} {counted}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def checkpoint(engine: Engine) -> None:
    """Write the log into the file, and free the space of rows that were moved."""
    engine.execute("CHECKPOINT")


def _may_move(feed: Feed) -> bool:
    return not feed.shared and _key(feed) is not None


def _key(feed: Feed) -> str | None:
    """The first column of the clustering; None where rows belong to no household or person."""
    first = cluster_columns(feed)[0]
    return first if first in ("household_id", "person_id") else None


def _move(engine: Engine, feed: Feed, progress: Pass, most: int) -> tuple[int, bool]:
    table, key = fact_table(feed), quote(_key(feed) or "")
    low, high, last, rows = engine.rows(
        f"SELECT min({key}), max({key}), max(delivery_id), count(*) FROM {table}"
    )[0]
    target = progress.target if progress.next_key is not None else last
    start = progress.next_key if progress.next_key is not None else (low or 0)
    end = start + max(1, most * ((high or 0) - (low or 0) + 1) // max(rows, 1))
    done = high is None or end > high
    chosen = f"delivery_id <= {target} AND " + (
        f"({key} >= {start} OR {key} IS NULL)" if done else f"{key} >= {start} AND {key} < {end}"
    )
    order = ", ".join(quote(c) for c in cluster_columns(feed))
    engine.materialize(_MOVING, f"SELECT * FROM {table} WHERE {chosen}")
    moved = int(engine.value(f"SELECT count(*) FROM {_MOVING}"))
    engine.execute(f"DELETE FROM {table} WHERE {chosen}")
    engine.execute(f"INSERT INTO {table} SELECT * FROM {_MOVING} ORDER BY {order}, known_from")
    engine.drop(_MOVING)
    _save_progress(engine, feed, Pass(target, 0, None) if done else Pass(progress.through, target, end))
    return moved, done


def _pass_of(engine: Engine, feed: Feed) -> Pass:
    found = engine.rows(
        "SELECT through, target, next_key FROM registry.clustered WHERE feed = $feed", {"feed": feed.id}
    )
    return Pass(*found[0]) if found else Pass()


def _save_progress(engine: Engine, feed: Feed, progress: Pass) -> None:
    engine.execute("DELETE FROM registry.clustered WHERE feed = $feed", {"feed": feed.id})
    engine.execute(
        "INSERT INTO registry.clustered VALUES ($feed, $through, $target, $next_key)",
        {
            "feed": feed.id,
            "through": progress.through,
            "target": progress.target,
            "next_key": progress.next_key,
        },
    )
