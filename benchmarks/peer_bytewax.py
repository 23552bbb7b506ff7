"""Compute two rules of the place as stateful windows in Bytewax, for `python -m benchmarks stream`.

The rules are: water that runs or stays away (the day up to which the feed is complete, beside the
person's own usual day), and wages of the last complete month that are less than a share of the usual
month. A person's state begins with the facts from before the stream. The rows are those that our intake
accepted, with our person ids. These are left out, in the peer's favour: checks and quarantine, identity,
both clocks and corrections of history, households and all other signals, evidence, the durable inbox, and
cases.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from almoner.engines import Engine
from almoner.errors import AlmonerError

METER, WAGE = "meter", "wage"
RUNAWAY_LITRES, SILENT_LITRES, USUAL_LITRES, USUAL_DAYS = 1000, 10, 20, 56
FALL, USUAL_MONTHS = 0.5, 12  # a year: the same month a year ago is the first
Row = tuple[str, tuple[str, dt.date, str, float]]  # key; kind, day or month, employer, litres or wage
Held = dict[tuple[dt.date, str], float]  # the latest value of each day, or of each month and employer
Known = dict[str, Held]
Judge = Callable[[Held], set[str]]
Alerts = set[tuple[str, str]]  # key and rule


@dataclass(frozen=True)
class Peer:
    """The peer's alerts and speed. `equal`: whether SQL on our facts gives the same alerts."""

    events: int
    seconds: float
    alerts: int
    equal: bool


def compare(engine: Engine, first: int, meters_through: dt.date, month: dt.date) -> Peer:
    """Run the peer over deliveries after `first`, with the state before them."""
    known: Known = {}
    for key, (_, day, by, value) in _rows(
        engine,
        f"delivery_id <= {first} AND (known_to = 'infinity' OR known_to >= (SELECT min(received_at) FROM"
        f" registry.delivery WHERE delivery_id > {first}))",
    ):
        known.setdefault(key, {})[day, by] = value
    rows = list(_rows(engine, f"delivery_id > {first}"))
    judge = {METER: _meter(meters_through), WAGE: _wages(month)}
    found, seconds = _run(rows, known, judge)
    touched = {key for key, _ in rows}
    expected = {alert for alert in _alerts_in_sql(engine, meters_through, month) if alert[0] in touched}
    return Peer(len(rows), seconds, len(found), found == expected)


def _rows(engine: Engine, chosen: str) -> Iterable[Row]:
    sql = f"""
        SELECT '{METER}' AS kind, person_id, day, '' AS by, litres AS value, delivery_id
        FROM facts.elderly_meters
        WHERE {chosen}
        UNION ALL
        SELECT '{WAGE}', person_id, month, employer_code, wage, delivery_id
        FROM facts.insured_wages
        WHERE {chosen}
        ORDER BY delivery_id
        """
    for kind, person, day, by, value, _ in engine.rows(sql):
        yield f"{kind}:{person}", (kind, day, by, float(value))


def _run(rows: Sequence[Row], known: Known, judge: dict[str, Judge]) -> tuple[Alerts, float]:
    try:
        import bytewax.operators as op
        from bytewax import testing
        from bytewax.dataflow import Dataflow
    except ImportError:
        raise AlmonerError("The peer needs an extra: pip install 'almoner[bench]'.") from None

    run: Any = testing  # it is not typed

    def window(state: Held | None, each: Row) -> tuple[Held, set[str]]:
        key, (kind, day, by, value) = each
        held = dict(known.get(key, {})) if state is None else state
        held[day, by] = value
        return held, judge[kind](held)

    out: list[tuple[str, set[str]]] = []
    flow = Dataflow("two_rules")
    sent = op.input("events", flow, run.TestingSource(list(rows), batch_size=256))
    keyed = op.map("with_key", sent, lambda each: (each[0], each))
    judged = op.stateful_map("windows", keyed, window)
    op.output("alerts", judged, run.TestingSink(out))
    started = perf_counter()
    run.run_main(flow)
    seconds = perf_counter() - started
    return {(key, rule) for key, rules in dict(out).items() for rule in rules}, seconds


def _meter(through: dt.date) -> Judge:
    first, usual_to = through - dt.timedelta(USUAL_DAYS + 7), through - dt.timedelta(7)

    def judged(held: Held) -> set[str]:
        days = {day: litres for (day, _), litres in held.items() if first < day <= through}
        heard = [day for day, litres in days.items() if litres >= SILENT_LITRES]
        usual = [litres for day, litres in days.items() if day <= usual_to]
        found = {"runaway"} if days.get(through, 0.0) > RUNAWAY_LITRES else set()
        silent = heard and usual and (through - max(heard)).days >= 1 and median(usual) >= USUAL_LITRES
        return found | {"silent"} if silent else found

    return judged


def _wages(month: dt.date) -> Judge:
    first = month.replace(year=month.year - 1)

    def judged(held: Held) -> set[str]:
        sums: dict[dt.date, float] = {}
        for (of, _), wage in held.items():
            sums[of] = sums.get(of, 0.0) + wage
        usual = [wage for of, wage in sums.items() if first <= of < month]
        fell = bool(usual) and month in sums and sums[month] < FALL * median(usual)
        return {"fell"} if fell else set()

    return judged


def _alerts_in_sql(engine: Engine, through: dt.date, month: dt.date) -> Alerts:
    """The same two rules in SQL on our facts, as they are known now."""
    sql = f"""
        WITH days AS (
          SELECT *
          FROM facts.elderly_meters
          WHERE known_to = 'infinity' AND day > $through - {USUAL_DAYS + 7} AND day <= $through
        ), meters AS (
          SELECT
            person_id,
            max(litres) FILTER (WHERE day = $through) > {RUNAWAY_LITRES} AS runaway,
            $through - max(day) FILTER (WHERE litres >= {SILENT_LITRES}) >= 1
              AND median(litres) FILTER (WHERE day <= $through - 7) >= {USUAL_LITRES} AS silent
          FROM days
          GROUP BY person_id
        ), sums AS (
          SELECT person_id, month, sum(wage) AS wage
          FROM facts.insured_wages
          WHERE
            known_to = 'infinity'
            AND month >= $month - INTERVAL {USUAL_MONTHS} MONTH
            AND month <= $month
          GROUP BY ALL
        ), wages AS (
          SELECT
            person_id,
            max(wage) FILTER (WHERE month = $month)
              < {FALL} * median(wage) FILTER (WHERE month < $month) AS fell
          FROM sums
          GROUP BY person_id
        )
        SELECT '{METER}:' || person_id, 'runaway' FROM meters WHERE runaway
        UNION ALL
        SELECT '{METER}:' || person_id, 'silent' FROM meters WHERE silent
        UNION ALL
        SELECT '{WAGE}:' || person_id, 'fell' FROM wages WHERE fell
        """
    return set(engine.rows(sql, {"through": through, "month": month}))
