"""Find in memory the persons who may hold a key.

A key without a time does not say where its row lies, and reading a large table for the few keys of a slice
would take longer than all the rest.

The result may have too many persons, never too few. Before each search the index takes up new rows of its
table, by a number that only grows. Rows that may still be rolled back must not be visible then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almoner.engines.base import Engine, quote
from almoner.policy.model.feeds import Feed, Role
from almoner.registry.schema import fact_columns, fact_table

MERGED = 2  # a piece is merged with the one before it, while that has at most twice its rows


class _Index:
    """Persons by the hash of what they hold, in sorted pieces. New rows become a piece; small pieces are
    merged.
    """

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
        """Take up new rows. False where the index cannot be used, because some rows belong to no person."""
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
    """The indexes of one installation: keys of each feed's facts, and numbers of the register.

    One process writes the installation.
    """

    def __init__(self) -> None:
        self._facts: dict[str, _Index] = {}
        self._numbers = _Index("registry.person", "number_index", "person_id")

    def of_facts(self, engine: Engine, feed: Feed, rows: str) -> pa.Table | None:
        """`person_id` of all who may have facts with a key of the table `rows`; None if no index can tell."""
        if feed.with_role(Role.RESIDENT_ID) is None:
            return None
        columns = fact_columns(feed)
        key = [(p.fact_column, columns[p.fact_column]) for p in feed.key if p.fact_column]
        index = self._facts.setdefault(
            feed.id, _Index(fact_table(feed), ", ".join(quote(c) for c, _ in key), "delivery_id")
        )
        return _found(engine, index, ", ".join(f"CAST({quote(c)} AS {kind})" for c, kind in key), rows)

    def of_numbers(self, engine: Engine, rows: str) -> pa.Table | None:
        """`person_id` of all who may have a `number_index` of the table `rows`; None if no index can tell."""
        return _found(engine, self._numbers, "number_index", rows)


@contextmanager
def held_by(engine: Engine, name: str, persons: pa.Table | None) -> Iterator[str]:
    """Within the block, a condition that rows belong to `persons`, which are registered as `name`.

    It is `true` when `persons` is None.
    """
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
