"""What changes with time: corrections, clearing, the unknown, expiry, and the past as it was known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almoner import cycle
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.registry.deliveries import Delivery, take_in
from almoner.registry.vault import Vault
from almoner.support.changes import Change
from almoner.support.outbox import changes_after
from county import KEY, Book, Forgetful, copy_opened, deliveries, lists, months, number, taken_in

BORN = dt.date(1984, 6, 1)
WHO = number(1, BORN)
DAY_1, DAY_2 = dt.date(2026, 11, 9), dt.date(2026, 12, 9)


def at(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(20))


def earner_without_work(folder: Path) -> list[Delivery]:
    book = Book({})
    book.add(
        "population_register",
        0,
        resident_no=WHO,
        name="Wei",
        birth_date=str(BORN),
        relation="head",
        household_no="H1",
        registration="rural",
        area_code="710000001001",
        sex="male",
        status="resident",
        updated_on="2025-01-01",
    )
    for month in months(dt.date(2025, 8, 1), 12):
        book.add("insured_wages", 0, resident_no=WHO, month=f"{month:%Y-%m}", employer_code="E1", wage=4000)
    book.add("insured_wages", 1, resident_no=WHO, month="2026-08", employer_code="E2", wage=300)
    book.add(
        "pensions",
        0,
        resident_no=number(9, dt.date(1950, 1, 1)),
        month="2026-07",
        scheme="resident",
        amount=180,
    )
    book.add(
        "pensions",
        1,
        resident_no=number(9, dt.date(1950, 1, 1)),
        month="2026-10",
        scheme="resident",
        amount=180,
    )
    lists(book)
    return deliveries(folder, book)


def deliver(
    engine: Engine,
    pack: Pack,
    folder: Path,
    feed: str,
    rows: list[dict[str, Any]],
    received: dt.datetime,
    through: dt.date | None,
) -> None:
    file = folder / f"{feed}-{received:%m%d}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    take_in(engine, Vault(KEY), Forgetful(), pack.feeds, Delivery(file, feed, received, through))


def changes(engine: Engine, after: int = 0) -> list[Change]:
    return [c for batch in changes_after(engine, after) for c in batch]


@pytest.fixture(scope="module")
def noticed(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The facts of a household that lost its income, after the cycle that notices it."""
    folder = tmp_path_factory.mktemp("noticed")
    with taken_in(base, earner_without_work(folder / "files"), folder / "facts.duckdb") as opened:
        cycle.run(opened, base, DAY_1, at(DAY_1))
    return folder / "facts.duckdb"


@pytest.fixture
def engine(noticed: Path, tmp_path: Path) -> Iterator[Engine]:
    with copy_opened(noticed, tmp_path) as opened:
        yield opened


def test_a_lost_income_is_raised_with_its_proposals(engine: Engine) -> None:
    assert [(c.kind, c.change, c.body.get("signal") or c.body["programme"]) for c in changes(engine)] == [
        ("signal", "raised", "income_shock"),
        ("recognition", "raised", "minimum_living"),
        ("proposal", "raised", "minimum_living_guarantee"),
        ("proposal", "raised", "temporary_assistance"),
    ]


def test_the_evidence_says_value_operands_unit_source_and_dates(engine: Engine) -> None:
    evidence = changes(engine)[0].body["evidence"]
    fell = evidence[1]
    assert fell["holds"] is True
    assert (fell["left"], fell["right"]) == (300.0, 2400.0)
    best, ratio, usual = fell["operands"][0], fell["operands"][2], fell["operands"][1]
    assert (best["value"], best["unit"]) == (300.0, "CNY/month")
    assert usual["value"] == 4000.0
    assert ratio["value"] == 0.6
    assert "JPMorgan" in ratio["reference"]
    wages = next(f for f in best["feeds"] if f["feed"] == "insured_wages")
    assert wages["complete_through"] == "2026-10-31"
    assert wages["latest"] == "2026-08-01"
    assert (
        fell["sentence"]["en"]
        == "Best of the last 3 complete months (300 CNY a month) is less than Share of usual income that"
        " counts as a sharp fall (0.6) × Usual registered income (4,000 CNY a month) (= 2,400)"
    )
    assert "低于" in fell["sentence"]["zh"]


def test_the_arithmetic_adds_up(engine: Engine) -> None:
    proposed = {c.body["programme"]: c.body for c in changes(engine) if c.kind == "proposal"}
    guarantee = proposed["minimum_living_guarantee"]
    values = {step["id"]: step["value"] for step in guarantee["steps"]}
    assert (values["line"], values["income"], values["gap"]) == (630.0, 100.0, 530.0)
    assert sum(value for name, value in values.items() if name.startswith("addon")) == 0
    assert guarantee["amount"] == values["total_amount"] == 530.0


