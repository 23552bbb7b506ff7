"""`almoner explain`, `user` and `serve`: the commands of the console. They do not load the engine."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from almoner import casework, home
from almoner.cli.arguments import Folder, KafkaBrokers, KafkaPrefix, KafkaSettings
from almoner.cli.output import errors_as_text, out
from almoner.errors import AlmonerError
from almoner.installation.beside import worker_process
from almoner.private_home import keep_all_private
from almoner.stream.lock import sole_console

PASSWORD = "ALMONER_PASSWORD"  # noqa: S105 - the name of the variable


def explain(
    folder: Folder,
    case: Annotated[str, typer.Argument(help="The case's reference, as the console shows it.")],
    language: Annotated[str | None, typer.Option(help="en or zh; the installation's when not given.")] = None,
) -> None:
    """Explain why a case was opened: each reason in a sentence, with numbers, units, source and date."""
    with errors_as_text():
        place = home.load(folder)
        casework.setup(place)
        text = casework.explain(case, language or place.settings.language)
    out.print(text, markup=False)


def user(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    role: Annotated[
        str, typer.Option(help="worker, lead, department, policy, data, auditor or administrator.")
    ] = "worker",
    areas: Annotated[
        str, typer.Option(help="The person's area codes or their prefixes, separated by commas; * for all.")
    ] = "*",
    department: Annotated[str | None, typer.Option(help="For the role department: its id.")] = None,
    link: Annotated[
        bool,
        typer.Option(
            "--link",
            help=(
                "Print a one-time link for setting a password, instead of asking for one. An existing user"
                " gets a new password and loses the second factor."
            ),
        ),
    ] = False,
    password: Annotated[str | None, typer.Option("--password", hidden=True)] = None,
) -> None:
    """Add a user of the console, or let an existing user set a new password.

    The password is asked for. Without a terminal it is read from standard input, or from ALMONER_PASSWORD.
    """
    with errors_as_text():
        place = home.load(folder)
        casework.setup(place)
        casework.refuse_other_version(place)
        chosen = [a.strip() for a in areas.split(",")]
        if link:
            out.print(f"On the console: {casework.link_for(name, role, chosen, department)}", markup=False)
            return
        casework.create_user(name, _password(password), role, chosen, department)
    out.print(f"{name} can sign in.", markup=False)


def _password(argument: str | None) -> str:
    """The password from the environment, a terminal, or the first line of standard input.

    Everybody on the machine can read arguments. One is taken only for tries, where the environment says that
    nobody needs a second factor. Raises AlmonerError without a password.
    """
    if argument is not None:
        if os.environ.get("ALMONER_SECOND_FACTOR") != "none":
            raise AlmonerError(
                "Everybody on this machine can read the arguments of a command, so no password is taken from"
                f" them. Write it to standard input, set {PASSWORD}, or give --link instead."
            )
        return argument
    given = os.environ.get(PASSWORD)
    if not given and sys.stdin is not None and sys.stdin.isatty():
        given = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    if not given and sys.stdin is not None:
        given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise AlmonerError(
            f"No password was given. Write it to standard input, set {PASSWORD}, or give --link instead."
        )
    return given


def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    worker: Annotated[bool, typer.Option(help="Also take in events and landed files.")] = True,
    kafka: KafkaBrokers = None,
    kafka_prefix: KafkaPrefix = "",
    kafka_settings: KafkaSettings = None,
) -> None:
    """Serve the console and the API, with a worker beside them, until stopped."""
    asked = {"--kafka": kafka, "--kafka-prefix": kafka_prefix, "--kafka-settings": kafka_settings}
    options = [word for name, value in asked.items() if value for word in (name, str(value))]
    with errors_as_text():
        if options and not worker:
            raise AlmonerError(
                "The worker reads Kafka. Leave out --no-worker, or give the options to the worker that is"
                " started apart: almoner work."
            )
        place = home.load(folder)
        casework.setup(place)
        casework.refuse_other_version(place)
        casework.refuse_unsafe(place, host)
        keep_all_private(folder)
        casework.refuse_unfit(place)
        with sole_console(folder):
            out.print(f"The console is on http://{host}:{port} (stop with Ctrl+C).", markup=False)
            with worker_process(folder, worker, options):
                casework.serve(place, host, port)
