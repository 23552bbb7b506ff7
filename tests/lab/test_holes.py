"""With one delivery of the county left out or disturbed, nobody gets a signal that is not true.

`python -m benchmarks holes` tries every monthly delivery; here are those that raised signals before.
"""

from __future__ import annotations

import pytest

from almoner.lab.place import build
from almoner.policy.model.pack import Pack
from benchmarks.holes_bench import Change, Disturbances

DISTURBED: tuple[tuple[str, Change], ...] = (
    ("insured_wages_2026-08", "left out"),
    ("insured_wages_2026-09", "halved"),
    ("medical_settlements_2026-09", "doubled"),
)


@pytest.fixture(scope="module")
def county(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Disturbances:
    folder = tmp_path_factory.mktemp("county")
    summary = build(folder / "place", 1000, seed=1, months=18, form="parquet")
    return Disturbances(base, folder / "place", summary, folder)


@pytest.mark.parametrize(("file", "change"), DISTURBED, ids=lambda value: str(value))
def test_a_disturbed_delivery_raises_nothing_falsely(county: Disturbances, file: str, change: Change) -> None:
    assert county.complete
    delivery = next(d for d in county.deliveries if d.file.stem == file)
    assert county.disturb(delivery, change).false == frozenset()
