"""`almoner areas`: loads the outlines of areas for the console's map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from almoner import casework, home
from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out

NAMED = 5  # areas without an outline that are named


def areas(
    folder: Folder,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A GeoJSON FeatureCollection in degrees (WGS 84).",
            exists=True,
            dir_okay=False,
        ),
    ],
    code: Annotated[str, typer.Option(help="The property that holds an area's code.")] = "area_code",
    as_json: AsJson = False,
) -> None:
    """Replace the console's map by the outlines of a file. If the file has a fault, nothing changes."""
    with errors_as_text():
        casework.setup(home.load(folder))
        casework.migrate()
        loaded = casework.load_outlines(file, code)
    if as_json:
        emit_json({"outlines": loaded.outlines, "areas_without": loaded.without})
        return
    out.print(f"The map has {loaded.outlines:,} areas.", markup=False)
    if loaded.without:
        named = ", ".join(loaded.without[:NAMED])
        out.print(
            f"{len(loaded.without):,} areas beside them have no outline:"
            f" {named}{', ...' * (len(loaded.without) > NAMED)}",
            markup=False,
        )
