"""Files taken in by hand (`almoner intake`) mark households as dirty, as events do, for the next sweep and
the next worker."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from almoner.engines import open_engine
from almoner.registry import dirty
from county import AS_OF
from once import copied
from stream.burst import PEOPLE, registers
from stream.installation import Workers, almoner, log_lines, stop, wait_until_done
from stream.taking import event
from stream.test_killing import send
from stream.test_surroundings import history

WAGE = {"resident_no": PEOPLE[0], "month": "2026-11-01"}
COST = {"resident_no": PEOPLE[3], "day": "2026-10-01"}


@pytest.fixture
def home(small_home: Path, tmp_path: Path) -> Path:
    made = copied(small_home, tmp_path / "home")
    deliver(made, "people", *(json.loads(e.data or "") for e in registers()))
    return made


def deliver(home: Path, feed: str, *rows: dict[str, Any], received_at: str | None = None) -> None:
    file = home.parent / f"{feed}.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    almoner("intake", home, file, *(("--received-at", received_at) if received_at else ()))


def sweep(home: Path) -> None:
    almoner("run", home, "--as-of", AS_OF)


def waiting(home: Path) -> tuple[list[int], bool]:
    """The households that wait to be assessed, and whether everybody does."""
    with open_engine(home / "facts.duckdb") as engine:
        return dirty.dirty_households(engine, 100), dirty.all_are_dirty(engine)


def test_a_sweep_marks_cases_whose_evidence_was_corrected_or_withdrawn(home: Path) -> None:
    """A wage is corrected, and the amount of a cost is withdrawn. Both cases stay open, and record it
    once."""
    deliver(home, "wages", {**WAGE, "wage": 300})
    deliver(home, "clinic", {**COST, "cost": 5000})
    sweep(home)
    assert (len(history(home, "opened")), history(home, "evidence_withdrawn")) == (2, [])
    deliver(home, "wages", {**WAGE, "wage": 90_000})
    deliver(home, "clinic", {**COST, "cost": None})
    sweep(home)
    sweep(home)
    assert sorted(history(home, "evidence_withdrawn")) == sorted(history(home, "opened"))
    assert history(home, "closed") == []


def test_households_that_were_not_swept_are_assessed_by_the_worker(home: Path, worker: Workers) -> None:
    sweep(home)
    assert waiting(home) == ([], False)
    deliver(home, "wages", {**WAGE, "wage": 300})
    assert waiting(home) == ([1], False)
    process = worker(home)
    wait_until_done(home, process)
    stop(process)
    assert len(history(home, "opened")) == 1
    assert next(line["households"] for line in log_lines(home) if line["event"] == "cycle") == 1


def test_so_are_households_whose_rows_came_out_of_quarantine(home: Path) -> None:
    sweep(home)
    deliver(
        home, "wages", {**WAGE, "wage": 300}, received_at="2026-10-15T08:00:00"
    )  # before the month that it tells of
    assert waiting(home) == ([], False)
    almoner("quarantine", "retry", home)
    assert waiting(home) == ([1], False)


def test_a_file_of_many_rows_leaves_everybody_to_a_sweep_and_still_notes_lost_evidence(home: Path) -> None:
    deliver(home, "clinic", {**COST, "cost": 5000})
    sweep(home)
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(dirty.MOST_DIRTY // len(PEOPLE) + 1)]
    deliver(
        home,
        "clinic",
        {**COST, "cost": None},
        *({"resident_no": who, "day": str(day), "cost": None} for who in PEOPLE for day in days),
    )
    assert waiting(home)[1]
    sweep(home)
    assert len(history(home, "evidence_withdrawn")) == 1


def test_a_worker_that_sweeps_marks_them_too(home: Path, worker: Workers) -> None:
    """An area comes in the same round, which concerns everybody."""
    deliver(home, "clinic", {**COST, "cost": 5000})
    sweep(home)
    send(
        home, [event("places", 1, area_code="5201", kind="town"), event("clinic", 2, withdrawn=True, **COST)]
    )
    process = worker(home)
    wait_until_done(home, process)
    stop(process)
    assert len(history(home, "evidence_withdrawn")) == 1
