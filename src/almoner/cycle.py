"""Run a cycle: from indicators to proposals, with the changes since the last cycle written to the outbox.

A sweep covers everybody; with `households`, a cycle covers only these. A cycle is one transaction. `replay`
computes the same on what was known at an earlier time, and writes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType

import pyarrow as pa

from almoner.assessment import area_alerts, evidence, gone, ledger, records, signals, watch
from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import EvidenceSources
from almoner.assessment.jumps import Jump
from almoner.assessment.ledger import Kind, RenderedChange
from almoner.assessment.missing import Gap
from almoner.assessment.opening import open_context
from almoner.assessment.signals import Watched
from almoner.assessment.watch import Layers
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.registry.living import Absent
from almoner.registry.schema import absent
from almoner.support import candidates, entitlements, reasons, recognition
from almoner.support.recognition import Recognised


@dataclass(frozen=True)
class _Stage:
    """A kind of findings: its tables, and the functions that render and expire them."""

    kind: Kind
    findings: str
    disproved: str
    render: Callable[[AssessmentContext, EvidenceSources], Iterable[RenderedChange]]
    expiry: Callable[[Pack], Mapping[str, int]]


_STAGES = (
    _Stage("signal", signals.FINDINGS, signals.DISPROVED, signals.render, signals.expiry),
    _Stage("area", area_alerts.FINDINGS, area_alerts.DISPROVED, area_alerts.render, area_alerts.expiry),
    *(
        _Stage(
            kind,
            recognition.findings(kind),
            recognition.disproved(kind),
            recognition.renderer(kind),
            recognition.expiry,
        )
        for kind in recognition.KINDS
    ),
    _Stage("proposal", entitlements.FINDINGS, entitlements.DISPROVED, reasons.render, entitlements.expiry),
)


def findings() -> dict[Kind, str]:
    """By kind, the materialized table of an assessment's findings, with the ledger's columns."""
    return {stage.kind: stage.findings for stage in _STAGES}


@dataclass(frozen=True)
class Proposed:
    """What one programme would give: the number of proposals, and their sum in the programme's unit."""

    programme: str
    unit: str
    count: int
    total: float


@dataclass(kw_only=True)
class CycleOutcome:
    """What a cycle found and changed.

    `seconds` are by phase. `watched`, `proposed`, `recognised`, `gaps` and `layers` are counts of everybody,
    and are empty for a cycle over some households.
    """

    cycle_id: int | None
    as_of: dt.date
    known_at: dt.datetime
    decided: str
    households: int
    persons: int
    watched: list[Watched]
    proposed: list[Proposed]
    recognised: list[Recognised] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)  # areas whose rate jumped
    gaps: list[Gap] = field(default_factory=list)  # periods that never came
    layers: Layers | None = None  # what holds, by layer of the watch; None where the pack has none
    moved: dict[str, dict[str, int]] = field(default_factory=dict)  # by item: raised, changed, cleared
    areas_moved: dict[str, dict[str, int]] = field(default_factory=dict)  # of areas' alerts, by signal
    seconds: dict[str, float] = field(default_factory=dict)


def run(
    engine: Engine,
    pack: Pack,
    as_of: dt.date,
    known_at: dt.datetime,
    households: Sequence[int] | None = None,
    also: Callable[[int], None] | None = None,
) -> CycleOutcome:
    """Assess the scope and write what changed, in one transaction.

    `also` is called at its end with the number of the cycle.
    """
    ledger.create(engine)
    with engine.transaction():
        with _opened(engine, pack, as_of, known_at, households) as (context, seconds):
            outcome = _assess(context, seconds)
            started = perf_counter()
            cycle_id = outcome.cycle_id = records.next_cycle_id(engine)
            _record(context, outcome)
            seconds["record"] = perf_counter() - started
        if also:
            also(cycle_id)
    return outcome


def sweep(
    engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime
) -> tuple[CycleOutcome, list[int]]:
    """Run a cycle over everybody. Gives its outcome, and the households with lost evidence
    (`evidence_lost`).
    """
    unsure: list[int] = []
    return run(engine, pack, as_of, known_at, also=lambda _: unsure.extend(evidence_lost(engine))), unsure


def evidence_lost(engine: Engine, households: Sequence[int] | None = None) -> list[int]:
    """The households that still have open signals but none that this cycle found to hold.

    Only households with a corrected or withdrawn record count, among `households` (None: all). To be called
    within the cycle's transaction.
    """
    if not dirty.any_closed(engine):
        return []
    holds = ledger.keyed("signal", findings()["signal"])
    only = "" if households is None else "AND household_id IN (SELECT household_id FROM assessed_now)"
    sql = f"""
        SELECT household_id
        FROM ({records.open_signals(None, "household_id, key")})
        WHERE household_id IN ({dirty.CLOSED}) {only}
        GROUP BY household_id
        HAVING NOT bool_or(key IN (SELECT key FROM ({holds})))
        ORDER BY household_id
        """
    with engine.register("assessed_now", pa.table({"household_id": pa.array(households or [], pa.int64())})):
        return [household for (household,) in engine.rows(sql)]


