"""Area alerts: areas where the rate of newly noticed households is far above its past and its neighbours.

A second stage over the counts of `almoner.assessment.months`. Each sweep tests the latest complete month of
every signal, with the tests of `almoner.assessment.jumps`, corrected over all areas and signals of a level.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import pyarrow as pa

from almoner.assessment import months
from almoner.assessment.area_rollup import ROLLED, Thresholds, roll, thresholds, tree
from almoner.assessment.area_words import evidence
from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import EvidenceSources
from almoner.assessment.jumps import Comparison, Counts, Jump, stand_out
from almoner.assessment.ledger import CHANGE_COLUMNS, EMPTY_FINDINGS, RenderedChange, moved_table
from almoner.policy.model.pack import Pack
from almoner.policy.model.watch import AreaLayer
from almoner.registry.completeness import watermarks

FINDINGS, DISPROVED = "area_findings", "area_refuted"
_DETAILS, _BODIES = "area_details", "area_bodies"
_MOST_NEIGHBOURS = 40
NOBODY = 0  # the household of a change that is about no household
SUBJECT = "area"


def find(context: AssessmentContext) -> list[Jump]:
    """Find the areas that jumped, and materialize `area_findings` and `area_refuted`.

    `area_refuted` holds the keys of active alerts whose signal was tested again. A cycle over some households
    tests no area: it finds nothing and disproves nothing.
    """
    layer = context.pack.watch.areas if context.pack.watch else None
    counted = not context.scoped and months.are_kept(context.engine)
    limits = thresholds(context, layer.alarm) if layer and layer.alarm and counted else None
    jumps: list[Jump] = []
    compared_signals: list[str] = []
    if layer and layer.alarm and limits:
        roll(context, layer, layer.alarm, limits)
        compared_signals = [
            item for (item,) in context.engine.rows(f"SELECT DISTINCT item FROM {ROLLED} ORDER BY 1")
        ]
        jumps = [jump for level in layer.alarm.levels for jump in _jumps(context, level, limits)]
    _materialize_findings(context, jumps, compared_signals, limits)
    _materialize_details(context, layer, jumps)
    context.engine.drop(ROLLED)
    return jumps


def _jumps(context: AssessmentContext, level: str, limits: Thresholds) -> list[Jump]:
    """The areas of one level that stand out. Areas that cannot pass still count as comparisons."""
    comparisons = context.engine.value(
        f"SELECT count(*) FROM {ROLLED} WHERE level = $level", {"level": level}
    )
    near = ", ".join(
        f"CASE WHEN siblings THEN sibling_{c} ELSE other_{c} END AS near_{c}"
        for c in ("x", "n", "x0", "n0", "areas")
    )
    rows = context.engine.table(
        f"""
        SELECT *
        FROM (SELECT *, {near} FROM {ROLLED} WHERE level = $level AND x >= $least)
        WHERE near_areas > 0 AND x * n0 >= $ratio * x0 * n AND x * near_n >= $ratio * near_x * n
        ORDER BY item, area
        """,
        {"level": level, "least": limits.least, "ratio": limits.ratio},
    ).to_pylist()
    counts = [_counts(row) for row in rows]
    standouts = stand_out(counts, comparisons, chance=limits.chance, least=limits.least, ratio=limits.ratio)
    return [_jump(rows[i], level, counts[i], comparison, comparisons, p) for i, comparison, p in standouts]


def doubled(context: AssessmentContext, month: dt.date, least: int) -> list[str]:
    """The areas where a signal's rate is at least twice that of the months before, with `least` households.

    A naive rule for comparison with `find`. `month` is the last day of the month that is tested.
    """
    layer = context.pack.watch.areas if context.pack.watch else None
    limits = thresholds(context, layer.alarm) if layer and layer.alarm else None
    if layer is None or layer.alarm is None or limits is None:
        return []
    roll(context, layer, layer.alarm, limits)
    rows = context.engine.rows(
        f"""
        SELECT DISTINCT area
        FROM {ROLLED}
        WHERE month = $month AND x >= $least AND x * n0 >= 2 * x0 * n
        ORDER BY area
        """,
        {"month": month, "least": least},
    )
    context.engine.drop(ROLLED)
    return [area for (area,) in rows]


def _counts(row: Mapping[str, Any]) -> Counts:
    return Counts(
        started=int(row["x"]),
        at_risk=int(row["n"]),
        past_started=int(row["x0"]),
        past_at_risk=int(row["n0"]),
        near_started=int(row["near_x"]),
        near_at_risk=int(row["near_n"]),
        near_past_started=int(row["near_x0"]),
        near_past_at_risk=int(row["near_n0"]),
    )


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
    """A number for an area's code, because the ledger identifies subjects by numbers and a code is text."""
    return int.from_bytes(hashlib.sha256(area.encode()).digest()[:7])


def _digest(jump: Jump, limits: Thresholds | None) -> str:
    evidence_of = (jump.month, jump.past_months, jump.counts, jump.comparisons, limits)
    return hashlib.md5(repr(evidence_of).encode(), usedforsecurity=False).hexdigest()


def expiry(pack: Pack) -> dict[str, int]:
    """By signal, the days after which an alert that can no longer be tested is cleared."""
    alarm = pack.watch.areas.alarm if pack.watch and pack.watch.areas else None
    return dict.fromkeys(pack.signals, alarm.expires_days) if alarm else {}


def render(context: AssessmentContext, sources: EvidenceSources) -> Iterator[RenderedChange]:
    """The rendered changes of the area alerts that moved.

    Alerts are few and each has much text of its own, so their bodies are whole objects without a template.
    """
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
    """What the body of every alert has, cleared ones too. Short where the pack has dropped the signal."""
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
    """Keep what a body has beyond the finding, as JSON: evidence, single months and single neighbours."""
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
    """The area's own counts by month, oldest first; the last one is the month of the jump."""
    rows = context.engine.rows(
        f"""
        WITH RECURSIVE {tree(context, layer)}
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
    """The areas under the same parent with their counts of the month, at most `_MOST_NEIGHBOURS`."""
    rows = context.engine.rows(
        f"""
        SELECT area, x, n
        FROM {ROLLED}
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
