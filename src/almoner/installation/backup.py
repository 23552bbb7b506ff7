"""Writes and restores backups: one file with everything of an installation except its keys.

The file is a tar. Its last member is the manifest, with name, size and SHA-256 of all others; a file without
a manifest is incomplete.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from almoner import __version__, casework, home
from almoner.errors import AlmonerError
from almoner.home import SETTINGS, Home
from almoner.installation.epochs import open_facts
from almoner.stream.inbox import FILE as INBOX
from almoner.stream.lock import sole_worker

MANIFEST, FORMAT = "manifest.json", 1
FACTS, PACKS = "facts.duckdb", "packs"
READ_AT_ONCE = 1 << 20


def backup(folder: Path, file: Path) -> dict[str, Any]:
    """Write the backup of an installation to `file`, which must not exist yet. Gives the manifest.

    The console may run meanwhile, a worker may not. Raises AlmonerError when the file cannot be written.
    """
    place = home.load(folder)
    if file.exists():
        raise AlmonerError(f"{file} is there already. Name another file.")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise AlmonerError(f"{file.parent} is not a folder that can be written to. Name a file elsewhere.")
    casework.setup(place)
    casework.refuse_other_version(place)
    from almoner.casework.conf import copying

    with sole_worker(folder), open_facts(place) as engine:
        engine.execute("CHECKPOINT")
        with _scratch(file) as scratch, _writing(file) as tar:
            copying.copy_to(scratch / copying.file_name())
            if (folder / INBOX).exists():
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


def restore(file: Path, folder: Path) -> dict[str, Any]:
    """Make an installation from a backup in `folder`, which must be empty or must not exist. Gives the
    manifest.

    Raises AlmonerError when the backup is damaged or of another version; then nothing is left in `folder`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlmonerError(f"{folder} is not empty. Restore to a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        manifest = _unpack(file, staging)
        _load_database(staging, manifest)
        if folder.exists():
            folder.rmdir()
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return manifest


def _load_database(staging: Path, manifest: dict[str, Any]) -> None:
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
    shutil.rmtree(
        staging / "secrets", ignore_errors=True
    )  # of this moment only; the installation's own come back from their copy


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
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
        yield Path(folder)


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._files: dict[str, dict[str, Any]] = {}

    def add(self, path: Path, name: str) -> None:
        info = tarfile.TarInfo(name)
        info.mode, info.mtime = 0o600, int(path.stat().st_mtime)
        with path.open("rb") as read:
            info.size = os.fstat(read.fileno()).st_size
            hashed = _Hashing(read)
            self._tar.addfile(info, hashed)
        self._files[name] = {"bytes": info.size, "sha256": hashed.digest()}

    def finish(self) -> dict[str, Any]:
        manifest = {
            "format": FORMAT,
            "almoner": __version__,
            "made_at": home.now().isoformat(),
            "files": self._files,
        }
        text = json.dumps(manifest, indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.mode, info.size = 0o600, len(text)
        self._tar.addfile(info, io.BytesIO(text))
        return manifest


@contextmanager
def _writing(file: Path) -> Iterator[_Tar]:
    """A tar that gets its name once it is complete and on the disk. Only its owner may read it."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            with tarfile.open(fileobj=written, mode="w") as tar:
                yield _Tar(tar)
            written.flush()
            os.fsync(written.fileno())
        partial.rename(file)
    except OSError as error:
        raise AlmonerError(f"{file} cannot be written: {error.strerror or error}.") from None
    finally:
        partial.unlink(missing_ok=True)


class _Hashing:
    """Reads from a file, and computes the hash of what was read."""

    def __init__(self, read: IO[bytes]) -> None:
        self._read, self._hash = read, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._read.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()


def _unpack(file: Path, staging: Path) -> dict[str, Any]:
    """Unpack the backup into `staging`, and check it against its manifest, which is given back."""
    damaged = AlmonerError(f"{file} is damaged or not whole: nothing was restored. Take another backup.")
    unpacked: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                read = tar.extractfile(member) if member.isreg() else None
                if read is None or manifest is not None or not _stays_inside(member.name):
                    raise damaged
                if member.name == MANIFEST:
                    manifest = json.loads(read.read())
                else:
                    unpacked[member.name] = _write(staging / member.name, read)
    except FileNotFoundError:
        raise AlmonerError(f"There is no file {file}.") from None
    except (tarfile.TarError, EOFError, ValueError):
        raise damaged from None
    except OSError as error:
        raise AlmonerError(f"{file} cannot be read: {error.strerror or error}.") from None
    if (
        not isinstance(manifest, dict)
        or manifest.get("files") != unpacked
        or not {SETTINGS, FACTS} <= unpacked.keys()
    ):
        raise damaged
    if manifest.get("format") != FORMAT:
        raise AlmonerError(
            f"{file} was made by another version of Almoner ({manifest.get('almoner')}). Use that version."
        )
    return manifest


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts[:1] != ("secrets",)


def _write(path: Path, read: IO[bytes]) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    hashed = _Hashing(read)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 0) as file:
        while data := hashed.read(READ_AT_ONCE):
            try:
                file.write(data)
            except OSError as error:
                raise AlmonerError(f"{path} cannot be written: {error.strerror or error}.") from None
        os.fsync(file.fileno())
        return {"bytes": file.tell(), "sha256": hashed.digest()}
