"""Every command that writes is killed at random moments and right after commits, is started again, and ends
as if it had not been; on SQLite and on PostgreSQL. `python -m benchmarks kills` does it hundreds of times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills_bench import Killing, Tally
from benchmarks.kills_places import casework_in
from benchmarks.kills_view import CHAINS

ON_SQLITE = {"run", "upgrade", "intake", "compact", "rotate", "serve"}
ON_POSTGRESQL = {"worker", "restore", "backup", "rotate"}


@pytest.mark.parametrize(  # the seeds with which these commands come first
    ("database", "kills", "seed", "first"),
    [("sqlite", 18, 262, ON_SQLITE), ("postgres", 12, 27, ON_POSTGRESQL)],
)
def test_commands_that_were_killed_end_as_undisturbed_ones(
    tmp_path: Path, database: str, kills: int, seed: int, first: set[str]
) -> None:
    with casework_in(database) as server:
        killing = Killing(tmp_path, server, seed, fewest=3)
        killing.kill(kills)
    assert {name: tally for name, tally in killing.tallies.items() if not tally.is_whole()} == {}
    assert sum(tally.kills for tally in killing.tallies.values()) == kills
    assert sum(tally.at_commits for tally in killing.tallies.values()) >= kills // 4
    assert first <= {name for name, tally in killing.tallies.items() if tally.kills}


def test_what_is_lost_doubled_or_changed_is_counted() -> None:
    calm = {"cases": ["a", "a", "b"], "people": ["c"], "events": ["d"], CHAINS: ["True", "True"]}
    tally = Tally()
    tally.compare(calm, calm)
    assert tally.is_whole()
    found = {"cases": ["a", "b", "b", "new"], "people": [], "events": ["e"], CHAINS: ["True", "False"]}
    tally.compare(found, calm, left_out=["events"])
    assert (tally.lost, tally.doubled, tally.different, tally.broken_chains) == (2, 1, 1, 1)
    assert not tally.is_whole()
