"""What `almoner serve` knows about the worker beside it: a file HOME/worker_restarts.json, for /health,
/metrics and `almoner status`. It is there while such a console runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "worker_restarts.json"


@dataclass(frozen=True)
class Restarts:
    """`restarts`: how often the worker was started again. `ended`: how it ended last, in words; `ended_at`:
    when (RFC 3339). `wait_seconds`: how long is waited until it is started again, 0 while it runs."""

    restarts: int = 0
    ended: str = ""
    ended_at: str = ""
    wait_seconds: float = 0.0


def write(home: Path, now: Restarts) -> None:
    """Write the file, whole or not at all."""
    new = home / f"{FILE}.new"
    new.write_text(json.dumps(asdict(now), indent=1) + "\n", encoding="utf-8")
    new.replace(home / FILE)


def read(home: Path) -> Restarts | None:
    """What the console wrote last; None where no console keeps a worker."""
    try:
        return Restarts(**json.loads((home / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget(home: Path) -> None:
    """The console ends."""
    (home / FILE).unlink(missing_ok=True)
