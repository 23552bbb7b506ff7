"""Write the rows of a delivery that was staged (`almoner.registry.staging`), within a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import (
    closing,
    code_lengths,
    facts,
    household_numbers,
    identity,
    lookalikes,
    reversing,
    sealing,
    zeros,
)
from almoner.registry.facts import Written
from almoner.registry.staging import StagedDelivery
from almoner.registry.vault import IdentityStore, Vault


@dataclass(frozen=True, kw_only=True)
class WritingOutcome:
    """What became of a delivery's rows that were `staged`.

    `closed` is a table of facts that were taken back, with their rowids as `old`, until `clean_up`; it is
    empty without any. `withdrawn` counts them, and
    `waiting` those that a person has to look at first.
    `not_named`: facts of deliveries that this one repeats, which it does not name.
    `withdrawals_without_row`: rows that withdraw what no fact says.
    """

    staged: StagedDelivery
    written: Written
    new_persons: int = 0
    closed: str = ""
    withdrawn: int = 0
    waiting: int = 0
    not_named: int = 0
    withdrawals_without_row: int = 0


def clean_up(engine: Engine, feed: Feed) -> None:
    """Drop the tables that hold names and numbers of a delivery."""
    names = (
        name_of(what, f)
        for f in (feed, facts.keys_only(feed))
        for what in (*facts.KEPT, *identity.KEPT, *zeros.KEPT)
    )
    engine.drop(*names, sealing.KEPT)


@dataclass(frozen=True, kw_only=True)
class Work:
    """The writing of one delivery, in the caller's transaction."""

    engine: Engine
    vault: Vault
    store: IdentityStore
    feed: Feed
    received_at: dt.datetime
    delivery_id: int

    def write(self, staged: StagedDelivery) -> WritingOutcome:
        """Add new facts, and close those that they correct."""
        found = staged.corrections
        if found:
            lookalikes.write(self.engine, found, self.received_at, self.delivery_id)
        if staged.homes:
            household_numbers.write(self.engine, self.feed, staged.homes, self.received_at, self.delivery_id)
        new_persons = (
            identity.insert_new(self.engine, self.feed)
            if staged.anybody or self.feed.with_role(Role.HOUSEHOLD)
            else 0
        )
        code_lengths.remember(self.engine, self.feed, staged.lengths)
        written = facts.write(self.engine, self.feed, staged.matched, self.received_at, self.delivery_id)
        if self.feed.with_role(Role.RESIDENT_ID) and (staged.anybody or sealing.holds_names(self.feed)):
            begun = sealing.begun_with(self.engine, self.feed) if new_persons else None
            sealing.seal(self.engine, self.vault, self.store, self.feed, begun)
        done = staged.reversed
        taken_back = [*reversing.apply(self.engine, self.feed, done, self.received_at, self.delivery_id)]
        taken_back += lookalikes.superseded_rows(self.engine, self.feed, found) if found else []
        return WritingOutcome(
            staged=staged,
            written=replace(
                written,
                corrected=written.corrected + done.applied,
                unchanged=written.unchanged + done.known,
            ),
            new_persons=new_persons,
            closed=self._close(taken_back) if taken_back else "",
            withdrawn=len(taken_back),
            not_named=0
            if self.feed.full_list
            else closing.not_named(self.engine, self.feed, staged.matched, written),
        )

    def _close(self, rowids: Sequence[int]) -> str:
        taken_back = name_of("taken_back", self.feed)
        with self.engine.register(taken_back, pa.table({"old": pa.array(rowids, pa.int64())})):
            return closing.close_rows(self.engine, self.feed, f"FROM {quote(taken_back)}", self.received_at)

    def withdraw(self, staged: StagedDelivery) -> WritingOutcome:
        """Close the facts whose keys the rows name. `feed` is one of `keys_only`."""
        matched = lookalikes.without_replaced(self.engine, self.feed, staged.matched)
        written = facts.close(self.engine, self.feed, matched, self.received_at)
        return WritingOutcome(
            staged=staged,
            written=written,
            withdrawn=written.corrected,
            withdrawals_without_row=written.unchanged,
        )
