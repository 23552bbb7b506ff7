"""A county without households whose months are counted as a test says: for signals of areas."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from almoner.assessment import area_alerts, ledger, months
from almoner.assessment.jumps import Jump
from almoner.assessment.opening import open_context
from almoner.engines import Engine, open_engine
from almoner.policy.model.pack import Pack
from almoner.registry.schema import ensure

AS_OF = dt.date(2026, 11, 9)
KNOWN_AT = dt.datetime(2026, 11, 9, 20)
LAST = dt.date(2026, 10, 31)
ENDS = months.months_before(LAST, 12)
COUNTY, TOWNSHIPS, VILLAGES = "71", 4, 5
Book = dict[tuple[str, str, dt.date], tuple[int, int]]  # signal, village, month: started, at risk


def villages() -> list[str]:
    return [f"71{t}{v}" for t in range(TOWNSHIPS) for v in range(VILLAGES)]


def areas() -> list[tuple[str, str | None, str]]:
    towns = [f"71{t}" for t in range(TOWNSHIPS)]
    return [
        (COUNTY, None, "county"),
        *((town, COUNTY, "township") for town in towns),
        *((v, v[:3], "village") for v in villages()),
    ]


def quiet(signal: str, monthly: int = 2, at_risk: int = 200) -> Book:
    return {(signal, village, month): (monthly, at_risk) for village in villages() for month in ENDS}


@contextmanager
def county(pack: Pack, book: Book, seed: int = 0) -> Iterator[Engine]:
    """A county without households whose months are counted as the book says, written in some order."""
    order = random.Random(seed)
    with open_engine() as engine:
        ensure(engine, pack.feeds)
        ledger.create(engine)
        write_areas(engine, order)
        write_counts(engine, pack, book, order)
        yield engine


def write_areas(engine: Engine, order: random.Random) -> None:
    rows = [
        {"area_code": code, "name_en": code, "name_zh": code, "parent_code": parent, "level": level}
        for code, parent, level in areas()
    ]
    order.shuffle(rows)
    with engine.register("new_areas", pa.Table.from_pylist(rows)):
        engine.execute("""INSERT INTO facts.areas BY NAME SELECT *, TIMESTAMP '2025-01-01' AS known_from,
               'infinity'::TIMESTAMP AS known_to, 1 AS delivery_id FROM new_areas""")


def write_counts(
    engine: Engine, pack: Pack, book: Book, order: random.Random, at: dt.datetime = KNOWN_AT
) -> None:
    rows = [
        {
            "item": signal,
            "rule": months.rule_of(pack, pack.signals[signal]),
            "month": month,
            "area": area,
            "started": started,
            "at_risk": at_risk,
            "known_from": at,
        }
        for (signal, area, month), (started, at_risk) in book.items()
    ]
    order.shuffle(rows)
    with engine.register("new_counts", pa.Table.from_pylist(rows)):
        engine.execute(
            "INSERT INTO assessment.area_month BY NAME SELECT *, 'infinity'::TIMESTAMP AS known_to FROM"
            " new_counts"
        )


def found(engine: Engine, pack: Pack, as_of: dt.date = AS_OF, known_at: dt.datetime = KNOWN_AT) -> list[Jump]:
    bare = replace(pack, indicators={}, signals={}, programmes={}, categories={}, watch=None)
    with open_context(engine, bare, as_of, known_at) as context:
        return area_alerts.find(replace(context, pack=pack))


def jumped(signal: str, village: str = "7100", started: int = 12) -> Book:
    """Its neighbours have a good month, so that the township as a whole does not stand out."""
    near = {(signal, v, LAST): (1, 200) for v in villages() if v.startswith(village[:3])}
    return quiet(signal) | near | {(signal, village, LAST): (started, 200)}
