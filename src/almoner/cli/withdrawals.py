"""`almoner withdrawals`: what whole lists would take back, which waits for a person."""

from __future__ import annotations

from typing import Annotated

import typer

from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.home import now
from almoner.installation import casework_sync, opening
from almoner.registry import dirty
from almoner.registry import withdrawals as held

app = typer.Typer(no_args_is_help=True)
Delivery = Annotated[int, typer.Argument(help="The number of the delivery, as `list` shows it.")]


@app.callback()
def withdrawals() -> None:
    """Show what whole lists no longer name, and take it back or let it hold."""


@app.command("list")
def list_(folder: Folder, as_json: AsJson = False) -> None:
    """List what waits: rows that hold and that a whole list does not name."""
    with errors_as_text(), opening.installation(folder) as inst:
        found = held.waiting(inst.engine)
    if as_json:
        emit_json({"waiting": found})
        return
    rows: list[tuple[object, ...]] = [
        (w.delivery_id, w.feed, w.file, w.scope, w.rows, w.received_at) for w in found
    ]
    show_table(
        "Rows that a whole list does not name", ["delivery", "feed", "file", "of", "rows", "received"], rows
    )
    if found:
        out.print(
            "Ask the department. `almoner withdrawals release` then takes them back, `keep` lets them hold."
        )


@app.command()
def release(folder: Folder, delivery: Delivery) -> None:
    """Take back the rows that a whole list does not name."""
    with errors_as_text(), opening.installation(folder) as inst:
        register = inst.pack.membership_feed
        count = held.release(
            inst.engine,
            inst.pack.feeds,
            delivery,
            now(),
            lambda feed, closed: dirty.note_closed(inst.engine, feed, register, closed),
        )
        casework_sync.show_feeds(inst)
    out.print(f"{count:,} rows taken back.")


@app.command()
def keep(folder: Folder, delivery: Delivery) -> None:
    """Let the rows hold that a whole list does not name."""
    with errors_as_text(), opening.installation(folder) as inst:
        count = held.keep(inst.engine, inst.pack.feeds, delivery, now())
        casework_sync.show_feeds(inst)
    out.print(f"{count:,} rows hold.")
