"""Runs a cycle over everybody, or computes a past one again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from almoner import casework, cycle, home
from almoner.assessment import ledger, months, records
from almoner.assessment.months import CountedMonths
from almoner.casework.sync.results import Applied
from almoner.cycle import CycleOutcome
from almoner.installation.casework_sync import apply_outbox, show_timelines
from almoner.installation.epochs import open_facts
from almoner.installation.opening import Installation, pack_folder
from almoner.policy import archive, archived, compile_archived, compile_pack
from almoner.progress import progress
from almoner.registry.schema import ensure
from almoner.registry.scope import persons_without_household
from almoner.stream import state


def end_of(day: dt.date) -> dt.datetime:
    """The last second of the day."""
    return dt.datetime.combine(day, dt.time(23, 59, 59))


@dataclass
class CycleResult:
    """A cycle, and what casework did with its changes."""

    outcome: CycleOutcome
    applied: Applied
    persons_without_household: int  # a blind spot: they have facts, but no household to be assessed in
    seconds: float  # without those of `counted`
    counted: CountedMonths  # past months that area signals compare with


def run_cycle(
    inst: Installation, as_of: dt.date, known_at: dt.datetime, history: int | None = None
) -> CycleResult:
    """Run a sweep, then bring casework up to date, also with what an interrupted run left in the outbox.

    Before that, months that have become complete are counted for area signals. `history`: count so many past
    months anew.
    """
    with progress("Months"):
        counted = months.count(inst.engine, inst.pack, as_of, known_at, history)
    started = perf_counter()
    archive(pack_folder(inst.home), inst.home.pack_archive)
    with progress("Cycle"):
        outcome, evidence_lost = cycle.sweep(inst.engine, inst.pack, as_of, known_at)
    applied_from = perf_counter()
    applied = apply_outbox(inst, evidence_lost)
    with inst.engine.transaction():
        state.forget_everybody(inst.engine)
    outcome.seconds["casework"] = perf_counter() - applied_from
    shown_from = perf_counter()
    show_timelines(inst, as_of, known_at)
    outcome.seconds["timelines"] = perf_counter() - shown_from
    seconds = perf_counter() - started
    unplaced = persons_without_household(inst.engine, inst.pack.feeds, known_at)
    judged = [(w.signal, w.subjects, w.holds, w.unknown) for w in outcome.watched]
    casework.sync_sweep(as_of, outcome.households, unplaced, judged)
    casework.sync_gaps(outcome.gaps)
    return CycleResult(outcome, applied, unplaced, seconds, counted)


@dataclass(frozen=True)
class Replayed:
    """A past decision computed again. `recorded` is None where no cycle was run for that day by then."""

    outcome: CycleOutcome
    recorded: str | None

    @property
    def equal(self) -> bool | None:
        return None if self.recorded is None else self.recorded == self.outcome.decided


def replay(folder: Path, as_of: dt.date, known_at: dt.datetime) -> Replayed:
    """What was decided for `as_of` on what was known at `known_at`, computed again with the pack of then.

    Where nothing had been decided for that day, it is computed with the pack in use. Raises PackError
    where the pack that decided is missing from the archive, or was changed there.
    """
    place = home.load(folder)
    with open_facts(place) as engine:
        ledger.create(engine)
        sweep = records.last_sweep(engine, as_of, known_at)
        when = sweep.known_at if sweep else known_at
        pack = (
            compile_archived(archived(place.pack_archive, sweep.pack_hash), pack_folder(place), as_of=as_of)
            if sweep
            else compile_pack(pack_folder(place), as_of=as_of)
        )
        ensure(engine, pack.feeds)
        return Replayed(cycle.replay(engine, pack, as_of, when), sweep.decided if sweep else None)
