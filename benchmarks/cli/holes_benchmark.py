"""`python -m benchmarks holes`: no signal is raised because one delivery is disturbed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.lab.place import build
from almoner.policy import compile_pack
from almoner.progress import progress
from benchmarks.holes_bench import CHANGES, Disturbances, Disturbed


def holes(
    residents: Annotated[int, typer.Option(help="Number of people in the place.")] = 3_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same place.")] = 1,
    pack: Annotated[str, typer.Option(help="The pack to run.")] = "base",
    feed: Annotated[str | None, typer.Option(help="Only the deliveries of this feed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Leave out, halve, double or shift each monthly delivery, and count the signals that this raises."""
    with errors_as_text(), TemporaryDirectory() as folder:
        found = _holes(Path(folder), residents, seed, pack, feed)
    false = [one for one in found if one.false]
    if as_json:
        emit_json(_result(found))
        raise typer.Exit(1 if false else 0)
    for one in false:
        signals = ", ".join(
            f"{signal}: {count}" for signal, count in Counter(s for s, _ in one.false).items()
        )
        out.print(f"{one.file}, {one.change}: {signals}", markup=False)
    earlier = sum(1 for one in found if one.earlier and not one.false)
    out.print(f"{len(found)} changed deliveries: {len(found) - len(false)} raise nothing falsely.")
    out.print(f"In {earlier} of them a signal stands that was true when the feed ended.")
    raise typer.Exit(1 if false else 0)


def _holes(folder: Path, residents: int, seed: int, pack: str, feed: str | None) -> list[Disturbed]:
    summary = build(folder / "place", residents, seed, form="parquet")
    disturbances = Disturbances(compile_pack(pack, as_of=summary.as_of), folder / "place", summary, folder)
    chosen = [d for d in disturbances.deliveries if feed in (None, d.feed)]
    found = []
    with progress("Disturbed deliveries", len(chosen) * len(CHANGES)) as advance:
        for delivery in chosen:
            for change in CHANGES:
                found.append(disturbances.disturb(delivery, change))
                advance()
    return found


def _result(found: list[Disturbed]) -> dict[str, Any]:
    return {
        "changed_deliveries": len(found),
        "with_false_signals": sum(1 for one in found if one.false),
        "with_signals_of_an_earlier_day": sum(1 for one in found if one.earlier),
        "false": [
            {"file": one.file, "change": one.change, "signals": dict(Counter(s for s, _ in one.false))}
            for one in found
            if one.false
        ],
    }
