"""`python -m benchmarks fuzz`: damaged files are refused or taken in, and nothing else happens."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from almoner import casework
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.installation import opening
from almoner.intake.readers import open_delivery
from almoner.registry.deliveries import Delivery, take_in
from benchmarks import fuzz_bench

FEED = "insured_wages"
HEADER = ["resident_no", "month", "employer_code", "wage"]
TAKEN_IN_EVERY = 20  # files; the others are only read, which is quicker
BEGIN = dt.datetime(2026, 11, 5, 8)
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def fuzz(
    files: Annotated[int, typer.Option(help="Damaged files of each kind.")] = 10_000,
    seconds: Annotated[float, typer.Option(help="At most so long for each kind.")] = 900,
    as_json: AsJson = False,
) -> None:
    """Damage files of every kind: nothing but refusals, and a good file behind goes in."""
    with errors_as_text(), TemporaryDirectory() as folder:
        result = _fuzz(Path(folder), files, seconds)
    if as_json:
        emit_json(result)
    else:
        for kind, figures in result.items():
            out.print(f"{kind}: {figures}", markup=False)
    if any(figures["faults"] for figures in result.values()):
        raise typer.Exit(1)


def _fuzz(folder: Path, files: int, seconds: float) -> dict[str, dict[str, Any]]:
    home = opening.make_home(folder / "home", "base", "en")
    result: dict[str, dict[str, Any]] = {}
    with opening.installation(home.folder, as_of=BEGIN.date()) as inst:
        store, moment = casework.identities(), BEGIN

        def read(file: Path) -> None:
            nonlocal moment
            moment += dt.timedelta(seconds=1)
            if moment.second % TAKEN_IN_EVERY == 0:
                take(file)
                return
            with open_delivery(file, inst.pack.feeds[FEED]) as reading:
                for _ in reading.slices:
                    pass

        def take(file: Path) -> int:
            delivery = Delivery(file, FEED, moment)
            return take_in(inst.engine, inst.vault, store, inst.pack.feeds, delivery).rows_new

        for place, kind in enumerate(fuzz_bench.KINDS):
            rows = [[_number(100 * place + n), "2026-10", f"E{n}", 3000.5] for n in range(20)]
            found = fuzz_bench.fuzz(
                kind, fuzz_bench.good(kind, HEADER, rows), read, folder, files=files, seconds=seconds
            )
            behind = folder / "behind.csv"
            behind.write_bytes(fuzz_bench.good("csv", HEADER, [[_number(900 + place), "2026-10", "E", 1]]))
            result[kind] = {
                "files": found.files,
                "refused": found.refused,
                "taken_in": found.taken_in,
                "faults": found.faults[:20],
                "good_file_behind_went_in": take(behind) == 1,
                "seconds": round(found.seconds, 1),
            }
    return result


def _number(n: int) -> str:
    """The n-th fictional resident number, under a prefix that is issued to nobody."""
    body = f"71000019600312{n:03d}"
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, WEIGHTS, strict=True)) % 11]
