"""Close facts that were taken back, and name facts by their keys."""

from __future__ import annotations

import datetime as dt

from almoner.engines.base import Engine, quote
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed
from almoner.registry.facts import Written
from almoner.registry.schema import fact_columns, fact_table


def not_named(engine: Engine, feed: Feed, matched: str, written: Written) -> int:
    """How many facts hold of the deliveries that `matched` rows repeat, and are not among these rows.

    It is 0 unless most of the rows are known, and most of what these deliveries brought is among them: else
    the delivery is no repetition.
    """
    repeated = written.corrected + written.unchanged
    if repeated <= written.new:
        return 0
    rest = int(
        engine.value(
            f"""
            SELECT count(*)
            FROM {fact_table(feed)}
            WHERE known_to = 'infinity'
              AND delivery_id IN (SELECT DISTINCT old_delivery_id FROM {matched} WHERE old IS NOT NULL)
            """
        )
    )
    return rest - written.unchanged if rest - written.unchanged <= repeated else 0


def key_text(feed: Feed, rows: str) -> str:
    """SQL of the key of `rows` as one text; the same for identified rows and for facts."""
    kinds = fact_columns(feed)
    named = [p.fact_column for p in feed.key if p.fact_column]
    parts = ", ".join(f"{rows}.{quote(c)}::{kinds[c]}::VARCHAR" for c in named)
    return f"to_json([{parts}])::VARCHAR"


def close_rows(engine: Engine, feed: Feed, select: str, received_at: dt.datetime) -> str:
    """Close the facts of which `select` gives the rowids, as `old`. Gives a table of them to read from."""
    closed = name_of("closed", feed)
    engine.materialize(closed, f"SELECT DISTINCT old FROM ({select}) WHERE old IS NOT NULL")
    engine.execute(
        f"""
        UPDATE {fact_table(feed)}
        SET known_to = $received_at
        WHERE known_to = 'infinity' AND rowid IN (SELECT old FROM {quote(closed)})
        """,
        {"received_at": received_at},
    )
    return quote(closed)
