"""`almoner status`: shows the state of the worker. It does not import the engine, because it is called
often."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from almoner import casework, home
from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.registry.vault import open_vault
from almoner.stream import heartbeat, restarts
from almoner.stream import status as worker_status
from almoner.stream.opened_inbox import open_inbox


def status(
    folder: Folder,
    well: Annotated[
        bool,
        typer.Option(
            "--well",
            help=(
                "Only say whether the worker is well, and end with 1 when it is not: for the health checks of"
                " containers and service managers."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show whether the worker runs, what waits, and how far each feed is complete."""
    if well:
        _say_whether_well(folder)
        return
    with errors_as_text():
        state = _state(folder)
    if as_json:
        emit_json(state)
        return
    worker = state["worker"]
    out.print(f"Worker: {_in_words(worker)}", markup=False)
    if worker.get("restarts"):
        out.print(
            f"Restarts: {worker['restarts']:,}. At {worker['ended_at']}, {worker['ended']}.",
            markup=False,
        )
    out.print(f"Events: {state['accepted']:,} kept, {state['waiting']:,} wait.")
    rows = [
        (feed, waits["events"], waits["complete_through"], waits["received_at"])
        for feed, waits in sorted(state["feeds"].items())
    ]
    show_table("Feeds", ["feed", "events that wait", "complete through", "last received"], rows)
    _show_landing(state["landing"])
    webhooks = [(d, w["waiting"], w["given_up"], w["oldest"]) for d, w in (state["webhooks"] or {}).items()]
    if webhooks:
        show_table("Webhooks", ["department", "wait", "given up", "oldest"], webhooks)


def _state(folder: Path) -> dict[str, Any]:
    place = home.load(folder)
    with closing(open_inbox(folder, open_vault(place.vault_key))) as inbox:
        waiting, totals = inbox.backlog(), inbox.totals()
    worker = worker_status.read(folder) or {}
    through, received = worker.get("watermarks", {}), worker.get("received", {})
    feeds = {
        feed: {
            "events": waiting[feed].events if feed in waiting else 0,
            "complete_through": through.get(feed),
            "received_at": received.get(feed),
        }
        for feed in sorted({*waiting, *through})
    }
    lives, again = heartbeat.look(folder, place.settings), restarts.read(folder)
    kept = {k: v for k, v in worker.items() if k not in ("watermarks", "received", "landing")}
    return {
        "worker": kept
        | (lives.as_json() | {"process": lives.process, "host": lives.host} if lives else {})
        | (asdict(again) if again else {})
        | {"alive": lives is not None and lives.is_well},
        "accepted": totals["accepted"],
        "repeated": totals["repeated"],
        "waiting": sum(b.events for b in waiting.values()),
        "feeds": feeds,
        "landing": worker.get("landing") or {"departments": {}, "files": []},
        "webhooks": _webhook_backlog(place),
    }


def _show_landing(landing: dict[str, Any]) -> None:
    """What is the matter with landed files, if anything is."""
    rows = [(d, n["waiting"], n["refused"]) for d, n in landing["departments"].items()]
    if rows:
        show_table("Landed files", ["department", "wait", "refused"], rows)
        out.print("Each refused file lies in HOME/landing/DEPARTMENT/refused/, beside its reason.")
    for each in landing["files"]:
        name = each["file"] or "the folder"
        detail = f" ({each['detail']})" if each["detail"] else ""
        out.print(
            f"{each['department']}, {name}, since {each['since']}: {each['trouble']}{detail}", markup=False
        )


def _webhook_backlog(place: home.Home) -> dict[str, Any] | None:
    """The events that wait for departments' systems; None when casework cannot be read."""
    casework.setup(place)
    from django.db import Error

    from almoner.casework.webhooks import sending

    try:
        left = sending.backlog()
    except Error:
        return None
    return {department: asdict(waits) for department, waits in sorted(left.items())}


def _in_words(worker: dict[str, Any]) -> str:
    if not worker["alive"]:
        reason = worker.get("reason") or "none ever ran; start one with: almoner work HOME"
        return f"none works ({worker.get('state', 'none')}): {reason}"
    trouble = f"; in trouble ({worker['trouble']}), tries again" if worker.get("trouble") else ""
    away = "; Kafka does not answer" if worker.get("kafka") is False else ""
    return (
        f"process {worker['process']} on {worker['host']}, since {worker['started_at']}; {worker['reason']}"
        f"{trouble}{away}"
    )


def _say_whether_well(folder: Path) -> None:
    """Print one line; end with 1 when events would not be processed. It is called every minute, so it opens
    no database but the inbox."""
    with errors_as_text():
        place = home.load(folder)
        lives, found = heartbeat.look(folder, place.settings), worker_status.read(folder) or {}
        problem = None
        if lives is None and restarts.read(folder) is not None:
            problem = "it has not begun to work yet"
        elif lives is None:
            with closing(open_inbox(folder, open_vault(place.vault_key))) as inbox:
                problem = "events wait, and no worker ever ran" if inbox.backlog() else None
        elif not lives.is_well:
            problem = lives.reason
        elif found.get("trouble"):
            problem = f"in trouble ({found['trouble']}), tries again"
        elif found.get("kafka") is False:
            problem = "Kafka does not answer"
    out.print(f"The worker is not well: {problem}." if problem else "Well.", markup=False)
    if problem:
        raise typer.Exit(1)
