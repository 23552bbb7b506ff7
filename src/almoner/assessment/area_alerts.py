"""Area signals: an area whose rate of newly noticed households jumps against its own past and against its
neighbours.

A second, small stage over the counts of `almoner.assessment.months`. Every sweep judges the latest
complete month of each signal; the tests are those of `almoner.assessment.jumps`, corrected over all areas
and signals of a level.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import pyarrow as pa

from almoner.assessment import months
from almoner.assessment.area_words import evidence
from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import EvidenceSources
from almoner.assessment.jumps import Comparison, Counts, Jump, stand_out
from almoner.assessment.ledger import CHANGE_COLUMNS, EMPTY_FINDINGS, RenderedChange, moved_table
from almoner.engines import quote
from almoner.policy.model.pack import Pack, Role
from almoner.policy.model.watch import Alarm, AreaLayer
from almoner.registry.deliveries import watermarks

FINDINGS, DISPROVED = "area_findings", "area_refuted"
_ROLLED, _DETAILS, _BODIES = "area_rolled", "area_details", "area_bodies"
_MOST_NEIGHBOURS = 40
NOBODY = 0  # the household of a change that is about no household
SUBJECT = "area"


@dataclass(frozen=True)
class Thresholds:
    """The pack's values in force: see `almoner.policy.model.watch.Alarm`."""

    chance: float
    least: float
    ratio: float
    months: int
    fewest_months: int


def find(context: AssessmentContext) -> list[Jump]:
    """Keep the areas that jumped (`area_findings`), and which standing ones are known not to
    (`area_refuted`).

    Where only some households are in view nothing is said of areas.
    """
    layer = context.pack.watch.areas if context.pack.watch else None
    counted = not context.scoped and months.are_kept(context.engine)
    limits = _thresholds(context, layer.alarm) if layer and layer.alarm and counted else None
    jumps: list[Jump] = []
    compared_signals: list[str] = []
    if layer and layer.alarm and limits:
        _roll(context, layer, layer.alarm, limits)
        compared_signals = [
            item for (item,) in context.engine.rows(f"SELECT DISTINCT item FROM {_ROLLED} ORDER BY 1")
        ]
        jumps = [jump for level in layer.alarm.levels for jump in _jumps(context, level, limits)]
    _materialize_findings(context, jumps, compared_signals, limits)
    _materialize_details(context, layer, jumps)
    context.engine.drop(_ROLLED)
    return jumps


def _thresholds(context: AssessmentContext, alarm: Alarm) -> Thresholds | None:
    listed = (alarm.chance, alarm.least, alarm.ratio, alarm.months, alarm.fewest_months)
    values = [months.threshold(context.engine, context.pack, c, context.as_of) for c in listed]
    known = [v for v in values if v is not None]
    if len(known) < len(listed):
        return None
    chance, least, ratio, back, fewest = known
    return Thresholds(chance, least, ratio, int(back), int(fewest))


