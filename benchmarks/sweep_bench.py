"""Measure place, intake and cycle, beside a lower bound and the same indicators in pandas."""

from __future__ import annotations

import datetime as dt
import resource
import sys
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from almoner import cycle
from almoner.assessment import opening, signals
from almoner.assessment.opening import open_context
from almoner.engines import Engine, quote
from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Pack
from almoner.registry.scope import scope_views

if TYPE_CHECKING:
    import pandas as pd


def peak_memory_mib() -> float:
    """The largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1024 * 1024 if sys.platform == "darwin" else 1024)


def fact_rows(engine: Engine, pack: Pack) -> int:
    return sum(int(engine.value(f"SELECT count(*) FROM facts.{quote(feed)}")) for feed in pack.feeds)


def assessment_seconds(engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime) -> float:
    """Indicators and signals over everybody, nothing written. Best of three."""
    runs = (cycle.replay(engine, pack, as_of, known_at).seconds for _ in range(3))
    return min(seconds["indicators"] + seconds["signals"] for seconds in runs)


def indicator_seconds(engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime) -> dict[str, float]:
    """Seconds of each indicator by itself, the slowest first. Best of three."""
    with open_context(engine, pack, as_of, known_at) as context:
        taken = {
            indicator.id: min(_timed(partial(opening.compute, context, [indicator])) for _ in range(3))
            for indicator in pack.indicators.values()
        }
    return dict(sorted(taken.items(), key=lambda item: -item[1]))


def signal_seconds(engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime) -> float:
    """Seconds of one more signal over computed indicators, on average. Best of three."""
    with open_context(engine, pack, as_of, known_at) as context:
        return min(_timed(partial(signals.find, context)) for _ in range(3)) / max(1, len(pack.signals))


def _timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def lower_bound_seconds(
    engine: Engine, pack: Pack, known_at: dt.datetime, by: Literal["household", "person"] = "household"
) -> float:
    """Seconds of a bare scan that reads every fact once and sums numbers by household. Best of three.

    Assessment is of households; `by` person leaves out the join that brings a fact to its household.
    """
    with engine.views(scope_views(pack.feeds, known_at, None)):
        return min(_aggregate_once(engine, pack, by) for _ in range(3))


def _aggregate_once(engine: Engine, pack: Pack, by: str) -> float:
    started = perf_counter()
    for feed in pack.feeds.values():
        if feed.with_role(Role.RESIDENT_ID):
            engine.materialize(
                "lower_bound", _bare(feed, by)
            )  # materialized, because the engine skips columns that nobody reads
    engine.drop("lower_bound")
    return perf_counter() - started


def _bare(feed: Feed, by: str) -> str:
    sums = [
        f"sum({quote(p.name)}) AS {quote(p.name)}"
        for p in feed.properties
        if p.type in ("number", "integer") and p.fact_column == p.name
    ]
    times = [f"max({quote(p.name)}) AS {quote(p.name)}" for p in feed.properties if p.role is Role.EVENT_TIME]
    listed = ", ".join([f"{by}_id", "count(*) AS n", *sums, *times])
    joined = "" if by == "person" or feed.membership else " JOIN member USING (person_id)"
    return f"SELECT {listed} FROM {quote(feed.id)}{joined} GROUP BY {by}_id HAVING n > 0"


def pandas_seconds(engine: Engine, pack: Pack, as_of: dt.date, through: Mapping[str, dt.date]) -> float:
    """The same indicators in pandas on frames that are in memory already; loading is not counted."""
    try:
        from benchmarks import peer_pandas
    except ImportError:
        raise AlmonerError("The peer needs an extra: pip install 'almoner[bench]'.") from None
    frames: dict[str, pd.DataFrame] = {
        feed.id: frame(engine, feed) for feed in pack.feeds.values() if feed.with_role(Role.RESIDENT_ID)
    }
    started = perf_counter()
    for compute, parameters in peer_pandas.INDICATORS.values():
        values = (pack.parameters[name].at(as_of) for name in parameters)
        compute(frames, through, as_of, *(v.value if v else None for v in values))
    return perf_counter() - started


def frame(engine: Engine, feed: Feed) -> pd.DataFrame:
    """A feed's open facts as a pandas frame, dates as timestamps."""
    dates = {p.name for p in feed.properties if p.type == "date"}
    columns = [
        f"{quote(c)}::TIMESTAMP AS {quote(c)}" if c in dates else _plain(feed, c)
        for c in (p.fact_column for p in feed.properties)
        if c
    ]
    current: pd.DataFrame = engine.table(
        f"SELECT {', '.join(columns)} FROM facts.{quote(feed.id)} WHERE known_to = 'infinity'::TIMESTAMP"
    ).to_pandas()
    return current


def _plain(feed: Feed, column: str) -> str:
    found = feed.property_named(column)
    return (
        f"{quote(column)}::DOUBLE AS {quote(column)}" if found and found.type == "number" else quote(column)
    )
