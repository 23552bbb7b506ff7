"""Build a fictional county: people, their lives, and the records that departments make of them.

The modules in order: `land` and `people` (who is there); `work`, `shocks`, `clusters` and `mishaps` (what
happens to them); `wages`, `pensions`, `income`, `aid`, `health`, `school` and `elders` (income and services
over the months); `circumstances` with `disability`, `tiers`, `childcare`, `allowances`, `houses`, `means`,
`costs`, `coverage`, `relief` and `requests` (the other circumstances of a household); `truth`, `burdens`
and `hardship` (who came into need); `register`, `books`, `feeds`, `office_feeds`, `faults`, `files` and
`deliveries` (what the offices record and send).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from almoner.errors import AlmonerError
from almoner.lab.place import clusters, names, truth
from almoner.lab.place.clock import Clock
from almoner.lab.place.deliveries import MONTHS_AFTER_HISTORY, Form, deliver
from almoner.lab.place.land import write_outlines
from almoner.lab.place.life import Life, live
from almoner.lab.place.people import FORMS
from almoner.progress import Advance

__all__ = ["Form", "PlaceSummary", "build"]

FEWEST_RESIDENTS, FEWEST_MONTHS = 1000, 6


@dataclass(frozen=True, kw_only=True)
class PlaceSummary:
    """What `place.json` says; `facts_rows` counts the rows of all delivered files, with planted faults."""

    seed: int
    residents: int
    households: int
    months: int
    until: date
    as_of: date
    facts_rows: int


def build(
    folder: Path,
    residents: int,
    seed: int = 1,
    months: int = 24,
    until: date = date(2026, 10, 31),
    form: Form = "mixed",
    advance: Advance | None = None,
    monthly: int = MONTHS_AFTER_HISTORY,
) -> PlaceSummary:
    """Write a county into `folder`, byte for byte the same for the same arguments.

    `residents` live there for `months` months, of which `until` is the last day. `form` is "mixed" for the
    kinds of files that departments send, or "parquet" for Parquet alone. The last `monthly` months come in
    files of their own, each when the month has ended; those before them in one file a feed. `advance` is told
    shares of the work that sum up to one. `folder` gets `deliveries/` with `manifest.json`, `truth/`,
    `areas.geojson` and `place.json`. AlmonerError when the county would be too small or too short, or
    `until` is no month's end.
    """
    _check(residents, months, until, monthly)
    step = advance or _quietly
    clock = Clock(until, months)
    life = live(residents, seed, clock)
    step(0.3)
    rows = deliver(life, folder / "deliveries", form, monthly, lambda steps=1: step(0.6 * steps))
    _write_truth(life, folder / "truth")
    write_outlines(life.land, folder / "areas.geojson")
    summary = PlaceSummary(
        seed=seed,
        residents=residents,
        households=life.people.households,
        months=months,
        until=until,
        as_of=clock.as_of,
        facts_rows=rows,
    )
    text = json.dumps(asdict(summary), default=str, indent=1) + "\n"
    (folder / "place.json").write_text(text, encoding="utf-8")
    step(0.1)
    return summary


def _quietly(steps: float = 1) -> None:
    """Ignore the progress."""


def _check(residents: int, months: int, until: date, monthly: int) -> None:
    if residents < FEWEST_RESIDENTS:
        raise AlmonerError(f"A place needs at least {FEWEST_RESIDENTS} residents, not {residents}.")
    if months < FEWEST_MONTHS:
        raise AlmonerError(f"A place needs at least {FEWEST_MONTHS} months, not {months}.")
    if not 1 <= monthly < months:
        raise AlmonerError(
            f"Of {months} months 1 to {months - 1} can come in files of their own, not {monthly}."
        )
    if (until + timedelta(days=1)).day != 1:
        raise AlmonerError(f"`until` must be the last day of a month, not {until}.")


def _write_truth(life: Life, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    codes = life.land.village_codes()
    for name, table in truth.tables(
        life.people, life.living, life.needs, life.lonely, codes, names.ETHNICITIES, FORMS
    ):
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    pq.write_table(clusters.table(life.events), folder / "area_events.parquet", compression="zstd")
    pq.write_table(life.recoveries, folder / "recoveries.parquet", compression="zstd")