def warm_up(
    engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime, households: Sequence[int]
) -> None:
    """Run a cycle over some households as if it were their first, and roll it back.

    An engine that keeps plans has them ready from then on.
    """
    ledger.create(engine)
    with engine.rolled_back():
        records.discard_open(engine, households)
        with _opened(engine, pack, as_of, known_at, households) as (context, seconds):
            outcome = _assess(context, seconds)
            outcome.cycle_id = records.next_cycle_id(engine)
            _record(context, outcome)


def replay(engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime) -> CycleOutcome:
    """What the pack decides on the facts as known at `known_at`. Nothing is written."""
    ledger.create(engine)
    with _opened(engine, pack, as_of, known_at, None) as (context, seconds):
        return _assess(context, seconds)


@contextmanager
def rehearse(
    engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime
) -> Iterator[tuple[AssessmentContext, CycleOutcome]]:
    """What `run` would find with this pack; its findings can be read within the block.

    The engine may be read-only. Feeds and columns that are new in this pack are empty. Findings have no
    evidence and `decided` is empty: rehearsals are compared by their findings.
    """
    missing = absent(engine, pack.feeds)
    with _opened(engine, pack, as_of, known_at, None, missing, evidence=False) as (context, seconds):
        yield context, _assess(context, seconds)


@contextmanager
def _opened(
    engine: Engine,
    pack: Pack,
    as_of: dt.date,
    known_at: dt.datetime,
    households: Sequence[int] | None,
    missing: Absent = MappingProxyType({}),
    *,
    evidence: bool = True,
) -> Iterator[tuple[AssessmentContext, dict[str, float]]]:
    started = perf_counter()
    with open_context(engine, pack, as_of, known_at, households, missing, evidence=evidence) as context:
        yield context, {"indicators": perf_counter() - started}


def _assess(context: AssessmentContext, seconds: dict[str, float]) -> CycleOutcome:
    started = perf_counter()
    watched = signals.find(context)
    seconds["signals"] = perf_counter() - started
    started = perf_counter()
    jumps = area_alerts.find(context)
    seconds["areas"] = perf_counter() - started
    started = perf_counter()
    candidates.find(context)
    recognised = recognition.find(context)
    seconds["categories"] = perf_counter() - started
    started = perf_counter()
    entitlements.find(context)
    seconds["entitlements"] = perf_counter() - started
    households, persons = context.engine.rows(
        f"SELECT (SELECT count(*) FROM wide_household), ({gone.count_living(context)})"
    )[0]
    stages = ((stage.kind, stage.findings) for stage in _STAGES)
    decided = ledger.decided(context.engine, *stages) if context.evidence else ""
    return CycleOutcome(
        cycle_id=None,
        as_of=context.as_of,
        known_at=context.known_at,
        decided=decided,
        households=households,
        persons=persons,
        watched=watched,
        proposed=[] if context.scoped else _proposed(context),
        recognised=recognised,
        jumps=jumps,
        gaps=list(context.gaps),
        layers=None if context.scoped else watch.count(context, signals.FINDINGS),
        seconds=seconds,
    )


def _proposed(context: AssessmentContext) -> list[Proposed]:
    rows = context.engine.rows(
        f"SELECT item, count(*), sum(severity) FROM {entitlements.FINDINGS} GROUP BY item ORDER BY item"
    )
    return [Proposed(item, context.pack.programmes[item].unit, count, total) for item, count, total in rows]


def _record(context: AssessmentContext, outcome: CycleOutcome) -> None:
    ledger.write_cycle(
        context.engine,
        {
            "cycle_id": outcome.cycle_id,
            "as_of": context.as_of,
            "known_at": context.known_at,
            "scope": "households" if context.scoped else "everybody",
            "pack_hash": context.pack.hash,
            "decided": outcome.decided,
        },
    )
    compared = [ledger.Compared(s.kind, s.findings, s.disproved, s.expiry(context.pack)) for s in _STAGES]
    gone.find(context)
    moved = ledger.find_moves(
        context.engine, compared, context.active_findings, context.as_of, scoped=context.scoped
    )
    context.engine.drop(ledger.GONE)
    for kind, counts in moved.items():
        _count(outcome.areas_moved if kind == "area" else outcome.moved, counts)
    ledger.materialize_concerned(context.engine, [stage.kind for stage in _STAGES])
    ledger.reconcile(
        context.engine, findings(), context.active_findings, context.as_of, scoped=context.scoped
    )
    if any(moved.values()):
        evidence.materialize_latest(context)
    sources = EvidenceSources(context)
    batches = ledger.emit(
        context.engine,
        (
            (stage.kind, change)
            for stage in _STAGES
            if moved[stage.kind]
            for change in stage.render(context, sources)
        ),
    )
    ledger.write_changes(context.engine, outcome.cycle_id or 0, batches)
    evidence.drop_latest(context)


def _count(counted: dict[str, dict[str, int]], moved: Mapping[str, Mapping[str, int]]) -> None:
    for item, counts in moved.items():
        sums = counted.setdefault(item, {"raised": 0, "changed": 0, "cleared": 0})
        for change, count in counts.items():
            sums[change] += count
