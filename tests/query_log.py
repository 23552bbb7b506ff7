"""Lets a test open DuckDB's log of statements, which the engine's locked configuration forbids."""

from __future__ import annotations

import pytest

from almoner.engines import duck

LOGGING = (
    "enable_logging",
    "logging_level",
    "logging_mode",
    "logging_sink",
    "logging_storage",
    "enabled_log_types",
    "disabled_log_types",
)


def allow_query_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """For engines that are opened from now on."""
    monkeypatch.setattr(duck, "CHANGEABLE", (*duck.CHANGEABLE, *LOGGING))
