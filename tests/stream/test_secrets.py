"""The worker's log, files and errors show neither the vault's key nor values of a record."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace

import pytest

from almoner.errors import EngineError
from almoner.registry.identity import pads
from almoner.registry.vault import Secret
from almoner.stream.slice_failures import SliceFailed
from county import KEY, draw
from query_log import allow_query_log
from spellings import shown_in
from stream.installation import events_of
from stream.taking import Clock, Stream, working

ROUNDS = 2


@pytest.fixture(autouse=True)
def query_log(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_query_log(monkeypatch)


def test_no_statement_log_or_error_of_a_worker_shows_a_key_or_a_record(
    stream: Stream, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: dict[str, bytes] = {
        "key": Secret(KEY),
        "index key": stream.vault.layers[0].key,
        **pads(stream.vault),
    }
    book, clock = draw(5, households=3), Clock()
    people = [row for (feed, _), rows in book.rows.items() if feed == "population_register" for row in rows]
    held = {str(p[c]) for p in people for c in ("resident_no", "name", "household_no")}
    assert len(held) > 3
    stream.engine.execute("CALL enable_logging('QueryLog')")
    with working(stream, clock) as worker:
        for part in range(ROUNDS):
            stream.put(*events_of(book, [part]))
            worker.drain()
            clock.forward(days=1)
        queries = "\n".join(q for (q,) in stream.engine.rows("SELECT message FROM duckdb_logs"))
        assert "PREPARE" in queries
        stream.engine.execute("ALTER TABLE registry.person DROP COLUMN checked_as")
        others = events_of(draw(6, households=3), [0])
        stream.put(*(replace(event, id=f"others-{event.id}") for event in others))
        with pytest.raises(SliceFailed) as error:
            worker.drain()
        assert isinstance(error.value.__cause__, EngineError)
        assert "checked_as" in str(error.value.__cause__)
    failed = traceback.TracebackException.from_exception(error.value, capture_locals=True)
    printed = "".join(capfd.readouterr())
    texts = {
        "statements": queries,
        "log": caplog.text,
        "output": printed,
        "error": str(error.value.__cause__),
    }
    for where, text in {**texts, "traceback": "".join(failed.format())}.items():
        assert not shown_in(text, secrets), where
    for where, text in {**texts, "traceback": "".join(traceback.format_exception(error.value))}.items():
        assert not [value for value in held if value in text], where
    plans = str(stream.engine.rows("SELECT * FROM duckdb_prepared_statements()"))
    assert "bytes of opad" in plans
    assert not shown_in(plans, secrets)
    assert not [value for value in held if value in plans]
