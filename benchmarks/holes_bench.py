"""Disturb one delivery of a fictional place at a time, and see whether a signal is raised falsely.

A delivery is left out, halved, doubled, or shifted by a month to either side. A signal is false when the
complete deliveries do not raise it, neither on that day nor, if the disturbed feed ends earlier, with every
feed complete as the disturbed one is.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from almoner import cycle
from almoner.assessment import ledger, signals
from almoner.engines import Engine, open_engine
from almoner.errors import DeliveryRefused
from almoner.home import now
from almoner.installation.cycles import end_of
from almoner.installation.intake import deliveries_in
from almoner.lab.place import PlaceSummary
from almoner.policy.model.pack import Pack
from almoner.registry import completeness
from almoner.registry.deliveries import Delivery, take_in
from almoner.registry.schema import ensure
from almoner.registry.vault import BegunDelivery, SealedIdentity, Vault

Change = Literal["left out", "halved", "doubled", "a month earlier", "a month later"]
CHANGES: tuple[Change, ...] = get_args(Change)
Raised = frozenset[tuple[str, str]]  # signal, and the subject by the index of its number
_KEY = bytes(range(32))


@dataclass(frozen=True)
class Disturbed:
    """What became of one change of one delivery. `false`: signals that only the disturbed deliveries raise.

    `earlier`: those of them that were true when the disturbed feed ended. `as_complete`: the feed is as far
    complete as without the change.
    """

    file: str
    change: Change
    false: Raised
    earlier: int
    as_complete: bool


class Disturbances:
    """The deliveries of a place in Parquet, taken in once up to the first monthly file."""

    def __init__(self, pack: Pack, place: Path, summary: PlaceSummary, work: Path) -> None:
        self._pack, self._work, self._as_of = pack, work, summary.as_of
        listed = deliveries_in([place / "deliveries"], list(pack.feeds), None, now(), None)
        months = [d for d in listed if d.file.stem.count("_20") == 1]
        self._first = listed.index(months[0])
        self._history, self._rest = listed[: self._first], listed[self._first :]
        self._before = work / "before.duckdb"
        with open_engine(self._before) as engine:
            ensure(engine, pack.feeds)
            ledger.create(engine)
            self._take(engine, self._history)
        self._complete, self._through = self._outcome(self._rest)

    @property
    def deliveries(self) -> list[Delivery]:
        """The monthly deliveries, which can be disturbed. A correction that never comes cannot be known."""
        return [
            d for d in self._rest if "correction" not in d.file.name and not self._pack.feeds[d.feed].shared
        ]

    @property
    def complete(self) -> Raised:
        """What the complete deliveries raise."""
        return self._complete

    def disturb(self, delivery: Delivery, change: Change) -> Disturbed:
        """Take in all deliveries with this one changed."""
        changed = [
            d for one in self._rest for d in ([one] if one is not delivery else self._changed(one, change))
        ]
        raised, through = self._outcome(changed)
        false = raised - self._complete
        same = through.get(delivery.feed) == self._through.get(delivery.feed)
        earlier: Raised = frozenset()
        if false and not same:  # the feed ends earlier: was it true then?
            without = [
                d for d in self._rest if d.feed != delivery.feed or d.received_at < delivery.received_at
            ]
            earlier = false & self._outcome(without)[0]
        return Disturbed(delivery.file.name, change, false - earlier, len(earlier), same)

    def _changed(self, delivery: Delivery, change: Change) -> list[Delivery]:
        if change == "left out":
            return []
        table = pq.read_table(delivery.file)
        time = self._pack.feeds[delivery.feed].event_time
        if change == "halved":
            table = table.take(pa.array(range(0, len(table), 2)))
        elif change == "doubled":
            table = pa.concat_tables([table, table])
        elif time is not None:
            months = 1 if change == "a month later" else -1
            table = _shifted(table, time.name, months)
        file = self._work / delivery.file.name
        pq.write_table(table, file)
        return [replace(delivery, file=file)]

    def _outcome(self, rest: Sequence[Delivery]) -> tuple[Raised, dict[str, object]]:
        after = self._work / "after.duckdb"
        shutil.copyfile(self._before, after)
        try:
            with open_engine(after) as engine:
                self._take(engine, rest)
                return frozenset(self._raised(engine)), dict(completeness.watermarks(engine))
        finally:
            after.unlink()

    def _take(self, engine: Engine, deliveries: Sequence[Delivery]) -> None:
        vault = Vault(_KEY)
        for delivery in deliveries:
            try:
                take_in(engine, vault, _Nowhere(), self._pack.feeds, delivery)
            except DeliveryRefused:  # a file without rows, or of the same content: it changes nothing
                continue

    def _raised(self, engine: Engine) -> Iterator[tuple[str, str]]:
        with cycle.rehearse(engine, self._pack, self._as_of, end_of(self._as_of)):
            rows = engine.rows(
                f"""
                SELECT f.item, coalesce(hex(p.identity_hash), hex(h.key_index))
                FROM {signals.FINDINGS} AS f
                LEFT JOIN registry.person AS p ON p.person_id = f.person_id
                LEFT JOIN registry.household AS h ON h.household_id = f.household_id AND f.person_id IS NULL
                """
            )
            yield from ((item, subject) for item, subject in rows)


def _shifted(table: pa.Table, column: str, months: int) -> pa.Table:
    days = table[column].cast(pa.date32()).to_pylist()
    moved = [day and _moved(day, months) for day in days]
    return table.set_column(table.schema.get_field_index(column), column, pa.array(moved, pa.date32()))


def _moved(day: dt.date, months: int) -> dt.date:
    month = day.year * 12 + day.month - 1 + months
    return dt.date(month // 12, month % 12 + 1, min(day.day, 28))


class _Nowhere:
    """An identity store that keeps nothing: nobody is looked up."""

    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> AbstractContextManager[None]:
        del persons, begun
        return nullcontext()

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        del identities

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        del person_id, delivery_id
        return 0
