"""Set aside the rows of a delivery that withdraw others, and close what they name.

They are closed before the other rows are compared with what is known. A key that is withdrawn and delivered
in one file is a contradiction: none of these rows is taken in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from almoner.engines.base import quote
from almoner.intake import absent
from almoner.intake.absent import ABSENT
from almoner.intake.faults import BadRow, mask
from almoner.intake.headers import needed
from almoner.intake.row_actions import ACTION, RULE, WITHDRAW, action_of
from almoner.intake.slices import LINE, Slice
from almoner.intake.validate import AS_IT_WAS, name_of, raw_row, stage_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import closing
from almoner.registry.facts import CONTRADICTED, Written, keys_only
from almoner.registry.staging import RefusedRows, Staging
from almoner.registry.writing import Work, WritingOutcome


@dataclass(frozen=True)
class MarkedRows:
    """Hands on refused rows that withdraw, marked so, for they must not be taken for others when retried."""

    refused: RefusedRows

    def add(self, rows: Iterable[BadRow]) -> None:
        self.refused.add(replace(row, raw=_marked(row.raw)) for row in rows)


def _marked(raw: str) -> str:
    cells = json.loads(raw)
    if AS_IT_WAS in cells:
        return raw
    return json.dumps(cells | {ACTION.name: WITHDRAW}, ensure_ascii=False)


@dataclass(kw_only=True)
class Withdrawing:
    """The withdrawing rows of one delivery: `others` sets them aside, and `settle` closes what they name.

    `refused` takes rows whose action is not known, and `marked` those that withdraw and cannot. `rows` counts
    the rows that withdraw.
    """

    work: Work
    refused: RefusedRows
    marked: RefusedRows
    from_quarantine: bool = False
    rows: int = 0
    _refused: int = 0
    _aside: list[Slice] = field(default_factory=list)
    _outcome: WritingOutcome | None = None

    def others(self, slices: Iterable[Slice]) -> Iterator[Slice]:
        """The slices without rows that withdraw. Rows whose action is not known are refused."""
        for part in slices:
            yield from self._others(part) if ACTION.name in part.table.column_names else (part,)

    def _others(self, part: Slice) -> Iterator[Slice]:
        said = part.table.column(ACTION.name)
        kinds = {value: action_of(value) for value in said.unique().to_pylist()}
        if set(kinds.values()) == {"add"}:
            yield Slice(_completed(self.work.feed, part.table), part.broken)
            return
        found = [kinds[value] for value in said.to_pylist()]
        table = part.table
        withdrawing = table.filter(pa.array([kind == WITHDRAW for kind in found]))
        if withdrawing.num_rows:
            names = [p.name for p in keys_only(self.work.feed).properties if p.name in table.column_names]
            self._aside.append(Slice(withdrawing.select([LINE, *names])))
            self.rows += withdrawing.num_rows
        unknown = table.filter(pa.array([kind is None for kind in found]))
        self._refused += unknown.num_rows
        self.refused.add(_refused(self.work.feed, row) for row in unknown.to_pylist())
        rest = table.filter(pa.array([kind == "add" for kind in found]))
        if rest.num_rows or part.broken:
            yield Slice(_completed(self.work.feed, rest), part.broken)

    def settle(self) -> str:
        """Close what the rows name, once the other rows are identified. Gives a SELECT of the `_line` and
        rule of those that contradict them; empty for none."""
        if not self._aside:
            return ""
        engine, feed = self.work.engine, self.work.feed
        keys = keys_only(feed)
        staged = Staging(
            engine=engine,
            vault=self.work.vault,
            feed=keys,
            received_at=self.work.received_at,
            refused=self.marked,
            from_quarantine=self.from_quarantine,
            ordered=True,
            withdraws=True,
            contradicted=self._contradicted,
        ).run(self._aside)
        self._outcome = replace(self.work, feed=keys).withdraw(staged)
        return self._lines(feed)

    def _contradicted(self) -> str:
        """Fill the table of keys that other rows have too. Gives the lines of rows that withdraw them."""
        feed = self.work.feed
        self.work.engine.materialize(
            name_of(CONTRADICTED, feed),
            f"SELECT DISTINCT key FROM ({_keyed(feed)}) SEMI JOIN ({_keyed(keys_only(feed))}) USING (key)",
        )
        return self._lines(keys_only(feed))

    def _lines(self, rows: Feed) -> str:
        return (
            f"SELECT {LINE}, 'conflicting_key' AS rule FROM ({_keyed(rows)})"
            f" SEMI JOIN {quote(name_of(CONTRADICTED, self.work.feed))} USING (key)"
        )

    def added_to(self, outcome: WritingOutcome) -> WritingOutcome:
        """The outcome of the other rows, with what became of these."""
        staged, written = outcome.staged, outcome.written
        staged = replace(staged, read=staged.read + self._refused)
        if self._outcome is None:
            return replace(outcome, staged=staged)
        done = self._outcome
        more = f" UNION ALL SELECT old FROM {outcome.closed}" if outcome.closed else ""
        closed = closing.close_rows(
            self.work.engine,
            self.work.feed,
            f"SELECT old FROM {done.staged.matched} WHERE old IS NOT NULL{more}",
            self.work.received_at,
        )
        return replace(
            outcome,
            staged=replace(
                staged,
                read=staged.read + done.staged.read,
                duplicates=staged.duplicates + done.staged.duplicates,
            ),
            written=Written(
                written.new,
                written.corrected + done.written.corrected,
                written.unchanged + done.written.unchanged,
            ),
            closed=closed,
            withdrawn=outcome.withdrawn + done.withdrawn,
            withdrawals_without_row=done.withdrawals_without_row,
        )


def noting_left_out(slices: Iterable[Slice], feed: Feed, missing: dict[str, None]) -> Iterator[Slice]:
    """The slices; the names of kept columns that they do not have go to `missing`."""
    for part in slices:
        if _adds(part.table):
            missing.update(dict.fromkeys(absent.left_out(feed, part.table.column_names)))
        yield part


def _adds(table: pa.Table) -> bool:
    """Whether some of a slice's rows do not withdraw."""
    if ACTION.name not in table.column_names:
        return True
    return any(action_of(said) == "add" for said in table.column(ACTION.name).unique().to_pylist())


