"""Shows the progress of long work on standard error: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Advance(Protocol):
    def __call__(self, steps: float = 1) -> None: ...


_console = Console(stderr=True)


def silence() -> None:
    """Print nothing more, because standard error belongs to a log."""
    _console.quiet = True


def _ignore(steps: float = 1) -> None:
    del steps


@contextmanager
def progress(title: str, total: float | None = None) -> Iterator[Advance]:
    """Show that `title` is under way; call the result for every step done of `total`."""
    if not _console.is_terminal:
        started = monotonic()
        yield _ignore
        _console.print(f"{title}: {monotonic() - started:.1f} s", highlight=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console) as bars:
        task = bars.add_task(title, total=total)
        yield lambda steps=1: bars.advance(task, steps)
        bars.update(task, total=1, completed=1)
