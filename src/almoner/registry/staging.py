"""Check the rows of one delivery before any is written.

They are validated, identified, freed of duplicates, and compared with what is known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from almoner.engines.base import Engine, quote
from almoner.intake.absent import ABSENT, of_table
from almoner.intake.faults import BadRow, masked
from almoner.intake.slices import LINE, Slice
from almoner.intake.validate import add_absent, empty_stage, name_of, raw_row, stage, stage_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import code_lengths, continuity, facts, identity, lookalikes, reversing, zeros
from almoner.registry.code_lengths import Lengths
from almoner.registry.continuity import Homes
from almoner.registry.holders import Holders
from almoner.registry.identity import Numbers
from almoner.registry.lookalikes import Corrections
from almoner.registry.reversing import Reversed
from almoner.registry.vault import Vault


class RefusedRows(Protocol):
    """Takes the rows that are refused."""

    def add(self, rows: Iterable[BadRow]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class StagedDelivery:
    """The result of staging a delivery.

    `read` counts its rows and `duplicates` those that were dropped; `anybody` says whether somebody may be
    new. `rows` is the span of the good ones. `matched` is the table of these with what is known of them,
    until `clean_up`. `bad` are refused rows that were not handed on yet. `reversed` is what reversals do,
    `homes` are households whose people came under other numbers, `corrections` numbers of people,
    `lengths` those of codes, by column.
    """

    read: int
    duplicates: int
    anybody: bool
    rows: facts.Span
    matched: str
    bad: tuple[BadRow, ...] = ()
    homes: Homes | None = None
    corrections: Corrections | None = None
    reversed: Reversed = field(default_factory=Reversed)
    lengths: Mapping[str, Lengths] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Staging:
    """Checks one delivery.

    `from_quarantine`: rows are retried, and do not replace what came later. `ordered`: rows came one after
    the other, so the last of several rows with one key is kept. `expected`: the persons of its numbers were
    looked up before (`identity.expect`). `holders` may be given while nothing is written in the transaction.
    `withdraws`: the rows withdraw facts. `contradicted` is called once the rows are identified, and gives a
    SELECT of the `_line` and rule of those that other rows of the delivery contradict; empty for none.
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
    withdraws: bool = False
    contradicted: Callable[[], str] | None = None

    def run(self, slices: Iterable[Slice]) -> StagedDelivery:
        """Run all checks."""
        read, leaves_out = self._stage(slices)
        numbers = self._see_numbers()
        return self._matched(read, leaves_out, numbers)

    def run_ahead(self, slices: Iterable[Slice]) -> StagedDelivery | None:
        """As `run`, for rows with expected numbers, and only with queries that `Engine.run_parallel` allows.

        None where the rows must wait for their turn, because somebody may be new who also came with other
        rows.
        """
        if self.feed.with_role(Role.HOUSEHOLD):
            return None
        read, leaves_out = self._stage(slices)
        numbers = self._see_numbers(ahead=True)
        return None if numbers.new else self._matched(read, leaves_out, numbers)

    def _see_numbers(self, *, ahead: bool = False) -> Numbers:
        return identity.see_numbers(
            self.engine,
            self.vault,
            self.feed,
            self.received_at.date(),
            expected=self.expected or ahead,
            ahead=ahead,
        )

    def _matched(self, read: int, leaves_out: bool, numbers: Numbers) -> StagedDelivery:
        lengths = self._refuse_lost_zeros(leaves_out)
        anybody = self._identify(numbers, leaves_out)
        facts.identify_rows(self.engine, self.feed, leaves_out=leaves_out)
        if self.contradicted and (lines := self.contradicted()):
            self._refuse(lines, None, leaves_out)
            facts.drop_lines(self.engine, self.feed, f"SELECT {LINE} FROM ({lines})")
        corrections = lookalikes.settle(self.engine, self.vault, self.feed, self.received_at)
        taken_back = reversing.take_back(
            self.engine,
            self.feed,
            lambda lines: self._refuse(lines, None, leaves_out),
            ordered=self.ordered,
        )
        duplicates = self._resolve_duplicates(leaves_out) + taken_back.duplicates
        duplicates += corrections.dropped if corrections else 0
        homes = continuity.settle(self.engine, self.feed, self.received_at)
        rows, matched = self._match(leaves_out)
        if self.from_quarantine and self._refuse_superseded(matched, leaves_out):
            rows, matched = self._match(leaves_out)
        return StagedDelivery(
            read=read,
            duplicates=duplicates,
            anybody=anybody,
            rows=rows,
            matched=matched,
            reversed=taken_back,
            homes=homes,
            corrections=corrections,
            lengths=lengths,
        )

    def _refuse_lost_zeros(self, leaves_out: bool) -> Mapping[str, Lengths]:
        """Refuse rows whose codes are known with other leading zeros. Gives the lengths of all others."""
        lengths = code_lengths.of_stage(self.engine, self.feed)
        doubtful = zeros.doubtful(self.engine, self.vault, self.feed, lengths)
        for column, lines, condition in doubtful:
            self._refuse(lines, column, leaves_out)
            self.engine.delete_rows(stage_of(self.feed), condition)
        return code_lengths.of_stage(self.engine, self.feed) if doubtful else lengths

    def _match(self, leaves_out: bool) -> tuple[facts.Span, str]:
        rows = facts.span(self.engine, self.feed)
        return rows, facts.match_known(self.engine, self.feed, rows, self.holders, leaves_out=leaves_out)

    def _stage(self, slices: Iterable[Slice]) -> tuple[int, bool]:
        """Gives how many rows there are, and whether some leave out columns that keep their values."""
        read, first, leaves_out = 0, True, False
        for part in slices:
            if not leaves_out and of_table(self.feed, part.table):
                leaves_out = True
                if not first:
                    add_absent(self.engine, self.feed)
            bad = stage(self.engine, self.feed, part, self.received_at, first=first, leaves_out=leaves_out)
            self.refused.add(bad)
            read, first = read + part.rows, False
        if first:
            empty_stage(self.engine, self.feed)
        return read, leaves_out

    def _identify(self, numbers: Numbers, leaves_out: bool) -> bool:
        """Whether a number of this delivery was never seen before."""
        number = self.feed.with_role(Role.RESIDENT_ID)
        if number and numbers.bad:
            named, bad = quote(number.name), quote(name_of("bad_number", self.feed))
            self._refuse(
                f"SELECT {LINE}, rule FROM {quote(stage_of(self.feed))} JOIN {bad} b ON b.number = {named}",
                number.name,
                leaves_out,
            )
            self.engine.delete_rows(stage_of(self.feed), f"{named} IN (SELECT number FROM {bad})")
        identity.see_households(self.engine, self.vault, self.feed)
        return identity.see_persons(self.engine, self.feed, numbers)

    def _resolve_duplicates(self, leaves_out: bool) -> int:
        """Drop rows that share a key: of equal rows one stays; different ones are all refused.

        Gives how many were dropped. Of ordered rows the last stays.
        """
        if not facts.find_duplicate_keys(self.engine, self.feed):
            return 0
        if self.ordered:
            if leaves_out:
                facts.merge_left_out(self.engine, self.feed)
            return facts.keep_last(self.engine, self.feed)
        conflicts = (
            f"SELECT {LINE}, 'conflicting_key' AS rule FROM {facts.duplicate_keys(self.feed)} WHERE kinds > 1"
        )
        self._refuse(conflicts, None, leaves_out)
        facts.drop_lines(self.engine, self.feed, f"SELECT {LINE} FROM ({conflicts})")
        return facts.drop_duplicates(self.engine, self.feed)

    def _refuse_superseded(self, matched: str, leaves_out: bool) -> bool:
        """Refuse rows that a later delivery has replaced. Gives whether there were any."""
        lines = f"""
            SELECT {LINE}, 'superseded' AS rule
            FROM {matched} j
            JOIN registry.quarantine q ON q.quarantine_id = j.{LINE}
            WHERE j.old IS NOT NULL
              AND {"true" if self.withdraws else "NOT j.same"}
              AND j.old_delivery_id > q.delivery_id
            """
        if not self.engine.rows(f"SELECT 1 FROM ({lines}) LIMIT 1"):
            return False
        self._refuse(lines, None, leaves_out)
        facts.drop_lines(self.engine, self.feed, f"SELECT {LINE} FROM ({lines})")
        return True

    def _refuse(self, lines: str, column: str | None, leaves_out: bool) -> None:
        self.refused.add(self._bad_rows(lines, column, leaves_out))

    def _bad_rows(self, lines: str, column: str | None, leaves_out: bool) -> Iterator[BadRow]:
        """Staged rows that a later check refuses; `lines` selects their `_line` and the rule."""
        names = [p.name for p in self.feed.properties]
        shown = ", ".join(f"s.{quote(name)}::VARCHAR" for name in names)
        rows = self.engine.rows(
            f"""
            SELECT s.{LINE}, b.rule, {f"s.{ABSENT}" if leaves_out else "''"}, {shown}
            FROM {quote(stage_of(self.feed))} s
            JOIN ({lines}) b USING ({LINE})
            ORDER BY s.{LINE}
            """
        )
        prop = self.feed.property_named(column) if column else None
        for line, rule, left_out, *values in rows:
            cells = dict(zip(names, values, strict=True))
            yield BadRow(
                line, raw_row(cells, left_out), ((column, masked(cells.get(column or ""), prop), rule),)
            )


@dataclass
class _HeldRows:
    """Collects refused rows until they are written."""

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
    """`Staging.run_ahead` of ordered rows; refused rows are in the result."""
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
