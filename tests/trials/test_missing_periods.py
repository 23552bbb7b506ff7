"""A period that never came raises nothing: the scenarios of the packs, with a hole in each of their feeds; of
a pack that extends another, in the feeds that its own indicators read.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.policy import compile_pack
from almoner.policy.model.feeds import Feed
from almoner.policy.model.pack import Indicator, Pack, ScenarioCase
from almoner.registry import periods
from almoner.trials import scenarios

PACKS = Path(__file__).parents[2] / "packs"
BACK = (1, 3)  # periods before the last one that are missing
PAID_BY_MONTH = ("insured_wages", "medical_settlements")
ALLOWED = "the pack says unknown"


def _with_hole(case: ScenarioCase, feed: Feed, back: int) -> ScenarioCase | None:
    """The case without the records of one period; None where the feed is not complete so far."""
    through = case.complete_through.get(feed.id, case.as_of)
    if through is None or feed.id in case.complete_since:
        return None
    first = periods.start(feed.cadence, through)
    for _ in range(back):
        since, first = first, periods.previous(feed.cadence, first)
    time = feed.event_time
    assert time is not None

    def came(row: object) -> bool:
        day = row[time.name]  # type: ignore[index]
        day = day.date() if isinstance(day, dt.datetime) else day
        return not (isinstance(day, dt.date) and first <= day < since)

    records = {f: tuple(r for r in rows if f != feed.id or came(r)) for f, rows in case.records.items()}
    kept = {name: value for name, value in case.signals.items() if value in (False, None)}
    return replace(
        case,
        name=f"{case.name} without {feed.id} of {first}",
        records=records,
        signals=dict.fromkeys(kept, False),
        programmes={},
        categories={},
        complete_since=dict(case.complete_since) | {feed.id: since},
    )


def _read_by(indicators: Iterable[Indicator]) -> set[str]:
    return {feed for indicator in indicators for column in indicator.columns for feed in column.feeds}


def _variants(pack: Pack, feeds: set[str]) -> Iterator[ScenarioCase]:
    """Of one day, so that few cycles compute them, and where nothing else is missing than the hole."""
    usual, _ = Counter(case.as_of for case in pack.scenarios).most_common(1)[0]
    for case in pack.scenarios:
        for name in feeds.intersection(case.records) if case.as_of == usual else ():
            feed = pack.feeds[name]
            if case.complete_through.keys() - {name}:
                continue
            if feed.periodic and not feed.membership and not feed.shared and feed.event_time:
                backs = BACK if name in PAID_BY_MONTH else BACK[:1]
                yield from (v for back in backs if (v := _with_hole(case, feed, back)) and v.signals)


FEWEST = {"base": 150, "guizhou": 4, "gansu": 2, "chongqing": 3}


@pytest.mark.parametrize("name", FEWEST)
def test_a_missing_period_raises_no_signal(base: Pack, name: str) -> None:
    pack = compile_pack(PACKS / name, as_of=dt.date(2026, 11, 9))
    own = [i for i in pack.indicators.values() if name == "base" or i not in base.indicators.values()]
    cases = list(_variants(pack, _read_by(own)))
    assert len(cases) >= FEWEST[name]
    raised = {
        result.case.name: wrong
        for result in scenarios.run(pack, cases)
        if (wrong := [w for w in result.wrong if not w.endswith(ALLOWED)])
    }
    assert raised == {}, (
        f"{len(raised)} of {len(cases)} cases: {Counter(c.split(' without ')[1] for c in raised)}"
    )
