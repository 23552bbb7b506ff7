"""PostgreSQL is restarted at once, in the middle of transactions: the worker goes on by itself."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

import command
from stream.burst import burst
from stream.installation import Workers, almoner, log_lines, stop, until, wait_until_done
from stream.postgres import Server
from stream.test_killing import send
from stream.test_surroundings import in_the_end

RESTARTS = 4
EVENTS = 300  # between two restarts
AT_WORK = """
    SELECT count(*)
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = 'almoner' AND backend_xid IS NOT NULL
    """


_LOSES_ITS_CONNECTION = """
import os, sys
from pathlib import Path
import psycopg
from almoner import casework, home
from almoner.errors import AlmonerError
from almoner.installation.worker import _reachable
place = home.load(Path(sys.argv[1]))
casework.setup(place)
def opens():
    with _reachable():
        casework.refuse_other_version(place)
opens()
with psycopg.connect(os.environ["ALMONER_DATABASE_URL"], autocommit=True) as other:
    other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE pid <> pg_backend_pid() AND datname = 'almoner'")
try:
    opens()
except AlmonerError:
    print("lost")
opens()
print("back")
"""


def test_the_worker_comes_back_after_postgresql_was_restarted_at_once(
    small_home: Path, worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        monkeypatch.setenv("ALMONER_DATABASE_URL", server.url)
        try:
            made, events = Path(folder) / "home", burst(EVENTS * (RESTARTS + 1))
            almoner("init", made, "--pack", small_home.parent / "pack")
            process = worker(made)
            send(made, events[:EVENTS])
            until(lambda: any(line["event"] == "cycle" for line in log_lines(made)))
            for n in range(1, RESTARTS + 1):
                with psycopg.connect(server.url, autocommit=True) as looking:
                    send(made, events[n * EVENTS : (n + 1) * EVENTS])
                    until(lambda db=looking: db.execute(AT_WORK).fetchone() > (0,), every=0.001)
                server.restart("immediate" if n % 2 else "fast")
                assert process.poll() is None
            wait_until_done(made, process, 300)
            assert json.loads((made / "worker.json").read_text())["trouble"] is None
            stop(process)
            swept = json.loads(almoner("run", made, "--as-of", "2026-11-09", "--json"))
            noticed, with_case = in_the_end(made, server)
            assert swept["cases_opened"] == 0
            assert noticed == with_case > 5
            troubles = [line["error"] for line in log_lines(made) if line["event"] == "trouble"]
            assert set(troubles) <= {"CaseworkAway", "OperationalError", "HomeError"}
            assert troubles
            assert command.run(made, program=_LOSES_ITS_CONNECTION).stdout.split() == ["lost", "back"]
        finally:
            server.stop()
