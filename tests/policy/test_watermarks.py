"""How far a feed is complete, as parameters of an indicator's SQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.policy import watermarks
from almoner.policy.watermarks import Run
from policy.small_pack import FILES, check, compiled

SQL = next(file for file in FILES if file.endswith(".sql"))
WINDOWED = FILES[SQL].replace(
    "FROM wages AS w",
    "FROM (SELECT * FROM wages WHERE month <= :wages_month AND :wages_since <= :wages_month) AS w",
)
UNLIMITED = WINDOWED.replace(" AND :wages_since <= :wages_month", "")


@pytest.mark.parametrize(
    ("through", "as_of", "last_day", "month"),
    [
        (dt.date(2026, 9, 30), dt.date(2026, 11, 9), dt.date(2026, 9, 30), dt.date(2026, 9, 1)),
        (dt.date(2026, 9, 29), dt.date(2026, 11, 9), dt.date(2026, 9, 29), dt.date(2026, 8, 1)),
        (dt.date(2026, 1, 31), dt.date(2026, 1, 15), dt.date(2026, 1, 15), dt.date(2025, 12, 1)),
        (None, dt.date(2026, 11, 9), None, None),
    ],
)
def test_a_watermark_is_a_day_and_a_month(
    through: dt.date | None, as_of: dt.date, last_day: dt.date | None, month: dt.date | None
) -> None:
    values = watermarks.values({"wages": Run(None, through)}, as_of)
    assert (values["wages_through"], values["wages_month"]) == (last_day, month)


@pytest.mark.parametrize(
    ("run", "since", "unbroken"),
    [
        (Run(dt.date(2026, 6, 1), dt.date(2026, 9, 30), False), dt.date(2026, 6, 1), False),
        (Run(dt.date.min, dt.date(2026, 9, 30)), dt.date.min, True),
        (Run(), None, None),
    ],
)
def test_a_run_says_since_when_and_whether_anything_is_missing_before(
    run: Run, since: dt.date | None, unbroken: bool | None
) -> None:
    values = watermarks.values({"wages": run}, dt.date(2026, 11, 9))
    assert (values["wages_since"], values["wages_unbroken"]) == (since, unbroken)


def test_an_indicator_may_use_a_feeds_watermark(tmp_path: Path) -> None:
    pack = compiled(tmp_path, {SQL: WINDOWED})
    indicator = next(i for i in pack.indicators.values() if "wages_month" in i.parameters)
    assert "CAST($wages_month AS DATE)" in indicator.sql


def test_the_watermark_of_no_feed_is_an_unknown_parameter(tmp_path: Path) -> None:
    _, findings = check(tmp_path, {SQL: WINDOWED.replace(":wages_month", ":wage_month")})
    assert [f.rule for f in findings] == ["unknown-parameter"]
    assert "wages_month" in findings[0].advice


def test_a_parameter_cannot_take_a_watermarks_name(tmp_path: Path) -> None:
    line = next(file for file in FILES if file.endswith("parameters/line.yaml"))
    changed = {SQL: WINDOWED, "parameters/wages_month.yaml": FILES[line]}
    assert "parameter-name" in [f.rule for f in check(tmp_path, changed)[1]]


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly", "yearly", "on_event"])
@pytest.mark.parametrize(
    ("condition", "limited"),
    [
        ("month <= :wages_month", False),
        ("month <= :wages_through", False),
        ("month BETWEEN :wages_through - 90 AND :wages_through", False),
        ("month <= :wages_month AND :wages_since <= :wages_month - INTERVAL 11 MONTH", True),
        ("month <= :wages_through AND month >= :wages_since", True),
        ("month <= :wages_month AND :wages_unbroken", True),
        ("month <= :as_of", True),
    ],
)
def test_a_window_that_ends_at_a_watermark_says_where_it_may_begin(
    tmp_path: Path, cadence: str, condition: str, limited: bool
) -> None:
    contract = next(file for file in FILES if file.endswith("contracts/wages.yaml"))
    changed = {
        SQL: FILES[SQL].replace("FROM wages AS w", f"FROM (SELECT * FROM wages WHERE {condition}) AS w"),
        contract: FILES[contract].replace("value: monthly", f"value: {cadence}"),
    }
    found = [f for f in check(tmp_path, changed)[1] if f.rule == "window-begins-anywhere"]
    assert len(found) == (0 if limited or cadence == "on_event" else 1)
    assert all(":wages_since" in f.advice and f.line > 1 for f in found)


def test_an_indicator_may_say_why_a_missing_period_does_no_harm(tmp_path: Path) -> None:
    described = SQL.replace(".sql", ".yaml")
    reason = FILES[described] + "holes: {wages: the latest month that there is counts}\n"
    compiled(tmp_path, {SQL: UNLIMITED, described: reason})


def test_holes_of_no_feed_are_told(tmp_path: Path) -> None:
    described = SQL.replace(".sql", ".yaml")
    _, findings = check(tmp_path, {described: FILES[described] + "holes: {wage: it does no harm}\n"})
    assert [f.rule for f in findings] == ["unknown-feed"]
    assert "wages" in findings[0].advice
