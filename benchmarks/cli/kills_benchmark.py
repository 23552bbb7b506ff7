"""`python -m benchmarks kills`: commands that are killed anywhere end as if they had never been."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any, Literal

import typer

from almoner.cli.output import AsJson, emit_json, errors_as_text, out

TESTS = Path(__file__).parents[2] / "tests"
COUNTS = ("kills", "at_commits", "missed", "lost", "doubled", "different", "broken_chains")


def kills(
    kills: Annotated[int, typer.Option(min=1, help="Kills that hit a live process.")] = 300,
    database: Annotated[
        Literal["sqlite", "postgres"], typer.Option(help="What casework is kept in.")
    ] = "sqlite",
    seed: Annotated[int, typer.Option(help="The same seed draws the same moments.")] = 1,
    seconds: Annotated[float, typer.Option(help="At most so long, with fewer kills.")] = 3600,
    as_json: AsJson = False,
) -> None:
    """Kill every command that writes, start it again, and compare the end with that of an undisturbed run."""
    with errors_as_text(), TemporaryDirectory() as folder:
        result = _kills(Path(folder), kills, database, seed, seconds)
    if as_json:
        emit_json(result)
    else:
        for name, figures in result.items():
            out.print(f"{name}: {figures}", markup=False)
    if not result["whole"]:
        raise typer.Exit(1)


def _kills(folder: Path, kills: int, database: str, seed: int, seconds: float) -> dict[str, Any]:
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))  # it uses the installations of the tests
    from benchmarks.kills_bench import Killing
    from benchmarks.kills_places import casework_in

    started = perf_counter()
    with casework_in(database) as server:
        killing = Killing(folder, server, seed)
        killing.kill(kills, seconds)
    tallies = killing.tallies
    return {
        "database": database,
        "seed": seed,
        **{name: sum(getattr(tally, name) for tally in tallies.values()) for name in COUNTS},
        "whole": all(tally.is_whole() for tally in tallies.values()),
        "seconds": round(perf_counter() - started, 1),
        "by_command": {name: asdict(tally) for name, tally in tallies.items()},
    }
