"""Restores a backup: checks it, puts it together beside its folder, and closes what may have been switched
off since."""

from __future__ import annotations

import datetime as dt
import fcntl
import hmac
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from almoner import casework, home
from almoner.errors import AlmonerError
from almoner.home import RESTORING, SETTINGS
from almoner.installation.backup import FACTS, FORMAT, MANIFEST, PROOF, Hashing, sync_folder
from almoner.installation.epochs import Parts, open_facts
from almoner.registry import overview
from almoner.registry.vault import Vault, open_vault
from almoner.stream.inbox import FILE as INBOX

if TYPE_CHECKING:
    from almoner.casework.accounts.restoring import AccessEnded

READ_AT_ONCE = 1 << 20
LARGEST_MANIFEST = 64 << 20  # bytes; a pack has some hundred files
_STILL_OPEN = "restoring.json"  # beside a backup that waits: the accounts that stay open
KEYS = ("vault.key", "django.key")  # the first one must be there


@dataclass(frozen=True)
class FeedReached:
    """How far a feed is in a restored installation: what came after `received_at` must be sent again."""

    feed: str
    received_at: dt.datetime | None
    complete_through: dt.date | None


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A restored installation: the manifest of its backup, what was ended, and how far its feeds are."""

    manifest: dict[str, Any]
    ended: AccessEnded
    feeds: tuple[FeedReached, ...]


def restore(file: Path, folder: Path, keys: Path, still_open: Sequence[str] = ()) -> Restored:
    """Make an installation from a backup in `folder`, which must be empty or must not exist, with the copy of
    its `secrets` in `keys`.

    It begins an epoch of its own. Sessions, tokens, webhooks, and the accounts that are not `still_open`
    (`all` of them) are ended: nobody knows which of them were switched off since. Raises AlmonerError when
    the backup is damaged, of another version or not of this vault's key; then nothing is left in `folder`.
    """
    _refuse_full(folder)
    vault = open_vault(keys / KEYS[0])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as staging:
        manifest = _unpack(file, staging, vault)
        place = home.load(staging)
        for key, to in zip(KEYS, (place.vault_key, staging / "secrets" / KEYS[1]), strict=True):
            _copy_key(keys / key, to)
        _load_casework(staging, manifest)
        casework.setup(place)
        casework.migrate()
        casework.refuse_other_version(place)
        with open_facts(place) as engine:
            ended = casework.end_access(still_open)
            Parts(home=place, vault=vault, engine=engine).begin()
            feeds = tuple(FeedReached(feed, at, day) for feed, day, at, *_ in overview.freshness(engine))
        _close_casework()
        _give_name(staging, folder)
    return Restored(manifest=manifest, ended=ended, feeds=feeds)


def place_without_keys(file: Path, folder: Path, still_open: Sequence[str] = ()) -> dict[str, Any]:
    """Copy a backup into `folder`, where it waits for its keys, and give its manifest.

    Only then can it be proved and opened: `finish` does so. Raises AlmonerError when the backup is damaged;
    then nothing is left in `folder`.
    """
    _refuse_full(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as staging:
        manifest = _unpack(file, staging / "unpacked", None)
        shutil.rmtree(staging / "unpacked")
        shutil.copyfile(file, staging / RESTORING)
        (staging / _STILL_OPEN).write_text(json.dumps(list(still_open)), encoding="utf-8")
        _give_name(staging, folder)
    return manifest


def finish(folder: Path) -> Restored | None:
    """Restore the backup that waits in `folder` for its keys, which are there now; None where none waits.

    Can be called again after it was interrupted. Raises AlmonerError as `restore` does.
    """
    waiting = folder / RESTORING
    if not waiting.exists():
        return None
    if not (folder / "secrets" / KEYS[0]).is_file():
        raise AlmonerError(
            f"The keys of {folder} are missing. Put your copy of the folder `secrets` into it, then run:"
            f" almoner upgrade {folder}"
        )
    still_open = json.loads((folder / _STILL_OPEN).read_text(encoding="utf-8"))
    apart = folder / ".restored"
    shutil.rmtree(apart, ignore_errors=True)
    restored = restore(waiting, apart, folder / "secrets", still_open)
    for part in [part for part in apart.iterdir() if part.name != "secrets"]:
        to = folder / part.name
        if to.is_dir():
            shutil.rmtree(to)
        part.replace(to)
    for key in (apart / "secrets").iterdir():
        if not (folder / "secrets" / key.name).exists():
            key.replace(folder / "secrets" / key.name)
    shutil.rmtree(apart)
    waiting.unlink()  # from here on it is an installation, and nothing restores it again
    sync_folder(folder)
    (folder / _STILL_OPEN).unlink()
    return restored


def _refuse_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlmonerError(f"{folder} is not empty. Restore to a new folder.")


def _give_name(staging: Path, folder: Path) -> None:
    if folder.exists():
        folder.rmdir()
    staging.rename(folder)
    sync_folder(folder.parent)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, for its owner only. What a killed process left of it is deleted first."""
    staging = folder.with_name(f".{folder.name}.restoring")
    lock = folder.with_name(f".{folder.name}.restoring.lock")
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlmonerError(f"Another process restores {folder} already. Let it finish.") from None
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _copy_key(key: Path, to: Path) -> None:
    if not key.exists():
        return  # Django's key is made anew; it only ends what was signed with the old one
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.read_bytes())
        file.flush()
        os.fsync(file.fileno())


