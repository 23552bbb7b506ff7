"""`almoner webhook`: notifies departments' own systems of their referrals."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from almoner import casework, home
from almoner.cli.arguments import Folder
from almoner.cli.output import AsJson, emit_json, err, errors_as_text, out, show_table
from almoner.home import now

app = typer.Typer(no_args_is_help=True)
DepartmentId = Annotated[
    str, typer.Argument(metavar="DEPARTMENT", help="The department, by its id in the pack.")
]
SHOWN_ONCE = (
    "Give this secret to the department; it is not shown again. Each event is signed with it (Standard"
    " Webhooks)."
)


@app.callback()
def webhook() -> None:
    """Notify departments' own systems of their referrals."""


@app.command("set")
def set_(
    folder: Folder,
    department: DepartmentId,
    url: Annotated[
        str | None,
        typer.Option(help="Where its system listens (https://); empty for the pack's `inbox`."),
    ] = None,
    private_network: Annotated[
        bool | None,
        typer.Option(
            "--private-network/--public-only", help="Whether the address may be in a private network."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start notifying a department, or change its address. A new secret is shown once."""
    with errors_as_text():
        _open(folder)
        from almoner.casework.webhooks import endpoints

        secret = endpoints.listen(department, url, private_network)
    _show_secret(secret, as_json)


@app.command()
def rotate(folder: Folder, department: DepartmentId, as_json: AsJson = False) -> None:
    """Create a new secret, shown once. The old one signs too for seven days."""
    with errors_as_text():
        _open(folder)
        from almoner.casework.webhooks import endpoints

        secret = endpoints.rotate(department, now())
    _show_secret(secret, as_json)


@app.command()
def stop(folder: Folder, department: DepartmentId, as_json: AsJson = False) -> None:
    """Stop notifying a department's system. Waiting events are given up."""
    with errors_as_text():
        _open(folder)
        from almoner.casework.webhooks import endpoints

        given_up = endpoints.stop(department, now())
    if as_json:
        emit_json({"given_up": given_up})
    else:
        out.print(
            f"{department} is not notified any more. {given_up:,} waiting events were given up.", markup=False
        )


@app.command("list")
def list_(folder: Folder, as_json: AsJson = False) -> None:
    """List the departments that are notified, what waits, and what was given up with the reason."""
    with errors_as_text():
        _open(folder)
        state = _state(now())
    if as_json:
        emit_json(state)
        return
    rows = [
        (d["department"], d["url"], d["private_network"], d["waiting"], d["given_up"], d["oldest"])
        for d in state["departments"]
    ]
    show_table("Webhooks", ["department", "address", "private", "wait", "given up", "oldest"], rows)
    lost = [
        (e["id"], e["department"], e["kind"], e["tries"], e["failure"], e["given_up_at"])
        for e in state["given_up"]
    ]
    if lost:
        show_table("Given up", ["event", "department", "kind", "tries", "why", "when"], lost)


@app.command()
def again(
    folder: Folder,
    events: Annotated[
        list[str] | None, typer.Argument(metavar="[EVENT]...", help="Events that were given up.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All events that were given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue events that were given up again, under the same ids."""
    with errors_as_text():
        _open(folder)
        from almoner.casework.webhooks import sending

        if bool(events) == everything:
            err.print("Name events, or write --all.", style="red")
            raise typer.Exit(2)
        queued = sending.again(None if everything else events, now())
    if as_json:
        emit_json({"queued": queued})
    else:
        out.print(f"{queued:,} events wait again.")


def _open(folder: Path) -> None:
    place = home.load(folder)
    casework.setup(place)
    casework.refuse_other_version(place)


def _show_secret(secret: str | None, as_json: bool) -> None:
    if as_json:
        emit_json({"secret": secret})
    elif secret is None:
        out.print("Changed. The secret stays as it is.")
    else:
        out.print(secret, markup=False)
        err.print(SHOWN_ONCE)


def _state(at: dt.datetime) -> dict[str, Any]:
    from almoner.casework.webhooks import endpoints, sending

    left = sending.backlog()
    listening = {one.department: asdict(one) for one in endpoints.listening(at)}
    silent = {"url": None, "private_network": None, "both_sign_until": None}
    departments = [
        {
            "department": d,
            **(listening.get(d) or silent),
            **asdict(left.get(d) or sending.DepartmentBacklog(0, 0, None)),
        }
        for d in sorted({*left, *listening})
    ]
    return {"departments": departments, "given_up": sending.dead_letters()}
