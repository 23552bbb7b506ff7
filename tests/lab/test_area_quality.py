"""Signals of areas against the truth: right, wrong and missed alerts are counted apart."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.errors import AlmonerError
from almoner.lab.area_quality import AreaQuality, area_quality
from almoner.policy.model.pack import Pack
from counted_county import AS_OF, KNOWN_AT, LAST, Book, county, jumped, villages
from lesser import with_signals


@pytest.fixture(scope="module")
def pack(base: Pack) -> Pack:
    return with_signals(base, "income_shock")


def judged(
    pack: Pack, folder: Path, events: list[tuple[str, dt.date, int]], book: Book
) -> dict[str, AreaQuality]:
    (folder / "truth").mkdir()
    rows = [{"area_code": area, "started_on": day, "households": hit} for area, day, hit in events]
    pq.write_table(pa.Table.from_pylist(rows), folder / "truth" / "area_events.parquet")
    with county(pack, book) as engine:
        return {q.rule: q for q in area_quality(engine, pack, folder, AS_OF, KNOWN_AT)}


def test_an_alert_where_something_happened_is_right_and_the_event_found(pack: Pack, tmp_path: Path) -> None:
    found = judged(
        pack,
        tmp_path,
        [("7100", dt.date(2026, 10, 3), 20), ("7132", dt.date(2026, 10, 3), 20)],
        jumped("income_shock"),
    )
    ours = found["signals of areas"]
    assert (ours.alerts, ours.right, ours.events, ours.found) == (1, 1, 2, 1)
    assert (ours.precision, ours.recall) == (1.0, 0.5)


def test_an_alert_long_after_or_elsewhere_is_wrong(pack: Pack, tmp_path: Path) -> None:
    found = judged(
        pack,
        tmp_path,
        [("7100", dt.date(2026, 3, 3), 20), ("7101", dt.date(2026, 10, 3), 20)],
        jumped("income_shock"),
    )
    assert found["signals of areas"].right == 0


def test_the_bare_rule_is_judged_the_same_way(pack: Pack, tmp_path: Path) -> None:
    """Four households instead of two are twice as many; the third rule leaves out fewer than five."""
    book = jumped("income_shock") | {
        ("income_shock", v, LAST): (4, 200) for v in villages() if v.startswith("713")
    }
    found = judged(pack, tmp_path, [("7100", dt.date(2026, 10, 3), 20)], book)
    doubled, several = found["rate doubled"], found["rate doubled, 5 households or more"]
    assert doubled.alerts == 1 + 5 + 1  # the villages of 713, and 713 itself
    assert (doubled.right, several.alerts, several.right) == (1, 2, 1)


def test_a_pack_without_signals_of_areas_says_so(base: Pack, tmp_path: Path) -> None:
    with (
        county(base, jumped("income_shock")) as engine,
        pytest.raises(AlmonerError, match="no signals of areas"),
    ):
        area_quality(engine, replace(base, watch=None), tmp_path, AS_OF, KNOWN_AT)