def test_a_correction_clears_what_rested_on_it(engine: Engine, base: Pack, tmp_path: Path) -> None:
    corrected = [
        {"resident_no": WHO, "month": m, "employer_code": "E1", "wage": 4000}
        for m in ("2026-08", "2026-09", "2026-10")
    ]
    deliver(
        engine, base, tmp_path, "insured_wages", corrected, at(dt.date(2026, 11, 10)), dt.date(2026, 10, 31)
    )
    outcome = cycle.run(engine, base, DAY_1, at(dt.date(2026, 11, 11)))
    assert outcome.moved["income_shock"] == {"raised": 0, "changed": 0, "cleared": 1}
    assert outcome.moved["minimum_living_guarantee"]["cleared"] == 1


def test_the_past_is_replayed_as_it_was_known(engine: Engine, base: Pack, tmp_path: Path) -> None:
    then = cycle.replay(engine, base, DAY_1, at(DAY_1))
    corrected = [{"resident_no": WHO, "month": "2026-10", "employer_code": "E1", "wage": 4000}]
    deliver(
        engine, base, tmp_path, "insured_wages", corrected, at(dt.date(2026, 11, 10)), dt.date(2026, 10, 31)
    )
    now = cycle.run(engine, base, DAY_1, at(dt.date(2026, 11, 11)))
    again = cycle.replay(engine, base, DAY_1, at(DAY_1))
    recorded = engine.value("SELECT decided FROM assessment.cycle WHERE cycle_id = 1")
    assert again.decided == then.decided == recorded
    assert now.decided != recorded


def test_a_replay_writes_nothing(engine: Engine, base: Pack) -> None:
    counts = (
        "SELECT (SELECT count(*) FROM assessment.cycle), (SELECT count(*) FROM assessment.change), (SELECT"
        " count(*) FROM assessment.standing)"
    )
    before = engine.rows(counts)
    cycle.replay(engine, base, DAY_2, at(DAY_2))
    assert engine.rows(counts) == before


def test_what_becomes_unknown_stays_open_until_it_expires(engine: Engine, base: Pack) -> None:
    """Without a later delivery the windows stand still; without any income feed at all the signal is
    unknown."""
    engine.execute("DELETE FROM registry.complete_period WHERE feed = 'pensions'")
    expires = base.signals["income_shock"].expires_days
    soon = cycle.run(engine, base, DAY_1 + dt.timedelta(days=expires), at(DAY_1 + dt.timedelta(days=expires)))
    assert "income_shock" not in soon.moved
    late_day = DAY_1 + dt.timedelta(days=expires + 1)
    late = cycle.run(engine, base, late_day, at(late_day))
    assert late.moved["income_shock"]["cleared"] == 1


def test_other_evidence_for_the_same_signal_is_a_change(engine: Engine, base: Pack, tmp_path: Path) -> None:
    more = [{"resident_no": WHO, "month": "2026-09", "employer_code": "E2", "wage": 500}]
    deliver(engine, base, tmp_path, "insured_wages", more, at(dt.date(2026, 11, 10)), dt.date(2026, 10, 31))
    outcome = cycle.run(engine, base, DAY_1, at(dt.date(2026, 11, 11)))
    assert outcome.moved["income_shock"] == {"raised": 0, "changed": 1, "cleared": 0}


@pytest.mark.parametrize("scoped", [False, True], ids=["sweep", "some"])
def test_what_stands_keeps_its_first_day_and_tells_its_last(
    engine: Engine, base: Pack, tmp_path: Path, scoped: bool
) -> None:
    """With the same evidence or other, and neither twice nor gone when the day is looked at again."""
    sql = "SELECT key, digest, opened, last_true FROM assessment.standing ORDER BY key"
    before = engine.rows(sql)
    assert {row[2:] for row in before} == {(DAY_1, DAY_1)}
    more = [{"resident_no": WHO, "month": "2026-09", "employer_code": "E2", "wage": 500}]
    deliver(engine, base, tmp_path, "insured_wages", more, at(dt.date(2026, 11, 10)), dt.date(2026, 10, 31))
    for _ in range(2):
        cycle.run(engine, base, DAY_2, at(DAY_2), [1] if scoped else None)
        after = engine.rows(sql)
        assert [row[0] for row in after] == [row[0] for row in before]
        assert {row[2:] for row in after} == {(DAY_1, DAY_2)}
    assert [key for (key, digest, *_), (_, was, *_) in zip(after, before, strict=True) if digest != was]
    cycle.run(engine, base, DAY_1, at(DAY_2), [1] if scoped else None)
    assert {row[2:] for row in engine.rows(sql)} == {(DAY_1, DAY_2)}


def test_a_failing_cycle_leaves_nothing_behind(
    base: Pack, hundred: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with copy_opened(hundred, tmp_path) as engine:
        monkeypatch.setattr(
            "almoner.assessment.ledger.reconcile",
            lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")),
        )
        with pytest.raises(OSError, match="disk full"):
            cycle.run(engine, base, DAY_1, at(DAY_1))
        assert engine.value("SELECT count(*) FROM assessment.standing") == 0
