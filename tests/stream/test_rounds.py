"""Slices of events take the path of files: checks, quarantine, identities and corrections. The facts hold
the offsets."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from almoner.errors import EngineError
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.registry.quarantine import entries
from almoner.stream import state
from almoner.stream.rounds import LARGEST, SMALLEST, URGENT_SECONDS, Pace
from county import number
from stream.taking import AT, Stream, event

WHO, OTHER = number(1, dt.date(1984, 6, 1)), number(2, dt.date(1950, 1, 1))


def wage(n: object, wage: object = 100, month: str = "2026-09", who: str = WHO, **more: Any) -> Any:
    return event("insured_wages", n, resident_no=who, month=month, employer_code="E1", wage=wage, **more)


def meter(n: object, day: str = "2026-11-01", through: dt.date | None = None, who: str = OTHER) -> Any:
    return event("elderly_meters", n, through=through, resident_no=who, day=day, litres=10)


def person(n: object, who: str, household: str = "H1") -> Any:
    return event(
        "population_register",
        n,
        resident_no=who,
        name="Mei Fictional",
        birth_date="1984-06-01",
        relation="head",
        household_no=household,
        registration="urban",
        area_code="710000001001",
        sex="female",
        status="resident",
        updated_on="2025-01-01",
    )


def test_good_rows_become_facts_and_bad_rows_go_to_quarantine(stream: Stream) -> None:
    stream.put(wage(1), wage(2, wage=-5, month="2026-08"), wage(3, wage="much", month="2026-07"))
    assert stream.drain() == 3
    assert [w for (w,) in stream.rows("insured_wages", "wage")] == [100]
    faults = [(e.feed, f.line, f.file, f.rule) for e in entries(stream.engine) for f in e.faults]
    assert faults == [
        ("insured_wages", 3, "events", "type_number"),
        ("insured_wages", 2, "events", "reversal_without_original"),
    ]
    assert stream.inbox.backlog() == {}


def test_a_later_event_of_the_same_key_is_a_correction(stream: Stream) -> None:
    stream.put(wage(1, 100))
    stream.drain()
    stream.put(wage(2, 250))
    stream.drain(AT + dt.timedelta(seconds=1))
    assert stream.rows("insured_wages", "wage") == [(250,)]
    assert stream.engine.value("SELECT count(*) FROM facts.insured_wages") == 2


def test_in_one_slice_the_last_word_on_a_key_holds(stream: Stream) -> None:
    stream.put(wage(1, 100), wage(2, 250), wage(3, 250, month="2026-08"), wage(4, 70), wage(5, "much"))
    stream.drain()
    assert stream.rows("insured_wages", "month, wage") == [
        (dt.date(2026, 8, 1), 250),
        (dt.date(2026, 9, 1), 70),
    ]
    receipt = stream.engine.rows(
        "SELECT rows_read, rows_new, rows_duplicate, rows_quarantined FROM registry.delivery"
    )
    assert receipt == [(5, 2, 2, 1)]


def test_whose_numbers_a_round_brings_is_the_same_as_for_one_feed_after_the_other(stream: Stream) -> None:
    """A known person, one who comes with the register in the same round, an odd spelling of both, a wrong
    number, and none."""
    new, odd = number(3, dt.date(1999, 5, 5)), f"{WHO[:6]} {WHO[6:14]} {WHO[14:]}"
    stream.put(person(1, WHO))
    stream.drain()
    wrong = WHO[:-1] + ("0" if WHO[-1] != "0" else "1")
    stream.put(
        person(2, new, "H2"),
        wage(3, 100, who=odd),
        wage(4, 200, who=new),
        wage(5, 300, who=wrong),
        wage(6, 400, who=""),
        meter(7, who=f"{new[:6]} {new[6:]}"),
        meter(8, who=OTHER),
        meter(9, who=f"{OTHER[:6]}-{OTHER[6:]}"),
    )
    assert stream.rounds.take(AT + dt.timedelta(seconds=1)) is not None
    ids = dict(stream.rows("population_register", "household_id, person_id"))
    assert len(set(ids.values())) == 2
    assert stream.rows("insured_wages", "wage, person_id") == [(100, ids[1]), (200, ids[2])]
    everybody = stream.engine.rows(
        "SELECT person_id, (SELECT count(DISTINCT number_index) FROM registry.person) FROM registry.person"
    )
    assert len(everybody) == everybody[0][1] == 3
    (other,) = {who for (who, _) in everybody} - set(ids.values())
    assert {who for (who,) in stream.rows("elderly_meters", "person_id")} == {ids[2], other}
    assert sorted(f.rule for e in entries(stream.engine) for f in e.faults) == [
        "identifier_checksum",
        "required",
    ]


def test_a_withdrawal_closes_the_facts_row_and_nothing_else(stream: Stream) -> None:
    stream.put(person(1, WHO), wage(2, 100), wage(3, 90, month="2026-08"))
    stream.drain()
    state.forget_everybody(stream.engine)
    key = {"resident_no": WHO, "month": "2026-09", "employer_code": "E1"}
    stream.put(
        event("insured_wages", 4, withdrawn=True, **key),
        event("insured_wages", 5, withdrawn=True, **key | {"month": "2020-01"}),
    )
    stream.drain(AT + dt.timedelta(minutes=1))
    assert stream.rows("insured_wages", "wage") == [(90,)]
    assert stream.engine.value("SELECT count(*) FROM facts.insured_wages") == 2
    assert dirty.dirty_households(stream.engine, 9) == [1]


def test_rows_and_withdrawals_of_one_key_count_in_their_order(stream: Stream) -> None:
    gone = {"resident_no": WHO, "month": "2026-09", "employer_code": "E1"}
    stream.put(wage(1, 100), event("insured_wages", 2, withdrawn=True, **gone), wage(3, 300))
    stream.drain()
    assert stream.rows("insured_wages", "wage") == [(300,)]
    stream.put(wage(4, 400), event("insured_wages", 5, withdrawn=True, **gone))
    stream.drain()
    assert stream.rows("insured_wages", "wage") == []


def test_urgent_feeds_come_before_bulk_and_each_keeps_its_order(base: Pack, tmp_path: Path) -> None:
    stream = Stream(tmp_path / "home", base, Pace(4, 4, 8))
    stream.put(*(wage(n, month=f"{2000 + n}-01") for n in range(20)), meter(100), meter(101, "2026-11-02"))
    first = stream.rounds.take(AT)
    assert first is not None
    assert [(r.feed, r.rows_new) for r in first.receipts] == [("elderly_meters", 2), ("insured_wages", 2)]
    assert (first.urgent, first.left) == (True, True)
    assert [m.year for (m,) in stream.rows("insured_wages", "month")] == [2000, 2001]
    stream.close()


def test_the_pace_grows_while_more_waits_than_fits_unless_urgent_feeds_wait_long() -> None:
    pace, quick, slow = Pace(), URGENT_SECONDS / 2, URGENT_SECONDS + 1
    for size in (2 * SMALLEST, 4 * SMALLEST):
        pace.fit(taken=0, urgent=True, left=True, seconds=quick)
        assert pace.size == size
    pace.fit(taken=0, urgent=True, left=True, seconds=slow)
    assert pace.size == 2 * SMALLEST
    for _ in range(9):
        pace.fit(taken=0, urgent=True, left=True, seconds=slow)
    assert pace.size == SMALLEST
    pace.fit(taken=0, urgent=True, left=True, seconds=URGENT_SECONDS / 5)
    assert pace.size == 4 * SMALLEST
    for _ in range(9):
        pace.fit(taken=0, urgent=False, left=True, seconds=slow)
    assert pace.size == LARGEST
    pace.fit(taken=0, urgent=False, left=False, seconds=quick)
    assert pace.size == SMALLEST


def test_a_steady_rate_leaves_nothing_over_once_the_pace_has_grown_to_it() -> None:
    pace, came = Pace(), SMALLEST + 100
    waiting, rounds_with_a_rest = 0, 0
    for _ in range(20):
        waiting += came
        taken = min(waiting, pace.size)
        waiting -= taken
        rounds_with_a_rest += waiting > 0
        pace.fit(taken=taken, urgent=True, left=waiting > 0, seconds=1)
    assert rounds_with_a_rest == 1
    pace.fit(taken=10, urgent=True, left=False, seconds=1)
    assert pace.size == SMALLEST


def test_a_pace_that_a_failure_made_small_does_not_grow_by_what_is_urgent() -> None:
    pace = Pace()
    while pace.size > 1:
        pace.halve()
    pace.fit(taken=0, urgent=True, left=True, seconds=URGENT_SECONDS + 1)
    pace.fit(taken=0, urgent=True, left=False, seconds=0)
    assert pace.size == 1


def test_a_round_knows_how_long_the_one_before_took_with_what_followed(
    base: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(tmp_path / "home", base, Pace(2, 2, 8, urgent_seconds=10))
    stream.put(*(meter(n, f"2026-11-{n + 1:02d}") for n in range(24)))
    sizes = []
    for at in (100.0, 109.0, 120.0, 130.0):
        monkeypatch.setattr("almoner.stream.rounds.monotonic", lambda at=at: at)
        sizes.append(stream.rounds.take(AT).events)  # type: ignore[union-attr]
    assert sizes == [2, 8, 8, 4]
    stream.close()


def test_the_offset_is_written_with_the_facts_or_not_at_all(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.put(wage(1))

    def fail(*_: object) -> None:
        raise EngineError("disk", "INSERT")

    with monkeypatch.context() as patch:
        patch.setattr("almoner.stream.state.move_offsets", fail)
        with pytest.raises(EngineError):
            stream.rounds.take(AT)
    assert stream.rows("insured_wages") == []
    assert state.offsets(stream.engine) == {}
    assert stream.drain() == 1
    assert state.offsets(stream.engine) == {"insured_wages": 1}


def test_what_was_committed_but_not_purged_is_not_taken_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.put(wage(1))
    with monkeypatch.context() as patch:
        patch.setattr("almoner.stream.inbox.Inbox.purge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            stream.rounds.take(AT)
    assert stream.inbox.backlog()["insured_wages"].events == 1
    assert stream.drain() == 0
    assert stream.engine.value("SELECT count(*) FROM registry.delivery") == 1


def test_the_watermark_moves_only_when_the_sender_says_so(stream: Stream) -> None:
    stream.put(meter(1))
    stream.drain()
    assert dirty.watermark(stream.engine, "elderly_meters") is None
    stream.put(meter(2, "2026-11-02", through=dt.date(2026, 11, 2)), meter(3, "2026-11-04"))
    stream.drain()
    assert dirty.watermark(stream.engine, "elderly_meters") == dt.date(2026, 11, 2)
    assert dirty.moved(stream.engine) == ["elderly_meters"]


def test_that_nothing_happened_can_be_said_without_a_row(stream: Stream) -> None:
    stream.put(event("elderly_meters", 1, through=dt.date(2026, 11, 8)))
    assert stream.drain() == 1
    assert dirty.watermark(stream.engine, "elderly_meters") == dt.date(2026, 11, 8)


def test_dirty_are_the_households_of_a_row_before_and_after(stream: Stream) -> None:
    stream.put(person(1, WHO, "H1"), person(2, OTHER, "H2"))
    stream.drain()
    assert dirty.dirty_households(stream.engine, 9) == [1, 2]
    state.forget_everybody(stream.engine)
    stream.put(wage(3), meter(4))
    stream.drain()
    assert dirty.dirty_households(stream.engine, 9) == [1, 2]
    state.enqueue(stream.engine, 1, [1, 2], [2])
    assert state.pending(stream.engine) == {1: False, 2: True}
    stream.put(person(5, OTHER, "H1"))  # moves from one to the other
    stream.drain(AT + dt.timedelta(hours=1))
    assert dirty.dirty_households(stream.engine, 9) == [1, 2]
    state.forget_everybody(stream.engine)
    stream.put(person(6, OTHER, "H1"))  # the same again
    stream.drain(AT + dt.timedelta(hours=2))
    assert dirty.dirty_households(stream.engine, 9) == []


def test_a_shared_feed_makes_everybody_dirty(stream: Stream) -> None:
    stream.put(event("areas", 1, area_code="1", name_en="A", name_zh="A", level="village"))
    stream.drain()
    assert dirty.all_are_dirty(stream.engine)


def test_one_event_that_always_fails_is_set_aside_and_the_next_goes_in(stream: Stream) -> None:
    stream.put(wage(1), wage(2, month="2026-08"))
    assert stream.rounds.set_aside(AT)
    stream.drain()
    assert [e.faults[0].rule for e in entries(stream.engine)] == ["engine"]
    assert stream.rows("insured_wages", "month") == [(dt.date(2026, 8, 1),)]


def test_no_file_but_the_vault_holds_a_name_or_number(stream: Stream) -> None:
    stream.put(person(1, WHO), wage(2), wage(3, "bad", who=OTHER))

    def leaks() -> list[str]:
        files = [f for f in stream.folder.rglob("*") if f.is_file()]
        secrets = [s.encode() for s in ("Mei Fictional", WHO, OTHER)]
        return [f.name for f in files for s in secrets if s in f.read_bytes()]

    assert leaks() == []
    stream.drain()
    assert leaks() == []
    stream.engine.execute("CHECKPOINT")
    assert leaks() == []


def test_a_slice_takes_as_many_runs_as_one_persons_events_need(stream: Stream) -> None:
    people = [number(n, dt.date(1990, 1, 1)) for n in range(20)]
    key = {"month": "2026-09", "employer_code": "E1"}
    for turn in range(2):
        for who in people:
            stream.put(wage(f"{turn}-{who}", 100 + turn, who=who))
            stream.put(event("insured_wages", f"gone-{turn}-{who}", withdrawn=True, resident_no=who, **key))
    stream.put(wage("last", 777, who=people[3]))
    stream.put(
        event(
            "insured_wages", "spelled", withdrawn=True, resident_no=f" {people[3][:6]} {people[3][6:]}", **key
        )
    )
    stream.put(wage("very last", 888, who=people[4]))
    assert stream.drain() == 83
    assert stream.rows("insured_wages", "wage") == [(888,)]
    assert stream.engine.value("SELECT count(*) FROM registry.delivery") == 6
