"""Every delivery of the county passes the contracts, but for the failings that were planted in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almoner.engines import Engine, quote
from almoner.home import now
from almoner.installation.intake import deliveries_in
from almoner.lab.place import build
from almoner.policy.model.pack import Pack
from county import taken_in

PLANTED = {
    "identifier_checksum",
    "required",
    "reversal_signs",
    "reversal_without_original",
    "type_date",
}
# Entries that are closed later: the column of the day on which they ended.
CLOSINGS = {
    "registered_unemployment": "ended_on",
    "serious_illness": "ended_on",
    "monitored_households": "eliminated_on",
    "property_register": "ended_on",
    "vehicles": "ended_on",
    "house_safety": "repaired_on",
    "public_posts": "ended_on",
}


@pytest.fixture(scope="module")
def facts(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("place")
    build(folder, 4000, seed=2)
    wanted = deliveries_in([folder / "deliveries"], list(base.feeds), None, now(), None)
    with taken_in(base, wanted) as engine:
        yield engine


def test_every_feed_of_the_pack_has_a_sample(base: Pack, facts: Engine) -> None:
    delivered = dict(facts.rows("SELECT feed, sum(rows_new) FROM registry.delivery GROUP BY feed"))
    assert set(delivered) == set(base.feeds)
    assert min(delivered.values()) > 0


def test_only_planted_failings_go_to_quarantine(facts: Engine) -> None:
    rules = {rule for (rule,) in facts.rows("SELECT DISTINCT rule FROM registry.fault")}
    assert rules == PLANTED
    read, bad = facts.rows("SELECT sum(rows_read), sum(rows_quarantined) FROM registry.delivery")[0]
    assert 0 < bad < read / 100


def test_what_ends_arrives_as_a_correction_of_the_same_entry(facts: Engine) -> None:
    counts = {feed: _closed(facts, feed, closing) for feed, closing in CLOSINGS.items()}
    assert all(later >= first for first, later in counts.values())
    assert sum(first > 0 for first, _ in counts.values()) >= 4


def _closed(facts: Engine, feed: str, closing: str) -> tuple[int, int]:
    """How many entries were replaced while open, and how many are closed now."""
    return facts.rows(
        f"SELECT count(*) FILTER (WHERE known_to < 'infinity'::TIMESTAMP AND {closing} IS NULL), "
        f"count(*) FILTER (WHERE known_to = 'infinity'::TIMESTAMP AND {closing} IS NOT NULL) "
        f"FROM facts.{quote(feed)}"
    )[0]


def test_means_are_known_only_where_the_family_agreed(facts: Engine) -> None:
    held = dict(
        facts.rows(
            "SELECT authorised_by_all, count(deposits) + count(companies) FROM facts.asset_checks GROUP BY 1"
        )
    )
    assert held[False] == 0 < held[True]


def test_a_small_place_delivers_files_without_rows_and_they_vouch_too(base: Pack, tmp_path: Path) -> None:
    build(tmp_path, 1000, seed=4, months=6)
    wanted = deliveries_in([tmp_path / "deliveries"], list(base.feeds), None, now(), None)
    with taken_in(base, wanted) as engine:
        empty = engine.rows(
            "SELECT feed, max(complete_through) FROM registry.delivery WHERE rows_read = 0 GROUP BY feed"
        )
        assert empty
        through = dict(engine.rows("SELECT feed, max(complete_through) FROM registry.delivery GROUP BY feed"))
        assert all(str(through[feed]) >= "2026-10-31" for feed, _ in empty)
