"""`almoner compact`: clusters the facts by household again."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.errors import AlmonerError
from almoner.installation import opening
from almoner.progress import progress
from almoner.registry.compacting import CompactedRows, Compaction, checkpoint, digest
from almoner.stream.lock import sole_worker


def compact(folder: Folder, as_json: AsJson = False) -> None:
    """Cluster the facts by household again, so that single households are read fast. A worker does this by
    itself."""
    with errors_as_text(), sole_worker(folder), opening.installation(folder) as inst:
        result = _compact(inst)
    if as_json:
        emit_json(result)
    else:
        before, after = (result[f"{name}_bytes"] / 2**20 for name in ("before", "after"))
        moved = f"{result['rows_moved']:,} rows of {result['feeds']} feeds moved in {result['seconds']:.1f} s"
        out.print(
            f"{moved}; all facts are as they were. The file had {before:,.1f} MiB and has {after:,.1f}.",
            markup=False,
        )


def _compact(inst: opening.Installation) -> dict[str, Any]:
    before, file = digest(inst.engine, inst.pack.feeds.values()), inst.home.facts
    checkpoint(inst.engine)
    size, started = _size(file), perf_counter()
    compaction = Compaction(engine=inst.engine, feeds=inst.pack.feeds, fewest=1, share=0.0)
    compaction.look()
    moved: list[CompactedRows] = []
    with progress("Feeds", compaction.feeds_left) as advance:
        while step := compaction.step():
            moved.append(step)
            advance(1 if step.done else 0)
    checkpoint(inst.engine)
    seconds = perf_counter() - started
    after = digest(inst.engine, inst.pack.feeds.values())
    if after != before:
        raise AlmonerError(
            f"The facts are not what they were ({before[:12]}, {after[:12]}). Restore the backup, and"
            " tell us."
        )
    return {
        "rows_moved": sum(m.rows for m in moved),
        "feeds": sum(m.done for m in moved),
        "steps": len(moved),
        "longest_step_seconds": round(max((m.seconds for m in moved), default=0.0), 3),
        "seconds": round(seconds, 3),
        "before_bytes": size,
        "after_bytes": _size(file),
        "facts_sha256": after,
    }


def _size(file: Path) -> int:
    return file.stat().st_size
