"""Sum the counts of months by signal, level and area, as area alerts compare them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa

from almoner.assessment import months
from almoner.assessment.context import AssessmentContext
from almoner.engines import quote
from almoner.policy.model.feeds import Role
from almoner.policy.model.watch import Alarm, AreaLayer

ROLLED = "area_rolled"  # the materialized table of `roll`: a row a signal, level and area


@dataclass(frozen=True)
class Thresholds:
    """The values in force of the pack's area alarm; see `almoner.policy.model.watch.Alarm`."""

    chance: float
    least: float
    ratio: float
    months: int
    fewest_months: int


def thresholds(context: AssessmentContext, alarm: Alarm) -> Thresholds | None:
    listed = (alarm.chance, alarm.least, alarm.ratio, alarm.months, alarm.fewest_months)
    values = [months.threshold(context.engine, context.pack, c, context.as_of) for c in listed]
    known = [v for v in values if v is not None]
    if len(known) < len(listed):
        return None
    chance, least, ratio, back, fewest = known
    return Thresholds(chance, least, ratio, int(back), int(fewest))


def roll(context: AssessmentContext, layer: AreaLayer, alarm: Alarm, limits: Thresholds) -> None:
    """Sum counts by signal, level and area: the latest month, the months before, and both for neighbours."""
    signals = context.pack.signals.values()
    rules = pa.table(
        {
            "item": pa.array([s.id for s in signals], pa.string()),
            "rule": pa.array([months.rule_of(context.pack, s) for s in signals], pa.string()),
        }
    )
    levels = ", ".join(f"'{level}'" for level in alarm.levels)
    parameters = {
        "as_of": context.as_of,
        "at": context.known_at,
        "back": limits.months,
        "fewest": limits.fewest_months,
        "oldest": context.as_of - dt.timedelta(days=alarm.expires_days),
    }
    with context.engine.register("area_rule", rules):
        context.engine.materialize(
            ROLLED,
            f"""
            WITH RECURSIVE {tree(context, layer)},
            counted AS (
              SELECT m.item, m.month, m.area, m.started, m.at_risk
              FROM {months.TABLE} AS m
              JOIN area_rule AS r ON r.item = m.item AND r.rule = m.rule
              WHERE m.month <= $as_of AND m.known_from <= $at AND m.known_to > $at
            ),
            latest AS (
              SELECT item, max(month) AS month FROM counted GROUP BY item HAVING max(month) >= $oldest
            ),
            span AS (
              SELECT l.item, l.month, count(DISTINCT c.month) AS past_months
              FROM latest AS l
              JOIN counted AS c
                ON c.item = l.item AND datediff('month', c.month, l.month) BETWEEN 1 AND $back
              GROUP BY ALL
              HAVING count(DISTINCT c.month) >= $fewest
            ),
            summed AS (
              SELECT
                c.item,
                t.level,
                t.code AS area,
                t.parent,
                s.month,
                s.past_months,
                coalesce(sum(c.started) FILTER (c.month = s.month), 0)::BIGINT AS x,
                coalesce(sum(c.at_risk) FILTER (c.month = s.month), 0)::BIGINT AS n,
                coalesce(sum(c.started) FILTER (c.month < s.month), 0)::BIGINT AS x0,
                coalesce(sum(c.at_risk) FILTER (c.month < s.month), 0)::BIGINT AS n0
              FROM counted AS c
              JOIN span AS s ON s.item = c.item AND datediff('month', c.month, s.month) BETWEEN 0 AND $back
              JOIN tree AS t ON t.low = c.area
              WHERE t.level IN ({levels})
              GROUP BY ALL
            ),
            beside AS (
              SELECT *, {_others("sibling", "item, level, parent")}, {_others("other", "item, level")}
              FROM summed
              WHERE n > 0
            )
            SELECT *, parent IS NOT NULL AND sibling_n >= n AS siblings
            FROM beside
            """,
            parameters,
        )


def tree(context: AssessmentContext, layer: AreaLayer) -> str:
    """The CTE `tree(low, code, parent, level)`: each area with itself and all areas above it.

    UNION removes duplicates, so the recursion ends even where areas form a circle.
    """
    feed = context.pack.feeds[layer.feed]
    code, parent = feed.with_role(Role.AREA), feed.with_role(Role.PARENT_AREA)
    own = quote(code.name) if code else "NULL"
    above = quote(parent.name) if parent else "NULL"
    area = f"""
        SELECT DISTINCT {own} AS code, {above} AS parent, {quote(layer.column)} AS level
        FROM {quote(feed.id)}
        """
    return f"""
        area AS ({area}),
        tree AS (
          SELECT code AS low, code, parent, level
          FROM area
          UNION
          SELECT t.low, a.code, a.parent, a.level
          FROM tree AS t
          JOIN area AS a ON a.code = t.parent
        )
        """


def _others(name: str, partition: str) -> str:
    """Columns with the sums over all other areas of a partition: the total less the area's own."""
    window = f"OVER (PARTITION BY {partition})"
    sums = (f"(sum({c}) {window} - {c})::BIGINT AS {name}_{c}" for c in ("x", "n", "x0", "n0"))
    return ", ".join([*sums, f"count(*) {window} - 1 AS {name}_areas"])
