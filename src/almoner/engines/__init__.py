"""Where SQL runs. `open_engine` gives the default: DuckDB in this process."""

from __future__ import annotations

from pathlib import Path

from almoner.engines.base import Engine, Join, Parameters, join_select, quote, with_columns
from almoner.engines.duck import DuckEngine

__all__ = ["Engine", "Join", "Parameters", "join_select", "open_engine", "quote", "with_columns"]


def open_engine(
    path: Path | None = None, *, read_only: bool = False, memory_limit: str | None = None
) -> Engine:
    """Open the facts of an installation, or an empty database in memory when `path` is None."""
    return DuckEngine(path, read_only=read_only, memory_limit=memory_limit)
