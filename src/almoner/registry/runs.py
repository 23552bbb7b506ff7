"""SQL of how far each feed is complete: the run of complete periods that ends at its watermark."""

from __future__ import annotations

from almoner.registry import completeness

COLUMNS = ("complete_through", "complete_since", "unbroken")


def last_runs(known: str, through: str | None = None) -> str:
    """A SELECT of one row a feed: `feed`, `complete_through`, `complete_since` and `unbroken`.

    `known` is the SQL condition that a period is known. With `through`, the SQL of a day, as it was complete
    by then. Spans that touch are one run; `unbroken` says that nothing is missing before it. Of several
    parts, those that reach the watermark count (`almoner.registry.completeness.last_run`).
    """
    until, begun = (f"least(through, {through})", f"AND since <= {through}") if through else ("through", "")
    return f"""
        SELECT
          feed,
          max(through) AS complete_through,
          min(since) AS complete_since,
          bool_or(unbroken) AS unbroken
        FROM (
          SELECT
            feed,
            coalesce(max(since) FILTER (begins), min(since)) AS since,
            max(through) AS through,
            NOT coalesce(bool_or(begins), false) AS unbroken,
            max(max(through)) OVER (PARTITION BY feed) AS reached
          FROM (
            SELECT
              feed,
              part,
              since,
              {until} AS through,
              since > max({until}) OVER earlier + 1 AS begins
            FROM {completeness.TABLE}
            WHERE {known} {begun}
            WINDOW earlier AS (
              PARTITION BY feed, part
              ORDER BY since, through
              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
          )
          GROUP BY feed, part
        )
        WHERE through = reached
        GROUP BY feed
        """
