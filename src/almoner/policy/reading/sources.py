"""Finds the files of a pack, merges those of packs that it extends, and hashes and archives them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

import almoner
from almoner.errors import PackError
from almoner.policy import document
from almoner.policy.document import Document
from almoner.policy.findings import Finding
from almoner.policy.report import Report, instead

PACK, DEPARTMENTS, TERMS, WATCH = "pack.yaml", "departments.yaml", "terms.yaml", "watch.yaml"
MERGED = {  # levels of keys that a child's file shares with its parent's
    PACK: 2,
    DEPARTMENTS: 1,
    TERMS: 1,
    WATCH: 3,
}
FOLDERS: Mapping[str, frozenset[str]] = {
    "identifiers": frozenset({".yaml"}),
    "contracts": frozenset({".yaml"}),
    "indicators": frozenset({".sql", ".yaml"}),
    "timelines": frozenset({".sql", ".yaml"}),
    "naive_rules": frozenset({".sql", ".yaml"}),
    "signals": frozenset({".yaml"}),
    "categories": frozenset({".yaml"}),
    "programmes": frozenset({".yaml"}),
    "parameters": frozenset({".yaml"}),
    "scenarios": frozenset({".yaml"}),
}
NOT_HASHED = ("scenarios/", "naive_rules/")  # nothing is decided by them
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """`name` is the place in the pack; `shown` is the place relative to the pack's folder, for messages."""

    name: str
    shown: str
    content: bytes


@dataclass(frozen=True)
class Sources:
    """All files, after `extends`. Of the files at the root (MERGED) every layer is kept, the eldest first."""

    folder: Path
    layers: Mapping[str, tuple[SourceFile, ...]]

    @property
    def digest(self) -> bytes:
        """Differs where any file differs in its name, its place or a byte, scenarios included."""
        return hashlib.sha256(repr(sorted(self.layers.items())).encode()).digest()

    def in_folder(self, folder: str, suffix: str = ".yaml") -> tuple[SourceFile, ...]:
        names = (n for n in self.layers if n.startswith(f"{folder}/") and n.endswith(suffix))
        return tuple(self.layers[n][-1] for n in sorted(names))

    def document(self, name: str, report: Report) -> Document | None:
        """The file called `name`, its layers merged. None when it is missing or does not parse."""
        layers = self.layers.get(name, ())
        found = [d for f in layers if (d := document.read(f.shown, f.content, report.add)) is not None]
        if len(found) < len(layers):
            return None
        whole: Document | None = None
        for layer in found:
            whole = document.merged(whole, layer, MERGED[name]) if whole else layer
        return whole


def find_pack(name: Path | str) -> Path:
    """The folder of a pack: a folder that exists, else the name of a pack that comes with Almoner.

    Raises PackError, with the names there are, when there is no such pack.
    """
    folder = Path(name)
    if (folder / PACK).is_file():
        return folder
    for place in _shipped():
        if (place / name / PACK).is_file():
            return place / name
    if folder.is_dir():
        return folder
    known = {
        f.name for place in _shipped() if place.is_dir() for f in place.iterdir() if (f / PACK).is_file()
    }
    raise PackError(
        f"There is no pack `{name}`: no such folder, and none of that name comes with Almoner. "
        f"{instead(str(name), known)}"
    )


def _shipped() -> tuple[Path, Path]:
    package = Path(almoner.__file__).resolve().parent
    return package / "packs", package.parent.parent / "packs"


def read_sources(folder: Path, report: Report) -> Sources:
    """Every file of the pack in `folder` and of those it extends. Faults go to `report`.

    Scenarios are the pack's own alone: what the other pack promises holds for its amounts, not for these.
    """
    folder = folder.resolve()
    layers: dict[str, tuple[SourceFile, ...]] = {}
    for level in reversed(_ancestry(folder, report)):
        for file in _own_files(level, folder, report):
            if level != folder and file.name.startswith(NOT_HASHED):
                continue
            below = layers.get(file.name, ()) if file.name in MERGED else ()
            layers[file.name] = (*below, file)
    return Sources(folder, layers)


def _ancestry(folder: Path, report: Report) -> list[Path]:
    """The pack's folder, then its parent's, and so on."""
    chain = [folder]
    while True:
        extends, where = _extends(chain[-1], folder)
        if extends is None:
            return chain
        parent = _parent(chain[-1], extends)
        if parent is None:
            advice = "Name a pack that comes with Almoner, or a folder relative to this pack's."
            report.add(*where, "unknown-pack", f"There is no pack `{extends}` to extend.", advice)
            return chain
        if parent in chain:
            report.add(
                *where,
                "extends-cycle",
                f"`extends: {extends}` leads back to this pack.",
                "Remove one `extends`.",
            )
            return chain
        chain.append(parent)


