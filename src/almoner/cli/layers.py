"""Show a cycle's signals by layer of the watch, and the areas whose rate jumped, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from almoner.assessment.area_words import evidence
from almoner.assessment.jumps import times
from almoner.cli.output import out, show_table
from almoner.cycle import CycleOutcome
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Words, say


def layers_json(outcome: CycleOutcome) -> dict[str, Any] | None:
    """The layers as JSON: points by group, lines by theme, areas by level, and surface.

    None when the pack has no watch.
    """
    layers = outcome.layers
    if layers is None:
        return None
    by_signal = {
        name: {"points": listed, "surface": other} for name, (listed, other) in layers.signals.items()
    }
    return {
        "points": dict(layers.points),
        "lines": dict(layers.lines),
        "areas": dict(layers.areas),
        "surface": layers.surface,
        "signals": by_signal,
    }


def areas_json(outcome: CycleOutcome) -> list[dict[str, Any]]:
    """The areas whose rate jumped, each with its counts and how likely such counts are by chance."""
    return [
        {
            "signal": jump.signal,
            "area": jump.area,
            "level": jump.level,
            "month": jump.month,
            "past_months": jump.past_months,
            "neighbours": jump.near_areas,
            **asdict(jump.counts),
            **asdict(jump.comparison),
            "comparisons": jump.comparisons,
            "chance_corrected": jump.corrected,
        }
        for jump in outcome.jumps
    ]


def show(outcome: CycleOutcome, pack: Pack, language: str) -> None:
    """Print a table of the pack's layers, then the areas."""
    if outcome.layers is None or pack.watch is None:
        return
    layers, watch = outcome.layers, pack.watch
    groups: dict[str, Words] = {name: group.label for name, group in watch.groups.items()}
    lines: dict[str, Words] = {name: line.label for name, line in watch.lines.items()}
    levels: Mapping[str, Words] = watch.areas.levels if watch.areas else {}
    rows: list[tuple[object, ...]] = []
    rows += _rows(watch.points, groups, layers.points, "signals", language)
    rows += _rows(watch.themes, lines, layers.lines, "signals", language)
    rows += _rows(watch.areas.label if watch.areas else {}, levels, layers.areas, "areas", language)
    rows.append((say(watch.surface, language), "", layers.surface, "signals"))
    show_table("By layer", ["layer", "", "count", "of"], rows)
    _show_areas(outcome, pack, language)


def _rows(
    layer: Words, labels: Mapping[str, Words], counts: Mapping[str, int], unit: str, language: str
) -> list[tuple[object, ...]]:
    return [(say(layer, language), say(labels[name], language), counts.get(name, 0), unit) for name in labels]


def _show_areas(outcome: CycleOutcome, pack: Pack, language: str) -> None:
    for jump in outcome.jumps:
        label = say(pack.signals[jump.signal].label, language)
        ratio = times(jump.counts.started, max(jump.comparison.expected_past, jump.comparison.expected_near))
        out.print(
            f"Area {jump.area}: {label}, {ratio:.1f} times what was to be expected.",
            style="bold",
            markup=False,
        )
        for condition in evidence(pack, outcome.as_of, jump, {}):
            out.print(f"  {say(condition['sentence'], language)}", markup=False)
