"""`almoner pack`: check and test a pack."""

from __future__ import annotations

import datetime as dt
from time import perf_counter
from typing import Annotated

import typer

from almoner.cli.output import AsJson, emit_json, err, out, told
from almoner.lab import scenarios
from almoner.policy import check_pack, compile_pack

app = typer.Typer(help="Check and test a pack of policy files.", no_args_is_help=True)
Pack = Annotated[str, typer.Argument(help="A pack that comes with Almoner, or a folder.")]
Day = Annotated[
    dt.datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The day on which parameters must have a value; today when not given."
    ),
]


@app.command()
def check(pack: Pack, as_of: Day = None, as_json: AsJson = False) -> None:
    """Compile a pack and print every fault with file, line and what to write instead."""
    started = perf_counter()
    with told():
        compiled, findings = check_pack(pack, as_of=as_of.date() if as_of else None)
    seconds = perf_counter() - started
    if as_json:
        emit_json(
            {
                "pack": pack,
                "findings": findings,
                "hash": compiled.hash if compiled else None,
                "seconds": round(seconds, 3),
            }
        )
    else:
        for finding in findings:
            err.print(str(finding), markup=False)
        if compiled:
            counts = f"{len(compiled.feeds)} feeds, {len(compiled.indicators)} indicators, {len(compiled.signals)} signals, {len(compiled.programmes)} programmes"
            out.print(f"{compiled.id} {compiled.version} compiles: {counts}; {seconds:.2f} s.")
        else:
            out.print(f"{len(findings)} faults.")
    if compiled is None:
        raise typer.Exit(1)


@app.command()
def test(pack: Pack, as_json: AsJson = False) -> None:
    """Run the pack's scenarios."""
    with told():
        compiled = compile_pack(pack)
        verdicts = scenarios.run(compiled)
    failed = [v for v in verdicts if not v.passed]
    if as_json:
        wrong = [
            {"name": v.case.name, "file": v.case.file, "line": v.case.line, "wrong": v.wrong} for v in failed
        ]
        emit_json({"pack": compiled.id, "scenarios": len(verdicts), "failed": wrong})
    else:
        for v in failed:
            err.print(f"{v.case.file}:{v.case.line}: {v.case.name}", markup=False)
            for line in v.wrong:
                err.print(f"    {line}", markup=False)
        out.print(f"{len(verdicts) - len(failed)} of {len(verdicts)} scenarios pass.")
    if failed:
        raise typer.Exit(1)