def _load_casework(staging: Path, manifest: dict[str, Any]) -> None:
    dump = "casework.pgdump"
    if dump not in manifest["files"]:
        if os.environ.get("ALMONER_DATABASE_URL"):
            raise AlmonerError(
                "The backup holds casework as SQLite. Unset ALMONER_DATABASE_URL to restore it."
            )
        return
    casework.setup(home.load(staging))
    from almoner.casework.conf import copying

    copying.load_postgresql(staging / dump)
    (staging / dump).unlink()


def _close_casework() -> None:
    """Close the connection, so that SQLite moves its log into the file before that gets its name."""
    from django.db import connections

    connections.close_all()


def _unpack(file: Path, staging: Path, vault: Vault | None) -> dict[str, Any]:
    """Unpack the backup into `staging`, and check it against its manifest, which is given back. Without the
    vault the manifest itself is not proved."""
    damaged = AlmonerError(f"{file} is damaged or not whole: nothing was restored. Take another backup.")
    unpacked: dict[str, dict[str, Any]] = {}
    text, proof = b"", b""
    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                read = tar.extractfile(member) if member.isreg() else None
                if read is None or proof or not _stays_inside(member.name):
                    raise damaged
                if member.name == PROOF:
                    proof = read.read(LARGEST_MANIFEST)
                elif member.name == MANIFEST:
                    text = read.read(LARGEST_MANIFEST)
                elif text:
                    raise damaged
                else:
                    unpacked[member.name] = _write(staging / member.name, read)
        manifest = json.loads(text)
    except FileNotFoundError:
        raise AlmonerError(f"There is no file {file}.") from None
    except (tarfile.TarError, EOFError, ValueError):
        raise damaged from None
    except OSError as error:
        raise AlmonerError(f"{file} cannot be read: {error.strerror or error}.") from None
    if not isinstance(manifest, dict) or manifest.get("files") != unpacked:
        raise damaged
    if manifest.get("format") != FORMAT:
        raise AlmonerError(
            f"{file} was made by another version of Almoner ({manifest.get('almoner')}). Restore it with that"
            " version, then upgrade."
        )
    if vault and not hmac.compare_digest(vault.proof(PROOF, text).encode(), proof):
        raise AlmonerError(
            f"{file} was not made with this vault's key, or was changed since: nothing was restored. Name the"
            " keys that belong to it, or take another backup."
        )
    if not {SETTINGS, FACTS, INBOX} <= unpacked.keys():
        raise damaged
    return manifest


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts[:1] != ("secrets",)


def _write(path: Path, read: IO[bytes]) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    hashed = Hashing(read)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 0) as file:
        while data := hashed.read(READ_AT_ONCE):
            try:
                file.write(data)
            except OSError as error:
                raise AlmonerError(f"{path} cannot be written: {error.strerror or error}.") from None
        os.fsync(file.fileno())
        return {"bytes": file.tell(), "sha256": hashed.digest()}
