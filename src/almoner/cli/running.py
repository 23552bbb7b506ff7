"""Running an installation: init, intake, run, explain, user, serve."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from almoner import casework, home
from almoner.cli import operations, report
from almoner.cli.beside import beside
from almoner.cli.output import AsJson, emit_json, out, told

Folder = Annotated[Path, typer.Argument(metavar="HOME", help="The folder of the installation.")]
DAY, MOMENT = ["%Y-%m-%d"], ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]


def init(
    folder: Folder,
    pack: Annotated[str, typer.Option(help="A pack that comes with Almoner, or a folder.")] = "base",
    language: Annotated[str, typer.Option(help="The console's first language: en or zh.")] = "en",
) -> None:
    """Make a new installation: settings, key, databases."""
    with told():
        made = operations.make_home(folder, pack, language)
    out.print(
        f"Made {made.folder}. The vault's key is {made.vault_key}: keep a copy of it, apart from the databases.",
        markup=False,
    )
    out.print(f"Next: almoner user {folder} NAME, then almoner intake {folder} FILE...", markup=False)


def intake(
    folder: Folder,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files, or folders with a manifest.json.", exists=True),
    ],
    feed: Annotated[str | None, typer.Option(help="The feed; else the file's name begins with it.")] = None,
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
    with told(), operations.installation(folder) as inst:
        through = complete_through.date() if complete_through else None
        wanted = operations.deliveries_in(
            files, list(inst.pack.feeds), feed, received_at or operations.now(), through
        )
        results = list(operations.take_in_all(inst, wanted))
    seconds = perf_counter() - started
    if as_json:
        emit_json(report.intake_json(results, seconds))
    else:
        report.show_intake(results, seconds)
    if any(isinstance(r, operations.Refusal) for r in results):
        raise typer.Exit(1)


def run(
    folder: Folder,
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=DAY, help="The day that is decided for; today when not given."),
    ] = None,
    known_at: Annotated[
        dt.datetime | None,
        typer.Option(formats=MOMENT, help="Replay what was decided on what was known then. Writes nothing."),
    ] = None,
    history: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Count so many past months anew for the signals of areas; when not given, those not counted yet.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one cycle over everybody: indicators, signals, signals of areas, entitlements, cases."""
    day = as_of.date() if as_of else operations.now().date()
    if known_at is not None:
        _replay(folder, day, known_at, as_json)
        return
    with told(), operations.installation(folder, as_of=day) as inst:
        result = operations.run_cycle(inst, day, operations.now(), history)
        if as_json:
            emit_json(report.cycle_json(result))
        else:
            report.show_cycle(result, inst.pack, inst.home.settings.language)


def _replay(folder: Path, as_of: dt.date, known_at: dt.datetime, as_json: bool) -> None:
    moment = operations.end_of(known_at.date()) if known_at.time() == dt.time() else known_at
    with told():
        replayed = operations.replay(folder, as_of, moment)
    if as_json:
        emit_json(
            report.outcome_json(replayed.outcome)
            | {"recorded_sha256": replayed.recorded, "equal": replayed.equal}
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


def explain(
    folder: Folder,
    case: Annotated[str, typer.Argument(help="The case's reference, as the console shows it.")],
    language: Annotated[str | None, typer.Option(help="en or zh; the installation's when not given.")] = None,
) -> None:
    """Why a case is there: each reason in a sentence, with numbers, units, source and date."""
    with told():
        place = home.load(folder)
        casework.setup(place)
        text = casework.explain(case, language or place.settings.language)
    out.print(text, markup=False)


def user(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    role: Annotated[str, typer.Option(help="worker, lead, department, policy, data, auditor or administrator.")] = "worker",
    areas: Annotated[
        str, typer.Option(help="Area codes that the person works for, by commas; * for all.")
    ] = "*",
    department: Annotated[str | None, typer.Option(help="For the role department: which.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="ALMONER_PASSWORD", help="Asked for when not given.")
    ] = None,
    link: Annotated[
        bool,
        typer.Option(
            "--link",
            help="Print an address in place of asking for a password: it sets one, once. For somebody there is already: a new one, and no second factor.",
        ),
    ] = False,
) -> None:
    """Add somebody who can sign in to the console, or let them begin anew."""
    with told():
        place = home.load(folder)
        casework.setup(place)
        casework.refuse_other_version(place)
        chosen = [a.strip() for a in areas.split(",")]
        if link:
            out.print(f"On the console: {casework.link_for(name, role, chosen, department)}", markup=False)
            return
        secret = password or typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        casework.create_user(name, secret, role, chosen, department)
    out.print(f"{name} can sign in.", markup=False)


def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    worker: Annotated[bool, typer.Option(help="Take in events and landed files meanwhile.")] = True,
) -> None:
    """Serve the console and the API, with a worker beside them, until it is stopped."""
    with told():
        place = home.load(folder)
        casework.setup(place)
        casework.refuse_other_version(place)
        casework.refuse_unsafe(place, host)
        out.print(f"The console is on http://{host}:{port} (stop with Ctrl+C).", markup=False)
        with beside(folder, worker):
            casework.serve(place, host, port)
