"""Writes and restores backups: one file with everything of an installation except its keys, sessions and
tokens.

The file is a tar. Its last members are the manifest, with name, size and SHA-256 of all others, and the
manifest's keyed hash under the vault's key. A file without them is incomplete or somebody else's.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from almoner import __version__, casework, home
from almoner.errors import AlmonerError
from almoner.home import SETTINGS, Home
from almoner.installation.epochs import Parts, open_facts
from almoner.registry.vault import Vault, open_vault
from almoner.stream.inbox import FILE as INBOX
from almoner.stream.lock import sole_worker

MANIFEST, PROOF, FORMAT = "manifest.json", "manifest.proof", 2
FACTS, PACKS = "facts.duckdb", "packs"


def backup(folder: Path, file: Path) -> dict[str, Any]:
    """Write the backup of an installation to `file`, which must not exist yet. Gives the manifest.

    The console may run meanwhile, a worker may not. A process that is killed leaves a part under another
    name, which the next backup of that name deletes. Raises AlmonerError when the file cannot be written.
    """
    place = home.load(folder)
    if file.exists():
        raise AlmonerError(f"{file} is there already. Name another file.")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise AlmonerError(f"{file.parent} is not a folder that can be written to. Name a file elsewhere.")
    casework.setup(place)
    casework.refuse_other_version(place)
    from almoner.casework.conf import copying

    vault = open_vault(place.vault_key)
    with sole_worker(folder), open_facts(place) as engine:
        Parts(home=place, vault=vault, engine=engine).fit()
        engine.execute("CHECKPOINT")
        with _scratch(file) as scratch, _writing(file, vault) as tar:
            tar.tokens = casework.departments_with_tokens()
            copying.copy_to(scratch / copying.file_name())
            copying.copy_sqlite(folder / INBOX, scratch / INBOX)
            for path, name in [
                (folder / SETTINGS, SETTINGS),
                *_packs(place),
                *((p, p.name) for p in sorted(scratch.iterdir())),
            ]:
                tar.add(path, name)
            # The facts come last: closing this file lets go of the engine's lock on it.
            tar.add(place.facts, FACTS)
            return tar.finish()


def _packs(place: Home) -> Iterator[tuple[Path, str]]:
    """Archived versions of packs, and the installation's own pack if it lies inside the home: path and
    name."""
    own = place.folder / place.settings.pack
    folders = {
        place.pack_archive,
        *([own] if own.is_dir() and not Path(place.settings.pack).is_absolute() else []),
    }
    for folder in sorted(folders):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path, path.relative_to(place.folder).as_posix()


@contextmanager
def _scratch(file: Path) -> Iterator[Path]:
    """A folder beside the file, for its owner only. What a killed process left of it is deleted first."""
    folder = file.with_name(f".{file.name}.scratch")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Tar:
    def __init__(self, tar: tarfile.TarFile, vault: Vault) -> None:
        self._tar, self._vault = tar, vault
        self._files: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, int] = {}  # by department: how many are not in the backup

    def add(self, path: Path, name: str) -> None:
        info = tarfile.TarInfo(name)
        info.mode, info.mtime = 0o600, int(path.stat().st_mtime)
        with path.open("rb") as read:
            info.size = os.fstat(read.fileno()).st_size
            hashed = Hashing(read)
            self._tar.addfile(info, hashed)
        self._files[name] = {"bytes": info.size, "sha256": hashed.digest()}

    def finish(self) -> dict[str, Any]:
        manifest = {
            "format": FORMAT,
            "almoner": __version__,
            "made_at": home.now().isoformat(),
            "tokens": self.tokens,
            "files": self._files,
        }
        text = json.dumps(manifest, indent=1).encode()
        for name, data in ((MANIFEST, text), (PROOF, self._vault.proof(PROOF, text).encode())):
            info = tarfile.TarInfo(name)
            info.mode, info.size = 0o600, len(data)
            self._tar.addfile(info, io.BytesIO(data))
        return manifest


@contextmanager
def _writing(file: Path, vault: Vault) -> Iterator[_Tar]:
    """A tar that gets its name once it is complete and on the disk. Only its owner may read it."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            with tarfile.open(fileobj=written, mode="w") as tar:
                yield _Tar(tar, vault)
            written.flush()
            os.fsync(written.fileno())
        partial.rename(file)
        sync_folder(file.parent)
    except OSError as error:
        raise AlmonerError(f"{file} cannot be written: {error.strerror or error}.") from None
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in the folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Hashing:
    """Reads from a file, and computes the hash of what was read."""

    def __init__(self, read: IO[bytes]) -> None:
        self._read, self._hash = read, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._read.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()
