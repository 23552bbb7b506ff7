"""`almoner check`: says whether an installation is as it must be."""

from __future__ import annotations

import typer

from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.installation import checking


def check(folder: Folder, as_json: AsJson = False) -> None:
    """Check keys, the audit trail's protection and chains, and its checkpoints; end with 1 for a problem."""
    with errors_as_text():
        checks = checking.check(folder)
    if as_json:
        emit_json({"checks": checks})
    else:
        for checked in checks:
            for text in checked.problems or ("well",):
                out.print(f"{checked.what}: {text}", markup=False)
    if any(checked.problems for checked in checks):
        raise typer.Exit(1)
