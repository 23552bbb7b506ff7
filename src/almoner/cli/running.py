"""`almoner init`, `intake` and `run`: the commands that run an installation."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from almoner.cli import report
from almoner.cli.arguments import DAY, MOMENT, Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.home import now
from almoner.installation import casework_sync, cycles, opening
from almoner.installation.intake import Refusal, deliveries_in, take_in_all


def init(
    folder: Folder,
    pack: Annotated[str, typer.Option(help="A pack that comes with Almoner, or a folder.")] = "base",
    language: Annotated[str, typer.Option(help="The console's first language: en or zh.")] = "en",
    suite: Annotated[str, typer.Option(help="The vault's algorithms: aes-sha256 or sm4-sm3.")] = "aes-sha256",
) -> None:
    """Create a new installation: settings, keys and databases."""
    with errors_as_text():
        made = opening.make_home(folder, pack, language, suite=suite)
    out.print(
        f"Made {made.folder}. The vault's key is {made.vault_key}: keep a copy of it, apart from the"
        " databases.",
        markup=False,
    )
    out.print(f"Next: almoner user {folder} NAME, then almoner intake {folder} FILE...", markup=False)


def intake(
    folder: Folder,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files, or folders with a manifest.json.", exists=True),
    ],
    feed: Annotated[str | None, typer.Option(help="The feed; by the file's name when not given.")] = None,
    received_at: Annotated[
        dt.datetime | None, typer.Option(formats=MOMENT, help="When the files came; now when not given.")
    ] = None,
    complete_through: Annotated[
        dt.datetime | None, typer.Option(formats=DAY, help="The last day that the files are complete for.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take in deliveries: good rows into the facts, bad rows to quarantine with the reason."""
    started = perf_counter()
    with errors_as_text(), opening.installation(folder) as inst:
        through = complete_through.date() if complete_through else None
        deliveries = deliveries_in(files, list(inst.pack.feeds), feed, received_at or now(), through)
        results = list(take_in_all(inst, deliveries))
        seconds = perf_counter() - started
        casework_sync.show_feeds(inst)
    if as_json:
        emit_json(report.intake_json(results, seconds))
    else:
        report.show_intake(results, seconds)
    if any(isinstance(r, Refusal) for r in results):
        raise typer.Exit(1)


def run(
    folder: Folder,
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=DAY, help="The day to decide for; today when not given."),
    ] = None,
    known_at: Annotated[
        dt.datetime | None,
        typer.Option(formats=MOMENT, help="Replay the decisions with what was known then. Writes nothing."),
    ] = None,
    history: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=(
                "Recount so many past months for the signals of areas; when not given, only those not"
                " counted yet."
            ),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one cycle over all households: indicators, signals, signals of areas, entitlements and cases."""
    day = as_of.date() if as_of else now().date()
    if known_at is not None:
        _replay(folder, day, known_at, as_json)
        return
    with errors_as_text(), opening.installation(folder, as_of=day) as inst:
        result = cycles.run_cycle(inst, day, now(), history)
        if as_json:
            emit_json(report.cycle_json(result))
        else:
            report.show_cycle(result, inst.pack, inst.home.settings.language)


def _replay(folder: Path, as_of: dt.date, known_at: dt.datetime, as_json: bool) -> None:
    moment = cycles.end_of(known_at.date()) if known_at.time() == dt.time() else known_at
    with errors_as_text():
        replayed = cycles.replay(folder, as_of, moment)
    if as_json:
        emit_json(
            report.outcome_json(replayed.outcome)
            | {
                "recorded_sha256": replayed.recorded,
                "equal": replayed.equal,
            }
        )
    else:
        words = {
            True: "Equal to what was decided then, bit for bit.",
            False: "NOT equal to what was decided then.",
            None: "No cycle was run for that day by then.",
        }
        out.print(words[replayed.equal])
        for w in replayed.outcome.watched:
            out.print(f"{w.signal}: holds for {w.holds:,}, unknown for {w.unknown:,} of {w.subjects:,}")
    if replayed.equal is False:
        raise typer.Exit(1)
