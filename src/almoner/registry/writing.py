"""Write the rows of a delivery that was staged (`almoner.registry.staging`), within a transaction."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from almoner.engines.base import Engine
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import continuity, facts, identity, sealing
from almoner.registry.facts import Written
from almoner.registry.staging import StagedDelivery
from almoner.registry.vault import IdentityStore, Vault


@dataclass(frozen=True)
class WritingOutcome:
    """What became of a delivery's rows that were `staged`."""

    staged: StagedDelivery
    written: Written
    new_persons: int = 0


def clean_up(engine: Engine, feed: Feed) -> None:
    """Drop the tables that hold names and numbers of a delivery."""
    names = (
        name_of(what, f) for f in (feed, facts.keys_only(feed)) for what in (*facts.KEPT, *identity.KEPT)
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
        if staged.homes:
            continuity.write(self.engine, self.feed, staged.homes, self.received_at, self.delivery_id)
        new_persons = (
            identity.insert_new(self.engine, self.feed)
            if staged.anybody or self.feed.with_role(Role.HOUSEHOLD)
            else 0
        )
        written = facts.write(self.engine, self.feed, staged.matched, self.received_at, self.delivery_id)
        if self.feed.with_role(Role.RESIDENT_ID) and (staged.anybody or sealing.holds_names(self.feed)):
            sealing.seal(self.engine, self.vault, self.store, self.feed)
        return WritingOutcome(staged, written, new_persons)

    def withdraw(self, staged: StagedDelivery) -> WritingOutcome:
        """Close the facts whose keys the rows name. `feed` is one of `keys_only`."""
        return WritingOutcome(staged, facts.close(self.engine, self.feed, staged.matched, self.received_at))
