"""Signals of areas on the engine: the same as by hand, raised once, cleared when it is over, blind to the
order of areas."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner import cycle
from almoner.assessment import area_alerts
from almoner.assessment.jumps import Counts, stand_out
from almoner.policy.model.pack import Pack
from almoner.support.outbox import changes_after
from counted_county import (
    AS_OF,
    COUNTY,
    ENDS,
    KNOWN_AT,
    LAST,
    TOWNSHIPS,
    VILLAGES,
    Book,
    areas,
    county,
    found,
    jumped,
    quiet,
    villages,
    write_counts,
)
from lesser import with_signals


@pytest.fixture(scope="module")
def pack(base: Pack) -> Pack:
    return with_signals(base, "income_shock", "elder_unsupported")


@pytest.fixture(scope="module")
def signal() -> str:
    return "income_shock"


def test_a_village_that_jumps_is_found_and_its_neighbours_are_not(pack: Pack, signal: str) -> None:
    with county(pack, jumped(signal)) as engine:
        (jump,) = found(engine, pack)
    assert (jump.area, jump.level, jump.parent, jump.month, jump.past_months) == (
        "7100",
        "village",
        "710",
        LAST,
        12,
    )
    assert jump.counts == Counts(
        started=12,
        at_risk=200,
        past_started=24,
        past_at_risk=2400,
        near_started=4,
        near_at_risk=800,
        near_past_started=96,
        near_past_at_risk=9600,
    )
    assert (jump.near_areas, jump.siblings, jump.comparisons) == (4, True, TOWNSHIPS * VILLAGES)
    assert jump.corrected <= 0.05


def test_a_township_jumps_where_all_its_villages_rise_a_little(pack: Pack, signal: str) -> None:
    book = quiet(signal, 1) | {(signal, f"712{v}", LAST): (4, 200) for v in range(VILLAGES)}
    with county(pack, book) as engine:
        assert [(j.area, j.level) for j in found(engine, pack)] == [("712", "township")]


def test_a_month_that_is_hard_everywhere_is_no_jump(pack: Pack, signal: str) -> None:
    book = quiet(signal) | {(signal, village, LAST): (12, 200) for village in villages()}
    with county(pack, book) as engine:
        assert found(engine, pack) == []


def test_a_month_that_is_missing_neither_falls_nor_jumps(pack: Pack, signal: str) -> None:
    """Three months of the past were late and never counted: the others are compared with."""
    missing = set(ENDS[4:7])
    book = {key: value for key, value in quiet(signal).items() if key[2] not in missing}
    with county(pack, book) as engine:
        assert found(engine, pack) == []
    with county(pack, {k: v for k, v in jumped(signal).items() if k[2] not in missing}) as engine:
        assert [j.past_months for j in found(engine, pack)] == [9]


def test_too_short_a_past_says_nothing(pack: Pack, signal: str) -> None:
    book = {key: value for key, value in jumped(signal).items() if key[2] >= ENDS[-6]}
    with county(pack, book) as engine:
        assert found(engine, pack) == []


def test_counts_of_another_rule_are_not_compared(pack: Pack, signal: str) -> None:
    with county(pack, jumped(signal)) as engine:
        engine.execute("UPDATE assessment.area_month SET rule = 'of old'")
        assert found(engine, pack) == []


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_the_engine_says_what_counting_by_hand_says(pack: Pack, data: st.DataObject) -> None:
    """Any counts: SQL that sums over the tree of areas and leaves out what cannot pass, beside a plain
    loop over everything."""
    names = list(pack.signals)
    chance = random.Random(data.draw(st.integers(0, 10_000)))
    book: Book = {}
    for name in names:
        for village in villages():
            hot = chance.random() < 0.2
            for month in ENDS:
                most = 14 if hot and month == LAST else 2
                book[name, village, month] = (chance.randint(0, most), chance.randint(50, 250))
    with county(pack, book, seed=chance.randint(0, 9)) as engine:
        ours = {(j.signal, j.area): round(j.corrected, 12) for j in found(engine, pack)}
        again = {(j.signal, j.area): round(j.corrected, 12) for j in found(engine, pack)}
    assert ours == again == by_hand(names, book)


def by_hand(names: list[str], book: Book) -> dict[tuple[str, str], float]:
    answer: dict[tuple[str, str], float] = {}
    for level in ("township", "village"):
        keys = [(name, code) for name in names for code, _, kind in areas() if kind == level]
        counts = [_counted(name, code, level, book) for name, code in keys]
        jumps = stand_out(counts, len(keys), chance=0.05, least=5, ratio=2)
        answer |= {keys[i]: round(corrected, 12) for i, _, corrected in jumps}
    return answer


def _counted(name: str, code: str, level: str, book: Book) -> Counts:
    def summed(prefix: str, now: bool, which: int) -> int:
        return sum(
            value[which]
            for (of, village, month), value in book.items()
            if of == name and village.startswith(prefix) and (month == LAST) == now
        )

    own = [summed(code, now, which) for now in (True, False) for which in (0, 1)]
    parent = COUNTY if level == "township" else code[:3]
    whole = [summed(parent, now, which) for now in (True, False) for which in (0, 1)]
    if whole[1] - own[1] < own[1]:
        whole = [summed(COUNTY, now, which) for now in (True, False) for which in (0, 1)]
    near = [all_ - mine for all_, mine in zip(whole, own, strict=True)]
    return Counts(**{f.name: n for f, n in zip(fields(Counts), own + near, strict=True)})


def test_the_order_in_which_areas_are_written_changes_nothing(pack: Pack, signal: str) -> None:
    def decided(seed: int) -> Any:
        with county(pack, jumped(signal), seed) as engine:
            return cycle.run(engine, pack, AS_OF, KNOWN_AT).decided

    assert decided(1) == decided(2) == decided(3)


def test_the_same_sweep_twice_raises_once(pack: Pack, signal: str) -> None:
    with county(pack, jumped(signal)) as engine:
        first = cycle.run(engine, pack, AS_OF, KNOWN_AT)
        again = cycle.run(engine, pack, AS_OF, KNOWN_AT)
        later = cycle.run(engine, pack, AS_OF + dt.timedelta(days=9), KNOWN_AT + dt.timedelta(days=9))
    assert first.areas_moved == {signal: {"raised": 1, "changed": 0, "cleared": 0}}
    assert again.areas_moved == later.areas_moved == {}
    assert first.decided == again.decided


def test_what_is_raised_says_why_in_both_languages_and_goes_to_who_leads_the_theme(
    pack: Pack, signal: str
) -> None:
    with county(pack, jumped(signal)) as engine:
        cycle.run(engine, pack, AS_OF, KNOWN_AT)
        (change,) = (c for batch in changes_after(engine, 0) for c in batch)
    assert (change.kind, change.change, change.area, change.household_id) == ("area", "raised", "7100", 0)
    assert change.key == f"area:{signal}:area:{area_alerts.area_number('7100')}"
    body = change.body
    assert pack.watch is not None
    assert body["department"] == pack.watch.lines[pack.signals[signal].theme].department
    assert [row["started"] for row in body["months"]] == [2] * 12 + [12]
    assert [row["area"] for row in body["neighbours"]] == ["7101", "7102", "7103", "7104"]
    started, past, near, chance = body["evidence"]
    assert started["sentence"]["en"].startswith("In October 2026 12 of 200 households newly came under")
    assert "lets expect 2 in this month" in past["sentence"]["en"]
    assert "In the 4 areas around it it was 4 of 800" in near["sentence"]["en"]
    assert "corrected for the 20 comparisons of its level" in chance["sentence"]["en"]
    assert "2026年10月，200户中新增12户" in started["sentence"]["zh"]
    assert "按同级全部20次比较校正" in chance["sentence"]["zh"]
    for condition in body["evidence"]:
        rules = [o for o in condition["operands"] if o["kind"] == "parameter"]
        assert all(rule["reference"] for rule in rules)
        assert rules


def test_the_next_month_changes_or_clears_it(pack: Pack, signal: str) -> None:
    november = dt.date(2026, 11, 30)
    for started, moved in ((11, "changed"), (1, "cleared")):
        with county(pack, jumped(signal)) as engine:
            cycle.run(engine, pack, AS_OF, KNOWN_AT)
            at = dt.datetime(2026, 12, 9, 20)
            new = {(signal, v, november): (started if v == "7100" else 1, 200) for v in villages()}
            write_counts(engine, pack, new, random.Random(1), at)
            outcome = cycle.run(engine, pack, at.date(), at)
            body = next(c.body for batch in changes_after(engine, 1) for c in batch)
        assert outcome.areas_moved[signal][moved] == 1
        assert body["month"] == ("2026-11-30" if moved == "changed" else None)


def test_an_alert_whose_month_stays_the_last_one_expires(pack: Pack, signal: str) -> None:
    """The feed never came again: the month grows old, says nothing any more, and the alert is let go."""
    assert pack.watch is not None
    assert pack.watch.areas is not None
    assert pack.watch.areas.alarm is not None
    days = pack.watch.areas.alarm.expires_days
    with county(pack, jumped(signal)) as engine:
        cycle.run(engine, pack, AS_OF, KNOWN_AT)
        stale = LAST + dt.timedelta(days=days + 1)
        assert cycle.run(engine, pack, stale, dt.datetime.combine(stale, dt.time(20))).areas_moved == {}
        gone = AS_OF + dt.timedelta(days=days + 1)
        over = cycle.run(engine, pack, gone, dt.datetime.combine(gone, dt.time(20)))
    assert over.areas_moved[signal]["cleared"] == 1


def test_some_households_say_nothing_of_areas(pack: Pack, signal: str) -> None:
    with county(pack, jumped(signal)) as engine:
        assert cycle.run(engine, pack, AS_OF, KNOWN_AT, households=[1, 2]).areas_moved == {}
        cycle.run(engine, pack, AS_OF, KNOWN_AT)
        assert cycle.run(engine, pack, AS_OF, KNOWN_AT, households=[1, 2]).areas_moved == {}
        assert engine.value("SELECT count(*) FROM assessment.standing WHERE kind = 'area'") == 1


def test_a_correction_of_the_past_is_replayed_as_it_was_known(pack: Pack, signal: str) -> None:
    later = KNOWN_AT + dt.timedelta(days=3)
    with county(pack, jumped(signal)) as engine:
        decided = cycle.run(engine, pack, AS_OF, KNOWN_AT).decided
        engine.execute(
            "UPDATE assessment.area_month SET known_to = $at WHERE month = $month",
            {"at": later, "month": LAST},
        )
        write_counts(
            engine, pack, {k: v for k, v in quiet(signal).items() if k[2] == LAST}, random.Random(2), later
        )
        assert found(engine, pack, known_at=later) == []
        assert cycle.replay(engine, pack, AS_OF, KNOWN_AT).decided == decided


def test_areas_in_a_circle_end(pack: Pack, signal: str) -> None:
    with county(pack, jumped(signal)) as engine:
        engine.execute("UPDATE facts.areas SET parent_code = '7100' WHERE area_code = '71'")
        assert isinstance(found(engine, pack), list)