def _roll(context: AssessmentContext, layer: AreaLayer, alarm: Alarm, limits: Thresholds) -> None:
    """Sum the counts by signal, level and area: the latest month beside the months before it, and the same
    of neighbours."""
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
            _ROLLED,
            f"""
            WITH RECURSIVE {_tree(context, layer)},
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


def _tree(context: AssessmentContext, layer: AreaLayer) -> str:
    """`tree(low, code, parent, level)`: every area with itself and all areas around it. UNION ends at a
    circle."""
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
    """The sums of all others in a group: the group's less the area's own."""
    window = f"OVER (PARTITION BY {partition})"
    sums = (f"(sum({c}) {window} - {c})::BIGINT AS {name}_{c}" for c in ("x", "n", "x0", "n0"))
    return ", ".join([*sums, f"count(*) {window} - 1 AS {name}_areas"])


def _jumps(context: AssessmentContext, level: str, limits: Thresholds) -> list[Jump]:
    """What stands out of all areas and signals of one level. Rates that cannot pass count as comparisons
    all the same."""
    comparisons = context.engine.value(
        f"SELECT count(*) FROM {_ROLLED} WHERE level = $level", {"level": level}
    )
    near = ", ".join(
        f"CASE WHEN siblings THEN sibling_{c} ELSE other_{c} END AS near_{c}"
        for c in ("x", "n", "x0", "n0", "areas")
    )
    rows = context.engine.table(
        f"""
        SELECT *
        FROM (SELECT *, {near} FROM {_ROLLED} WHERE level = $level AND x >= $least)
        WHERE near_areas > 0 AND x * n0 >= $ratio * x0 * n AND x * near_n >= $ratio * near_x * n
        ORDER BY item, area
        """,
        {"level": level, "least": limits.least, "ratio": limits.ratio},
    ).to_pylist()
    counts = [_counts(row) for row in rows]
    standouts = stand_out(counts, comparisons, chance=limits.chance, least=limits.least, ratio=limits.ratio)
    return [_jump(rows[i], level, counts[i], comparison, comparisons, p) for i, comparison, p in standouts]


def doubled(context: AssessmentContext, month: dt.date, least: int) -> list[str]:
    """The bare rule, to compare with: areas where some signal's rate is at least twice that of the months
    before, and `least` households. After `find` on the same scene it would say the same of the latest
    month."""
    layer = context.pack.watch.areas if context.pack.watch else None
    limits = _thresholds(context, layer.alarm) if layer and layer.alarm else None
    if layer is None or layer.alarm is None or limits is None:
        return []
    _roll(context, layer, layer.alarm, limits)
    rows = context.engine.rows(
        f"""
        SELECT DISTINCT area
        FROM {_ROLLED}
        WHERE month = $month AND x >= $least AND x * n0 >= 2 * x0 * n
        ORDER BY area
        """,
        {"month": month, "least": least},
    )
    context.engine.drop(_ROLLED)
    return [area for (area,) in rows]


def _counts(row: Mapping[str, Any]) -> Counts:
    columns = ("x", "n", "x0", "n0", "near_x", "near_n", "near_x0", "near_n0")
    return Counts(**{f.name: int(row[column]) for f, column in zip(fields(Counts), columns, strict=True)})


def _jump(
    row: Mapping[str, Any],
    level: str,
    counts: Counts,
    comparison: Comparison,
    comparisons: int,
    corrected: float,
) -> Jump:
    return Jump(
        signal=row["item"],
        area=row["area"],
        level=level,
        parent=row["parent"],
        month=row["month"],
        past_months=row["past_months"],
        siblings=row["siblings"],
        near_areas=row["near_areas"],
        counts=counts,
        comparison=comparison,
        comparisons=comparisons,
        corrected=corrected,
    )


def _materialize_findings(
    context: AssessmentContext,
    jumps: Sequence[Jump],
    compared_signals: Sequence[str],
    limits: Thresholds | None,
) -> None:
    rows = [
        {
            "item": j.signal,
            "subject": SUBJECT,
            "subject_id": area_number(j.area),
            "household_id": NOBODY,
            "person_id": None,
            "area": j.area,
            "level": j.level,
            "severity": round(j.excess, 6),
            "digest": _digest(j, limits),
        }
        for j in jumps
    ]
    with context.engine.register("found_areas", pa.Table.from_pylist(rows, schema=_FOUND)):
        context.engine.materialize(FINDINGS, "SELECT * FROM found_areas" if rows else EMPTY_FINDINGS)
    with context.engine.register(
        "judged_signals", pa.table({"item": pa.array(compared_signals, pa.string())})
    ):
        context.engine.materialize(
            DISPROVED,
            f"""
            SELECT key
            FROM {context.active_findings}
            WHERE kind = 'area' AND item IN (SELECT item FROM judged_signals)
            """,
        )


_FOUND = pa.schema(
    [
        ("item", pa.string()),
        ("subject", pa.string()),
        ("subject_id", pa.int64()),
        ("household_id", pa.int64()),
        ("person_id", pa.int64()),
        ("area", pa.string()),
        ("level", pa.string()),
        ("severity", pa.float64()),
        ("digest", pa.string()),
    ]
)


def area_number(area: str) -> int:
    """A number for an area's code, which may be any text: the ledger counts subjects by numbers."""
    return int.from_bytes(hashlib.sha256(area.encode()).digest()[:7])


def _digest(jump: Jump, limits: Thresholds | None) -> str:
    evidence_of = (jump.month, jump.past_months, jump.counts, jump.comparisons, limits)
    return hashlib.md5(repr(evidence_of).encode(), usedforsecurity=False).hexdigest()


def expiry(pack: Pack) -> dict[str, int]:
    """By signal, the days after which an alert is let go whose signal can no longer be judged."""
    alarm = pack.watch.areas.alarm if pack.watch and pack.watch.areas else None
    return dict.fromkeys(pack.signals, alarm.expires_days) if alarm else {}


def render(context: AssessmentContext, sources: EvidenceSources) -> Iterator[RenderedChange]:
    """What the outbox tells of the area alerts that moved. They are few, and each says much of its own:
    their bodies are whole."""
    del sources
    details = {
        (item, area): json.loads(text)
        for item, area, text in context.engine.rows(f"SELECT * FROM {_DETAILS}")
    }
    columns = "key, item, area, level, severity"
    moved = [
        _Moved(*row)
        for row in context.engine.rows(f"SELECT {columns} FROM {moved_table('area')} ORDER BY key")
    ]
    nothing: dict[str, Any] = {"month": None, "evidence": []}
    bodies = [
        json.dumps(_common(context, m) | details.get((m.item, m.area), nothing), ensure_ascii=False)
        for m in moved
    ]
    rendered = pa.table(
        {"key": pa.array([m.key for m in moved], pa.string()), "body": pa.array(bodies, pa.string())}
    )
    with context.engine.register("rendered_alerts", rendered):
        context.engine.materialize(_BODIES, "SELECT key, body::JSON AS body FROM rendered_alerts")
    yield RenderedChange(
        f"SELECT {', '.join(CHANGE_COLUMNS)}, body FROM {moved_table('area')} JOIN {_BODIES} USING (key)"
    )


