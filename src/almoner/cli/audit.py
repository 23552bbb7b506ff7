"""`almoner audit`: signs checkpoints of the audit trail, and verifies the trail against them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from almoner import casework, home
from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.installation import checking

app = typer.Typer(no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Sign checkpoints of the audit trail, and verify the trail against them."""


@app.command()
def key(folder: Folder, as_json: AsJson = False) -> None:
    """Print the public key of this installation's checkpoints, for whoever keeps them."""
    with errors_as_text():
        place = _open(folder)
        from almoner.casework.core import outside

        public = str(outside.signer(place).public)
    if as_json:
        emit_json({"key": public})
    else:
        out.print(public, markup=False)


@app.command()
def checkpoint(folder: Folder, as_json: AsJson = False) -> None:
    """Take a signed checkpoint now to the places that the environment names. The worker does so each day."""
    with errors_as_text():
        place = _open(folder)
        from django.conf import settings

        from almoner.casework.core import outside

        if not outside.is_configured(settings.SAID):
            raise AlmonerError(
                "No place is named for checkpoints. Set ALMONER_CHECKPOINT_FOLDER or ALMONER_CHECKPOINT_MAIL."
            )
        taken = outside.take(place, settings.SAID, now())
    if as_json:
        emit_json(taken)
        return
    out.print(f"{taken.note}\nTaken to: {', '.join(taken.places)}", markup=False)


@app.command()
def verify(
    folder: Folder,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[CHECKPOINT]...", help="Files that were kept outside, or folders of them."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The public key that the auditor kept; this installation's when not given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute all chains again, and compare them with checkpoints; end with 1 when something differs."""
    with errors_as_text():
        place = _open(folder)
        from almoner.casework.core import outside
        from almoner.casework.core.signed_notes import read_key

        public = read_key(key) if key else outside.signer(place).public
        notes = checking.notes_of(checkpoints) if checkpoints else {}
        problems = [("chains", text) for text in checking.broken_chains()]
        problems += outside.verified(notes, public)
    if as_json:
        emit_json({"checkpoints": len(notes), "problems": [f"{name}: {text}" for name, text in problems]})
    else:
        for name, text in problems:
            out.print(f"{name}: {text}", markup=False)
        if not problems:
            out.print(f"All chains are intact and go on from {len(notes):,} checkpoints.")
    if problems:
        raise typer.Exit(1)


def _open(folder: Path) -> home.Home:
    place = home.load(folder)
    casework.setup(place)
    casework.refuse_other_version(place)
    return place
