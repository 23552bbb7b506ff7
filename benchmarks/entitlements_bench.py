"""Measure a pack's programmes on a real file, beside the same rules in OpenFisca in the same run.

Both start from the same facts in the same store and end with what each programme gives each household.
Ours is a rehearsal of the cycle: indicators, signals, entitlements. Theirs is OpenFisca's own vectorised
calculation of rules written by hand (`openfisca_rules.py` beside the pack), on parameters that OpenFisca
reads from the pack's files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from os import urandom
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almoner import cycle
from almoner.assessment import ledger
from almoner.engines import Engine, open_engine, quote
from almoner.errors import AlmonerError
from almoner.lab import panels
from almoner.policy.model.pack import Pack, Panel
from almoner.registry.deliveries import take_in
from almoner.registry.schema import ensure
from almoner.registry.vault import Vault

RULES = "openfisca_rules.py"
CENT = 0.005  # amounts that differ by less are the same
ROUNDS = 5  # runs of each side, of which the best counts

Amounts = dict[str, NDArray[np.float64]]  # by programme, in the order of households


@dataclass(frozen=True)
class Timed:
    """The amounts, the seconds by phase, and the processor's seconds on all cores."""

    amounts: Amounts
    seconds: dict[str, float]
    processor: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`differences` counts amounts that differ by half a cent or more; `paid` the households by programme."""

    units: int
    intake_seconds: float
    ours: Timed
    theirs: Timed
    paid: dict[str, int]
    differences: int
    largest_difference: float


def compare(pack: Pack, folder: Path, rows: pa.Table | None = None) -> Comparison:
    """Take in the panel of `pack`, which lies in `folder`, then compute it with both in turn.

    Raises AlmonerError when the pack has no panel or no rules for OpenFisca, or OpenFisca is not installed.
    """
    if pack.panel is None or not (folder / RULES).is_file():
        raise AlmonerError(f"The pack {pack.id} has no panel, or no {RULES} beside it, to compare on.")
    system = _system(folder / RULES)
    with open_engine() as engine:
        started = perf_counter()
        period = _take_in(engine, pack, pack.panel, panels.read(pack.panel) if rows is None else rows)
        intake = perf_counter() - started
        as_of = dt.date(period, 12, 31)
        households = _households(engine, pack)
        rounds = [
            (_ours(engine, pack, as_of, households), _theirs(engine, pack, system, as_of))
            for _ in range(ROUNDS)
        ]
    ours, theirs = (min(side, key=lambda t: t.total) for side in zip(*rounds, strict=True))
    gaps = [np.abs(ours.amounts[p] - theirs.amounts[p]) for p in pack.programmes]
    return Comparison(
        units=len(households),
        intake_seconds=intake,
        ours=ours,
        theirs=theirs,
        paid={p: int((ours.amounts[p] > 0).sum()) for p in pack.programmes},
        differences=int(sum((gap >= CENT).sum() for gap in gaps)),
        largest_difference=float(max(gap.max() for gap in gaps)),
    )


def _system(file: Path) -> Any:
    try:
        import openfisca_core  # noqa: F401 - an extra
    except ImportError:
        raise AlmonerError("The peer needs an extra: pip install 'almoner[bench]'.") from None
    spec = spec_from_file_location("openfisca_rules", file)
    if spec is None or spec.loader is None:
        raise AlmonerError(f"{file} cannot be read as Python.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.system()


def _take_in(engine: Engine, pack: Pack, panel: Panel, rows: pa.Table) -> int:
    """Deliver the panel's one period; gives its year."""
    ensure(engine, pack.feeds)
    ledger.create(engine)
    vault = Vault(urandom(32))
    with engine.register("panel", rows), TemporaryDirectory() as folder:
        period = int(engine.value(f"SELECT max({panel.period}) FROM panel"))
        for feed in panel.columns:
            delivery = panels.deliver(engine, panel, feed, period, Path(folder))
            take_in(engine, vault, panels.Unkept(), pack.feeds, delivery)
    return period


def _households(engine: Engine, pack: Pack) -> NDArray[np.int64]:
    facts = f"facts.{quote(pack.membership_feed.id)}"
    found: NDArray[np.int64] = engine.table(f"SELECT household_id FROM {facts} ORDER BY 1")[
        "household_id"
    ].to_numpy()
    return found


def _ours(engine: Engine, pack: Pack, as_of: dt.date, households: NDArray[np.int64]) -> Timed:
    known_at, before = dt.datetime(as_of.year + 1, 1, 1, 23, 59), process_time()
    with cycle.rehearse(engine, pack, as_of, known_at) as (_, outcome):
        seconds = dict(outcome.seconds)
        started = perf_counter()
        table = engine.table(
            f"SELECT item, household_id, severity AS amount FROM {cycle.findings()['proposal']}"
        )
        seconds["amounts"] = perf_counter() - started
        used = process_time() - before
    return Timed(_by_programme(pack, table, households), seconds, used)


def _by_programme(pack: Pack, table: pa.Table, households: NDArray[np.int64]) -> Amounts:
    items = table["item"].to_numpy()
    at = np.searchsorted(households, table["household_id"].to_numpy())
    given = table["amount"].to_numpy()
    found = {p: np.zeros(len(households)) for p in pack.programmes}
    for programme, amounts in found.items():
        mine = items == programme
        amounts[at[mine]] = given[mine]
    return found


def _theirs(engine: Engine, pack: Pack, system: Any, as_of: dt.date) -> Timed:
    from openfisca_core.simulations import SimulationBuilder

    inputs = [name for name, variable in system.variables.items() if variable.is_input_variable()]
    started, before = perf_counter(), process_time()
    arrays = _arrays(engine, pack, inputs)
    read = perf_counter()
    simulation = SimulationBuilder().build_default_simulation(system, count=len(arrays["household_id"]))
    for name in inputs:
        simulation.set_input(name, f"{as_of:%Y}", arrays[name])
    given = perf_counter()
    found = {p: simulation.calculate(p, f"{as_of:%Y-%m}") for p in pack.programmes}
    seconds = {"arrays": read - started, "inputs": given - read, "calculation": perf_counter() - given}
    used = process_time() - before
    order = np.argsort(arrays["household_id"])
    return Timed({p: amounts[order].astype(float) for p, amounts in found.items()}, seconds, used)


def _arrays(engine: Engine, pack: Pack, inputs: list[str]) -> Mapping[str, NDArray[Any]]:
    """The facts as arrays; text by its few distinct values, numbers as the floats that OpenFisca holds."""
    register = pack.membership_feed
    numbers = {p.name for p in register.properties if p.type == "number"}
    columns = ", ".join(f"{quote(n)}::FLOAT AS {quote(n)}" if n in numbers else quote(n) for n in inputs)
    table = engine.table(f"SELECT household_id, {columns} FROM facts.{quote(register.id)}")
    return {name: _array(table[name].combine_chunks()) for name in table.column_names}


def _array(column: pa.Array) -> NDArray[Any]:
    if not pa.types.is_string(column.type):
        plain: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return plain
    coded = column.dictionary_encode()
    texts = np.array(coded.dictionary.to_pylist())
    found: NDArray[Any] = texts[coded.indices.to_numpy()]
    return found
