"""The four layers of the watch, and to which of them each signal of a household belongs.

Points: its subject is in a group of the watch list; a household is when one of its members is. Lines: the
theme of the signal. Areas: the household's area and those above it, by level. Surface: found in the
population outside the watch list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import Explainer
from almoner.assessment.feature_table import feature_table, subject_key
from almoner.assessment.ledger import moved_table
from almoner.engines import quote
from almoner.policy.model.feeds import Role
from almoner.policy.model.pack import Signal
from almoner.policy.model.watch import WatchGroup

LISTED = "watch_listed"
_LAYERS = "moved_layers"
_NOBODY = "SELECT NULL::VARCHAR AS grp, NULL::BIGINT AS household_id, NULL::BIGINT AS person_id LIMIT 0"


@dataclass(frozen=True)
class Layers:
    """Counts of signals that hold now, by layer.

    `areas` counts areas of a level with at least one signal. `signals` gives for each signal the number on
    the watch list and the number outside it.
    """

    points: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    areas: Mapping[str, int] = field(default_factory=dict)  # areas of a level with at least one signal
    surface: int = 0
    signals: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def find(context: AssessmentContext, findings: str) -> None:
    """Materialize the watch list (`watch_listed`).

    The digest of each finding then covers its groups: joining or leaving the list changes a signal's
    evidence.
    """
    groups = context.pack.watch.groups.values() if context.pack.watch else ()
    context.engine.materialize(LISTED, " UNION ALL ".join(_members(context, g) for g in groups) or _NOBODY)
    if groups:
        context.engine.materialize(
            findings,
            f"""
            SELECT
              f.* REPLACE (
                CASE WHEN l.groups IS NULL THEN f.digest ELSE md5(f.digest || l.groups) END AS digest
              )
            FROM {findings} AS f
            LEFT JOIN ({_groups_of(findings)}) AS l
              ON l.item = f.item AND l.subject = f.subject AND l.subject_id = f.subject_id
            """,
        )


def _members(context: AssessmentContext, group: WatchGroup) -> str:
    person = "person_id" if group.subject == "person" else "NULL::BIGINT"
    key = subject_key(group.subject)
    return f"""
        SELECT '{group.id}' AS grp, household_id, {person} AS person_id
        FROM {feature_table(group.subject)}
        WHERE {key} IS NOT NULL AND {context.sql(group.when)}
        """


def _on_list(subjects: str) -> str:
    """The rows of `subjects` (a table of findings) with each group that they are in."""
    return f"""
        SELECT DISTINCT f.item, f.subject, f.subject_id, f.household_id, l.grp
        FROM {subjects} AS f
        JOIN {LISTED} AS l
          ON l.household_id = f.household_id
            AND (l.person_id IS NULL OR f.person_id IS NULL OR l.person_id = f.person_id)
        """


def _groups_of(subjects: str) -> str:
    return f"""
        SELECT item, subject, subject_id, string_agg(grp, ',' ORDER BY grp) AS groups
        FROM ({_on_list(subjects)})
        GROUP BY ALL
        """


def count(context: AssessmentContext, findings: str) -> Layers | None:
    """The signals of `findings` by layer; None where the pack has no watch."""
    watch = context.pack.watch
    if watch is None:
        return None
    points = dict(context.engine.rows(f"SELECT grp, count(*) FROM ({_on_list(findings)}) GROUP BY grp"))
    rows = context.engine.rows(
        f"""
        SELECT f.item, count(l.groups), count(*) - count(l.groups)
        FROM {findings} AS f
        LEFT JOIN ({_groups_of(findings)}) AS l
          ON l.item = f.item AND l.subject = f.subject AND l.subject_id = f.subject_id
        GROUP BY f.item
        """
    )
    found = {item: (listed, other) for item, listed, other in rows}
    lines = dict.fromkeys(watch.lines, 0)
    for signal in context.pack.signals.values():
        lines[signal.theme] = lines.get(signal.theme, 0) + sum(found.get(signal.id, (0, 0)))
    return Layers(
        points={group: points.get(group, 0) for group in watch.groups},
        lines=lines,
        areas=_areas_with_signals(context, findings),
        surface=sum(other for _, other in found.values()),
        signals={signal: found.get(signal, (0, 0)) for signal in context.pack.signals},
    )


def _areas_with_signals(context: AssessmentContext, findings: str) -> dict[str, int]:
    layer = context.pack.watch.areas if context.pack.watch else None
    if layer is None:
        return {}
    above = Above(context)
    lived = [
        area
        for (area,) in context.engine.rows(f"SELECT DISTINCT area FROM {findings} WHERE area IS NOT NULL")
    ]
    reached = {(level, code) for area in lived for level, code in above.of(area).items()}
    return {level: sum(1 for at, _ in reached if at == level) for level in layer.levels}


class Above:
    """The areas above an area, itself included, by level. They are read once."""

    def __init__(self, context: AssessmentContext) -> None:
        self._parents: dict[str, str | None] = {}
        self._levels: dict[str, str] = {}
        self._known: frozenset[str] = frozenset()
        layer = context.pack.watch.areas if context.pack.watch else None
        if layer is None:
            return
        feed = context.pack.feeds[layer.feed]
        code, parent = feed.with_role(Role.AREA), feed.with_role(Role.PARENT_AREA)
        if code and parent:
            wanted = ", ".join(quote(name) for name in (code.name, parent.name, layer.column))
            for area, above, level in context.engine.rows(
                f"SELECT {wanted} FROM {quote(feed.id)} ORDER BY 1"
            ):
                self._parents[area], self._levels[area] = above, level
        self._known = frozenset(layer.levels)

    def of(self, area: str | None) -> dict[str, str]:
        """The code by level, smallest level first."""
        found: dict[str, str] = {}
        while area is not None and area in self._levels and area not in found.values():
            if self._levels[area] in self._known:
                found[self._levels[area]] = area
            area = self._parents.get(area)
        return found


def materialize_layers(context: AssessmentContext) -> None:
    """Materialize the groups and the areas of the signals that moved."""
    if context.pack.watch is None:
        return
    moved = moved_table("signal")
    subjects = f"SELECT key AS item, subject, subject_id, household_id, person_id FROM {moved}"
    above = Above(context)
    lived = [
        a
        for (a,) in context.engine.rows(
            f"SELECT DISTINCT area FROM {moved} WHERE area IS NOT NULL ORDER BY 1"
        )
    ]
    codes = pa.table(
        {
            "area": pa.array(lived, pa.string()),
            "codes": pa.array([json.dumps(above.of(a)) for a in lived], pa.string()),
        }
    )
    with context.engine.register("areas_above", codes):
        context.engine.materialize(
            _LAYERS,
            f"""
            SELECT m.key, l.groups, coalesce(a.codes, '{{}}')::JSON AS codes
            FROM {moved} AS m
            LEFT JOIN areas_above AS a ON a.area = m.area
            LEFT JOIN (
              SELECT item AS key, list(grp ORDER BY grp) AS groups
              FROM ({_on_list(f"({subjects})")})
              GROUP BY item
            ) AS l ON l.key = m.key
            """,
        )


def layers(context: AssessmentContext, signal: Signal, explainer: Explainer) -> dict[str, Any] | None:
    """The layers in a signal's body, after `materialize_layers`; None where the pack has no watch."""
    watch = context.pack.watch
    if watch is None:
        return None
    line = watch.lines.get(signal.theme)
    join = f"LEFT JOIN {_LAYERS} AS layers ON layers.key = m.key"
    explainer.bind("points", "layers.groups", join)
    groups = [[[g], {"id": g, "label": dict(watch.groups[g].label)}] for g in watch.groups]
    return {
        "points": {"$among": "points", "of": groups},
        "line": {"id": line.id, "label": dict(line.label), "department": line.department} if line else None,
        "areas": explainer.bind("areas", "layers.codes", join),
        "surface": explainer.bind("surface", "layers.groups IS NULL"),
    }
