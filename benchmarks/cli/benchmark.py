"""Run `python -m benchmarks`: speed and memory, with a lower bound and a peer in the same run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import typer

from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.installation import cycles, intake, opening
from almoner.lab import panels
from almoner.lab.place import build
from almoner.policy import compile_pack, find_pack
from almoner.progress import progress
from almoner.registry.deliveries import DeliveryReceipt
from benchmarks import entitlements_bench, sweep_bench
from benchmarks.cli import (
    console_benchmark,
    fuzz_benchmark,
    holes_benchmark,
    kills_benchmark,
    stream_benchmark,
)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def benchmarks() -> None:
    """Measure speed and memory, with a lower bound and a peer in the same run."""


app.command()(stream_benchmark.stream)
app.command()(console_benchmark.console)
app.command()(fuzz_benchmark.fuzz)
app.command()(holes_benchmark.holes)
app.command()(kills_benchmark.kills)


@app.command()
def sweep(
    residents: Annotated[int, typer.Option(help="Number of people in the place.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same place.")] = 1,
    pack: Annotated[str, typer.Option(help="The pack to run.")] = "base",
    peer: Annotated[bool, typer.Option(help="Run the same indicators in pandas as well.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure building a place, its intake, and one cycle over everybody (24 months of records, Parquet)."""
    with errors_as_text(), TemporaryDirectory() as folder:
        result = _sweep(Path(folder), residents, seed, pack, peer)
    if as_json:
        emit_json(result)
    else:
        for key, value in result.items():
            out.print(
                f"{key}: {value:,}" if isinstance(value, int | float) else f"{key}: {value}", markup=False
            )


@app.command()
def entitlements(
    pack: Annotated[str, typer.Option(help="A pack with a panel and with rules for OpenFisca.")] = "cps",
    file: Annotated[
        Path | None, typer.Option(help="The panel's file; else the one that its Python package ships.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure every programme for every household of a real file, beside the same rules in OpenFisca."""
    with errors_as_text():
        compiled = compile_pack(pack)
        if compiled.panel is None:
            raise AlmonerError(f"The pack {compiled.id} names no panel.")
        rows = panels.read(compiled.panel, file)
        with progress("Entitlements"):
            result = _entitlements(entitlements_bench.compare(compiled, find_pack(pack), rows))
    if as_json:
        emit_json(result)
    else:
        for key, value in result.items():
            out.print(f"{key}: {value}", markup=False)


def _entitlements(found: entitlements_bench.Comparison) -> dict[str, Any]:
    ours, theirs = found.ours, found.theirs
    return {
        "units": found.units,
        "paid": found.paid,
        "intake_seconds": round(found.intake_seconds, 3),
        "seconds": round(ours.total, 3),
        "openfisca_seconds": round(theirs.total, 3),
        "processor_seconds": round(ours.processor, 3),
        "openfisca_processor_seconds": round(theirs.processor, 3),
        "rows_per_second": round(found.units / ours.total),
        "openfisca_rows_per_second": round(found.units / theirs.total),
        "openfisca_to_almoner_ratio": round(theirs.total / ours.total, 2),
        "differences": found.differences,
        "largest_difference": round(found.largest_difference, 6),
        "seconds_by_phase": {phase: round(s, 4) for phase, s in ours.seconds.items()},
        "openfisca_seconds_by_phase": {phase: round(s, 4) for phase, s in theirs.seconds.items()},
    }


def _sweep(folder: Path, residents: int, seed: int, pack: str, peer: bool) -> dict[str, Any]:
    started = perf_counter()
    with progress("Place", 1) as advance:
        summary = build(folder / "place", residents, seed, form="parquet", advance=advance)
    place_seconds = perf_counter() - started
    home = opening.make_home(folder / "home", pack, "en")
    with opening.installation(home.folder, as_of=summary.as_of) as inst:
        started = perf_counter()
        wanted = intake.deliveries_in(
            [folder / "place" / "deliveries"], list(inst.pack.feeds), None, now(), None
        )
        taken = list(intake.take_in_all(inst, wanted))
        intake_seconds = perf_counter() - started
        rows = sum(r.rows_read for r in taken if isinstance(r, DeliveryReceipt))
        cycled = cycles.run_cycle(inst, summary.as_of, cycles.end_of(summary.as_of), history=0)
        phases = cycled.outcome.seconds
        memory = sweep_bench.peak_memory_mib()
        known_at = cycles.end_of(summary.as_of)
        assessment = sweep_bench.assessment_seconds(inst.engine, inst.pack, summary.as_of, known_at)
        lower = sweep_bench.lower_bound_seconds(inst.engine, inst.pack, known_at)
        each = sweep_bench.indicator_seconds(inst.engine, inst.pack, summary.as_of, known_at)
        one_signal = sweep_bench.signal_seconds(inst.engine, inst.pack, summary.as_of, known_at)
        by_person = sweep_bench.lower_bound_seconds(inst.engine, inst.pack, known_at, by="person")
        facts = sweep_bench.fact_rows(inst.engine, inst.pack)
        through = dict(
            inst.engine.rows("SELECT feed, max(complete_through) FROM registry.delivery GROUP BY feed")
        )
        pandas = sweep_bench.pandas_seconds(inst.engine, inst.pack, summary.as_of, through) if peer else None
    return {
        "residents": summary.residents,
        "facts_rows": facts,
        "place_seconds": round(place_seconds, 3),
        "intake_seconds": round(intake_seconds, 3),
        "intake_rows_per_second": round(rows / intake_seconds),
        "assessment_seconds": round(assessment, 3),
        "cycle_seconds": round(cycled.seconds, 3),
        "lower_bound_seconds": round(lower, 3),
        "lower_bound_by_person_seconds": round(by_person, 3),
        "pandas_seconds": None if pandas is None else round(pandas, 3),
        "peak_memory_mib": round(memory),
        "assessment_to_lower_bound_ratio": round(assessment / lower, 2),
        "pandas_to_assessment_ratio": None if pandas is None else round(pandas / assessment, 2),
        "seconds_per_signal": round(one_signal, 4),
        "seconds_by_indicator": {indicator: round(s, 3) for indicator, s in each.items()},
        "cases": cycled.applied.cases_opened,
        "seconds_by_phase": {phase: round(s, 3) for phase, s in phases.items()},
    }
