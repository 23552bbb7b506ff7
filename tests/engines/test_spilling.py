"""Work larger than the memory limit goes to disk, and no name can be read there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from almoner.engines.duck import DuckEngine
from almoner.errors import EngineError

NAME = b"Wang-Xiulan-of-the-stage"
ROWS = 400_000
STAGE = (
    f"SELECT i AS line, '{NAME.decode()}' || i || sha256(i::VARCHAR) || sha256((7 * i)::VARCHAR) AS name FROM"
    f" range({ROWS}) r(i)"
)
LIMIT = "40MB"  # the stage is three times as large


def _spilled(facts: Path) -> list[Path]:
    return [file for file in Path(f"{facts}.tmp").glob("*") if file.stat().st_size]


def test_work_beyond_the_memory_limit_is_done_and_its_files_do_not_show_a_name(tmp_path: Path) -> None:
    facts = tmp_path / "facts.duckdb"
    engine = DuckEngine(facts, memory_limit=LIMIT)
    engine.materialize("stage", STAGE)
    files = _spilled(facts)
    assert files, "nothing was spilled: the test must ask for more than fits"
    assert not any(NAME in file.read_bytes() for file in files)
    assert stat.S_IMODE(Path(f"{facts}.tmp").stat().st_mode) == 0o700
    assert engine.value("SELECT count(DISTINCT name) FROM stage") == ROWS
    engine.close()
    assert not Path(f"{facts}.tmp").exists()


def test_a_large_transaction_is_written_through_the_spill(tmp_path: Path) -> None:
    """What the cycle does at a million residents: an outbox larger than the limit, in slices, in one
    transaction."""
    engine = DuckEngine(tmp_path / "facts.duckdb", memory_limit=LIMIT)
    engine.execute("CREATE TABLE change (seq BIGINT PRIMARY KEY, body JSON)")
    with engine.transaction():
        for start in range(0, 60_000, 5_000):
            bodies = [
                f'{{"seq":{seq},"text":"{os.urandom(1_000).hex()}"}}' for seq in range(start, start + 5_000)
            ]
            with engine.register("slice", pa.table({"seq": range(start, start + 5_000), "body": bodies})):
                engine.execute("INSERT INTO change SELECT seq, body FROM slice")
    assert engine.value("SELECT count(*) FROM change WHERE (body ->> '$.seq')::BIGINT = seq") == 60_000
    engine.close()


def test_what_a_killed_process_left_is_gone_after_the_next(tmp_path: Path) -> None:
    facts = tmp_path / "facts.duckdb"
    script = (
        "import sys\nfrom pathlib import Path\nfrom almoner.engines.duck import DuckEngine\n"
        f"engine = DuckEngine(Path(sys.argv[1]), memory_limit='{LIMIT}')\n"
        'engine.materialize("stage", sys.argv[2])\nprint("spilled", flush=True)\nsys.stdin.read()\n'
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(facts), STAGE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "spilled\n"
        assert _spilled(facts)
        process.send_signal(signal.SIGKILL)
    engine = DuckEngine(facts, memory_limit=LIMIT)
    engine.materialize("stage", STAGE)
    engine.close()
    assert not Path(f"{facts}.tmp").exists()


def _fail_within_everything(engine: DuckEngine) -> None:
    with (
        engine.transaction(),
        ExitStack() as stack,
        engine.views({"scope": "SELECT 1 AS one"}),
        engine.register("slice", pa.table({"seq": [1]})),
    ):
        stack.callback(engine.drop, "kept")
        engine.materialize("kept", "SELECT 'nobody'::BIGINT FROM slice")


def test_the_first_error_of_a_transaction_is_the_one_told(tmp_path: Path) -> None:
    engine = DuckEngine(tmp_path / "facts.duckdb")
    with pytest.raises(EngineError, match=r"^Conversion Error: [^']+ \(type INT64\)") as error:
        _fail_within_everything(engine)
    assert "nobody" not in str(error.value)
    with engine.register("slice", pa.table({"seq": [2]})):
        assert engine.value("SELECT seq FROM slice") == 2
    engine.close()
