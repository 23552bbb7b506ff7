"""Households whose facts are written straight into an empty installation, one row a call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from almoner import cycle
from almoner.assessment import ledger
from almoner.engines import Engine, open_engine, quote
from almoner.policy.model.pack import Pack
from almoner.registry import schema
from almoner.registry.completeness import set_watermark
from almoner.support.outbox import changes_after

AS_OF = dt.date(2026, 10, 31)


class Homes:
    """Person n lives in household n, unless said otherwise."""

    def __init__(self, engine: Engine, pack: Pack) -> None:
        self.engine, self.pack = engine, pack
        schema.ensure(engine, pack.feeds)
        ledger.create(engine)
        for feed in pack.feeds:
            set_watermark(engine, feed, dt.datetime(2026, 1, 1), dt.date(2030, 1, 1))

    def fact(self, feed: str, **row: Any) -> None:
        names = ", ".join(quote(name) for name in (*row, "known_from", "known_to", "delivery_id"))
        values = ", ".join(
            [*(f"${name}" for name in row), "TIMESTAMP '2020-01-01'", "'infinity'::TIMESTAMP", "1"]
        )
        self.engine.execute(f"INSERT INTO facts.{quote(feed)} ({names}) VALUES ({values})", row)

    def person(self, n: int, wage: float | None = None, household: int | None = None, **listed: Any) -> None:
        born = dt.date(1990, 1, 1)
        self.fact("people", person_id=n, household_id=household or n, birth_date=born, updated_on=born)
        if wage is not None:
            self.fact("wages", person_id=n, month=dt.date(2026, 10, 1), wage=wage)
        if listed:
            on = listed.pop("listed_on", dt.date(2026, 1, 1))
            self.fact("listed", person_id=n, listed_on=on, **{"kind": "low"} | listed)

    def change(self, feed: str, n: int, **row: Any) -> None:
        sets = ", ".join(f"{quote(name)} = ${name}" for name in row)
        self.engine.execute(f"UPDATE facts.{quote(feed)} SET {sets} WHERE person_id = {n}", row)

    def run(self, households: list[int] | None = None) -> cycle.CycleOutcome:
        return cycle.run(self.engine, self.pack, AS_OF, dt.datetime.combine(AS_OF, dt.time(12)), households)

    def standing(self) -> dict[str, float]:
        """Amounts (or minus the tier) of all that is proposed, by kind, item and subject."""
        rows = self.engine.rows(
            "SELECT kind || ':' || item || ':' || subject_id, severity FROM assessment.standing WHERE kind <>"
            " 'signal' ORDER BY 1"
        )
        return dict(rows)

    def changes(self, kind: str) -> list[dict[str, Any]]:
        found = (change for batch in changes_after(self.engine, 0) for change in batch)
        return [{"change": c.change, "key": c.key, **c.body} for c in found if c.kind == kind]


@contextmanager
def homes(pack: Pack) -> Iterator[Homes]:
    with open_engine() as engine:
        yield Homes(engine, pack)
