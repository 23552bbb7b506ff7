"""Sets how much freed memory the C library keeps at hand, for a process that runs for days."""

from __future__ import annotations

import os
import platform
import sys

TUNABLE = "glibc.malloc.tcache_count=1000"  # freed pieces of each size; the default is 7


def keep_more_at_hand() -> None:
    """Start this process anew, once, so that glibc keeps more freed memory at hand.

    A plan over few rows allocates and frees hundreds of small pieces. A worker's round takes a tenth to a
    fifth longer where glibc sorts them in (docs/benchmarks.md). Nothing is done where glibc is configured
    already, or where another allocator is loaded before it.
    """
    if os.environ.keys() & {"GLIBC_TUNABLES", "LD_PRELOAD"} or platform.libc_ver()[0] != "glibc":
        return
    os.environ["GLIBC_TUNABLES"] = TUNABLE
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the arguments of this process
