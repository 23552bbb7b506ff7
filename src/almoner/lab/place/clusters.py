"""Generate events that strike a village or town as a whole: flood, landslide, closed factory, outbreak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import NEVER, Bools, Ints, Rng, weighted
from almoner.lab.place.clock import Clock
from almoner.lab.place.land import Land
from almoner.lab.place.people import People
from almoner.lab.place.shocks import FLOOD, LANDSLIDE, NO_MONTH, Shocks
from almoner.lab.place.work import FACTORY, INSURED, Livelihoods

VILLAGE, TOWNSHIP = "village", "township"


@dataclass(frozen=True, kw_only=True)
class AreaEvent:
    """One event; `households` counts those that were struck, `ended_on` is NaT while it goes on."""

    area_code: str
    level: str
    kind: str
    started_on: np.datetime64
    ended_on: np.datetime64
    households: int


def befall(
    land: Land, people: People, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng
) -> list[AreaEvent]:
    """Let events strike some villages and a town, and add their effects on people to `shocks`."""
    codes = land.village_codes()
    villages = _rural_villages(people, rng)
    events = []
    for village, kind, back, share in (
        (villages[0], FLOOD, 4, 0.6),
        (villages[1], FLOOD, 4, 0.6),
        (villages[2], LANDSLIDE, 9, 0.35),
    ):
        if back <= clock.months:
            struck = (people.village == village) & ~people.urban & (rng.random(people.households) < share)
            events.append(_disaster(codes[village], kind, back, struck, shocks, clock))
    events.append(_factory_closes(land, people, work, shocks, clock, rng))
    events.append(_outbreak(villages[3], codes, people, shocks, clock, rng))
    return events


def table(events: list[AreaEvent]) -> pa.Table:
    """The true events as a table, one row an event."""
    return pa.table(
        {
            "area_code": pa.array([event.area_code for event in events], pa.string()),
            "level": pa.array([event.level for event in events], pa.string()),
            "kind": pa.array([event.kind for event in events], pa.string()),
            "started_on": pa.array(np.array([event.started_on for event in events], "datetime64[D]")),
            "ended_on": pa.array(np.array([event.ended_on for event in events], "datetime64[D]")),
            "households": pa.array([event.households for event in events], pa.int64()),
        }
    )


def _rural_villages(people: People, rng: Rng) -> Ints:
    """Choose four rural villages, larger ones more often."""
    rural = np.bincount(people.village[~people.urban]).astype(np.float64)
    return np.asarray(rng.choice(len(rural), 4, replace=False, p=rural / rural.sum()))


def _disaster(code: str, kind: int, back: int, struck: Bools, shocks: Shocks, clock: Clock) -> AreaEvent:
    month = clock.months - back
    day = clock.starts[month] + np.timedelta64(11, "D")
    shocks.disaster[struck], shocks.disaster_on[struck], shocks.disaster_kind[struck] = month, day, kind
    name, days = ("flood", 6) if kind == FLOOD else ("landslide", 2)
    return AreaEvent(
        area_code=code,
        level=VILLAGE,
        kind=name,
        started_on=day,
        ended_on=day + np.timedelta64(days, "D"),
        households=int(struck.sum()),
    )


def _factory_closes(
    land: Land, people: People, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng
) -> AreaEvent:
    """One town outside the seat loses most of its factory jobs, most of them for long."""
    month = max(clock.months - 5, 0)
    hands = (work.kind == INSURED) & (work.sector == FACTORY)
    township = land.township_of[people.village[people.household]]
    weights = np.bincount(township[hands], minlength=land.townships).astype(np.float64)
    weights[0] = 0
    town = int(weighted(rng, weights, 1)[0])
    sacked = np.flatnonzero(hands & (township == town) & (rng.random(people.count) < 0.75))
    shocks.job_lost[sacked] = month
    shocks.job_lost_for[sacked] = rng.integers(5, 15, len(sacked))
    households = len(np.unique(people.household[sacked]))
    day = clock.starts[month]
    return AreaEvent(
        area_code=land.township_code(town),
        level=TOWNSHIP,
        kind="factory_closure",
        started_on=day,
        ended_on=NEVER,
        households=households,
    )


def _outbreak(
    village: int, codes: list[str], people: People, shocks: Shocks, clock: Clock, rng: Rng
) -> AreaEvent:
    """Spread a serious illness in one village for two months."""
    month = max(clock.months - 4, 0)
    there = (people.village[people.household] == village) & (shocks.ill == NO_MONTH)
    ill = np.flatnonzero(there & (rng.random(people.count) < 0.07))
    shocks.ill[ill] = month + rng.integers(0, 2, len(ill))
    shocks.ill_cost[ill] *= 0.5
    households = len(np.unique(people.household[ill]))
    end = clock.starts[month] + np.timedelta64(60, "D")
    return AreaEvent(
        area_code=codes[village],
        level=VILLAGE,
        kind="outbreak",
        started_on=clock.starts[month],
        ended_on=end,
        households=households,
    )
