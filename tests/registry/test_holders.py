"""Who holds a key is found without looking at all rows, and nobody who holds one is missed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.engines import Engine, quote
from almoner.engines.duck import DuckEngine
from almoner.intake.validate import name_of
from almoner.policy.model.pack import Pack
from almoner.registry import facts, schema
from almoner.registry.holders import Holders, _Index

FEED = "medical_settlements"


@pytest.fixture
def engine(base: Pack) -> Iterator[Engine]:
    with DuckEngine() as engine:
        schema.ensure(engine, base.feeds)
        yield engine


def settle(engine: Engine, number: str, person: int | None, delivery: int) -> None:
    engine.execute(
        f"INSERT INTO facts.{FEED} (settlement_no, person_id, delivery_id) VALUES ($number, $person,"
        " $delivery)",
        {"number": number, "person": person, "delivery": delivery},
    )


def found(holders: Holders, engine: Engine, base: Pack, *numbers: str) -> set[int] | None:
    listed = ", ".join(f"('{number}')" for number in numbers)
    engine.materialize("wanted", f"SELECT settlement_no FROM (VALUES {listed}) AS w(settlement_no)")
    persons = holders.of_facts(engine, base.feeds[FEED], "wanted")
    return None if persons is None else set(persons.column("person_id").to_pylist())


def test_all_who_hold_a_key_are_found_however_late_they_came(engine: Engine, base: Pack) -> None:
    holders = Holders()
    settle(engine, "S1", 1, 1)
    settle(engine, "S2", 2, 1)
    assert found(holders, engine, base, "S1", "S9") == {1}
    settle(engine, "S1", 7, 2)  # corrected: of another person now
    settle(engine, "S9", 9, 3)
    assert found(holders, engine, base, "S1", "S9") == {1, 7, 9}
    assert found(holders, engine, base, "S3") == set()


def test_rows_may_move(engine: Engine, base: Pack) -> None:
    holders = Holders()
    for number in range(20):
        settle(engine, f"S{number}", number, 1)
    assert found(holders, engine, base, "S3") == {3}
    engine.execute(f"CREATE TABLE moved AS SELECT * FROM facts.{FEED} ORDER BY person_id DESC")
    engine.execute(f"DELETE FROM facts.{FEED}")
    engine.execute(f"INSERT INTO facts.{FEED} SELECT * FROM moved")
    assert found(holders, engine, base, "S3", "S17") == {3, 17}


def test_what_was_undone_does_not_hide_what_comes_in_its_place(engine: Engine, base: Pack) -> None:
    holders = Holders()
    settle(engine, "S1", 1, 1)
    assert found(holders, engine, base, "S1") == {1}
    with engine.rolled_back():
        settle(engine, "S2", 2, 2)
    settle(engine, "S3", 3, 2)  # the number of the delivery that was undone
    assert found(holders, engine, base, "S2", "S3") == {3}


def test_rows_of_nobody_are_not_looked_for_by_persons(engine: Engine, base: Pack) -> None:
    holders = Holders()
    settle(engine, "S1", None, 1)
    assert found(holders, engine, base, "S1") is None
    settle(engine, "S2", 2, 2)
    assert found(holders, engine, base, "S2") is None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4), st.booleans()), max_size=15),
    st.sets(st.integers(0, 11), max_size=6),
)
def test_what_is_known_of_a_slice_is_the_same_with_and_without(
    base: Pack, known: list[tuple[int, int, bool]], came: set[int]
) -> None:
    """Open and closed rows; a slice that names some of them again, partly of other persons."""
    feed = base.feeds[FEED]
    with DuckEngine() as engine:
        schema.ensure(engine, base.feeds)
        opened: set[int] = set()
        for number, person, is_open in known:
            settle(engine, f"S{number}", person, 1)
            until = "infinity" if is_open and number not in opened else "2026-01-01"
            opened |= {number} if is_open else set()
            engine.execute(f"UPDATE facts.{FEED} SET known_to = '{until}' WHERE known_to IS NULL")
        listed = ", ".join(f"({n}, 'S{n}', {n % 3 + 1})" for n in sorted(came)) or "(0, '', 0)"
        empty = ", ".join(
            f"NULL::{kind} AS {quote(c)}"
            for c, kind in schema.fact_columns(feed).items()
            if c not in ("settlement_no", "person_id")
        )
        engine.materialize(
            name_of("identified", feed),
            f"SELECT _line, settlement_no, person_id::BIGINT AS person_id, {empty} FROM (VALUES {listed}) AS"
            " v(_line, settlement_no, person_id) WHERE person_id > 0",
        )
        rows = facts.span(engine, feed)
        matches = []
        for holders in (None, Holders()):
            matched = facts.match_known(engine, feed, rows, holders)
            matches.append(engine.rows(f"SELECT _line, old, same FROM {matched} ORDER BY ALL"))
        assert matches[0] == matches[1]
        assert sum(old is not None for _, old, _ in matches[1]) == len(opened & came)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=9), max_size=12),
    st.lists(st.integers(0, 12), max_size=5),
)
def test_pieces_say_together_what_one_list_would(
    pieces: list[list[tuple[int, int]]], wanted: list[int]
) -> None:
    index = _Index("rows", "key", "number")
    for piece in pieces:
        if piece:
            keys, persons = zip(*piece, strict=True)
            index._add(np.array(keys, np.uint64), np.array(persons, np.int64))
    held = {person for piece in pieces for key, person in piece if key in wanted}
    assert index.find(np.array(sorted(set(wanted)), np.uint64)).tolist() == sorted(held)