def _completed(feed: Feed, table: pa.Table) -> pa.Table:
    """The rows without their action, and with the columns that they need, empty, where the file lacks them:
    it may have the key only."""
    for prop in feed.properties:
        if needed(prop) and prop.name not in table.column_names:
            table = table.append_column(prop.name, pa.nulls(table.num_rows, pa.string()))
    return table.drop_columns([ACTION.name])


def _refused(feed: Feed, row: dict[str, Any]) -> BadRow:
    cells = {p.name: row.get(p.name) for p in feed.properties if p.name in row}
    said = row[ACTION.name]
    raw = raw_row(cells | {ACTION.name: said}, row.get(ABSENT) or "")
    return BadRow(row[LINE], raw, ((ACTION.name, mask(said, None), RULE),))


def _keyed(feed: Feed) -> str:
    """SQL of staged rows with their key as one text. A number is as the registry spells it."""
    person = feed.with_role(Role.RESIDENT_ID)
    columns = [
        "p.canonical" if prop is person else f"s.{quote(prop.name)}::VARCHAR"
        for prop in keys_only(feed).properties
    ]
    seen = (
        f" JOIN {quote(name_of('person_seen', feed))} p ON p.number = s.{quote(person.name)}"
        if person and person in keys_only(feed).properties
        else ""
    )
    key = f"to_json([{', '.join(columns)}])::VARCHAR"
    return f"SELECT s.{LINE}, {key} AS key FROM {quote(stage_of(feed))} s{seen}"
