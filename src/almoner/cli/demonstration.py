"""`almoner demo`: makes a fictional county, runs a full cycle and serves the console."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import shutil
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from almoner import casework
from almoner.cli import report
from almoner.cli.evaluating import quality
from almoner.cli.output import AsJson, emit_json, err, errors_as_text, out, show_table
from almoner.errors import AlmonerError
from almoner.home import Home, now
from almoner.installation import cycles, intake, opening
from almoner.lab import evaluation
from almoner.lab.place import build
from almoner.policy import compile_pack
from almoner.policy.model.terms import say
from almoner.progress import progress
from almoner.stream.lock import sole_console

MARK = ".almoner-demo"


def demo(
    folder: Annotated[
        Path, typer.Option(help="The folder of the demo; an existing demo there is replaced.")
    ] = Path("demo"),
    residents: Annotated[int, typer.Option(help="How many people live in the county.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same county.")] = 1,
    pack: Annotated[str, typer.Option(help="The pack to run.")] = "base",
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    serve: Annotated[bool, typer.Option(help="Keep serving the console afterwards.")] = True,
    port: Annotated[int, typer.Option(help="The console's port.")] = 8000,
    as_json: AsJson = False,
) -> None:
    """Create a fictional county, run one full cycle, and serve the console on http://127.0.0.1:8000."""
    with errors_as_text():
        result, home = _run(folder, residents, seed, pack, language, as_json)
        if as_json:
            emit_json(result)
        if serve:
            password = secrets.token_urlsafe(9)
            _people(home, password)
            err.print(
                "A demonstration: no second factor is asked for. An installation asks everybody who sees"
                " personal data for one.",
                markup=False,
            )
            err.print(
                f"The console is on http://127.0.0.1:{port}. Sign in as: worker   password: {password}  "
                " (stop with Ctrl+C)\nWith the same password: lead (the second person for money), auditor,"
                " second-administrator (for rights that touch money),"
                " administrator, and each department by its id.",
                style="bold",
                markup=False,
            )
            with sole_console(home.folder):
                casework.serve(home, "127.0.0.1", port)


def _people(home: Home, password: str) -> None:
    """Make a user for each role of the demonstration, and one for each department."""
    for name in ("worker", "lead", "auditor", "administrator"):
        casework.create_user(name, password, role=name)
    casework.create_user("second-administrator", password, role="administrator")
    for department in compile_pack(opening.pack_folder(home)).departments:
        casework.create_user(department, password, role="department", areas=[], department=department)


def _run(
    folder: Path, residents: int, seed: int, pack: str, language: str, quiet: bool
) -> tuple[dict[str, Any], Home]:
    started = perf_counter()
    _clear(folder)
    place = folder / "place"
    with progress("County", 1) as advance:
        summary = build(place, residents, seed, advance=advance)
    home = opening.make_home(folder / "home", pack, language, demo=True)
    with opening.installation(home.folder, as_of=summary.as_of) as inst:
        taken = perf_counter()
        deliveries = intake.deliveries_in([place / "deliveries"], list(inst.pack.feeds), None, now(), None)
        results = list(intake.take_in_all(inst, deliveries))
        if not quiet:
            report.show_intake(results, perf_counter() - taken)
        cycled = cycles.run_cycle(inst, summary.as_of, cycles.end_of(summary.as_of))
        casework.load_outlines(place / "areas.geojson")
        evaluation.truth_of(inst.engine, inst.vault, place, summary.as_of)
        qualities = evaluation.signal_quality(inst.engine, inst.pack)
        naive = evaluation.naive_rules(inst.engine, inst.pack, summary.as_of)
        if not quiet:
            report.show_cycle(cycled, inst.pack, language)
            _show_quality(inst.pack, [*qualities, *naive], language)
    monthly = f"{inst.pack.currency}/month"
    money = sum(p.total for p in cycled.outcome.proposed if p.unit == monthly)
    result = {
        "residents": summary.residents,
        "households": cycled.outcome.households,
        "as_of": summary.as_of,
        "intake": report.intake_json(results, 0) | {"seconds": None},
        "signals": {q.signal: quality(q) for q in qualities},
        "naive_rules": {q.signal: quality(q) for q in naive},
        "cases": cycled.applied.cases_opened,
        "proposals": report.outcome_json(cycled.outcome)["proposals"],
        f"proposed_{inst.pack.currency.lower()}_per_month": round(money, 2),
        "cycle_seconds": round(cycled.seconds, 3),
        "seconds": round(perf_counter() - started, 3),
    }
    result["intake"].pop("seconds")
    if not quiet:
        out.print(
            f"Proposed: {money:,.0f} {inst.pack.currency} a month. All in {result['seconds']:.0f} s.",
            markup=False,
        )
    return result, home


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise AlmonerError(
                f"{folder} is not a former demo and not empty. Name another folder with --folder."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps({"made_on": dt.date.today().isoformat()}) + "\n", encoding="utf-8")


def _show_quality(pack: Any, qualities: list[evaluation.Quality], language: str) -> None:
    rows = []
    for q in qualities:
        label = (
            say(pack.signals[q.signal].label, language) if q.signal in pack.signals else f"(naive) {q.signal}"
        )
        rows.append((label, q.raised, q.right, q.precision, q.needs, q.recall))
    show_table(
        "Against the truth of the fictional county",
        ["rule", "raised", "right", "precision", "true needs", "recall"],
        rows,
    )
