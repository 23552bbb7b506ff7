"""Looks at the rows of one delivery before anything is written: validated, identified, told apart, judged
against what is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from almoner.engines.base import Engine, quote
from almoner.intake.faults import BadRow, masked
from almoner.intake.slices import LINE, Slice
from almoner.intake.validate import empty_stage, name_of, raw_row, stage, stage_of
from almoner.policy.model.pack import Feed, Role
from almoner.registry import facts, identity
from almoner.registry.holders import Holders
from almoner.registry.identity import Numbers
from almoner.registry.vault import Vault


class RefusedRows(Protocol):
    """Takes the rows that cannot go in."""

    def add(self, rows: Iterable[BadRow]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class StagedDelivery:
    """What was found out of a delivery's rows: how many were `read` and how many of them were duplicates,
    whether `anybody` may be new, the good `rows`, and as `matched` the table of these and of what is known
    of them, to be read until `clean_up`. `bad` ones that nobody took yet.
    """

    read: int
    duplicates: int
    anybody: bool
    rows: facts.Span
    matched: str
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Staging:
    """A look at one delivery. `from_quarantine` rows come from quarantine: they do not replace what came later.
    `ordered` rows came one after the other: of several with one key the last holds. `expected`: whose
    numbers they may be was found before (`identity.expect`). `holders` may be given while nothing is
    written in the transaction.
    """

    engine: Engine
    vault: Vault
    feed: Feed
    received_at: dt.datetime
    refused: RefusedRows
    from_quarantine: bool = False
    ordered: bool = False
    expected: bool = False
    holders: Holders | None = None

    def run(self, slices: Iterable[Slice]) -> StagedDelivery:
        """All stages."""
        read = self._stage(slices)
        return self._matched(
            read, identity.see_numbers(self.engine, self.vault, self.feed, expected=self.expected)
        )

    def run_ahead(self, slices: Iterable[Slice]) -> StagedDelivery | None:
        """As `run`, of rows whose numbers are expected, asking nothing that an `Engine.run_parallel` may not. None
        where it must be done in its turn: somebody may be new, who came with other rows perhaps."""
        if self.feed.with_role(Role.HOUSEHOLD):
            return None
        read = self._stage(slices)
        numbers = identity.see_numbers(self.engine, self.vault, self.feed, expected=True, ahead=True)
        return None if numbers.new else self._matched(read, numbers)

    def _matched(self, read: int, numbers: Numbers) -> StagedDelivery:
        anybody = self._identify(numbers)
        duplicates = self._resolve_duplicates()
        rows = facts.span(self.engine, self.feed)
        matched = facts.match_known(self.engine, self.feed, rows, self.holders)
        if self.from_quarantine and self._refuse_superseded(matched):
            rows = facts.span(self.engine, self.feed)
            matched = facts.match_known(self.engine, self.feed, rows, self.holders)
        return StagedDelivery(read=read, duplicates=duplicates, anybody=anybody, rows=rows, matched=matched)

    def _stage(self, slices: Iterable[Slice]) -> int:
        read, first = 0, True
        for part in slices:
            self.refused.add(stage(self.engine, self.feed, part, self.received_at, first=first))
            read, first = read + part.rows, False
        if first:
            empty_stage(self.engine, self.feed)
        return read

    def _identify(self, numbers: Numbers) -> bool:
        """Whether a number of this delivery was never seen before."""
        number = self.feed.with_role(Role.RESIDENT_ID)
        if number and numbers.bad:
            named, bad = quote(number.name), quote(name_of("bad_number", self.feed))
            self._refuse(
                f"SELECT {LINE}, rule FROM {quote(stage_of(self.feed))} JOIN {bad} b ON b.number = {named}",
                number.name,
            )
            self.engine.delete_rows(stage_of(self.feed), f"{named} IN (SELECT number FROM {bad})")
        identity.see_households(self.engine, self.vault, self.feed)
        return identity.see_persons(self.engine, self.feed, numbers)

    def _resolve_duplicates(self) -> int:
        """Rows that share a key: equal ones are one, different ones are nobody's guess."""
        facts.identify_rows(self.engine, self.feed)
        if not facts.find_duplicate_keys(self.engine, self.feed):
            return 0
        if self.ordered:
            return facts.keep_last(self.engine, self.feed)
        conflicts = (
            f"SELECT {LINE}, 'conflicting_key' AS rule FROM {facts.duplicate_keys(self.feed)} WHERE kinds > 1"
        )
        self._refuse(conflicts, None)
        facts.drop_lines(self.engine, self.feed, f"SELECT {LINE} FROM ({conflicts})")
        return facts.drop_duplicates(self.engine, self.feed)

    def _refuse_superseded(self, matched: str) -> bool:
        """Whether there were any."""
        lines = f"""
            SELECT {LINE}, 'superseded' AS rule
            FROM {matched} j
            JOIN registry.quarantine q ON q.quarantine_id = j.{LINE}
            WHERE j.old IS NOT NULL AND NOT j.same AND j.old_delivery_id > q.delivery_id
            """
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
            f"""
            SELECT s.{LINE}, b.rule, {shown}
            FROM {quote(stage_of(self.feed))} s
            JOIN ({lines}) b USING ({LINE})
            ORDER BY s.{LINE}
            """
        )
        prop = self.feed.property_named(column) if column else None
        for line, rule, *values in rows:
            cells = dict(zip(names, values, strict=True))
            yield BadRow(line, raw_row(cells), ((column, masked(cells.get(column or ""), prop), rule),))


@dataclass
class _HeldRows:
    """Keeps rows that cannot go in for whoever writes them."""

    rows: list[BadRow] = field(default_factory=list)

    def add(self, rows: Iterable[BadRow]) -> None:
        self.rows += rows


def stage_ahead(
    engine: Engine,
    vault: Vault,
    feed: Feed,
    received_at: dt.datetime,
    slices: Iterable[Slice],
    holders: Holders,
) -> StagedDelivery | None:
    """`Staging.run_ahead` of rows that came one after the other; what cannot go in is in what it gives."""
    held = _HeldRows()
    found = Staging(
        engine=engine,
        vault=vault,
        feed=feed,
        received_at=received_at,
        refused=held,
        ordered=True,
        expected=True,
        holders=holders,
    ).run_ahead(slices)
    return found and replace(found, bad=tuple(held.rows))
