"""Every command that writes is killed at random moments and right after commits, started again, and ends as if
it had not been; on SQLite and on PostgreSQL. `python -m benchmarks kills` does it hundreds of times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills_bench import Killing, Tally
from benchmarks.kills_places import casework_in
from benchmarks.kills_view import CHAINS


@pytest.mark.parametrize(("database", "kills", "seed"), [("sqlite", 18, 1), ("postgres", 12, 2)])
def test_commands_that_were_killed_end_as_undisturbed_ones(
    tmp_path: Path, database: str, kills: int, seed: int
) -> None:
    with casework_in(database) as server:
        killing = Killing(tmp_path, server, seed)
        killing.kill(kills)
    assert {name: tally for name, tally in killing.tallies.items() if not tally.is_whole()} == {}
    assert sum(tally.kills for tally in killing.tallies.values()) == kills
    assert sum(tally.at_commits for tally in killing.tallies.values()) >= kills // 4
    assert sum(tally.rounds > 0 for tally in killing.tallies.values()) >= 6


def test_what_is_lost_doubled_or_changed_is_counted() -> None:
    calm = {"cases": ["a", "a", "b"], "people": ["c"], "events": ["d"], CHAINS: ["True", "True"]}
    tally = Tally()
    tally.compare(calm, calm)
    assert tally.is_whole()
    found = {"cases": ["a", "b", "b", "new"], "people": [], "events": ["e"], CHAINS: ["True", "False"]}
    tally.compare(found, calm, left_out=["events"])
    assert (tally.lost, tally.doubled, tally.different, tally.broken_chains) == (2, 1, 1, 1)
    assert not tally.is_whole()
