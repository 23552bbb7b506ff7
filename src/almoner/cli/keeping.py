"""`almoner backup`, `restore` and `upgrade`: the commands that keep an installation safe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.installation import backup as backups
from almoner.installation import opening

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(folder: Folder, file: File, as_json: AsJson = False) -> None:
    """Write facts, inbox, cases and packs to one file. Stop the worker first; the console may keep
    running."""
    with errors_as_text():
        manifest = backups.backup(folder, file)
    if as_json:
        emit_json(manifest)
        return
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    out.print(f"{file}: {len(manifest['files'])} files, {size / 2**20:,.1f} MiB.", markup=False)
    out.print(
        f"The keys are not in it: keep a copy of {folder / 'secrets'} apart from the backups. Nor are files"
        f" that wait in {folder / 'landing'}.",
        markup=False,
    )


def restore(file: File, folder: Folder, as_json: AsJson = False) -> None:
    """Create an installation from a backup, in a new or empty folder."""
    with errors_as_text():
        manifest = backups.restore(file, folder)
    if as_json:
        emit_json(manifest)
        return
    out.print(f"Restored {folder} as it was at {manifest['made_at']}.", markup=False)
    out.print(
        f"Next: put your copy of the keys back as {folder / 'secrets'}, then almoner upgrade {folder}, then"
        " start the services.",
        markup=False,
    )


def upgrade(
    folder: Folder,
    discard_unfinished: Annotated[
        bool,
        typer.Option(
            "--discard-unfinished",
            help="Delete people of the vault whom the facts of an older version's installation do not know.",
        ),
    ] = False,
) -> None:
    """Upgrade an installation to this version of Almoner. Make a backup first."""
    with errors_as_text():
        steps = opening.upgrade(folder, discard_unfinished=discard_unfinished)
    out.print(f"{folder} is up to date. Steps taken: {len(steps)}.", markup=False)
