"""Print results on standard output, as text or with --json as one JSON object. Logs and progress go to
standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from almoner.errors import AlmonerError, PackError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]

WIDTH_ELSEWHERE = 140  # characters a line, when there is no terminal

out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDTH_ELSEWHERE)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def emit_json(result: object) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def show_table(title: str, columns: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    """Print rows as a table, with numbers aligned to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(rows) and isinstance(rows[0][index], int | float)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 1 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def errors_as_text() -> Iterator[None]:
    """Within this context, an error meant for users ends the command with its text and exit status 1."""
    try:
        yield
    except PackError as error:
        err.print(str(error), style="bold red", markup=False)
        for finding in error.findings:
            err.print(str(finding), markup=False)
        raise typer.Exit(1) from None
    except AlmonerError as error:
        err.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
