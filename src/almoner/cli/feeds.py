"""`almoner feeds`: what each feed is complete for, since when, by which delivery; releases, withdrawals."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import Annotated, Any

import typer

from almoner.cli.arguments import DAY, Folder
from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.installation import casework_sync, opening
from almoner.registry import overview, releasing
from almoner.registry.numbers_in_text import refuse_numbers
from almoner.registry.periods import EVER

Reason = Annotated[str, typer.Option(help="Why. It is kept with the day and the name.")]
By = Annotated[str | None, typer.Option(help="Who answers for it; the user of this machine when not given.")]


def feeds(
    folder: Folder,
    act: Annotated[str | None, typer.Argument(help="release or withdraw; a list when not given.")] = None,
    feed: Annotated[str | None, typer.Argument(help="The feed.")] = None,
    delivery: Annotated[int | None, typer.Argument(help="release: the delivery's number.")] = None,
    through: Annotated[
        dt.datetime | None, typer.Option(formats=DAY, help="withdraw: the last day that stays complete.")
    ] = None,
    reason: Reason = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Show what each feed is complete for; release a delivery that waits; withdraw days stated by mistake."""
    who = by or getpass.getuser()
    with errors_as_text(), opening.installation(folder) as inst:
        if feed is not None and feed not in inst.pack.feeds:
            raise AlmonerError(f"There is no feed {feed}. Feeds are {', '.join(sorted(inst.pack.feeds))}.")
        refuse_numbers(inst.pack.feeds.values(), reason)
        match act:
            case None:
                _show(overview.of_feeds(inst.engine), as_json)
            case "release" if feed and delivery is not None:
                found = releasing.release(inst.engine, feed, delivery, who=who, reason=reason, at=now())
                casework_sync.show_feeds(inst)
                days = max(claim.days.through for claim in found)
                out.print(f"{feed} is complete through {days}: {who} answers for delivery {delivery}.")
            case "withdraw" if feed and through is not None:
                day = through.date()
                before = releasing.withdraw(inst.engine, feed, day, who=who, reason=reason, at=now())
                casework_sync.show_feeds(inst)
                out.print(f"{feed} is complete through {day}; it was through {before}.")
            case _:
                raise AlmonerError(
                    "Write `almoner feeds HOME`, `almoner feeds HOME release FEED DELIVERY --reason ...` or"
                    " `almoner feeds HOME withdraw FEED --through DAY --reason ...`."
                )


def _show(found: list[overview.FeedOverview], as_json: bool) -> None:
    if as_json:
        emit_json({"feeds": [_json(one) for one in found]})
        return
    rows: list[tuple[object, ...]] = [
        (
            one.feed if one.part is None else f"{one.feed}: {one.part}",
            _day(one.since),
            str(one.through or "-"),
            f"{one.delivery_id} ({one.file})" if one.delivery_id else "-",
            ", ".join(f"{hole.since} to {hole.through}" for hole in one.holes) or "-",
        )
        for one in found
    ]
    show_table("Feeds", ["feed", "complete since", "through", "by delivery", "never came"], rows)
    for one in found:
        for claim in one.waiting:
            reasons = "; ".join(doubt.sentence for doubt in claim.doubts)
            out.print(
                f"Delivery {claim.delivery_id} of {one.feed} vouches for nothing: {reasons}. Send a whole"
                f" file, mend its rows, or release it: `almoner feeds HOME release {one.feed}"
                f" {claim.delivery_id}`.",
                style="yellow",
                markup=False,
            )
        for sentence in one.remarks:
            out.print(f"{one.feed}: {sentence}", markup=False)
        for step in one.trail:
            about = f"delivery {step.delivery_id}" if step.delivery_id else f"days after {step.through}"
            out.print(
                f"{step.done_at:%Y-%m-%d %H:%M} {step.who}: {step.act} {one.feed}, {about}: {step.reason}",
                markup=False,
            )


def _day(day: dt.date | None) -> str:
    return "-" if day is None else "ever" if day == EVER else str(day)


def _json(one: overview.FeedOverview) -> dict[str, Any]:
    return {
        "feed": one.feed,
        "part": one.part,
        "complete_since": None if one.since in (None, EVER) else one.since,
        "complete_through": one.through,
        "delivery": one.delivery_id,
        "file": one.file,
        "received_at": one.received_at,
        "remarks": one.remarks,
        "never_came": [{"since": hole.since, "through": hole.through} for hole in one.holes],
        "waiting": [
            {
                "delivery": claim.delivery_id,
                "since": None if claim.days.since == EVER else claim.days.since,
                "through": claim.days.through,
                "reasons": [doubt.sentence for doubt in claim.doubts],
            }
            for claim in one.waiting
        ],
    }
