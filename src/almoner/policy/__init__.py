"""The pack: what is shared, what is watched, what is given. Declared in files, read and checked here.

`docs/packs.md` is the reference of the files.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from almoner.errors import PackError
from almoner.policy.findings import Finding
from almoner.policy.model.pack import Pack
from almoner.policy.reading.sources import archive, archived, find_pack, pack_files

__all__ = ["archive", "archived", "check_pack", "compile_archived", "compile_pack", "find_pack", "pack_files"]


def check_pack(
    folder_or_name: Path | str, as_of: dt.date | None = None
) -> tuple[Pack | None, tuple[Finding, ...]]:
    """The pack, or None, and every fault found in it. Parameters need a value on `as_of` (default: today).

    Raises PackError only where there is no such pack at all.
    """
    from almoner.policy.compiler import Compiler  # SQLGlot and Pydantic take a moment to load

    compiler = Compiler(find_pack(folder_or_name), as_of or dt.date.today())
    return compiler.compile(), compiler.report.findings


def compile_pack(folder_or_name: Path | str, *, as_of: dt.date | None = None) -> Pack:
    """The pack. Raises PackError, which carries every finding, when anything is wrong with it."""
    return _whole(folder_or_name, *check_pack(folder_or_name, as_of))


def compile_archived(folder: Path, in_use: Path | str, *, as_of: dt.date | None = None) -> Pack:
    """A pack as an installation has kept it. Raises PackError as `compile_pack` does.

    One that is older than terms.yaml takes the terms of the pack `in_use`. No cycle computes with terms, so
    what it decides is replayed as it was.
    """
    from almoner.policy.compiler import Compiler

    compiler = Compiler(folder, as_of or dt.date.today(), terms_from=in_use)
    return _whole(folder, compiler.compile(), compiler.report.findings)


def _whole(name: Path | str, pack: Pack | None, findings: tuple[Finding, ...]) -> Pack:
    if pack is None:
        listed = "\n".join(map(str, findings))
        raise PackError(f"The pack {name} does not compile: {len(findings)} findings.\n{listed}", findings)
    return pack
