"""Run `python -m benchmarks console`: the time of each page at the server, with many cases and with few."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import typer

from almoner import casework
from almoner.cli.output import AsJson, emit_json, errors_as_text, show_table
from almoner.installation import opening
from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from almoner.progress import progress
from benchmarks import console_bench
from benchmarks.console_bench import Household

FEW = 200  # cases of the lower bound
ENDED = 4  # one ended case for so many open ones
PAST = 10**9  # households from this number on have ended cases
LIMIT = 0.3  # seconds


def console(
    cases: Annotated[
        int, typer.Option(min=FEW, help="Number of open cases; a quarter as many have ended.")
    ] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same cases.")] = 1,
    pack: Annotated[str, typer.Option(help="The pack whose signals and programmes the cases have.")] = "base",
    browsers: Annotated[
        int, typer.Option(min=0, help="Then let so many people use the console at once; 0: nobody.")
    ] = 0,
    seconds: Annotated[float, typer.Option(help="For so long.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Fill an empty console with made-up cases, then time each page that lists, counts or searches them.

    On SQLite, or on the PostgreSQL database that ALMONER_DATABASE_URL names; it must be empty.
    """
    with errors_as_text(), TemporaryDirectory() as folder:
        result = _measure(Path(folder), cases, seed, compile_pack(pack), pack, browsers, seconds)
    if as_json:
        emit_json(result)
        return
    rows = [
        (name, 1000 * p["seconds"], 1000 * p["seconds_few"], p["ratio"])
        for name, p in result["pages"].items()
    ]
    if "browsers" in result:
        used = result["browsers"]
        show_table(
            f"{browsers} browsers for {seconds:.0f} s",
            ["pages", "errors", "median s", "95 % s", "longest s"],
            [tuple(used[k] for k in ("pages", "errors", "median_seconds", "p95_seconds", "longest_seconds"))],
        )
    show_table(
        f"{result['database']}, {result['open_cases']:,} open cases",
        ["page", "ms", f"ms with {FEW} cases", "ratio"],
        rows,
    )


@dataclass(kw_only=True)
class _Console:
    """The console that is filled. `seq` is the last change applied, `households` the number of households
    with findings.
    """

    pack: Pack
    seed: int
    seq: int = 0
    households: int = 0
    users: dict[str, Any] = field(default_factory=dict)
    tally_seconds: float = 0.0

    def fill(self, cases: int, now: dt.datetime) -> None:
        """Fill the console up to a number of open cases, with ended ones beside them."""
        from benchmarks.console import page_filling

        numbers = range(self.households, cases)
        new = [Household(n, past=False) for n in numbers] + [
            Household(PAST + n, past=True) for n in numbers if n % ENDED == 0
        ]
        with progress("Cases", 1) as advance:
            for batch in console_bench.changes(self.pack, new, self.seed, self.seq, now):
                self.seq = casework.apply([batch]).last_seq
                advance(len(batch) / (2 * len(new)))
        page_filling.live(self.users, PAST, now)
        casework.sync_timelines(
            self.pack, None, lambda wanted: console_bench.lines(self.pack, wanted, self.seed, now.date())
        )
        page_filling.settle()
        started = perf_counter()
        casework.sync_tallies()
        self.tally_seconds = perf_counter() - started
        self.households = cases


def _measure(
    folder: Path, cases: int, seed: int, compiled: Pack, pack: str, browsers: int, seconds: float
) -> dict[str, Any]:
    home = opening.make_home(folder / "home", pack, "en", demo=True)
    from almoner.casework.figures import charts
    from benchmarks.console import browsers as people
    from benchmarks.console import page_filling, page_times

    page_filling.refuse_filled()
    casework.sync_areas(console_bench.areas())
    now, made = dt.datetime.now(), _Console(pack=compiled, seed=seed)
    township = f"{console_bench.COUNTY}101"
    made.users = _people(township)
    casework.sync_sweep(now.date(), cases, 0, [(signal, cases, 10, 10) for signal in compiled.signals])
    page_filling.draw_map()
    charts.warm_up()
    made.fill(FEW, now)
    made.users["department"] = _clerk(department := page_times.busiest_department())
    few = page_times.measured(page_times.pages(township, department), made.users, department)
    started = perf_counter()
    made.fill(cases, now)
    filled = perf_counter() - started
    found = page_times.measured(page_times.pages(township, department), made.users, department)
    used: dict[str, Any] = {}
    if browsers:
        headers = page_times.headers_of(page_times.signed_in(made.users, department))
        asked = page_times.pages(township, department)
        with people.served(home.folder) as port:
            used = {"browsers": people.browse(port, asked, headers, browsers, seconds, seed).as_json()}
    slow = sorted(name for name, took in found.items() if took.best > LIMIT)
    return used | {
        "database": "postgresql" if os.environ.get("ALMONER_DATABASE_URL") else "sqlite",
        "open_cases": cases,
        "ended_cases": -(-cases // ENDED),
        "changes": made.seq,
        "fill_seconds": round(filled, 1),
        "tally_seconds": round(made.tally_seconds, 1),
        "limit_seconds": LIMIT,
        "over_limit": slow,
        "slowest_seconds": round(max(took.best for took in found.values()), 3),
        "pages": {
            name: (
                took.as_json()
                | {
                    "seconds_few": round(before.best, 4),
                    "ratio": round(took.best / before.best, 1),
                }
            )
            for (name, took), before in zip(found.items(), few.values(), strict=True)
        },
    }


def _people(township: str) -> dict[str, Any]:
    """Users: one who sees all areas, one with a township, a colleague who has most cases, and an auditor."""
    made = casework.create_user
    return {
        "everywhere": made("everywhere", None, role="lead", areas=["*"]),
        "township": made("township", None, areas=[township]),
        "colleague": made("colleague", None, areas=["*"]),
        "auditor": made("auditor", None, role="auditor", areas=[]),
    }


def _clerk(department: str) -> Any:
    return casework.create_user("clerk", None, role="department", areas=[], department=department)
