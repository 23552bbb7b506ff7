"""`almoner status`: shows the state of the worker. It does not import the engine, because it is called
often."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from almoner import casework, home
from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.home import now
from almoner.registry.vault import open_vault
from almoner.stream import status as worker_status
from almoner.stream.inbox import Inbox


def status(folder: Folder, as_json: AsJson = False) -> None:
    """Show whether the worker runs, what waits, and how far each feed is complete."""
    with errors_as_text():
        state = _state(folder)
    if as_json:
        emit_json(state)
        return
    worker = state["worker"]
    out.print(f"Worker: {_in_words(worker)}", markup=False)
    out.print(f"Events: {state['accepted']:,} kept, {state['waiting']:,} wait.")
    rows = [
        (feed, waits["events"], waits["complete_through"], waits["received_at"])
        for feed, waits in sorted(state["feeds"].items())
    ]
    show_table("Feeds", ["feed", "events that wait", "complete through", "last received"], rows)
    webhooks = [(d, w["waiting"], w["given_up"], w["oldest"]) for d, w in (state["webhooks"] or {}).items()]
    if webhooks:
        show_table("Webhooks", ["department", "wait", "given up", "oldest"], webhooks)


def _state(folder: Path) -> dict[str, Any]:
    place = home.load(folder)
    with closing(Inbox(folder, open_vault(place.vault_key))) as inbox:
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
    alive = worker_status.is_alive(worker or None, now())
    kept = {k: v for k, v in worker.items() if k not in ("watermarks", "received")}
    return {
        "worker": kept | {"alive": alive},
        "accepted": totals["accepted"],
        "repeated": totals["repeated"],
        "waiting": sum(b.events for b in waiting.values()),
        "feeds": feeds,
        "webhooks": _webhook_backlog(place),
    }


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
        return "none works. Start one with: almoner work HOME"
    trouble = f"; in trouble ({worker['trouble']}), tries again" if worker["trouble"] else ""
    away = "; Kafka does not answer" if worker.get("kafka") is False else ""
    return f"process {worker['process']}, since {worker['started_at']}{trouble}{away}"
