"""Who holds a key, found in memory: a key without a time says nothing of where its row lies, and to look
at every row of a large table for the few keys of a slice takes longer than all else that is done with
them.

Only a hint, and in one direction: whoever holds a key is among those that are found, and others may be
too. What is known of a table is brought up to it before each look, by a number that only grows with its
rows. So a look must not see rows that may still be undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almoner.engines.base import Engine, quote
from almoner.policy.model.pack import Feed, Role
from almoner.registry.schema import fact_columns, fact_table

MERGED = 2  # a sorted piece is merged with the one before while that has at most so many times its rows


class _Index:
    """Persons by the hash of what they hold, in sorted pieces that grow like the digits of a number."""

    def __init__(self, rows: str, key: str, number: str) -> None:
        self._rows = f"""
            SELECT hash({key}) AS key, person_id, {number}::BIGINT AS number
            FROM {rows}
            WHERE {number} > $through
            """
        self._through = -1
        self._pieces: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._usable = True

    def catch_up(self, engine: Engine) -> bool:
        """Take up the rows that have come. False where they cannot be found by persons: some belong to none."""
        rows = engine.table(self._rows, {"through": self._through}) if self._usable else pa.table({})
        if rows.num_rows:
            self._usable = rows.column("person_id").null_count == 0
            self._through = int(rows.column("number").to_numpy().max())
        if rows.num_rows and self._usable:
            self._add(rows.column("key").to_numpy(), rows.column("person_id").to_numpy())
        return self._usable

    def _add(self, keys: NDArray[np.uint64], persons: NDArray[np.int64]) -> None:
        while self._pieces and len(self._pieces[-1][0]) <= MERGED * len(keys):
            before = self._pieces.pop()
            keys, persons = np.concatenate((before[0], keys)), np.concatenate((before[1], persons))
        order = np.argsort(keys, kind="stable")
        self._pieces.append((keys[order], persons[order]))

    def find(self, wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The persons who hold one of the keys, in order."""
        found = [np.empty(0, np.int64)]
        for keys, persons in self._pieces:
            first, end = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
            many = end - first
            steps = np.arange(many.sum()) - np.repeat(many.cumsum() - many, many)
            found.append(persons[np.repeat(first, many) + steps])
        return np.unique(np.concatenate(found))


class Holders:
    """Who holds the keys of the feeds' facts and the numbers of the register, of one installation that one
    process writes."""

    def __init__(self) -> None:
        self._facts: dict[str, _Index] = {}
        self._numbers = _Index("registry.person", "number_index", "person_id")

    def of_facts(self, engine: Engine, feed: Feed, rows: str) -> pa.Table | None:
        """`person_id` of all who may have facts with a key of the kept table `rows`. None: they cannot be
        found so."""
        if feed.with_role(Role.RESIDENT_ID) is None:
            return None
        columns = fact_columns(feed)
        key = [(p.fact_column, columns[p.fact_column]) for p in feed.key if p.fact_column]
        index = self._facts.setdefault(
            feed.id, _Index(fact_table(feed), ", ".join(quote(c) for c, _ in key), "delivery_id")
        )
        return _found(engine, index, ", ".join(f"CAST({quote(c)} AS {kind})" for c, kind in key), rows)

    def of_numbers(self, engine: Engine, rows: str) -> pa.Table | None:
        """`person_id` of all who may have a `number_index` of the kept table `rows`. None: they cannot be
        found so."""
        return _found(engine, self._numbers, "number_index", rows)


@contextmanager
def held_by(engine: Engine, name: str, persons: pa.Table | None) -> Iterator[str]:
    """Within the block, a condition on rows: that they are of the `persons` whom `Holders` found, who are
    offered as `name`; none where it found out nothing."""
    if persons is None:
        yield "true"
        return
    with engine.register(name, persons):
        yield f"person_id IN (SELECT person_id FROM {quote(name)})"


def _found(engine: Engine, index: _Index, key: str, rows: str) -> pa.Table | None:
    if not index.catch_up(engine):
        return None
    wanted = engine.table(f"SELECT DISTINCT hash({key}) AS key FROM {quote(rows)}").column("key").to_numpy()
    return pa.table({"person_id": pa.array(index.find(wanted), pa.int64())})
