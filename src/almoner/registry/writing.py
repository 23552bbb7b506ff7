"""Writes the rows of one delivery: validated, identified, judged against what is known. Runs inside a
transaction.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from almoner.engines.base import Engine, quote
from almoner.intake.faults import BadRow, masked
from almoner.intake.formats import date_format
from almoner.intake.slices import LINE, Slice
from almoner.intake.validate import empty_stage, name_of, raw_row, stage, stage_of
from almoner.policy.model import Feed, Role
from almoner.registry import facts, identity, sealing
from almoner.registry.facts import Written
from almoner.registry.vault import IdentityStore, Vault


class Refused(Protocol):
    """Takes the rows that cannot go in."""

    def add(self, rows: Iterable[BadRow]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery's rows. `last_event` is the largest event time of the good ones. `judged` is a table of the good ones and
    what was known of them before, to be read until `clean_up`."""

    read: int
    written: Written
    duplicates: int
    new_persons: int
    last_event: dt.date | None
    judged: str


def clean_up(engine: Engine, feed: Feed) -> None:
    """Let go of what holds names and numbers of a delivery."""
    engine.forget(*(name_of(what, f) for f in (feed, facts.keys_only(feed)) for what in facts.KEPT), facts.TWIN, *identity.KEPT, sealing.KEPT)


@dataclass(frozen=True)
class Work:
    """One delivery under way. `settled` rows come from quarantine: they do not replace what came later. `ordered` rows came one
    after the other: of several with one key the last holds. `expected`: whose numbers they may be was found before (`identity.expect`).
    """

    engine: Engine
    vault: Vault
    store: IdentityStore
    feed: Feed
    received_at: dt.datetime
    delivery_id: int
    refused: Refused
    settled: bool = False
    ordered: bool = False
    expected: bool = False

    def run(self, slices: Iterable[Slice]) -> Outcome:
        """All stages. The caller's transaction undoes them together."""
        read = self._stage(slices)
        anybody = self._identify()
        duplicates = self._untangle()
        rows = facts.span(self.engine, self.feed)
        judged = facts.judge(self.engine, self.feed, rows)
        if self.settled and self._refuse_superseded(judged):
            rows = facts.span(self.engine, self.feed)
            judged = facts.judge(self.engine, self.feed, rows)
        new_persons = identity.keep_new(self.engine, self.feed) if anybody or self.feed.with_role(Role.HOUSEHOLD) else 0
        written = facts.write(self.engine, self.feed, judged, self.received_at, self.delivery_id)
        if self.feed.with_role(Role.RESIDENT_ID) and (anybody or sealing.names(self.feed)):
            sealing.seal(self.engine, self.vault, self.store, self.feed)
        return Outcome(read, written, duplicates, new_persons, self._last_event(rows), judged)

    def withdraw(self, slices: Iterable[Slice]) -> Outcome:
        """Close the facts whose keys the rows name; nothing is added. `feed` is one of `keys_only`."""
        read = self._stage(slices)
        self._identify()
        duplicates = self._untangle()
        judged = facts.judge(self.engine, self.feed, facts.span(self.engine, self.feed))
        return Outcome(read, facts.close(self.engine, self.feed, judged, self.received_at), duplicates, 0, None, judged)

    def _stage(self, slices: Iterable[Slice]) -> int:
        read, first = 0, True
        for part in slices:
            _, bad = stage(self.engine, self.feed, part, self.received_at, first=first)
            self.refused.add(bad)
            read, first = read + part.rows, False
        if first:
            empty_stage(self.engine, self.feed)
        return read

    def _identify(self) -> bool:
        """Whether a number of this delivery was never seen before."""
        numbers = identity.see_numbers(self.engine, self.vault, self.feed, expected=self.expected)
        number = self.feed.with_role(Role.RESIDENT_ID)
        if number and numbers.bad:
            named = quote(number.name)
            self._refuse(
                f"SELECT {LINE}, rule FROM {quote(stage_of(self.feed))} JOIN bad_number b ON b.number = {named}", number.name
            )
            self.engine.take_out(stage_of(self.feed), f"{named} IN (SELECT number FROM bad_number)")
        identity.see_households(self.engine, self.vault, self.feed)
        return identity.see_persons(self.engine, self.feed, numbers)

    def _untangle(self) -> int:
        """Rows that share a key: equal ones are one, different ones are nobody's guess."""
        facts.place(self.engine, self.feed)
        if not facts.find_twins(self.engine, self.feed):
            return 0
        if self.ordered:
            return facts.keep_last(self.engine, self.feed)
        conflicts = f"SELECT {LINE}, 'conflicting_key' AS rule FROM {facts.TWIN} WHERE kinds > 1"
        self._refuse(conflicts, None)
        facts.drop_lines(self.engine, self.feed, f"SELECT {LINE} FROM ({conflicts})")
        return facts.drop_duplicates(self.engine, self.feed)

    def _refuse_superseded(self, judged: str) -> bool:
        """Whether there were any."""
        lines = (
            f"SELECT {LINE}, 'superseded' AS rule FROM {judged} j JOIN registry.quarantine q ON "
            f"q.quarantine_id = j.{LINE} "
            "WHERE j.old IS NOT NULL AND NOT j.same AND j.old_delivery_id > q.delivery_id"
        )
        if not self.engine.rows(f"SELECT 1 FROM ({lines}) LIMIT 1"):
            return False
        self._refuse(lines, None)
        facts.drop_lines(self.engine, self.feed, f"SELECT {LINE} FROM ({lines})")
        return True

    def _refuse(self, lines: str, column: str | None) -> None:
        self.refused.add(self._bad_rows(lines, column))

    def _bad_rows(self, lines: str, column: str | None) -> Iterator[BadRow]:
        """Rows on the stage that a later check refuses; `lines` selects their `_line` and the rule."""
        names = [p.name for p in self.feed.properties]
        shown = ", ".join(f"s.{quote(name)}::VARCHAR" for name in names)
        rows = self.engine.rows(
            f"SELECT s.{LINE}, b.rule, {shown} FROM {quote(stage_of(self.feed))} s JOIN ({lines}) b USING ({LINE}) ORDER BY "
            f"s.{LINE}"
        )
        of = self.feed.property_named(column) if column else None
        for line, rule, *values in rows:
            cells = dict(zip(names, values, strict=True))
            yield BadRow(line, raw_row(cells), ((column, masked(cells.get(column or ""), of), rule),))

    def _last_event(self, rows: facts.Span) -> dt.date | None:
        time = self.feed.event_time
        if time is None:
            return self.received_at.date() if rows.rows else None
        if rows.last is None:
            return None
        day = rows.last.date() if isinstance(rows.last, dt.datetime) else rows.last
        monthly = time.format is not None and date_format(time.format).monthly
        return day.replace(day=monthrange(day.year, day.month)[1]) if monthly else day
