"""`python -m benchmarks` in a process of its own, as its user starts it."""

from __future__ import annotations

import command

PROGRAM = "from benchmarks.cli.benchmark import app; app()"


def bench(*words: object) -> str:
    """What the command prints to standard output. Fails where it does not end well."""
    done = command.run(*words, program=PROGRAM)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
