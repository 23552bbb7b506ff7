"""Brings casework up to date with what the cycles decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa

from almoner import casework
from almoner.assessment import records, timelines
from almoner.casework.sync.results import Applied, Member, Seen
from almoner.engines import quote
from almoner.installation import feeds_shown
from almoner.installation.opening import Installation
from almoner.policy.model.feeds import Role
from almoner.progress import progress
from almoner.registry import overview
from almoner.registry.living import current_deaths
from almoner.registry.schema import current_facts
from almoner.stream import state
from almoner.stream.timelines_due import CIRCUMSTANCES
from almoner.support.outbox import changes_after


def apply_outbox(inst: Installation, evidence_lost: Sequence[int]) -> Applied:
    """Bring casework up to date with the outbox: cases, referrals, and the members of households.

    `evidence_lost`: households with open signals whose evidence was corrected or withdrawn.
    """
    casework.sync_departments(inst.pack)
    casework.sync_calendar(inst.pack)
    with progress("Cases"):
        casework.sync_areas(_areas(inst))
        show_feeds(inst)
        changes = changes_after(inst.engine, casework.last_seq())
        return casework.follow(changes, Seen(None, evidence_lost, members_of_cases(inst)))


def show_feeds(inst: Installation) -> None:
    """Bring the pages of feeds up to date, after deliveries or an act of a person."""
    casework.sync_freshness(freshness(inst))
    casework.sync_completeness(feeds_shown.of_feeds(inst.engine))


def show_timelines(inst: Installation, as_of: dt.date, known_at: dt.datetime) -> None:
    """Compute the timelines of all households with an open case; none is due after that."""
    with progress("Timelines"):
        timelines_of(inst, None, as_of, known_at)
    with inst.engine.transaction():
        state.forget_timelines_due(inst.engine, None)
        circumstances = timelines.circumstances(inst.engine, inst.pack, as_of, known_at)
        state.set_mark(inst.engine, CIRCUMSTANCES, circumstances)


def timelines_of(
    inst: Installation, households: Sequence[int] | None, as_of: dt.date, known_at: dt.datetime
) -> int:
    """Compute the timelines of `households`, or of all, that have an open case, and store them in casework.
    Gives their number."""
    return casework.sync_timelines(
        inst.pack, households, lambda chosen: timelines.lines(inst.engine, inst.pack, as_of, known_at, chosen)
    )


def _areas(inst: Installation) -> list[tuple[str, dict[str, str], str | None]]:
    """Code, names by language, and parent of each area, from the shared feed that has the parents."""
    feed = next((f for f in inst.pack.feeds.values() if f.shared and f.with_role(Role.PARENT_AREA)), None)
    code = feed.with_role(Role.AREA) if feed else None
    parent = feed.with_role(Role.PARENT_AREA) if feed else None
    if feed is None or code is None or parent is None:
        return []
    names = [p for p in feed.properties if p.name.startswith("name_")]
    listed = ", ".join(quote(p.name) for p in (code, parent, *names))
    rows = inst.engine.rows(f"SELECT {listed} FROM ({current_facts(feed)})")
    languages = [p.name.removeprefix("name_") for p in names]
    return [
        (area, {k: v for k, v in zip(languages, translations, strict=True) if v}, above)
        for area, above, *translations in rows
    ]


def freshness(inst: Installation) -> list[tuple[str, dt.date | None, dt.datetime | None, int, int]]:
    """Of each feed: its id, its watermark, its last delivery, and the numbers of rows read and
    quarantined."""
    return overview.freshness(inst.engine)


def members_of_cases(inst: Installation, households: Sequence[int] | None = None) -> list[Member]:
    """The members of all households that ever had a finding; of those among `households`, where given.

    Those who died are among them, with the day.
    """
    membership = inst.pack.membership_feed
    day = f'f."{membership.event_time.name}"' if membership.event_time else "current_date"
    changed = records.changed_households(None if households is None else "asked_about")
    sql = f"""
        SELECT f.household_id, f.person_id, {day}::DATE, d.died_on
        FROM ({current_facts(membership)}) AS f
        LEFT JOIN ({current_deaths(inst.pack.feeds)}) AS d ON d.person_id = f.person_id
        WHERE f.household_id IN ({changed})
        ORDER BY f.household_id, f.person_id
        """
    with inst.engine.register(
        "asked_about", pa.table({"household_id": pa.array(households or [], pa.int64())})
    ):
        return [Member(*row) for row in inst.engine.rows(sql)]
