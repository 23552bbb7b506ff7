"""Two implementations, in a pack's SQL and in pandas, agree on every indicator of a fictional county."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from almoner.assessment.opening import compute as compute_indicator
from almoner.assessment.opening import open_context
from almoner.engines import Engine, quote
from almoner.home import now
from almoner.installation.intake import deliveries_in
from almoner.lab import evaluation
from almoner.lab.place import build
from almoner.policy.model.feeds import Role
from almoner.policy.model.pack import Pack
from almoner.registry.vault import Vault
from benchmarks import peer_pandas, sweep_bench
from county import KEY, KNOWN_AT, taken_in


@pytest.fixture(scope="module")
def place(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Engine]]:
    folder = tmp_path_factory.mktemp("county")
    build(folder, 3_000, seed=3, form="parquet")
    with taken_in(
        base, deliveries_in([folder / "deliveries"], list(base.feeds), None, now(), None)
    ) as engine:
        yield folder, engine


@pytest.mark.parametrize("indicator", list(peer_pandas.INDICATORS))
def test_pandas_and_the_pack_agree(base: Pack, place: tuple[Path, Engine], indicator: str) -> None:
    folder, engine = place
    as_of = pd.Timestamp(json.loads((folder / "place.json").read_text())["as_of"]).date()
    through = dict(engine.rows("SELECT feed, max(complete_through) FROM registry.delivery GROUP BY feed"))
    frames = {
        f.id: sweep_bench.frame(engine, f) for f in base.feeds.values() if f.with_role(Role.RESIDENT_ID)
    }
    compute, parameters = peer_pandas.INDICATORS[indicator]
    values = [base.parameters[name].at(as_of) for name in parameters]
    other = compute(frames, through, as_of, *(v.value for v in values if v is not None))
    key = "household_id" if base.indicators[indicator].subject == "household" else "person_id"
    with open_context(engine, base, as_of, KNOWN_AT) as context:
        compute_indicator(context, [base.indicators[indicator]])
        ours = engine.table(f"SELECT * FROM {quote('indicator:' + indicator)}").to_pandas().set_index(key)
    assert len(ours) > 0
    names = list(ours.columns)
    ours, other = ours.sort_index().astype(float), other[names].sort_index().astype(float)
    pd.testing.assert_frame_equal(
        ours, other, check_dtype=False, check_index_type=False, check_names=False, rtol=1e-9
    )


def test_quality_against_the_truth_counts_what_is_right(base: Pack, place: tuple[Path, Engine]) -> None:
    from almoner import cycle

    folder, engine = place
    as_of = pd.Timestamp(json.loads((folder / "place.json").read_text())["as_of"]).date()
    cycle.run(engine, base, as_of, KNOWN_AT)
    evaluation.truth_of(engine, Vault(KEY), folder, as_of)
    found = {q.signal: q for q in evaluation.signal_quality(engine, base)}
    assert set(found) == set(base.signals)
    assert all(q.right <= q.raised and q.found <= q.needs for q in found.values())
    assert sum(q.right for q in found.values()) > 0
    needs = engine.value("SELECT count(*) FROM true_need WHERE need = 'income'")
    assert found["income_shock"].needs == needs > 0
    assert (
        engine.value("SELECT count(*) FROM true_need WHERE household_id IS NULL AND person_id IS NULL")
        < needs
    )
