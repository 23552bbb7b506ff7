"""`almoner lab`: makes fictional places."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.lab.place import build
from almoner.lab.place.deliveries import MONTHS_AFTER_HISTORY
from almoner.progress import progress

app = typer.Typer(no_args_is_help=True)


@app.callback()
def lab() -> None:
    """Fictional places with known truth."""


class PlaceFormat(StrEnum):
    mixed = "mixed"
    parquet = "parquet"


@app.command()
def place(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to.")],
    residents: Annotated[int, typer.Option(help="How many people live there.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same place.")] = 1,
    months: Annotated[int, typer.Option(help="How many months of records.")] = 24,
    until: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day of the last month.")
    ] = "2026-10-31",  # type: ignore[assignment]
    form: Annotated[
        PlaceFormat, typer.Option(help="mixed: files as departments send them; parquet: all Parquet.")
    ] = PlaceFormat.mixed,
    monthly: Annotated[
        int, typer.Option(help="How many of the last months come in files of their own, month by month.")
    ] = MONTHS_AFTER_HISTORY,
    as_json: AsJson = False,
) -> None:
    """Write a fictional county: departmental extracts and, apart, the truth."""
    started = perf_counter()
    with errors_as_text(), progress("Place", 1) as advance:
        summary = build(target, residents, seed, months, until.date(), form.value, advance, monthly)
    seconds = perf_counter() - started
    if as_json:
        emit_json(asdict(summary) | {"seconds": round(seconds, 3)})
    else:
        out.print(
            f"{target}: {summary.residents:,} residents in {summary.households:,} households,"
            f" {summary.facts_rows:,} rows, {seconds:.1f} s.",
            markup=False,
        )
