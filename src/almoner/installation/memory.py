"""How the C library keeps memory that was given back, for a process that works for days."""

from __future__ import annotations

import os
import platform
import sys

TUNABLE = "glibc.malloc.tcache_count=1000"  # pieces of a size; 7 unless it is told


def keep_more_at_hand() -> None:
    """Start this process anew, once, so that glibc keeps more of what was given back at hand: a plan over
    few rows takes and gives back hundreds of small pieces, and a worker's round takes a tenth to a fifth
    longer where glibc sorts them in (docs/benchmarks.md).

    Nothing is done where glibc is told something already, or where another allocator is loaded before it.
    """
    if os.environ.keys() & {"GLIBC_TUNABLES", "LD_PRELOAD"} or platform.libc_ver()[0] != "glibc":
        return
    os.environ["GLIBC_TUNABLES"] = TUNABLE
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very words that this process was started with
