"""Merge the delivery records of many small slices into one a feed and day."""

from __future__ import annotations

from almoner.engines.base import Engine
from almoner.registry import completeness

FEWEST_MERGED = 500  # slices; fewer are left as they are


_SUMMED = (
    "rows_read",
    "rows_new",
    "rows_corrected",
    "rows_unchanged",
    "rows_duplicate",
    "rows_quarantined",
    "faults",
    "rows_withdrawn",
)


def merge_slices(engine: Engine, name: str, fewest: int = FEWEST_MERGED) -> int:
    """Merge the slices that came under `name` into one delivery a feed and day, once `fewest` can go.

    Gives how many went. A slice that completed days of its feed stays, for it vouches for them. Of the others
    the last stays, with the sums of all, so that the largest delivery number never falls: `holders` and
    `compacting` rely on it.
    """
    sums = ", ".join(f"sum({c})::BIGINT AS {c}" for c in _SUMMED)
    with engine.transaction():
        engine.materialize(
            "slices_to_merge",
            f"""
            SELECT max(delivery_id) AS kept, list(delivery_id) AS slices, {sums}
            FROM registry.delivery
            WHERE file = $name
              AND delivery_id NOT IN (SELECT delivery_id FROM {completeness.TABLE})
            GROUP BY feed, received_at::DATE
            HAVING count(*) > 1
            """,
            {"name": name},
        )
        gone = int(engine.value("SELECT coalesce(sum(len(slices) - 1), 0) FROM slices_to_merge"))
        if gone >= fewest:
            engine.execute(
                """
                DELETE FROM registry.delivery
                WHERE delivery_id IN (SELECT unnest(slices) FROM slices_to_merge)
                  AND delivery_id NOT IN (SELECT kept FROM slices_to_merge)
                """
            )
            listed = ", ".join(f"{c} = m.{c}" for c in _SUMMED)
            engine.execute(
                f"UPDATE registry.delivery SET {listed} FROM slices_to_merge AS m WHERE delivery_id = m.kept"
            )
        engine.drop("slices_to_merge")
    return gone if gone >= fewest else 0
