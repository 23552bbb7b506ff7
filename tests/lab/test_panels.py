"""A real panel is read by the same engine, by its pack alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from almoner.errors import AlmonerError
from almoner.lab import panels
from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack

PACKS = Path(__file__).parents[2] / "packs"


@pytest.fixture(scope="module")
def quality() -> panels.PanelQuality:
    return panels.evaluate(compile_pack(PACKS / "gsoep", as_of=dt.date(1988, 12, 31)))


def test_the_whole_panel_is_read(quality: panels.PanelQuality) -> None:
    assert (quality.persons, quality.person_years) == (6127, 19_609)


def test_the_assessment_of_now_beats_the_list_of_a_year_ago(quality: panels.PanelQuality) -> None:
    old, now = quality.last_known_list, quality.assessment_now
    assert old.persons_years == now.persons_years
    assert now.auc > old.auc + 0.02
    assert now.exclusion_error < old.exclusion_error


def test_it_beats_the_plain_baselines_known_on_the_panel(quality: panels.PanelQuality) -> None:
    """0.763 from fixed traits, 0.890 from the current income alone."""
    assert quality.assessment_now_all.auc > 0.890


def test_every_signal_fires_on_real_people(quality: panels.PanelQuality) -> None:
    assert all(0.001 < s["per_person_year"] < 0.2 for s in quality.signals.values())


def test_a_pack_without_a_panel_says_so(base: Pack) -> None:
    with pytest.raises(AlmonerError, match="names no panel"):
        panels.evaluate(base)


def test_auc_counts_ties_half() -> None:
    score = np.array([3.0, 2.0, 2.0, 1.0])
    positive = np.array([True, True, False, False])
    assert panels.auc(score, positive) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_auc_of_a_useless_score_is_a_half() -> None:
    assert panels.auc(np.zeros(10), np.arange(10) < 4) == pytest.approx(0.5)
