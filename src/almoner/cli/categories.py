"""Show categories after a cycle: how many are proposed or asked about, and how many are undecided and why."""

from __future__ import annotations

from typing import Any

from almoner.cli.output import out, show_table
from almoner.cycle import CycleOutcome
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import say


def categories_json(outcome: CycleOutcome) -> dict[str, Any]:
    """By category. `unknown_guards` counts the undecided exits by guard, in the order of the file."""
    return {
        r.category: {
            "looked_at": r.subjects,
            "holds": r.holds,
            "proposed": r.proposed,
            "unknown": r.unknown,
            "exits": r.exits,
            "exit_unknown": r.exit_unknown,
            "unknown_guards": list(r.unknown_guards),
            "reviews": r.reviews,
        }
        for r in outcome.recognised
    }


def show(outcome: CycleOutcome, pack: Pack, language: str) -> None:
    """Print a table of categories, and a line for each guard that is unknown for somebody."""
    rows: list[tuple[object, ...]] = [
        (
            say(pack.categories[r.category].label, language),
            r.subjects,
            r.holds,
            r.proposed,
            r.unknown,
            r.exits,
            r.exit_unknown,
            r.reviews,
        )
        for r in outcome.recognised
    ]
    if not rows:
        return
    columns = [
        "category",
        "looked at",
        "held",
        "proposed",
        "unknown",
        "exits asked",
        "exit unknown",
        "reviews",
    ]
    show_table("Categories", columns, rows)
    for r in outcome.recognised:
        leaving = pack.categories[r.category].exit
        for guard, count in zip(leaving.guards if leaving else (), r.unknown_guards, strict=False):
            if count:
                label, what = say(pack.categories[r.category].label, language), say(guard.label, language)
                out.print(f"Blind spot: {label}, exit: unknown of {count:,}: {what}.", markup=False)
