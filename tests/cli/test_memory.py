"""A worker starts itself anew so that glibc keeps more freed memory, unless it was configured before."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from almoner.installation.memory import TUNABLE
from once import copied

CHOSEN = "glibc.malloc.top_pad=131072"


@pytest.mark.parametrize(
    ("chosen", "has"), [(None, TUNABLE if platform.libc_ver()[0] == "glibc" else None), (CHOSEN, CHOSEN)]
)
def test_a_worker_keeps_freed_memory_at_hand(
    base_home: Path, tmp_path: Path, chosen: str | None, has: str | None
) -> None:
    home = copied(base_home, tmp_path / "home")
    environment = {k: v for k, v in os.environ.items() if k not in {"GLIBC_TUNABLES", "LD_PRELOAD"}} | (
        {"GLIBC_TUNABLES": chosen} if chosen else {}
    )
    words = [sys.executable, "-m", "almoner", "work", home]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        while '"event": "started"' not in (line := process.stderr.readline()):
            assert line, "it ended before it had started"
        given = dict(
            pair.partition("=")[::2] for pair in Path(f"/proc/{process.pid}/environ").read_text().split("\0")
        )
        process.terminate()
        process.stderr.read()
    assert process.returncode == 0
    assert given.get("GLIBC_TUNABLES") == has
