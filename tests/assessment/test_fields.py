"""Judging field by field finds what judging everybody by every rule finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.assessment import signals
from almoner.assessment.context import AssessmentContext
from almoner.assessment.feature_table import feature_table, holds, subject_key
from almoner.assessment.opening import open_context
from almoner.assessment.signal_groups import signal_groups
from almoner.engines import Engine, open_engine, quote
from almoner.policy.model.pack import Pack, Signal
from county import AS_OF, KNOWN_AT, copy_opened


@pytest.fixture
def engine(hundred: Path, tmp_path: Path) -> Iterator[Engine]:
    with copy_opened(hundred, tmp_path) as opened:
        yield opened


def holding(context: AssessmentContext, signal: Signal, truth: str = "") -> set[int]:
    """The subjects for whom the wide table says so."""
    key = subject_key(signal.subject)
    rows = context.engine.rows(
        f"SELECT {key} FROM {feature_table(signal.subject)} WHERE {truth} {quote(holds(signal.id))}"
    )
    return {subject for (subject,) in rows}


def found(context: AssessmentContext, signal: Signal) -> set[int]:
    sql = f"SELECT subject_id FROM {signals.FINDINGS} WHERE item = $item"
    return {subject for (subject,) in context.engine.rows(sql, {"item": signal.id})}


def test_every_signal_is_in_one_field_and_no_two_fields_of_persons_share_an_indicator(base: Pack) -> None:
    listed = signal_groups(base)
    assert sorted(s.id for f in listed for s in f.signals) == sorted(base.signals)
    own = [name for f in listed for name in f.indicators]
    assert len(own) == len(set(own))


def test_what_is_found_is_what_the_wide_tables_say(base: Pack, engine: Engine) -> None:
    with open_context(engine, base, AS_OF, KNOWN_AT) as context:
        watched = {w.signal: w for w in signals.find(context)}
        for signal in base.signals.values():
            assert found(context, signal) == holding(context, signal), signal.id
            assert watched[signal.id].holds == len(holding(context, signal))


def test_a_rule_that_holds_where_nothing_is_said_holds_for_everybody_who_is_spoken_of(
    base: Pack, engine: Engine
) -> None:
    signal = base.signals["disability_new"]
    when = replace(
        signal.when, sql="coalesce(disability_days, 0) < 1", columns=("disability_days",), parameters=()
    )
    pack = replace(base, signals={**base.signals, signal.id: replace(signal, when=when)})
    with open_context(engine, pack, AS_OF, KNOWN_AT) as context:
        signals.find(context)
        everybody = engine.value("SELECT count(*) FROM wide_person")
        assert found(context, signal) == holding(context, signal)
        assert len(found(context, signal)) > everybody / 2


def test_a_standing_signal_is_refuted_also_where_its_indicators_say_nothing_any_more(
    base: Pack, engine: Engine
) -> None:
    signal = base.signals["work_lost"]
    with open_context(engine, base, AS_OF, KNOWN_AT) as context:
        let_stand(engine, signal)
        silent = holding(context, signal, 'NOT "has:person_work" AND NOT')
        signals.find(context)
        disproved = {key for (key,) in engine.rows(f"SELECT key FROM {signals.DISPROVED}")}
        assert silent
        assert disproved == {str(p) for p in holding(context, signal, "NOT")}


def let_stand(engine: Engine, signal: Signal) -> None:
    """The signal stands for everybody who is spoken of."""
    engine.execute(
        f"""INSERT INTO assessment.standing
            SELECT person_id::VARCHAR, 'signal', '{signal.id}', 'person', person_id,
              household_id, person_id, area, '{signal.levels[0].id}', 0, '', $day, $day FROM wide_person""",
        {"day": AS_OF},
    )


@pytest.mark.parametrize(
    "day", ["2026-11-09", "2027-02-28", "2028-02-28", "2028-02-29", "2028-03-01", "2026-12-31"]
)
def test_the_bounds_on_birth_dates_leave_nobody_out(day: str) -> None:
    """Indicators bound the date of birth, which is quick, before they count whole years, which is not."""
    born = f"SELECT day::DATE AS born FROM range(DATE '1925-01-01', DATE '{day}', INTERVAL 1 DAY) AS t(day)"
    with open_engine() as engine:
        for years in (3, 18, 59, 60):
            old_enough = f"datesub('year', born, DATE '{day}') >= {years}"
            left_out = f"({old_enough} AND NOT born <= DATE '{day}' + 1 - to_years({years}))"
            child_left_out = f"(NOT {old_enough} AND NOT born >= DATE '{day}' - to_years({years}))"
            assert engine.value(f"SELECT count(*) FROM ({born}) WHERE {left_out} OR {child_left_out}") == 0
