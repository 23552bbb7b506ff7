"""Write no core dumps: what a process holds in memory has names and numbers in clear."""

from __future__ import annotations

LEAST = 1  # byte. Linux hands a dump to a program (`core_pattern`) at 0, and to nobody at 1


def disable() -> None:
    """For this process and all that it starts."""
    try:
        import resource
    except ImportError:  # no such limit on this system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = LEAST if hard == resource.RLIM_INFINITY else min(LEAST, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
