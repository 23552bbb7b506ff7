"""Compiles packs: reads their files, checks them, and gives the pack that later stages work with.

docs/packs.md is the reference of the files.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from almoner.errors import PackError
from almoner.policy.findings import Finding
from almoner.policy.model.pack import Pack
from almoner.policy.reading.sources import archive, archived, find_pack, pack_files

LAST = 4  # packs that a process remembers
_compiled: dict[tuple[bytes, dt.date], Pack] = {}

__all__ = ["archive", "archived", "check_pack", "compile_archived", "compile_pack", "find_pack", "pack_files"]


def check_pack(
    folder_or_name: Path | str, as_of: dt.date | None = None
) -> tuple[Pack | None, tuple[Finding, ...]]:
    """The pack, or None where it has a fault, and all findings.

    Parameters need a value on `as_of` (default: today). A process compiles the same files for the same day
    once. Raises PackError where there is no such pack.
    """
    from almoner.policy.compiler import Compiler  # SQLGlot and Pydantic take a moment to load

    day = as_of or dt.date.today()
    compiler = Compiler(find_pack(folder_or_name), day)
    if compiler.report.findings:
        return compiler.compile(), compiler.report.findings
    key = compiler.sources.digest, day
    if key in _compiled:
        return _compiled[key], ()
    pack = compiler.compile()
    if pack:
        remember(pack, *key)
    return pack, compiler.report.findings


def remember(pack: Pack, digest: bytes, day: dt.date) -> None:
    """Give this pack from now on where one of these files (`Sources.digest`) is compiled for this day."""
    while len(_compiled) >= LAST:
        del _compiled[next(iter(_compiled))]
    _compiled[digest, day] = pack


def compile_pack(folder_or_name: Path | str, *, as_of: dt.date | None = None) -> Pack:
    """The pack. Raises PackError, with every finding, when the pack has a fault or does not exist."""
    return _pack_or_raise(folder_or_name, *check_pack(folder_or_name, as_of))


def compile_archived(folder: Path, in_use: Path | str, *, as_of: dt.date | None = None) -> Pack:
    """A pack from an installation's archive. Raises PackError as `compile_pack` does.

    A pack that is older than terms.yaml takes the terms of the pack `in_use`. Cycles do not compute with
    terms, so a replay of past decisions gives the same results.
    """
    from almoner.policy.compiler import Compiler

    compiler = Compiler(folder, as_of or dt.date.today(), terms_from=in_use)
    return _pack_or_raise(folder, compiler.compile(), compiler.report.findings)


def _pack_or_raise(name: Path | str, pack: Pack | None, findings: tuple[Finding, ...]) -> Pack:
    if pack is None:
        listed = "\n".join(map(str, findings))
        raise PackError(f"The pack {name} does not compile: {len(findings)} findings.\n{listed}", findings)
    return pack
