"""The command line. `almoner --help` lists the commands.

A command's module is imported when the command is called, because importing all of Almoner takes seconds.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from almoner import __version__
from almoner.cli import core_dumps, surroundings
from almoner.errors import HomeError
from almoner.installation.memory import keep_more_at_hand
from almoner.local_time import use_zone_of_environment

# The module of each command. It has a function with the command's name, whose docstring is the help text.
# For a group of commands it also has `app`, with the function as its callback.
COMMANDS = {
    "demo": "demonstration",
    "init": "running",
    "intake": "running",
    "run": "running",
    "explain": "console",
    "serve": "console",
    "user": "console",
    "backup": "keeping",
    "restore": "keeping",
    "upgrade": "keeping",
    "rotate": "keeping",
    "areas": "areas",
    "work": "streaming",
    "status": "status",
    "check": "checking",
    "audit": "audit",
    "compact": "compacting",
    "token": "streaming",
    "evaluate": "evaluating",
    "pack": "policy_files",
    "webhook": "webhooks",
    "quarantine": "quarantine",
    "feeds": "feeds",
    "delivery": "delivery",
    "withdrawals": "withdrawals",
    "lab": "place",
}


class _Listed(TyperCommand):
    """A command whose help is read from its module's source, without importing the module."""

    def get_short_help_str(self, limit: int = 45) -> str:
        source = Path(__file__).with_name(f"{COMMANDS[str(self.name)]}.py").read_text(encoding="utf-8")
        functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
        self.help = next(ast.get_docstring(function) for function in functions if function.name == self.name)
        return super().get_short_help_str(limit)


class _Commands(TyperGroup):
    """Lists commands without importing their modules, and imports the module of the command that is
    called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and _load(str(listed.name)), rest


def _load(name: str) -> Any:
    module = import_module(f"{__name__}.{COMMANDS[name]}")
    loaded = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        loaded.add_typer(module.app, name=name)
    else:
        loaded.command(name)(getattr(module, name))
    return get_group(loaded).commands[name]


app = typer.Typer(
    name="almoner",
    cls=_Commands,
    help="Almoner notices need in linked records and moves help before anyone has to ask.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name in COMMANDS:
    app.command(_name, cls=_Listed)(lambda: None)


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


def main() -> None:
    """The entry point of the command `almoner`."""
    core_dumps.disable()
    try:
        use_zone_of_environment()
    except HomeError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    if sys.argv[1:2] == ["work"]:
        keep_more_at_hand()
    try:
        app()
    except Exception as error:
        text = surroundings.in_words(error)
        if text is None:
            raise
        typer.echo(text, err=True)
        sys.exit(1)
