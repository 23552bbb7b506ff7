"""The command line. `almoner --help` lists the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from almoner import __version__
from almoner.cli import (
    areas,
    benchmark,
    compacting,
    demonstration,
    evaluating,
    keeping,
    place,
    policy_files,
    quarantine,
    running,
    streaming,
    webhooks,
)

app = typer.Typer(
    name="almoner",
    help="Almoner notices need in linked records and moves help before anyone has to ask.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"almoner {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    del version


app.command("demo")(demonstration.demo)
app.command("init")(running.init)
app.command("intake")(running.intake)
app.command("run")(running.run)
app.command("explain")(running.explain)
app.command("serve")(running.serve)
app.command("user")(running.user)
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("upgrade")(keeping.upgrade)
app.command("areas")(areas.areas)
app.command("work")(streaming.work)
app.command("status")(streaming.status)
app.command("compact")(compacting.compact)
app.command("token")(streaming.token)
app.command("evaluate")(evaluating.evaluate)
app.add_typer(policy_files.app, name="pack")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(place.app, name="lab")
app.add_typer(benchmark.app, name="bench")


def main() -> None:
    """The entry point of the command `almoner`."""
    app()
