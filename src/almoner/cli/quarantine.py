"""`almoner quarantine`: lists, exports, retries and dismisses the rows in quarantine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from almoner import casework
from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.home import now
from almoner.installation import casework_sync, opening
from almoner.policy.model.terms import say
from almoner.registry import quarantine as held
from almoner.registry import retrying
from almoner.registry.numbers_in_text import refuse_numbers

app = typer.Typer(no_args_is_help=True)
Feed = Annotated[str | None, typer.Option(help="Only this feed.")]


@app.callback()
def quarantine() -> None:
    """List, export, retry and dismiss rows in quarantine."""


@app.command("list")
def list_(folder: Folder, feed: Feed = None, limit: int = 50, as_json: AsJson = False) -> None:
    """List rows in quarantine with file, line, column, masked value, rule and advice."""
    with errors_as_text(), opening.installation(folder) as inst:
        entries = held.entries(inst.engine, feed=feed, limit=limit)
        language = inst.home.settings.language
    if as_json:
        emit_json({"rows": entries})
        return
    rows: list[tuple[object, ...]] = [
        (str(e.quarantine_id), f.file, str(f.line), f.column or "", f.value, f.rule, say(f.advice, language))
        for e in entries
        for f in e.faults
    ]
    show_table("Quarantine", ["id", "file", "line", "column", "value", "rule", "what to do"], rows)


@app.command()
def export(
    folder: Folder,
    target: Annotated[Path | None, typer.Argument(help="A CSV file; standard output when not given.")] = None,
    feed: Feed = None,
) -> None:
    """Write quarantined rows with their faults as CSV, for the department that delivered them."""
    with errors_as_text(), opening.installation(folder) as inst:
        text = held.export_csv(held.entries(inst.engine, feed=feed, limit=1_000_000))
    if target:
        target.write_text(text, encoding="utf-8-sig", newline="")
    else:
        sys.stdout.write(text)


@app.command()
def retry(folder: Folder, as_json: AsJson = False) -> None:
    """Check quarantined rows again against the current contracts."""
    with errors_as_text(), opening.installation(folder) as inst:
        receipts = retrying.retry(
            inst.engine, inst.vault, casework.identities(), inst.pack.feeds, now(), noting=inst.noting
        )
        casework_sync.show_feeds(inst)
    went_in = sum(r.rows_new + r.rows_corrected + r.rows_unchanged for r in receipts)
    if as_json:
        emit_json({"rows_taken_in": went_in, "feeds": [r.feed for r in receipts]})
    else:
        out.print(f"{went_in:,} rows went in.")


@app.command()
def dismiss(
    folder: Folder,
    ids: Annotated[list[int], typer.Argument(help="Ids as `list` shows them.")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Dismiss rows that will never go in, giving the reason."""
    with errors_as_text(), opening.installation(folder) as inst:
        refuse_numbers(inst.pack.feeds.values(), reason)
        count = held.dismiss(inst.engine, ids, reason, now())
    out.print(f"{count:,} rows dismissed.")
