"""`almoner pack`: checks, tests, compares and creates packs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from almoner.cli.output import AsJson, emit_json, err, errors_as_text, out
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.policy import check_pack, compile_pack
from almoner.policy.authoring import new_pack
from almoner.policy.authoring.references import STANDINGS, Reference, ReferenceStatus, references

app = typer.Typer(no_args_is_help=True)
Pack = Annotated[str, typer.Argument(help="A pack that comes with Almoner, or a folder.")]
_HEADINGS: dict[ReferenceStatus, str] = {
    "general knowledge": "General knowledge: nobody has read the document. Replace before use",
    "example value": (
        "Example values and weak sources: another place's figure, or read on a mirror. Replace or confirm"
    ),
    "setting": "Settings of the pack's own: calibrate",
    "document": "Documents, as cited",
}
Day = Annotated[
    dt.datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The day on which parameters must have a value; today when not given."
    ),
]


@app.callback()
def pack() -> None:
    """Check and test a pack of policy files."""


@app.command()
def check(
    pack: Pack,
    as_of: Day = None,
    with_references: Annotated[
        bool,
        typer.Option("--references", help="Also list where every value, programme and contract comes from."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compile a pack and print every fault with file, line and what to write instead."""
    started = perf_counter()
    with errors_as_text():
        compiled, findings = check_pack(pack, as_of=as_of.date() if as_of else None)
    seconds = perf_counter() - started
    listed = references(compiled) if compiled and with_references else None
    if as_json:
        emit_json(
            {
                "pack": pack,
                "findings": findings,
                "hash": compiled.hash if compiled else None,
                "seconds": round(seconds, 3),
            }
            | ({} if listed is None else _references_json(listed))
        )
    else:
        for finding in findings:
            err.print(str(finding), markup=False)
        if compiled:
            counts = (
                f"{len(compiled.feeds)} feeds, {len(compiled.indicators)} indicators, {len(compiled.signals)}"
                f" signals, {len(compiled.programmes)} programmes"
            )
            out.print(f"{compiled.id} {compiled.version} compiles: {counts}; {seconds:.2f} s.")
            _show_references(listed or [])
        else:
            out.print(f"{len(findings)} faults.")
    if compiled is None:
        raise typer.Exit(1)


def _references_json(listed: list[Reference]) -> dict[str, Any]:
    counts = Counter(r.standing for r in listed)
    return {"references": listed, "reference_counts": {kind: counts[kind] for kind in STANDINGS}}


def _show_references(listed: list[Reference]) -> None:
    for kind in STANDINGS:
        mine = [r for r in listed if r.standing == kind]
        if mine:
            out.print(f"\n{_HEADINGS[kind]} ({len(mine)})", style="bold")
        for r in mine:
            about = ", ".join(word for word in (r.where, r.value) if word)
            out.print(f"  {r.part}/{r.item}{': ' + about if about else ''}", markup=False)
            out.print(f"      {r.reference}", markup=False)


@app.command()
def test(
    pack: Pack,
    only: Annotated[
        str | None, typer.Option(help="Only scenarios whose file or sentence contains this text.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the pack's scenarios."""
    from almoner.trials import scenarios  # loads the whole assessment, which checking a pack does without

    with errors_as_text():
        compiled = compile_pack(pack)
        cases = [c for c in compiled.scenarios if only is None or only in Path(c.file).name or only in c.name]
        if only is not None and not cases:
            raise AlmonerError(
                f"No scenario of {compiled.id} has `{only}` in its file's name or its sentence."
            )
        verdicts = scenarios.run(compiled, cases)
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


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new pack's name: small letters, digits, underscores.")],
    extends: Annotated[str, typer.Option(help="The pack that it extends, by name or folder.")],
    to: Annotated[Path | None, typer.Option(help="The folder to write; NAME when not given.")] = None,
) -> None:
    """Write a small working pack to start from: a feed, an indicator, a signal, a programme and scenarios."""
    folder = to or Path(name)
    with errors_as_text():
        parent = compile_pack(extends)
        written = new_pack.create(name, parent, new_pack.named_from(folder, extends), folder, now().date())
    for file in written:
        out.print(f"  {file}", markup=False)
    out.print(f"Next: read {folder / 'README.md'}, then almoner pack check {folder}", markup=False)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A pack, a folder, or a hash that HOME keeps.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The pack to compare with, likewise.")],
    folder: Annotated[Path, typer.Option("--home", help="The installation whose facts are used.")],
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The day for both packs; the day of the last cycle when not given."
        ),
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="The level of areas to list money by, as the areas' feed names it.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--list", help="Write ids of what changes to this CSV file, without names.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who would be noticed anew or no longer, and how amounts would change, if NEW replaced OLD."""
    from almoner.cli import comparing

    comparing.compare(old, new, folder, as_of.date() if as_of else None, level, file, as_json)
