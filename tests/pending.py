"""The sentences of the console that are known to have no Chinese yet."""

from __future__ import annotations

from pathlib import Path

PENDING = Path(__file__).parents[1] / "src" / "almoner" / "casework" / "locale" / "pending.txt"


def pending() -> list[str]:
    lines = PENDING.read_text(encoding="utf-8").splitlines()
    return [line.replace("\\n", "\n") for line in lines if line and not line.startswith("#")]
