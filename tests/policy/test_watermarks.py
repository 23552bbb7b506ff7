"""How far a feed is complete, as parameters of an indicator's SQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.policy import watermarks
from policy.small_pack import FILES, check, compiled

SQL = next(file for file in FILES if file.endswith(".sql"))
WINDOWED = FILES[SQL].replace(
    "FROM wages AS w", "FROM (SELECT * FROM wages WHERE month <= :wages_month) AS w"
)


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
    assert watermarks.values({"wages": through}, as_of) == {"wages_through": last_day, "wages_month": month}


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