class _Moved(NamedTuple):
    key: str
    item: str
    area: str
    level: str | None
    severity: float | None


def _common(context: AssessmentContext, m: _Moved) -> dict[str, Any]:
    """What is said of a cleared one too. A pack that no longer has the signal or the layer says little."""
    signal = context.pack.signals.get(m.item)
    watch = context.pack.watch
    alarm = watch.areas.alarm if watch and watch.areas else None
    if signal is None or watch is None or watch.areas is None or alarm is None:
        return {"signal": m.item, "reason": "removed"}
    line = watch.lines.get(signal.theme)
    return {
        "signal": signal.id,
        "label": dict(signal.label),
        "alarm": dict(alarm.label),
        "subject": SUBJECT,
        "area": m.area,
        "level": m.level,
        "level_label": dict(watch.areas.levels.get(m.level or "", {})),
        "theme": signal.theme,
        "theme_label": dict(line.label) if line else {},
        "department": (line.department if line else None) or alarm.department,
        "within": {"amount": alarm.within.amount, "unit": alarm.within.unit},
        "severity": m.severity,
        "check": dict(alarm.check),
        "why": dict(alarm.why),
        "expires_on": (context.as_of + dt.timedelta(days=alarm.expires_days)).isoformat(),
    }


def _materialize_details(context: AssessmentContext, layer: AreaLayer | None, jumps: Sequence[Jump]) -> None:
    """What the bodies tell beyond the finding, as JSON; with it the single months and the single neighbours."""
    through = watermarks(context.engine, context.known_at) if jumps else {}
    texts = [json.dumps(_details(context, layer, jump, through)) for jump in jumps if layer]
    rows = pa.table(
        {
            "item": pa.array([j.signal for j in jumps], pa.string()),
            "area": pa.array([j.area for j in jumps], pa.string()),
            "details": pa.array(texts, pa.string()),
        }
    )
    with context.engine.register("rendered_areas", rows):
        context.engine.materialize(_DETAILS, "SELECT * FROM rendered_areas")


def _details(
    context: AssessmentContext, layer: AreaLayer, jump: Jump, through: Mapping[str, dt.date | None]
) -> dict[str, Any]:
    return {
        "month": jump.month.isoformat(),
        "counts": asdict(jump.counts),
        "comparison": asdict(jump.comparison),
        "comparisons": jump.comparisons,
        "corrected": jump.corrected,
        "past_months": jump.past_months,
        "near_areas": jump.near_areas,
        "siblings": jump.siblings,
        "months": _months(context, layer, jump),
        "neighbours": _neighbours(context, jump),
        "evidence": evidence(context.pack, context.as_of, jump, through),
    }


def _months(context: AssessmentContext, layer: AreaLayer, jump: Jump) -> list[dict[str, Any]]:
    """The area's own counts month by month, the oldest first; the last one is the jump."""
    rows = context.engine.rows(
        f"""
        WITH RECURSIVE {_tree(context, layer)}
        SELECT m.month, sum(m.started)::BIGINT, sum(m.at_risk)::BIGINT
        FROM {months.TABLE} AS m
        JOIN tree AS t ON t.low = m.area
        WHERE t.code = $area
          AND m.item = $item
          AND m.rule = $rule
          AND m.known_from <= $at
          AND m.known_to > $at
          AND m.month <= $month
          AND m.month > $month - INTERVAL 25 MONTH
        GROUP BY m.month
        ORDER BY m.month
        """,
        {
            "area": jump.area,
            "item": jump.signal,
            "rule": months.rule_of(context.pack, context.pack.signals[jump.signal]),
            "at": context.known_at,
            "month": jump.month,
        },
    )
    shown = rows[-(jump.past_months + 1) :]
    return [{"month": month.isoformat(), "started": x, "at_risk": n} for month, x, n in shown]


def _neighbours(context: AssessmentContext, jump: Jump) -> list[dict[str, Any]]:
    """The areas around it under the same parent, as counted this month."""
    rows = context.engine.rows(
        f"""
        SELECT area, x, n
        FROM {_ROLLED}
        WHERE item = $item
          AND level = $level
          AND area <> $area
          AND n > 0
          AND parent IS NOT DISTINCT FROM $parent
        ORDER BY area
        LIMIT {_MOST_NEIGHBOURS}
        """,
        {"item": jump.signal, "level": jump.level, "area": jump.area, "parent": jump.parent},
    )
    return [{"area": area, "started": x, "at_risk": n} for area, x, n in rows]