def _extends(folder: Path, root: Path) -> tuple[str | None, tuple[str, int]]:
    file = folder / PACK
    shown = _shown(file, root)
    if not file.is_file():
        return None, (shown, 1)
    found = document.read(
        shown, file.read_bytes(), lambda *_: None
    )  # its faults are reported when it is read as a layer
    value = found.get("extends") if found else None
    return (value if isinstance(value, str) else None), (
        found.position(("extends",)) if found else (shown, 1)
    )


def _parent(folder: Path, extends: str) -> Path | None:
    if (folder / extends / PACK).is_file():
        return (folder / extends).resolve()
    if not extends.startswith(".") and (folder.parent / extends / PACK).is_file():
        return (folder.parent / extends).resolve()
    try:
        return find_pack(extends).resolve()
    except PackError:
        return None


def _own_files(folder: Path, root: Path, report: Report) -> list[SourceFile]:
    found: list[SourceFile] = []
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder))):
        name, shown = file.relative_to(folder).as_posix(), _shown(file, root)
        if not _belongs(name):
            _stray(name, shown, report)
        elif file.stat().st_size > _MAX_BYTES:
            report.add(
                shown,
                1,
                "file-too-large",
                "The file is larger than 4 MiB.",
                "A pack holds policy; data belongs in deliveries.",
            )
        else:
            found.append(SourceFile(name, shown, file.read_bytes()))
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


def _belongs(name: str) -> bool:
    folder, _, file = name.partition("/")
    return name in MERGED or ("/" not in file and Path(file).suffix in FOLDERS.get(folder, ()))


def _stray(name: str, shown: str, report: Report) -> None:
    """A file that looks like policy but would not be read. Others (README, pictures) do not matter."""
    if Path(name).suffix.lower() not in {".yaml", ".yml", ".sql"}:
        return
    places = [
        PACK,
        DEPARTMENTS,
        TERMS,
        WATCH,
        *(f"{folder}/*{suffix}" for folder in FOLDERS for suffix in sorted(FOLDERS[folder])),
    ]
    report.add(
        shown,
        1,
        "unknown-file",
        "The file lies where no part of a pack is read.",
        f"Read are: {', '.join(places)}.",
    )


def _shown(file: Path, root: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix()


def pack_files(folder: Path | str) -> Mapping[str, bytes]:
    """Name and content of every file of a pack after `extends`, sorted; they stand alone as a pack."""
    return contents(read_sources(find_pack(folder), Report()))


def contents(sources: Sources) -> Mapping[str, bytes]:
    """Name and content of every file, the layers of `extends` merged."""
    return {name: _content(sources, name) for name in sorted(sources.layers)}


def _content(sources: Sources, name: str) -> bytes:
    layers = sources.layers[name]
    if len(layers) == 1 and name != PACK:
        return layers[0].content
    whole = sources.document(name, Report())
    if len(layers) == 1 and not (whole and whole.get("extends")):
        return layers[0].content
    if whole is None:
        return b"\n".join(layer.content for layer in layers)
    data = {k: v for k, v in whole.mapping().items() if k != "extends"}
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode()


def pack_hash(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents of a pack's files. Scenarios, which decide nothing, are left out."""
    digest = hashlib.sha256()
    for name in sorted(files):
        if not name.startswith(NOT_HASHED):
            digest.update(f"{name}\0{len(files[name])}\0".encode())
            digest.update(files[name])
    return digest.hexdigest()


def archive(pack_folder: Path | str, target: Path) -> Path:
    """Copy the pack, with all that it extends, to `target/<hash>` where it is not yet; gives that folder."""
    files = pack_files(pack_folder)
    place = target / pack_hash(files)
    if place.is_dir():
        return place
    target.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=".half-", dir=target))
    for name, content in files.items():
        (half / name).parent.mkdir(parents=True, exist_ok=True)
        (half / name).write_bytes(content)
    try:
        half.rename(place)
    except OSError:
        shutil.rmtree(half)
        if not place.is_dir():
            raise
    return place


def archived(target: Path, hash_: str) -> Path:
    """The folder in the archive `target` of the pack whose hash is `hash_`, as `archive` stored it.

    Raises PackError where it is missing, or where its files have changed since.
    """
    place = target / hash_
    if not place.is_dir():
        raise PackError(
            f"The pack {hash_[:12]} is not in {target} any more. Bring it back from a backup: another pack"
            " cannot show what this one decided."
        )
    actual = pack_hash(contents(read_sources(place, Report())))
    if actual != hash_:
        raise PackError(
            f"The pack in {place} was changed after it decided: its files now have the hash {actual[:12]}."
            " Bring it back from a backup."
        )
    return place


def missing_pack(folder: Path) -> Finding:
    """The finding for a folder without pack.yaml."""
    return Finding(
        PACK,
        1,
        "missing-file",
        f"{folder.name}/ has no {PACK}, so it is not a pack.",
        f"Add a {PACK} with name, version, label.",
    )
