"""`almoner backup`, `restore` and `upgrade`: the commands that keep an installation safe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.installation import backup as backups
from almoner.installation import opening, restoring, rotation
from almoner.private_home import keep_all_private, write_privately

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


def restore(
    file: File,
    folder: Folder,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help=(
                "Your copy of the installation's folder `secrets`. Without it the backup waits in HOME: put"
                " the copy there, then run `almoner upgrade HOME`."
            ),
        ),
    ] = None,
    still_open: Annotated[
        list[str] | None,
        typer.Option(
            "--open",
            metavar="NAME",
            help="An account that still may sign in; `all` for all. May be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an installation from a backup, in a new or empty folder. What may have been switched off since
    is ended."""
    with errors_as_text():
        write_privately()
        if keys is None:
            manifest = restoring.place_without_keys(file, folder, still_open or ())
            _say_what_waits(folder, manifest, as_json=as_json)
            return
        restored = restoring.restore(file, folder, keys, still_open or ())
    if as_json:
        emit_json(restored)
        return
    _show_restored(folder, restored)


def _say_what_waits(folder: Path, manifest: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json({"manifest": manifest, "waits_for_keys": True})
        return
    out.print(
        f"The backup of {manifest['made_at']} is whole and waits in {folder} for its keys. Put your copy of"
        f" the folder `secrets` into it, then run: almoner upgrade {folder}",
        markup=False,
    )


def _show_restored(folder: Path, restored: restoring.Restored) -> None:
    made_at, ended = restored.manifest["made_at"], restored.ended
    out.print(f"Restored {folder} as it was at {made_at}.", markup=False)
    out.print("All sessions and tokens ended, and with them:", markup=False)
    show_table("Ended", ["what", "whose"], _ended(restored))
    if ended.unknown:
        out.print(f"There is no account {', '.join(ended.unknown)}.", markup=False)
    rows = [(f.feed, f.received_at, f.complete_through) for f in restored.feeds]
    show_table("Send again what came later", ["feed", "last received", "complete through"], rows)
    out.print(
        f"Departments send again each file and event since {made_at}; what is here already changes nothing."
        " With Kafka, set the group's offsets back to that time. What people entered since is lost: enter it"
        " again.",
        markup=False,
    )
    out.print(
        f"Next: almoner user {folder} NAME --link for an account that was ended, almoner token and almoner"
        " webhook for departments, then start the services.",
        markup=False,
    )


def _ended(restored: restoring.Restored) -> list[tuple[str, str]]:
    ended = restored.ended
    tokens = [f"{department} ({count})" for department, count in restored.manifest["tokens"].items()]
    named = (("accounts", ended.accounts), ("tokens", tokens), ("webhooks", ended.unnotified))
    return [(what, ", ".join(whose) or "none") for what, whose in named]


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
    """Upgrade an installation to this version of Almoner. Make a backup first.

    Where a restored backup waits for its keys, they must be there now; it is restored first.
    """
    with errors_as_text():
        write_privately()
        restored = restoring.finish(folder)
        if restored:
            _show_restored(folder, restored)
        steps = opening.upgrade(folder, discard_unfinished=discard_unfinished)
        keep_all_private(folder)
    out.print(f"{folder} is up to date. Steps taken: {len(steps)}.", markup=False)


def rotate(
    folder: Folder,
    suite: Annotated[
        str | None, typer.Option(help="The vault's algorithms: aes-sha256 or sm4-sm3; as now when not given.")
    ] = None,
) -> None:
    """Give the vault a new key, also one of the other suite. Stop console and worker, and make a backup
    first.

    If it was interrupted, the same command finishes it.
    """
    with errors_as_text():
        done = rotation.rotate(folder, suite)
    out.print(
        f"The vault has a new key ({done.suite}). Keep a copy of it, apart from the databases. The key before"
        f" is {done.former}: keep it where the backups of before are, and take it away here.",
        markup=False,
    )
