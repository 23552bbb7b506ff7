"""`almoner delivery undo`: takes the last delivery of a feed back."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from almoner.cli.arguments import Folder
from almoner.cli.output import errors_as_text, out
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.installation import casework_sync, opening
from almoner.registry import undoing
from almoner.registry.numbers_in_text import refuse_numbers

app = typer.Typer(no_args_is_help=True)


@app.callback()
def delivery() -> None:
    """Undo the last delivery of a feed."""


@app.command()
def undo(
    folder: Folder,
    feed: Annotated[str, typer.Argument(help="The feed.")],
    reason: Annotated[str, typer.Option(help="Why. It is kept with the day and the name.")],
    by: Annotated[
        str | None, typer.Option(help="Who answers for it; the user of this machine when not given.")
    ] = None,
) -> None:
    """Take the last delivery of a feed back: its rows go, and what they replaced holds again."""
    with errors_as_text(), opening.installation(folder) as inst:
        found = inst.pack.feeds.get(feed)
        if found is None:
            raise AlmonerError(f"There is no feed {feed}. Feeds are {', '.join(sorted(inst.pack.feeds))}.")
        refuse_numbers(inst.pack.feeds.values(), reason)
        undone = undoing.undo(inst.engine, found, who=by or getpass.getuser(), reason=reason, at=now())
        casework_sync.show_feeds(inst)
    out.print(
        f"Delivery {undone.delivery_id} ({undone.file}, {undone.received_at}) is undone:"
        f" {undone.closed:,} rows hold no longer, {undone.reopened:,} hold again. The next run"
        " or the worker assesses everybody.",
        markup=False,
    )
