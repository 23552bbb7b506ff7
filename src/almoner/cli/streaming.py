"""`almoner work` and `token`: the commands of real time."""

from __future__ import annotations

import datetime as dt
import os
import signal
from pathlib import Path
from threading import Event as Flag
from typing import Annotated, Any

import typer

from almoner import casework, home
from almoner.cli.arguments import DAY, Folder, KafkaBrokers, KafkaPrefix, KafkaSettings
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.installation import opening
from almoner.installation.worker import casework_upkeep, kafka_topics, open_worker
from almoner.parent import end_with
from almoner.policy import compile_pack
from almoner.private_home import keep_all_private
from almoner.stream import log
from almoner.stream.heartbeat import beating
from almoner.stream.kafka import settings_in
from almoner.stream.landing import SETTLED_SECONDS
from almoner.stream.lock import sole_worker
from almoner.stream.status import Status
from almoner.stream.supervising import Supervisor


def work(
    folder: Folder,
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=DAY, help="Decide for this day instead of today, for trials."),
    ] = None,
    settled_seconds: Annotated[
        float, typer.Option(min=0, help="A landed file counts as complete after so long without a change.")
    ] = SETTLED_SECONDS,
    kafka: KafkaBrokers = None,
    kafka_prefix: KafkaPrefix = "",
    kafka_settings: KafkaSettings = None,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="The process that started it; it ends with that one.")
    ] = None,
) -> None:
    """Take in events and landed files, assess the households concerned and open cases, until stopped
    (SIGTERM or Ctrl+C)."""
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if parent:
        end_with(parent, stop.set)
    log.to_standard_error()
    with errors_as_text():
        home.load(folder)
        keep_all_private(folder)
        settings = _kafka_settings(kafka, kafka_settings)
        with sole_worker(folder):
            day = as_of.date() if as_of else None
            status_of = Status(home=folder, started_at=now())
            log.log_line("started", process=os.getpid())
            supervisor = Supervisor(
                opened=lambda pace, status: open_worker(folder, day, settled_seconds, pace, status),
                status=status_of,
            )
            with (
                kafka_topics(folder, day, settings, kafka_prefix, stop, status_of),
                casework_upkeep(folder, stop),
                beating(folder, status_of.step),
            ):
                supervisor.run(stop)
            log.log_line("stopped", process=os.getpid())


def token(
    folder: Folder,
    department: Annotated[str, typer.Argument(help="The department whose system uses the token.")],
    name: Annotated[str, typer.Option(help="What the token is for.")] = "events",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "What the token may do: events:write (the default), referrals:read or referrals:answer."
                " Repeat the option for several."
            )
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="The token's lifetime in days; unlimited when not given.")
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the department's tokens with that name instead.")
    ] = False,
    list_: Annotated[
        bool,
        typer.Option("--list", help="Show the department's tokens instead, and when each was last used."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a token with which a department's system uses the API. It is shown once."""
    with errors_as_text():
        place = home.load(folder)
        casework.setup(place)
        casework.refuse_other_version(place)
        from almoner.casework.api import tokens

        if revoke:
            ended = tokens.revoke(department, name)
            if as_json:
                emit_json({"ended": ended})
            else:
                out.print(f"{ended} tokens ended.")
            return
        if list_:
            _show_tokens(tokens.listed(department), as_json)
            return
        tokens.sync_feeds(compile_pack(opening.pack_folder(place)))
        made = tokens.issue(department, name, scope or [tokens.EVENTS], days)
    if as_json:
        emit_json({"token": made})
    else:
        out.print(made, markup=False)


def _show_tokens(tokens_listed: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit_json({"tokens": tokens_listed})
        return
    rows = [
        (
            t["name"],
            " ".join(t["scopes"]),
            t["created_at"],
            t["expires_at"],
            t["revoked_at"],
            t["last_used_on"],
        )
        for t in tokens_listed
    ]
    show_table("Tokens", ["name", "scopes", "made", "ends", "ended", "last used"], rows)


def _kafka_settings(brokers: str | None, file: Path | None) -> dict[str, str]:
    """The settings for librdkafka; empty without Kafka. Raises AlmonerError when no broker is named."""
    settings = settings_in(file) if file else {}
    settings |= {"bootstrap.servers": brokers} if brokers else {}
    if file and not settings.get("bootstrap.servers"):
        raise AlmonerError(
            f"No broker is named. Give --kafka host:port, or write bootstrap.servers=host:port in {file}."
        )
    return settings
